//! A certificate and its key, exchanged under those who read them.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use tercet_pki::{Identity, IdentityFiles};
use zeroize::Zeroizing;

use super::super::error::FaultError;

/// What is in a pair of files.
pub(super) struct Pair {
    pub(super) certificate: Vec<u8>,
    key: Zeroizing<Vec<u8>>,
}

impl Pair {
    pub(super) fn of(identity: &Identity) -> Self {
        Self {
            certificate: identity.chain_pem().as_bytes().to_vec(),
            key: Zeroizing::new(identity.key_pem().as_bytes().to_vec()),
        }
    }

    pub(super) fn read(files: &IdentityFiles) -> Result<Self, FaultError> {
        let read = |path: &Path| fs::read(path).map_err(|source| failed(path, source));
        Ok(Self { certificate: read(&files.certificate)?, key: Zeroizing::new(read(&files.key)?) })
    }

    /// Writes both over what is there: beside their places first, so that only the two last steps are
    /// seen by who reads them, the key's and the certificate's.
    pub(super) fn write(&self, files: &IdentityFiles) -> Result<(), FaultError> {
        let key = beside(&files.key, 0o600, &self.key)?;
        let certificate = beside(&files.certificate, 0o644, &self.certificate)?;
        let put =
            |from: &Path, to: &Path| fs::rename(from, to).map_err(|source| failed(to, source));
        put(&key, &files.key)?;
        put(&certificate, &files.certificate)
    }
}

/// Writes one file over what is there, in one step.
pub(super) fn write(path: &Path, contents: &[u8]) -> Result<(), FaultError> {
    let from = beside(path, 0o644, contents)?;
    fs::rename(&from, path).map_err(|source| failed(path, source))
}

/// Writes a file beside its place, under a name that no other operation looks at.
fn beside(path: &Path, mode: u32, contents: &[u8]) -> Result<PathBuf, FaultError> {
    let mut name = std::ffi::OsString::from(".");
    name.push(path.file_name().unwrap_or_default());
    name.push(".tercet-fault");
    let beside = path.with_file_name(name);
    let write = || -> io::Result<()> {
        // What an earlier one has left behind may be anything.
        match fs::remove_file(&beside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file: File =
            OpenOptions::new().create_new(true).write(true).mode(mode).open(&beside)?;
        file.write_all(contents)
    };
    write().map_err(|source| failed(&beside, source))?;
    Ok(beside)
}

fn failed(path: &Path, source: io::Error) -> FaultError {
    FaultError::File { path: path.to_owned(), source }
}
