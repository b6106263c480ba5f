//! A snapshot in a file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use tokio::sync::mpsc;

use super::check::{Check, DIGEST_BYTES};
use super::{SNAPSHOT, Snapshot};
use crate::error::{Error, ErrorKind, Failure, Fate, Outcome, Result};
use crate::json::{HexBytes, json_object};

/// How many chunks may wait for the disk.
const CHUNKS_AHEAD: usize = 8;

/// A snapshot that was found whole.
#[derive(Clone, PartialEq, Eq)]
pub struct SavedSnapshot {
    bytes: u64,
    sha256: [u8; DIGEST_BYTES],
    storage_version: Option<String>,
}

impl SavedSnapshot {
    /// Reads a file that a snapshot was saved to, by us or by `etcdctl`, and checks it. It blocks
    /// for as long as that takes.
    ///
    /// # Errors
    ///
    /// [`DamagedSnapshot`](ErrorKind::DamagedSnapshot) if it is not what its digest says or has no
    /// digest, as a store that was copied from a member's directory, and [`Io`](ErrorKind::Io) if it
    /// cannot be read.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        read(path).map_err(|failure| {
            let what = format!("{}: {}", path.display(), failure.what);
            Error::new("snapshot", Failure { what, ..failure }, Outcome::NotApplied)
        })
    }

    /// How long the file is: the store, and 32 bytes of digest.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The SHA-256 of the store, which is also the end of the file.
    #[must_use]
    pub fn sha256(&self) -> [u8; DIGEST_BYTES] {
        self.sha256
    }

    /// The version that the store is written for, as `3.6.0`, if the server has said it: `None`
    /// before etcd 3.6, and of a file that was read.
    #[must_use]
    pub fn storage_version(&self) -> Option<&str> {
        self.storage_version.as_deref()
    }

    pub(super) fn new(
        bytes: u64,
        sha256: [u8; DIGEST_BYTES],
        storage_version: Option<String>,
    ) -> Self {
        Self { bytes, sha256, storage_version }
    }
}

json_object!(SavedSnapshot, it => {
    bytes: it.bytes,
    sha256: HexBytes(&it.sha256),
    storage_version: it.storage_version,
});

fn read(path: &Path) -> Result<SavedSnapshot, Failure> {
    let unreadable = |error: io::Error| Failure {
        source: Some(Arc::new(error)),
        ..Failure::new(ErrorKind::Io, Fate::NeverSent, "it cannot be read")
    };
    let file = File::open(path).map_err(unreadable)?;
    let bytes = file.metadata().map_err(unreadable)?.len();
    // The store is made of pages, and each is a multiple of 512 bytes (etcdutl's `v3_snapshot.go`,
    // `hasChecksum`).
    if bytes % 512 != DIGEST_BYTES as u64 {
        let what = "there is no SHA-256 at its end: it is cut off, or no snapshot";
        return Err(Failure::new(ErrorKind::DamagedSnapshot, Fate::NeverSent, what));
    }
    let mut check = Check::new(bytes - DIGEST_BYTES as u64);
    let mut reader = BufReader::new(file);
    let mut buffer = vec![0; 1 << 16];
    loop {
        match reader.read(&mut buffer).map_err(unreadable)? {
            0 => break,
            length => check.add(&buffer[..length])?,
        }
    }
    check.end()?;
    Ok(SavedSnapshot::new(bytes, check.digest(), None))
}

/// What the thread that writes is told.
enum Step {
    Write(Bytes),
    /// All of it has come, and is right.
    Finish,
}

pub(super) async fn save(mut snapshot: Snapshot, path: &Path) -> Result<SavedSnapshot> {
    let (steps, queue) = mpsc::channel(CHUNKS_AHEAD);
    // A write to a file may block, and to wait for the disk always does.
    let target = path.to_owned();
    let writing = tokio::task::spawn_blocking(move || write(&target, queue));
    let received = loop {
        let step = match snapshot.next().await {
            Some(Ok(chunk)) => Step::Write(chunk.into_bytes()),
            Some(Err(error)) => break Err(error),
            None => Step::Finish,
        };
        let last = matches!(step, Step::Finish);
        if steps.send(step).await.is_err() || last {
            break Ok(());
        }
    };
    // Now it ends, and what it has written is gone if it was not told to finish.
    drop(steps);
    let written = writing.await;
    received?;
    match written {
        Ok(Ok(())) => Ok(snapshot.saved()),
        Ok(Err(Unwritten { what, source })) => {
            Err(snapshot.not_written(&format!("{what} {}", path.display()), source))
        }
        Err(panicked) => {
            let what = format!("nobody writes {}", path.display());
            Err(SNAPSHOT
                .failed(Failure::new(ErrorKind::Io, Fate::Refused, what), &snapshot.endpoint)
                .caused_by(panicked))
        }
    }
}

/// Why there is no file.
#[derive(Debug)]
struct Unwritten {
    what: &'static str,
    source: io::Error,
}

fn write(path: &Path, mut queue: mpsc::Receiver<Step>) -> Result<(), Unwritten> {
    let cannot = |what| move |source| Unwritten { what, source };
    let mut part = Part::create(path).map_err(cannot("there can be no new file beside"))?;
    loop {
        match queue.blocking_recv() {
            Some(Step::Write(bytes)) => {
                part.file.write_all(&bytes).map_err(cannot("the snapshot cannot be written to"))?;
            }
            Some(Step::Finish) => break,
            None => {
                let given_up = io::Error::from(io::ErrorKind::Interrupted);
                return Err(cannot("it was given up before it was written to")(given_up));
            }
        }
    }
    part.file.sync_all().map_err(cannot("the disk does not take"))?;
    part.rename(path).map_err(cannot("the snapshot cannot be moved to"))
}

/// A file beside the one that is to be; removed when dropped, unless it has become that.
struct Part {
    file: File,
    path: Option<PathBuf>,
}

impl Part {
    fn create(target: &Path) -> io::Result<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = target.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let mut part = name.to_owned();
        part.push(format!(".{}-{number}.part", std::process::id()));
        let path = target.with_file_name(part);
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        // All that is secret in the store, passwords' hashes too, is in it.
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        Ok(Self { file: options.open(&path)?, path: Some(path) })
    }

    fn rename(mut self, target: &Path) -> io::Result<()> {
        if let Some(path) = &self.path {
            fs::rename(path, target)?;
        }
        self.path = None;
        // The new name, too, is to survive a crash. Not every file system can be asked for it.
        #[cfg(unix)]
        if let Some(parent) = target.parent() {
            let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
            let _ = File::open(parent).and_then(|directory| directory.sync_all());
        }
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            // There is nobody to tell.
            let _ = fs::remove_file(path);
        }
    }
}
