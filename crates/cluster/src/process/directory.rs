//! The directory that holds all files of one fleet.

use std::fs::DirBuilder;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use super::run_record::{RECORD, RunRecord, Spawned};
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
    /// Locked until nothing is left.
    record: RunRecord,
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
        let path = parent.join(run_name(std::process::id(), random));
        // Before the directory: from its first moment somebody cleans it up.
        let watchdog = Watchdog::start(&path).map_err(DirectoryError::Watchdog)?;
        DirBuilder::new().mode(0o700).create(&path).map_err(DirectoryError::Create)?;
        let record = RunRecord::create(&path).map_err(|error| {
            let _ = remove(&path);
            DirectoryError::Create(error)
        })?;
        record.spawned(&watchdog.as_spawned());
        Ok(Self {
            path,
            kept: false,
            has_strays: AtomicBool::new(false),
            watchdog: Some(watchdog),
            record,
        })
    }

    /// Enters a process that was just spawned into the run's record.
    pub(crate) fn spawned(&self, spawned: &Spawned) {
        self.record.spawned(spawned);
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
        self.record.keep();
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
            if remove(&self.path).is_ok() {
                return;
            }
        }
        // A member that did not die in time still writes. Whoever has more patience may end it.
        if let Some(watchdog) = self.watchdog.take() {
            watchdog.let_go();
        }
    }
}

/// What the directory of a run is called.
fn run_name(owner: u32, random: u64) -> String {
    format!("tercet-{owner}-{random:016x}")
}

/// Whose run a directory of this name is, if that is what such directories are called.
pub(crate) fn owner_in_name(name: &str) -> Option<u32> {
    let (owner, random) = name.strip_prefix("tercet-")?.split_once('-')?;
    let (owner, random) = (owner.parse().ok()?, u64::from_str_radix(random, 16).ok()?);
    // Only what we would write: no sign, no zeros before it, no capitals.
    (run_name(owner, random) == name).then_some(owner)
}

/// Removes a run directory with all that is in it; links in it are removed and not followed.
///
/// Its record goes last: whoever removes it may be killed meanwhile, and without a record nobody would
/// ever know what the rest is.
///
/// # Errors
///
/// When something of it stays. One that is not there is no error.
pub(crate) fn remove(directory: &Path) -> io::Result<()> {
    let unless_gone = |result: io::Result<()>| match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    };
    let entries = match std::fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_name() == RECORD {
            continue;
        }
        let is_directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
        unless_gone(if is_directory {
            std::fs::remove_dir_all(entry.path())
        } else {
            std::fs::remove_file(entry.path())
        })?;
    }
    unless_gone(std::fs::remove_file(directory.join(RECORD)))?;
    unless_gone(std::fs::remove_dir(directory))
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
    fn its_name_says_whose_it_is() {
        assert_eq!(owner_in_name("tercet-12-00000000000000ff"), Some(12));
        for wrong in [
            "tercet-",
            "tercet-cache",
            "tercet-12",
            "tercet-12-ff",
            "tercet-+12-00000000000000ff",
            "tercet-012-00000000000000ff",
            "tercet-12-00000000000000FF",
            "tercet-12-+0000000000000ff",
            "tercet-12-00000000000000ff-1",
            "xtercet-12-00000000000000ff",
        ] {
            assert_eq!(owner_in_name(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn links_in_it_are_removed_and_not_followed() {
        let parent = tempfile::tempdir().unwrap();
        let elsewhere = parent.path().join("elsewhere");
        std::fs::create_dir(&elsewhere).unwrap();
        std::fs::write(elsewhere.join("file"), "x").unwrap();
        let directory = parent.path().join("run");
        std::fs::create_dir_all(directory.join("m1")).unwrap();
        std::os::unix::fs::symlink(&elsewhere, directory.join("link")).unwrap();
        std::os::unix::fs::symlink(&elsewhere, directory.join("m1/link")).unwrap();
        remove(&directory).unwrap();
        assert!(!directory.exists() && elsewhere.join("file").exists());
        remove(&directory).unwrap();
    }

    #[test]
    fn a_missing_parent_is_an_error() {
        let error = RunDirectory::create(Path::new("/nonexistent/tercet")).unwrap_err();
        assert!(matches!(error, DirectoryError::Create(_)), "{error:?}");
    }
}
