//! Looking: the effects before the doctor. Files, directories and processes become members,
//! clients and files of a [`Description`].
//!
//! Nothing is run and nothing is changed. Files are read up to a size, and only real files: a pipe
//! would hold us up, and a device would never end.

mod directory;
mod file;
mod process;
mod roles;

use std::ffi::OsString;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::settings::CONFIG_FILE_MAX_BYTES;
use super::{ArgumentsError, Client, ConfigFileError, Description, File, Member, Settings, Url};
use crate::etcd::Version;

pub use directory::directory;
pub use file::{FILE_MAX_BYTES, file};
pub use process::process;

/// What was found where one looked.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Looked {
    /// The members.
    pub members: Vec<Member>,
    /// The clients.
    pub clients: Vec<Client>,
    /// Files that belong to nobody in particular.
    pub loose: Vec<File>,
}

impl Looked {
    /// Adds all of it to what is known.
    pub fn add_to(self, description: &mut Description) {
        description.members.extend(self.members);
        description.clients.extend(self.clients);
        description.loose.extend(self.loose);
    }
}

/// Why nothing could be seen. What is wrong with what was seen is a
/// [`Finding`](super::Finding) and no error.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LookError {
    /// A file or a directory that cannot be read.
    #[error("{} cannot be read", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A directory with no certificate, key or revocation list in it.
    #[error(
        "{} has no certificates: files are known by .crt, .cert, .cer, .pem, .key and .crl",
        path.display()
    )]
    Empty {
        /// Which.
        path: PathBuf,
    },
    /// A directory that is none of one fleet.
    #[error(
        "{} has more than {} certificates, keys and lists below it, or as many directories: name \
         one of a fleet",
        path.display(),
        directory::FILES
    )]
    TooMany {
        /// Which.
        path: PathBuf,
    },
    /// A configuration file from which no settings can be had.
    #[error("{} is not read as etcd's configuration", path.display())]
    ConfigFile {
        /// Which.
        path: PathBuf,
        /// Why.
        source: ConfigFileError,
    },
    /// A command line that is not a member's.
    #[error("{what} is not that of a member")]
    Arguments {
        /// "the command line", "the command line of process 17".
        what: String,
        /// Why.
        source: ArgumentsError,
    },
    /// No process of this number, or none that may be looked at.
    #[error("process {pid} cannot be looked at: does it run, and as another user?")]
    Process {
        /// Its number.
        pid: u32,
        /// Why.
        source: std::io::Error,
    },
    /// A process that is not etcd.
    #[error("process {pid} is {program}, not etcd")]
    NotEtcd {
        /// Its number.
        pid: u32,
        /// What it was started as.
        program: String,
    },
    /// Running processes can be looked at on Linux only.
    #[error("running processes can be looked at on Linux only: give the command line instead")]
    Unsupported,
}

/// Where paths begin that a member's settings name.
#[derive(Clone, Debug)]
struct Place {
    /// Before absolute paths: empty, but for a process that lives in a file system of its own.
    root: PathBuf,
    /// Before relative ones.
    directory: PathBuf,
}

impl Place {
    fn here(directory: &Path) -> Self {
        Self { root: PathBuf::new(), directory: directory.to_owned() }
    }

    fn resolve(&self, path: &Path) -> PathBuf {
        if path.has_root() && !self.root.as_os_str().is_empty() {
            return self.root.join(path.strip_prefix("/").unwrap_or(path));
        }
        self.directory.join(path)
    }
}

/// The member that an etcd with these arguments and this environment is, seen from `directory`.
///
/// A configuration file is read if they name one. See [`Settings::from_arguments`].
///
/// # Errors
///
/// [`LookError::Arguments`], and for the configuration file [`LookError::Unreadable`] and
/// [`LookError::ConfigFile`].
pub fn arguments<A, E>(
    arguments: A,
    environment: E,
    directory: &Path,
    version: Version,
) -> Result<Member, LookError>
where
    A: IntoIterator,
    A::Item: Into<OsString>,
    E: IntoIterator<Item = (OsString, OsString)>,
{
    let settings = Settings::from_arguments(arguments, environment, version);
    let settings = settings
        .map_err(|source| LookError::Arguments { what: "the command line".to_owned(), source })?;
    member(settings, &Place::here(directory), version)
}

/// The member that an etcd with this configuration file is. Relative paths in it begin at
/// `directory`, which is where etcd would be started, and not where the file is.
///
/// # Errors
///
/// [`LookError::Unreadable`] and [`LookError::ConfigFile`].
pub fn config_file(path: &Path, directory: &Path, version: Version) -> Result<Member, LookError> {
    let contents = read_config_file(path)?;
    let settings = Settings::from_config_file(path, &contents, version);
    let settings =
        settings.map_err(|source| LookError::ConfigFile { path: path.to_owned(), source })?;
    Ok(with_files(settings, &Place::here(directory)))
}

/// A client that was given these files.
#[must_use]
pub fn client(
    urls: Vec<Url>,
    trusted_ca_file: Option<&Path>,
    cert_file: Option<&Path>,
    key_file: Option<&Path>,
) -> Client {
    Client {
        urls,
        trusted_ca_file: trusted_ca_file.map(file),
        cert_file: cert_file.map(file),
        key_file: key_file.map(file),
    }
}

/// Reads the configuration file that the settings name, and then the files.
fn member(settings: Settings, place: &Place, version: Version) -> Result<Member, LookError> {
    let Some(path) = settings.config_file.clone() else {
        return Ok(with_files(settings, place));
    };
    let contents = read_config_file(&place.resolve(&path))?;
    let settings = settings.with_config_file(&contents, version);
    let settings = settings.map_err(|source| LookError::ConfigFile { path, source })?;
    Ok(with_files(settings, place))
}

fn read_config_file(path: &Path) -> Result<Vec<u8>, LookError> {
    let unreadable = |source| LookError::Unreadable { path: path.to_owned(), source };
    let opened = file::open(path).map_err(unreadable)?;
    let mut contents = Vec::new();
    // One more than may be there, so that too much is seen to be too much.
    opened.take(CONFIG_FILE_MAX_BYTES as u64 + 1).read_to_end(&mut contents).map_err(unreadable)?;
    Ok(contents)
}

/// The member, with each file that its settings name, once.
fn with_files(settings: Settings, place: &Place) -> Member {
    let mut files: Vec<File> = Vec::new();
    for tls in [&settings.client, &settings.peer] {
        let paths = [
            &tls.cert_file,
            &tls.key_file,
            &tls.client_cert_file,
            &tls.client_key_file,
            &tls.trusted_ca_file,
            &tls.crl_file,
        ];
        for path in paths.into_iter().flatten() {
            if !files.iter().any(|file| file.path == *path) {
                files.push(File { path: path.clone(), state: file::state(&place.resolve(path)) });
            }
        }
    }
    Member { settings, files, started: None }
}

#[cfg(test)]
mod tests;
