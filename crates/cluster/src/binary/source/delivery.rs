//! From a source to an entry of the cache: got, checked, unpacked, asked for its version, put away.

use std::fs;
use std::path::{Path, PathBuf};

use super::super::cache::{Cached, Marker};
use super::super::error::{Attempt, chain};
use super::super::locator::Locator;
use super::super::pins::platform;
use super::super::store::{CacheLock, failed};
use super::super::{LocateError, Source, Version, probe};
use super::unpack::UnpackError;
use super::{apt, pip, upstream};

/// What a source is given to work with.
#[derive(Debug)]
pub(super) struct Job<'a> {
    pub(super) locator: &'a Locator,
    /// The version that is wanted; nothing when the source may choose.
    pub(super) version: Option<Version>,
    /// An empty directory for whatever it needs, on the disk of the cache.
    pub(super) workspace: &'a Path,
    /// The directory that becomes the entry of the cache.
    pub(super) unpacked: PathBuf,
}

/// What a source has done.
#[derive(Debug)]
pub(super) enum Delivery {
    /// It has checked and unpacked this file, having tried in vain elsewhere.
    Unpacked { file: String, sha256: String, missed: Vec<Attempt> },
    /// What it would get is here already: apt tells its version only when it is asked.
    Cached(Cached),
}

/// Why a source delivered nothing.
#[derive(Debug)]
pub(in super::super) enum Failure {
    /// It does not have it, or it cannot be reached: another may do.
    Source(Vec<Attempt>),
    /// Our own cache fails: no other source will do.
    Cache(LocateError),
}

impl From<LocateError> for Failure {
    fn from(error: LocateError) -> Self {
        Self::Cache(error)
    }
}

impl From<Attempt> for Failure {
    fn from(attempt: Attempt) -> Self {
        Self::Source(vec![attempt])
    }
}

/// Gets `version`, or what there is, from `source` and puts it into the cache.
pub(in super::super) fn deliver(
    locator: &Locator,
    lock: &CacheLock<'_>,
    source: Source,
    version: Option<Version>,
) -> Result<Cached, Failure> {
    let workspace = lock.workspace()?;
    let unpacked = workspace.path().join("unpacked");
    fs::create_dir(&unpacked).map_err(|error| failed("write to", workspace.path(), error))?;
    let job = Job { locator, version, workspace: workspace.path(), unpacked };
    let delivery = match source {
        Source::Upstream => upstream::get(&job),
        Source::Pip => pip::get(&job),
        Source::Apt => apt::get(&job),
    }?;
    let (file, sha256, mut missed) = match delivery {
        Delivery::Unpacked { file, sha256, missed } => (file, sha256, missed),
        Delivery::Cached(cached) => return Ok(cached),
    };
    let etcd = job.unpacked.join("etcd");
    let mut refused = |why: String| {
        missed.push(Attempt::new(format!("{file} of {source}"), why).expecting(&sha256));
        Failure::Source(std::mem::take(&mut missed))
    };
    // Also for what has the right sum: its libraries may be missing here.
    let release = probe::release(&etcd).map_err(|error| refused(chain(&error)))?;
    if version.is_some_and(|version| version != release.version()) {
        return Err(refused(format!("it is etcd {}", release.version())));
    }
    let etcd_bytes = etcd.metadata().map_err(|error| failed("read", &etcd, error))?.len();
    let version = release.version();
    let marker = Marker { version, source, platform: platform(), etcd_bytes, file, sha256 };
    Ok(lock.commit(&job.unpacked, &marker)?)
}

impl Job<'_> {
    /// Reports a failure to unpack `file`.
    pub(super) fn not_unpacked(&self, place: &str, error: UnpackError) -> Failure {
        match error {
            UnpackError::Archive(why) => Attempt::new(place, why).into(),
            UnpackError::Write(error) => failed("write to", self.workspace, error).into(),
        }
    }

    /// All that is in the workspace, for a bar that shows what another program gets.
    pub(super) fn workspace_bytes(&self) -> u64 {
        fn bytes(directory: &Path) -> u64 {
            let Ok(entries) = fs::read_dir(directory) else { return 0 };
            let sizes = entries.flatten().map(|entry| match entry.metadata() {
                Ok(metadata) if metadata.is_dir() => bytes(&entry.path()),
                Ok(metadata) => metadata.len(),
                Err(_) => 0,
            });
            sizes.sum()
        }
        bytes(self.workspace)
    }
}
