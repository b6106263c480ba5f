//! One file.

use std::fs;
use std::io::{self, Read as _};
use std::path::Path;

use time::OffsetDateTime;
use zeroize::Zeroizing;

use crate::doctor::description::PERMISSION_DENIED;
use crate::doctor::{File, FileState};

/// The longest certificate, key or list that is read, in bytes. The public authorities of a machine
/// take a quarter of one MiB.
pub const FILE_MAX_BYTES: usize = 4 * 1024 * 1024;

/// What is at `path` now.
#[must_use]
pub fn file(path: &Path) -> File {
    File { path: path.to_owned(), state: state(path) }
}

/// What is at `path` now.
pub(super) fn state(path: &Path) -> FileState {
    match read(path) {
        Ok(state) => state,
        Err(error) if error.kind() == io::ErrorKind::NotFound => FileState::Missing,
        Err(error) => FileState::Unreadable(reason(&error)),
    }
}

/// As etcd would say it: `permission denied`. The number of the error says nothing to a person.
fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => PERMISSION_DENIED.to_owned(),
        io::ErrorKind::NotADirectory => "not a directory".to_owned(),
        _ => error.to_string(),
    }
}

/// Opens a real file. What a pipe or a device would do is not waited for.
pub(super) fn open(path: &Path) -> io::Result<fs::File> {
    let metadata = fs::metadata(path)?;
    if metadata.is_dir() {
        return Err(io::Error::other("is a directory"));
    }
    if !metadata.is_file() {
        return Err(io::Error::other("is not a file"));
    }
    fs::File::open(path)
}

fn read(path: &Path) -> io::Result<FileState> {
    let file = open(path)?;
    let metadata = file.metadata()?;
    let too_large =
        || io::Error::other(format!("has more than {FILE_MAX_BYTES} bytes, which are not read"));
    let size = usize::try_from(metadata.len()).map_err(|_| too_large())?;
    if size > FILE_MAX_BYTES {
        return Err(too_large());
    }
    // All of it at once: a buffer that grows leaves copies of a key behind.
    let mut contents = Zeroizing::new(Vec::with_capacity(size + 1));
    file.take(FILE_MAX_BYTES as u64 + 1).read_to_end(&mut contents)?;
    if contents.len() > FILE_MAX_BYTES {
        return Err(too_large());
    }
    let modified = metadata.modified().ok().map(OffsetDateTime::from);
    Ok(FileState::Present { contents, mode: mode(&metadata), modified })
}

#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "there is none elsewhere")]
fn mode(metadata: &fs::Metadata) -> Option<u32> {
    use std::os::unix::fs::PermissionsExt as _;
    Some(metadata.permissions().mode() & 0o777)
}

#[cfg(not(unix))]
fn mode(_: &fs::Metadata) -> Option<u32> {
    None
}
