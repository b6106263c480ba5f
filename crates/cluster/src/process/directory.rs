//! The directory that holds all files of one fleet.

use std::fs::DirBuilder;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use super::watchdog::Watchdog;

/// A fresh directory, 0700, removed with all that is in it when dropped, or by the watchdog when
/// the owner dies without dropping it.
#[derive(Debug)]
pub(crate) struct RunDirectory {
    path: PathBuf,
    kept: bool,
    has_strays: AtomicBool,
    /// None only while dropping.
    watchdog: Option<Watchdog>,
}

/// Why there is no run directory.
#[derive(Debug)]
pub(crate) enum DirectoryError {
    /// It cannot be made.
    Create(io::Error),
    /// There is nobody to clean it up should the owner die.
    Watchdog(io::Error),
}

impl RunDirectory {
    /// Makes `PARENT/tercet-PID-RANDOM`, where PID is this process's.
    pub(crate) fn create(parent: &Path) -> Result<Self, DirectoryError> {
        // Absolute and without links: the watchdog looks for it in command lines.
        let parent = parent.canonicalize().map_err(DirectoryError::Create)?;
        // The standard library's only source of randomness; 64 bits of it.
        let random = RandomState::new().hash_one(std::process::id());
        let path = parent.join(format!("tercet-{}-{random:016x}", std::process::id()));
        // Before the directory: from its first moment somebody cleans it up.
        let watchdog = Watchdog::start(&path).map_err(DirectoryError::Watchdog)?;
        DirBuilder::new().mode(0o700).create(&path).map_err(DirectoryError::Create)?;
        Ok(Self { path, kept: false, has_strays: AtomicBool::new(false), watchdog: Some(watchdog) })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn is_kept(&self) -> bool {
        self.kept
    }

    /// Something runs on it that is nobody's child, and so is not ended by ending the members: when it
    /// is dropped, the watchdog cleans up as if the owner had died.
    pub(crate) fn has_strays(&self) {
        self.has_strays.store(true, Ordering::Relaxed);
    }

    /// Leaves the directory where it is, for good.
    pub(crate) fn keep(&mut self) {
        self.kept = true;
        if let Some(watchdog) = &self.watchdog {
            // It fails when the shell is gone, and then the shell cannot remove anything either.
            let _ = watchdog.keep_directory();
        }
    }
}

impl Drop for RunDirectory {
    fn drop(&mut self) {
        let strays = self.has_strays.load(Ordering::Relaxed);
        if let Some(watchdog) = self.watchdog.take_if(|_| strays) {
            return watchdog.let_go();
        }
        if self.kept {
            return;
        }
        // A file of an unreaped member may still appear between listing and removing: once more.
        for _ in 0..2 {
            match std::fs::remove_dir_all(&self.path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {}
                _ => return,
            }
        }
        // A member that did not die in time still writes. Whoever has more patience may end it.
        if let Some(watchdog) = self.watchdog.take() {
            watchdog.let_go();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn it_is_private_and_removed_unless_kept() {
        let parent = tempfile::tempdir().unwrap();
        let directory = RunDirectory::create(parent.path()).unwrap();
        let path = directory.path().to_owned();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o700);
        std::fs::write(path.join("file"), "x").unwrap();
        drop(directory);
        assert!(!path.exists());

        let mut directory = RunDirectory::create(parent.path()).unwrap();
        directory.keep();
        let path = directory.path().to_owned();
        drop(directory);
        assert!(path.exists());
    }

    #[test]
    fn a_missing_parent_is_an_error() {
        let error = RunDirectory::create(Path::new("/nonexistent/tercet")).unwrap_err();
        assert!(matches!(error, DirectoryError::Create(_)), "{error:?}");
    }
}
