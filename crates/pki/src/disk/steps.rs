//! The single steps of writing: between any two of them, a process may be killed.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use super::Access;

/// Makes a file that is not there yet, with its mode from the start, and writes it; to the disk
/// itself if `synced`.
pub(super) fn create(path: &Path, access: Access, contents: &[u8], synced: bool) -> io::Result<()> {
    next()?;
    let mut options = OpenOptions::new();
    // O_EXCL, which follows no symbolic link either.
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, access.mode());
    // Elsewhere a file is as readable as its directory says.
    #[cfg(not(unix))]
    let _ = access;
    let mut file = options.open(path)?;
    next()?;
    // In two parts, so that the tests of a kill meet half a file as well.
    let (first, second) = contents.split_at(contents.len() / 2);
    file.write_all(first)?;
    next()?;
    file.write_all(second)?;
    if synced {
        next()?;
        sync(&file)?;
    }
    Ok(())
}

/// Makes one directory, for the owner alone.
pub(super) fn create_directory(path: &Path) -> io::Result<()> {
    next()?;
    #[cfg_attr(not(unix), expect(unused_mut, reason = "only Unix has modes"))]
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Moves a file over what is there: readers see the old one or the new one, never a part.
pub(super) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    next()?;
    fs::rename(from, to)
}

/// Gives a file its second name, which must be free.
pub(super) fn link(from: &Path, to: &Path) -> io::Result<()> {
    next()?;
    fs::hard_link(from, to)
}

pub(super) fn remove(path: &Path) -> io::Result<()> {
    next()?;
    fs::remove_file(path)
}

pub(super) fn remove_directory(path: &Path) -> io::Result<()> {
    next()?;
    fs::remove_dir(path)
}

/// Brings the names in a directory to the disk itself.
pub(super) fn sync_directory(path: &Path) -> io::Result<()> {
    next()?;
    // Only Unix opens directories; elsewhere a rename is as durable as it is.
    if cfg!(unix) {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        sync(&File::open(path)?)?;
    }
    Ok(())
}

#[cfg(not(test))]
fn sync(file: &File) -> io::Result<()> {
    file.sync_all()
}

/// The tests here kill processes and not the power, some thousand times.
#[cfg(test)]
#[expect(clippy::unnecessary_wraps, reason = "outside of tests, a disk may fail")]
fn sync(_: &File) -> io::Result<()> {
    Ok(())
}

#[cfg(not(test))]
#[expect(clippy::unnecessary_wraps, reason = "in tests, a step may be one too many")]
fn next() -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
use kill::next;

/// A process that is killed between two steps, for tests: from then on no step has any effect,
/// those that clean up included.
#[cfg(test)]
pub(crate) mod kill {
    use std::cell::Cell;
    use std::io;

    thread_local! {
        static LEFT: Cell<Option<usize>> = const { Cell::new(None) };
        static KILLED: Cell<bool> = const { Cell::new(false) };
    }

    /// Runs `work` as a process that is killed after `steps` steps; says whether it was.
    #[cfg(feature = "read")]
    pub(crate) fn after<T>(steps: usize, work: impl FnOnce() -> T) -> (T, bool) {
        LEFT.set(Some(steps));
        let result = work();
        LEFT.set(None);
        (result, KILLED.take())
    }

    pub(super) fn next() -> io::Result<()> {
        match LEFT.get() {
            None => Ok(()),
            Some(0) => {
                KILLED.set(true);
                Err(io::Error::other("killed"))
            }
            Some(left) => {
                LEFT.set(Some(left - 1));
                Ok(())
            }
        }
    }
}
