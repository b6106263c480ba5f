//! Looks for programs in the directories of `PATH`.

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

/// Every executable file called `name` in the directories of `path`, in their order.
///
/// Relative directories are passed over: what they mean changes with the working directory, and
/// the result is handed to children that have another.
pub(super) fn find_all(path: &OsStr, name: &str) -> impl Iterator<Item = PathBuf> {
    let directories: Vec<_> = std::env::split_paths(path).collect();
    let candidates = directories.into_iter().filter(|directory| directory.is_absolute());
    candidates.map(move |directory| directory.join(name)).filter(|candidate| {
        let metadata = candidate.metadata();
        metadata
            .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
    })
}

/// The first of [`find_all`].
pub(super) fn find(path: &OsStr, name: &str) -> Option<PathBuf> {
    find_all(path, name).next()
}
