//! Puts an etcd into the cache, or leaves no trace.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::cache::{Cache, Cached, MARKER, Marker};
use super::tool::nap;
use super::{LocateError, Progress, Source, Version};

/// Longer than getting it takes on any line that is fit for it. A search that goes through every
/// source at its slowest (ten minutes each) may take longer still; whoever waits for such a one is
/// better told than kept.
const LOCK_PATIENCE: Duration = Duration::from_secs(30 * 60);

/// Unfinished directories start with this, so that they can be told from others' files.
const UNFINISHED: &str = ".unfinished-";

/// The right to put something into the cache: one process at a time.
///
/// The file is never removed, because a lock on a removed file excludes nobody; the kernel opens
/// the lock when its owner dies.
#[derive(Debug)]
pub(super) struct CacheLock<'a> {
    cache: &'a Cache,
    _file: File,
}

impl<'a> CacheLock<'a> {
    /// Waits until nobody else gets anything, and says so when that takes a while.
    pub(super) fn take(cache: &'a Cache, progress: &dyn Progress) -> Result<Self, LocateError> {
        let directory = cache.directory();
        fs::create_dir_all(directory)
            .map_err(|source| failed("make the cache directory", directory, source))?;
        let path = directory.join(".lock");
        let locking = |source| failed("lock", &path, source);
        let mut options = File::options();
        let file = options.create(true).append(true).open(&path).map_err(locking)?;
        let begun = Instant::now();
        let mut said = false;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) => {}
                // Some network file systems have no locks. The lock only keeps two processes from
                // getting the same file; that what they make is whole, the rename sees to.
                Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {
                    return Ok(Self { cache, _file: file });
                }
                Err(TryLockError::Error(error)) => return Err(locking(error)),
            }
            if !said && begun.elapsed() >= Duration::from_secs(1) {
                said = true;
                progress.say("waiting for another process that is getting etcd ...");
            }
            if begun.elapsed() >= LOCK_PATIENCE {
                return Err(locking(io::ErrorKind::TimedOut.into()));
            }
            nap(Duration::from_millis(20));
        }
        let lock = Self { cache, _file: file };
        lock.sweep();
        Ok(lock)
    }

    /// An empty directory beside where the result will be, gone when dropped.
    pub(super) fn workspace(&self) -> Result<TempDir, LocateError> {
        let directory = self.cache.directory();
        tempfile::Builder::new()
            .prefix(UNFINISHED)
            .tempdir_in(directory)
            .map_err(|source| failed("write to the cache directory", directory, source))
    }

    /// Makes what was unpacked into `unpacked` an entry of the cache.
    pub(super) fn commit(&self, unpacked: &Path, marker: &Marker) -> Result<Cached, LocateError> {
        let place = self.cache.place(marker.version, marker.source);
        let commit = || {
            fs::write(unpacked.join(MARKER), marker.to_text())?;
            // A crash of the machine must not leave a marker beside an empty file.
            for entry in fs::read_dir(unpacked)? {
                File::open(entry?.path())?.sync_all()?;
            }
            File::open(unpacked)?.sync_all()?;
            if !self.put(unpacked, marker, &place)? {
                return Ok(());
            }
            File::open(self.cache.directory())?.sync_all()
        };
        commit().map_err(|source| failed("put etcd into", &place, source))?;
        Ok(Cached::new(marker.version, marker.source, place.join("etcd")))
    }

    /// Notes that `version` from `source` was taken because `default` was not to be had. A cache
    /// that does not take the note is asked again each time, which is slow but right.
    pub(super) fn remember_substitute(&self, default: Version, version: Version, source: Source) {
        let _ = fs::write(self.cache.substitute_note(default), format!("{version} {source}\n"));
    }

    /// Renames `unpacked` to `place`; false when another process has put a complete one there
    /// meanwhile, as can be where there are no locks. That one may be running already, and is
    /// left where it is.
    fn put(&self, unpacked: &Path, marker: &Marker, place: &Path) -> io::Result<bool> {
        // The rename replaces nothing but an empty directory, so that it is what decides who of
        // several was first.
        let Err(error) = fs::rename(unpacked, place) else { return Ok(true) };
        if self.cache.find(marker.version, Some(marker.source)).is_some() {
            return Ok(false);
        }
        // Most likely what is there is not complete. When it is something else that is wrong, the
        // next rename says so.
        if error.kind() != io::ErrorKind::NotFound {
            self.clear(place)?;
        }
        fs::rename(unpacked, place).map(|()| true)
    }

    /// What is there is not complete, or it would have been used.
    fn clear(&self, place: &Path) -> io::Result<()> {
        let aside =
            tempfile::Builder::new().prefix(UNFINISHED).tempdir_in(self.cache.directory())?;
        match fs::rename(place, aside.path().join("old")) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            result => result,
        }
    }

    /// Removes what processes left that were killed: while we hold the lock, nobody else works.
    fn sweep(&self) {
        let Ok(entries) = fs::read_dir(self.cache.directory()) else { return };
        for entry in entries.flatten() {
            if entry.file_name().as_encoded_bytes().starts_with(UNFINISHED.as_bytes()) {
                // What cannot be removed is no worse than before.
                let _ = fs::remove_dir_all(entry.path());
            }
        }
    }
}

pub(super) fn failed(action: &'static str, path: &Path, source: io::Error) -> LocateError {
    LocateError::Cache { action, path: path.to_owned(), source }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::super::Silent;
    use super::super::pins::platform;
    use super::*;

    const VERSION: Version = Version::new(3, 5, 9);

    /// What the first process is running from stays; what is not complete is replaced.
    #[test]
    fn a_complete_entry_is_left_to_those_who_run_it() {
        let root = tempfile::tempdir().unwrap();
        let cache = Cache::in_directory(root.path());
        let lock = CacheLock::take(&cache, &Silent).unwrap();
        let commit = || {
            let workspace = lock.workspace().unwrap();
            fs::write(workspace.path().join("etcd"), "etcd").unwrap();
            let marker = Marker {
                version: VERSION,
                source: Source::Pip,
                platform: platform(),
                etcd_bytes: 4,
                file: "file".to_owned(),
                sha256: "0".to_owned(),
            };
            lock.commit(workspace.path(), &marker).unwrap()
        };
        let inode = |cached: &Cached| cached.path().metadata().unwrap().ino();
        let first = commit();
        // Held open, so that its number is not given to the next.
        let _running = File::open(first.path()).unwrap();
        let before = inode(&first);
        let second = commit();
        assert_eq!((inode(&second), &second), (before, &first));

        // The control.
        fs::remove_file(first.path().with_file_name(MARKER)).unwrap();
        let third = commit();
        assert_ne!(inode(&third), before);
        assert_eq!(cache.entries(), [third]);
        let names = fs::read_dir(cache.directory()).unwrap();
        assert_eq!(names.count(), 2, "the lock and the entry");
    }
}
