//! Finding files, and reading them.

use std::collections::HashSet;
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::classify::{self, NOTHING};
use super::{InspectedFile, Inventory, Unreadable};
use crate::read::{MAX_FILE_BYTES, ReadError};

/// How many directories deep is looked: nobody keeps certificates deeper.
pub const MAX_DEPTH: usize = 8;

/// How many files and directories are looked at: those of a fleet of a thousand members.
pub const MAX_FILES: usize = 10_000;

/// How much is read altogether. A directory that is given by mistake may hold anything.
const MAX_TOTAL_BYTES: u64 = 256 << 20;

/// Why there is nothing to show.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InspectError {
    /// The file or the directory that was asked for could not be read.
    #[error("could not read {}", path.display())]
    Io {
        /// What was asked for.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It is neither a file nor a directory.
    #[error("{} is neither a file nor a directory", path.display())]
    Neither {
        /// What was asked for.
        path: PathBuf,
    },
}

/// What is at a path: [`file()`] or [`directory`].
///
/// # Errors
///
/// As these.
pub fn at(path: impl AsRef<Path>) -> Result<Inventory, InspectError> {
    let path = path.as_ref();
    if metadata(path)?.is_dir() { directory(path) } else { file(path) }
}

/// What is in one file.
///
/// # Errors
///
/// [`InspectError`]. A file that can be read and holds nothing of ours is no error; it is among
/// [`Inventory::unreadable`].
pub fn file(path: impl AsRef<Path>) -> Result<Inventory, InspectError> {
    let path = path.as_ref();
    let metadata = metadata(path)?;
    if !metadata.is_file() {
        return Err(InspectError::Neither { path: path.to_owned() });
    }
    let mut gathered = Gathered::default();
    match gathered.read(path, &metadata) {
        Ok(true) => {}
        Ok(false) => gathered.told(path, NOTHING),
        Err(Failure::Io(source)) => return Err(InspectError::Io { path: path.to_owned(), source }),
        Err(Failure::Read(error)) => gathered.told(path, error.to_string()),
    }
    Ok(Inventory::new(PathBuf::new(), gathered.files, gathered.unreadable))
}

/// What is in the files of a directory and of those below it.
///
/// A file that holds nothing of ours is passed over. Symbolic links to files are followed, and a
/// file that is reached in several ways is shown once (as in the volumes of Kubernetes); links to
/// directories are not, so that there are no loops. Nothing but plain files is opened.
///
/// # Errors
///
/// [`InspectError`] for the directory itself. What could not be read below it is among
/// [`Inventory::unreadable`].
pub fn directory(path: impl AsRef<Path>) -> Result<Inventory, InspectError> {
    let path = path.as_ref();
    let mut gathered = Gathered::default();
    let entries =
        list(path).map_err(|source| InspectError::Io { path: path.to_owned(), source })?;
    gathered.entries(entries, 1);
    Ok(Inventory::new(path.to_owned(), gathered.files, gathered.unreadable))
}

fn metadata(path: &Path) -> Result<Metadata, InspectError> {
    fs::metadata(path).map_err(|source| InspectError::Io { path: path.to_owned(), source })
}

/// The paths in a directory, in order, and no more than may be looked at.
fn list(path: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(path)?.take(MAX_FILES + 1) {
        paths.push(entry?.path());
    }
    paths.sort();
    Ok(paths)
}

#[derive(Default)]
struct Gathered {
    files: Vec<InspectedFile>,
    unreadable: Vec<Unreadable>,
    seen: HashSet<PathBuf>,
    looked_at: usize,
    total_bytes: u64,
    full: bool,
}

enum Failure {
    Io(io::Error),
    Read(ReadError),
}

impl Gathered {
    fn entries(&mut self, paths: Vec<PathBuf>, depth: usize) {
        let mut directories = Vec::new();
        for path in paths {
            if self.is_full(&path) {
                return;
            }
            match fs::symlink_metadata(&path) {
                Ok(metadata) if metadata.is_dir() => directories.push(path),
                Ok(_) => self.file(&path),
                Err(error) => self.told(&path, error.to_string()),
            }
        }
        // The files of a directory stand before those below it.
        for path in directories {
            if depth >= MAX_DEPTH {
                self.told(&path, format!("more than {MAX_DEPTH} directories deep"));
                continue;
            }
            match list(&path) {
                Ok(paths) => self.entries(paths, depth + 1),
                Err(error) => self.told(&path, error.to_string()),
            }
        }
    }

    /// Looks at what is no directory, if it is a plain file or leads to one.
    fn file(&mut self, path: &Path) {
        let metadata = match fs::metadata(path) {
            Ok(metadata) => metadata,
            Err(error) => return self.told(path, error.to_string()),
        };
        // Sockets and pipes would have us wait.
        if !metadata.is_file() {
            return;
        }
        if let Ok(real) = fs::canonicalize(path)
            && !self.seen.insert(real)
        {
            return;
        }
        match self.read(path, &metadata) {
            Ok(_) => {}
            // Logs and databases are large, and none of ours.
            Err(Failure::Read(error)) if has_usual_ending(path) => {
                self.told(path, error.to_string());
            }
            Err(Failure::Read(_)) => {}
            Err(Failure::Io(error)) => self.told(path, error.to_string()),
        }
    }

    /// Reads a file, and says whether it held anything.
    fn read(&mut self, path: &Path, metadata: &Metadata) -> Result<bool, Failure> {
        let limit = MAX_FILE_BYTES as u64;
        if metadata.len() > limit {
            let bytes = usize::try_from(metadata.len()).unwrap_or(usize::MAX);
            return Err(Failure::Read(ReadError::TooBig { bytes }));
        }
        // It may have grown since, or say nothing of its size, as files in /proc do. All of the
        // room at once: a vector that grows leaves copies behind, and this may be a key.
        let room = usize::try_from(metadata.len()).unwrap_or(0) + 1;
        let mut contents = Zeroizing::new(Vec::with_capacity(room));
        let file = File::open(path).map_err(Failure::Io)?;
        file.take(limit + 1).read_to_end(&mut contents).map_err(Failure::Io)?;
        self.total_bytes += contents.len() as u64;
        let contents = classify::contents(&contents).map_err(Failure::Read)?;
        if contents.is_empty() {
            return Ok(false);
        }
        self.files.push(InspectedFile { path: path.to_owned(), mode: mode(metadata), contents });
        Ok(true)
    }

    fn told(&mut self, path: &Path, why: impl Into<String>) {
        self.unreadable.push(Unreadable { path: path.to_owned(), why: why.into() });
    }

    /// Whether it is enough; said once.
    fn is_full(&mut self, path: &Path) -> bool {
        self.looked_at += 1;
        let full = self.looked_at > MAX_FILES || self.total_bytes > MAX_TOTAL_BYTES;
        if full && !self.full {
            self.full = true;
            self.told(
                path,
                "there are too many files: neither this nor what follows was looked at",
            );
        }
        full
    }
}

/// Whether a file is called as people call ours.
fn has_usual_ending(path: &Path) -> bool {
    const ENDINGS: [&str; 8] = ["pem", "crt", "cer", "der", "key", "csr", "crl", "cert"];
    path.extension()
        .is_some_and(|ending| ENDINGS.iter().any(|usual| ending.eq_ignore_ascii_case(usual)))
}

#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "elsewhere there are no modes")]
fn mode(metadata: &Metadata) -> Option<u32> {
    Some(std::os::unix::fs::MetadataExt::mode(metadata) & 0o7777)
}

#[cfg(not(unix))]
fn mode(_: &Metadata) -> Option<u32> {
    None
}
