//! Files that replace others, so that a kill at any moment can be made good.
//!
//! A pair of key and certificate cannot change in one step. So both are first written whole beside
//! their places, under names of ours, and then moved: the key, then the certificate. Whoever comes
//! after a kill finds by the names alone how far it was, and goes on or back; nothing is written
//! down elsewhere. For a file `server.key`:
//!
//! | name | what it is |
//! |-|-|
//! | `.server.key.tercet-part` | being written; worthless |
//! | `.server.key.tercet-new` | whole; goes to a place that must be free |
//! | `.server.key.tercet-next` | whole; goes over what is in its place |

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::{Access, WriteError, steps};

/// Whether writes wait for the disk.
///
/// `fsync` costs more than all the rest of issuing and writing a fleet. A test does not need it; a
/// key whose certificate is in use does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Durability {
    /// As soon as the operating system has it. A power cut may take it away.
    #[default]
    Cached,
    /// When the disk has it: each file and the directory that names it are synced, in an order in
    /// which a power cut leaves what can be recovered.
    Synced,
}

const PART: &str = ".tercet-part";
const NEW: &str = ".tercet-new";
const NEXT: &str = ".tercet-next";

/// What a file beside its place is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beside {
    /// Being written.
    Part,
    /// Whole, for a free place.
    New,
    /// Whole, to replace what is there.
    Next,
}

impl Beside {
    #[cfg(feature = "read")]
    const ALL: [Self; 3] = [Self::Part, Self::New, Self::Next];

    fn suffix(self) -> &'static str {
        match self {
            Self::Part => PART,
            Self::New => NEW,
            Self::Next => NEXT,
        }
    }

    /// Where the file for `path` is.
    pub(crate) fn of(self, path: &Path) -> PathBuf {
        let mut name = std::ffi::OsString::from(".");
        name.push(path.file_name().unwrap_or_default());
        name.push(self.suffix());
        path.with_file_name(name)
    }

    /// What `found` is, and the place it is for; `None` if it is none of ours.
    #[cfg(feature = "read")]
    pub(crate) fn read(found: &Path) -> Option<(Self, PathBuf)> {
        let name = found.file_name()?.to_str()?.strip_prefix('.')?;
        Self::ALL.into_iter().find_map(|kind| {
            let name = name.strip_suffix(kind.suffix()).filter(|name| !name.is_empty())?;
            Some((kind, found.with_file_name(name)))
        })
    }
}

/// A set of files, written beside their places and then moved there in the order they were added.
///
/// What is added and not published is removed on drop; once publishing has begun, it stays for
/// whoever finishes it.
#[derive(Debug)]
pub(crate) struct Stage {
    durability: Durability,
    staged: Vec<Staged>,
    directories: Vec<PathBuf>,
}

#[derive(Debug)]
pub(crate) struct Staged {
    pub(crate) kind: Beside,
    pub(crate) path: PathBuf,
}

impl Stage {
    pub(crate) fn new(durability: Durability) -> Self {
        Self { durability, staged: Vec::new(), directories: Vec::new() }
    }

    /// Makes a directory and what is missing above it (0700).
    pub(crate) fn directory(&mut self, path: &Path) -> Result<(), WriteError> {
        if path.as_os_str().is_empty() || path.is_dir() {
            return Ok(());
        }
        if let Some(parent) = path.parent() {
            self.directory(parent)?;
        }
        let failed = |source| WriteError::io("make the directory", path, source);
        match steps::create_directory(path) {
            Ok(()) => self.directories.push(path.to_owned()),
            // Someone else was faster.
            Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_dir() => {}
            Err(source) => return Err(failed(source)),
        }
        if let (Durability::Synced, Some(parent)) = (self.durability, path.parent()) {
            steps::sync_directory(parent).map_err(failed)?;
        }
        Ok(())
    }

    /// Writes a file beside `path`. If its place must be free and is not, that is said now.
    pub(crate) fn add(
        &mut self,
        path: &Path,
        access: Access,
        contents: &[u8],
        overwrite: bool,
    ) -> Result<(), WriteError> {
        if !overwrite && path.symlink_metadata().is_ok() {
            return Err(WriteError::Exists { path: path.to_owned() });
        }
        let kind = if overwrite { Beside::Next } else { Beside::New };
        let (part, whole) = (Beside::Part.of(path), kind.of(path));
        let failed = |source: std::io::Error| match source.kind() {
            ErrorKind::AlreadyExists => WriteError::Exists { path: part.clone() },
            _ => WriteError::io("create", &part, source),
        };
        let created = steps::create(&part, access, contents, self.durability == Durability::Synced)
            .map_err(failed);
        if created.is_ok() || !matches!(created, Err(WriteError::Exists { .. })) {
            self.staged.push(Staged { kind: Beside::Part, path: path.to_owned() });
        }
        created?;
        steps::rename(&part, &whole).map_err(|source| WriteError::io("rename", &part, source))?;
        if let Some(last) = self.staged.last_mut() {
            last.kind = kind;
        }
        self.sync_parent(path)
    }

    /// Adds a key and the certificate that belongs to it, in the order in which they must change.
    pub(crate) fn add_pair(
        &mut self,
        files: &crate::IdentityFiles,
        identity: &crate::Identity,
        overwrite: bool,
    ) -> Result<(), WriteError> {
        self.add(&files.key, Access::Owner, identity.key_pem().as_bytes(), overwrite)?;
        self.add(&files.certificate, Access::Anyone, identity.chain_pem().as_bytes(), overwrite)
    }

