//! Writing files so that a failure leaves nothing behind.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

pub(crate) mod stage;
pub(crate) mod steps;

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// Anyone (0644, less the umask).
    Anyone,
    /// The owner alone (0600). etcd says nothing about a key that all can read.
    Owner,
}

#[cfg(unix)]
impl Access {
    fn mode(self) -> u32 {
        match self {
            Self::Anyone => 0o644,
            Self::Owner => 0o600,
        }
    }
}

/// Files and directories in the making: what [`Draft::keep`] does not keep is removed on drop.
///
/// Nothing is synced to disk: this is for fixtures. A certificate that a power cut takes away is
/// issued again, and `fsync` would cost a test more than everything else in this crate together.
/// What real hosts use goes through [`stage`].
#[derive(Debug, Default)]
pub(crate) struct Draft {
    /// In the order they were made.
    made: Vec<Made>,
}

#[derive(Debug)]
enum Made {
    Directory(PathBuf),
    File(PathBuf),
}

impl Draft {
    /// Makes a directory and what is missing above it, for the owner alone (0700). One that is
    /// there is left as it is.
    pub(crate) fn directory(&mut self, path: &Path) -> Result<(), WriteError> {
        // The parent of a relative path's first component: the working directory.
        if path.as_os_str().is_empty() || path.is_dir() {
            return Ok(());
        }
        if let Some(parent) = path.parent() {
            self.directory(parent)?;
        }
        #[cfg_attr(not(unix), expect(unused_mut, reason = "only Unix has modes"))]
        let mut builder = DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        match builder.create(path) {
            Ok(()) => self.made.push(Made::Directory(path.to_owned())),
            // Someone else was faster.
            Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => {}
            Err(source) => return Err(WriteError::io("make the directory", path, source)),
        }
        Ok(())
    }

    /// Makes a file that is not there yet. The mode is right from the start: between a `create`
    /// and a `chmod`, anyone could open it.
    pub(crate) fn file(
        &mut self,
        path: &Path,
        access: Access,
        text: &str,
    ) -> Result<(), WriteError> {
        let mut options = OpenOptions::new();
        // O_EXCL, which follows no symbolic link either.
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, access.mode());
        // Elsewhere a file is as readable as its directory says.
        #[cfg(not(unix))]
        let _ = access;
        let mut file = options.open(path).map_err(|source| match source.kind() {
            ErrorKind::AlreadyExists => WriteError::Exists { path: path.to_owned() },
            _ => WriteError::io("create", path, source),
        })?;
        self.made.push(Made::File(path.to_owned()));
        file.write_all(text.as_bytes()).map_err(|source| WriteError::io("write", path, source))
    }

    /// Makes a file beside `path`, to be put in its place by [`Draft::put`].
    pub(crate) fn beside(
        &mut self,
        path: &Path,
        access: Access,
        text: &str,
    ) -> Result<PathBuf, WriteError> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let beside = path.with_file_name(format!(".{name}.{}-{next}", process::id()));
        self.file(&beside, access, text)?;
        Ok(beside)
    }

    /// Moves a file that this draft made to its place, over what is there: readers see the old
    /// one or the new one, never a part.
    pub(crate) fn put(&mut self, beside: &Path, path: &Path) -> Result<(), WriteError> {
        fs::rename(beside, path).map_err(|source| WriteError::io("replace", path, source))?;
        self.made.retain(|made| !matches!(made, Made::File(file) if file == beside));
        Ok(())
    }

    /// Done: everything stays.
    pub(crate) fn keep(mut self) {
        self.made.clear();
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        for made in self.made.drain(..).rev() {
            // The error that brought us here is the one to report; and a directory in which
            // someone else has put something stays, rightly.
            let _ = match made {
                Made::File(path) => fs::remove_file(path),
                Made::Directory(path) => fs::remove_dir(path),
            };
        }
    }
}

/// Why files could not be written. Nothing that was made on the way is left.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// Something is there, and was not to be overwritten.
    #[error("{} is there already, and is not overwritten", path.display())]
    Exists {
        /// What is there.
        path: PathBuf,
    },
    /// Another process is at work in the same directory.
    #[error(
        "another process is changing the fleet in {}: run this again when it has ended",
        directory.display()
    )]
    Busy {
        /// The directory.
        directory: PathBuf,
    },
    /// The stem of a file's name is not one: it is empty, or has a directory in it.
    #[error(
        "{stem:?} cannot begin a file's name: write one without a directory, such as \"server\""
    )]
    Stem {
        /// What was written.
        stem: String,
    },
    /// The file system refused.
    #[error("could not {doing} {}", path.display())]
    Io {
        /// What was tried: "create", "write", …
        doing: &'static str,
        /// On what.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
}

impl WriteError {
    pub(crate) fn io(doing: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { doing, path: path.to_owned(), source }
    }
}