    /// Moves everything to its place. What fails from here on is finished by
    /// [`FleetDirectory::recover`](crate::FleetDirectory::recover), or by hand.
    pub(crate) fn publish(mut self) -> Result<(), WriteError> {
        self.directories.clear();
        for staged in std::mem::take(&mut self.staged) {
            publish(&staged, self.durability)?;
        }
        Ok(())
    }

    fn sync_parent(&self, path: &Path) -> Result<(), WriteError> {
        sync_parent(path, self.durability)
    }
}

/// Moves one whole file to its place.
pub(crate) fn publish(staged: &Staged, durability: Durability) -> Result<(), WriteError> {
    let Staged { kind, path } = staged;
    let beside = kind.of(path);
    let failed = |doing| move |source| WriteError::io(doing, path, source);
    match kind {
        // A rename would silently take the place of what has come there meanwhile.
        Beside::New => match steps::link(&beside, path) {
            Ok(()) => steps::remove(&beside).map_err(failed("finish"))?,
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                // Killed between the two lines above.
                if !same_file(&beside, path) {
                    return Err(WriteError::Exists { path: path.clone() });
                }
                steps::remove(&beside).map_err(failed("finish"))?;
            }
            // A file system without second names.
            Err(_) if path.symlink_metadata().is_err() => {
                steps::rename(&beside, path).map_err(failed("create"))?;
            }
            Err(source) => return Err(failed("create")(source)),
        },
        Beside::Next | Beside::Part => {
            steps::rename(&beside, path).map_err(failed("replace"))?;
        }
    }
    sync_parent(path, durability)
}

/// Removes a file of ours beside its place.
pub(crate) fn discard(staged: &Staged) -> Result<(), WriteError> {
    let beside = staged.kind.of(&staged.path);
    steps::remove(&beside).map_err(|source| WriteError::io("remove", &beside, source))
}

/// Removes what a kill left beside a file that is now written anew. The caller has its
/// [`Lock::take_for`], so that no other process is at it.
pub(crate) fn clear(path: &Path) -> Result<(), WriteError> {
    for kind in [Beside::Part, Beside::New, Beside::Next] {
        let beside = kind.of(path);
        match steps::remove(&beside) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(WriteError::io("remove", &beside, error));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Removes a directory if nothing is in it.
pub(crate) fn discard_directory(path: &Path) {
    // What someone else has put there keeps it, rightly.
    let _ = steps::remove_directory(path);
}

fn sync_parent(path: &Path, durability: Durability) -> Result<(), WriteError> {
    let parent = path.parent().unwrap_or_else(|| Path::new(""));
    match durability {
        Durability::Cached => Ok(()),
        Durability::Synced => steps::sync_directory(parent)
            .map_err(|source| WriteError::io("sync the directory", parent, source)),
    }
}

fn same_file(one: &Path, other: &Path) -> bool {
    // One of them may be a key.
    let read = |path| fs::read(path).map(zeroize::Zeroizing::new);
    matches!((read(one), read(other)), (Ok(one), Ok(other)) if one == other)
}

impl Drop for Stage {
    fn drop(&mut self) {
        // The error that brought us here is the one to report.
        for staged in self.staged.drain(..).rev() {
            let _ = discard(&staged);
        }
        for path in self.directories.drain(..).rev() {
            discard_directory(&path);
        }
    }
}

/// Writes one file for a real host: beside its place, synced, and then moved there, so that nobody
/// ever reads a part of it. Directories that are missing are made (0700).
///
/// # Errors
///
/// [`WriteError::Exists`] if it is there and is not to be overwritten; [`WriteError::Busy`] if
/// another process is at work in its directory; [`WriteError::Io`].
pub fn write_file(
    path: impl AsRef<Path>,
    access: Access,
    contents: &[u8],
    overwrite: bool,
) -> Result<(), WriteError> {
    let path = path.as_ref();
    let mut stage = Stage::new(Durability::Synced);
    if let Some(directory) = path.parent() {
        stage.directory(directory)?;
    }
    let _locks = Lock::take_for(path)?;
    clear(path)?;
    stage.add(path, access, contents, overwrite)?;
    stage.publish()
}

/// Keeps other processes from changing a fleet's directory at the same time; ends on drop.
#[derive(Debug)]
pub(crate) struct Lock {
    directory: Option<File>,
}

/// Not by closing alone: a process that another thread starts at this moment has the file as well,
/// until it becomes its program, and the lock with it.
impl Drop for Lock {
    fn drop(&mut self) {
        if let Some(directory) = &self.directory {
            // What was not locked is not unlocked, which is fine.
            let _ = directory.unlock();
        }
    }
}

impl Lock {
    /// The locks for one file: that of its directory, and that of the fleet if the directory is a
    /// member's.
    pub(crate) fn take_for(path: &Path) -> Result<Vec<Self>, WriteError> {
        let directory = path.parent().unwrap_or_else(|| Path::new(""));
        let fleet = directory.parent().filter(|above| above.join("ca.crt").exists());
        fleet.into_iter().chain([directory]).map(Self::take).collect()
    }

    /// The lock is on the directory itself: no file of ours is left for it.
    pub(crate) fn take(directory: &Path) -> Result<Self, WriteError> {
        // Where directories cannot be opened, or locked (some network file systems), two
        // operators have to agree by other means.
        let opened = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
        let Ok(file) = File::open(opened) else { return Ok(Self { directory: None }) };
        match file.try_lock() {
            Err(fs::TryLockError::WouldBlock) => {
                Err(WriteError::Busy { directory: directory.to_owned() })
            }
            Ok(()) | Err(fs::TryLockError::Error(_)) => Ok(Self { directory: Some(file) }),
        }
    }
}
