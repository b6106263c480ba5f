//! A new fleet from a snapshot.

mod error;
mod tool;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tercet_client::{ErrorKind, SavedSnapshot};

pub use self::error::{RestoreError, ToolFailure};
use self::tool::RestoreTool;
use crate::binary::{Binary, Feature, Release};
use crate::cluster::{ATTEMPTS, Cluster, prepare, spawn_member};
use crate::plan::{Joining, Spec};

/// A snapshot that a new fleet is to begin with.
///
/// ```
/// use tercet_cluster::Restore;
///
/// let restore = Restore::from("backup.db").bump_revision(1_000_000);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "nothing is restored until it is given to `Cluster::restore`"]
pub struct Restore {
    snapshot: PathBuf,
    bump_revision: Option<u64>,
    checked: bool,
}

impl Restore {
    /// The snapshot in this file, as it was, with a digest at its end.
    pub fn from(snapshot: impl Into<PathBuf>) -> Self {
        Self { snapshot: snapshot.into(), bump_revision: None, checked: true }
    }

    /// The store begins this many revisions above the snapshot's, and all below counts as compacted.
    ///
    /// Whoever saw revisions of the old fleet that the snapshot has not got, as a watcher or a cache,
    /// would else take new ones for those. More than were made since the snapshot will do. With 0
    /// nothing changes.
    ///
    /// etcd's tools do it from 3.5.10, and in 3.4 from 3.4.27 on.
    pub fn bump_revision(mut self, by: u64) -> Self {
        self.bump_revision = (by > 0).then_some(by);
        self
    }

    /// Takes a file without a digest at its end too: a store that was copied from a member's data
    /// directory (`member/snap/db`). Nobody can tell then whether it is whole.
    pub fn unchecked(mut self) -> Self {
        self.checked = false;
        self
    }

    /// Refuses what cannot be restored, before anything is begun.
    async fn check(&self, binary: &Binary) -> Result<RestoreTool, RestoreError> {
        let tool = RestoreTool::beside(binary)?;
        if self.bump_revision.is_some() && !binary.release().has(Feature::RestoreBumpsRevision) {
            return Err(RestoreError::NoBump { version: binary.version() });
        }
        let (snapshot, checked) = (self.snapshot.clone(), self.checked);
        let reading = tokio::task::spawn_blocking(move || match checked {
            true => SavedSnapshot::read(&snapshot).map(drop),
            false => Ok(()),
        });
        match reading.await {
            Ok(Ok(())) => Ok(tool),
            Ok(Err(source)) if source.kind() == ErrorKind::DamagedSnapshot => {
                Err(RestoreError::Damaged { source })
            }
            Ok(Err(source)) => Err(RestoreError::Unreadable { source: Box::new(source) }),
            Err(source) => Err(RestoreError::Unreadable { source: Box::new(source) }),
        }
    }
}

impl<P: Into<PathBuf>> From<P> for Restore {
    fn from(snapshot: P) -> Self {
        Self::from(snapshot)
    }
}

impl Cluster {
    /// Starts a new fleet `spec` with the program `binary`, as [`start`](Self::start) does, whose
    /// members begin with what is in a snapshot: all keys with their history, leases and users. It
    /// is another cluster than the one that the snapshot was of, with members of its own, so that
    /// nobody mistakes one for the other.
    ///
    /// The data are made by the `etcdutl`, or until 3.5 the `etcdctl`, that lies beside the `etcd`.
    /// Members that would find each other by a discovery need none here.
    ///
    /// A snapshot of an older etcd can be restored, and the fleet then is of the newer one. One of a
    /// newer etcd can too by etcd 3.4 and 3.5, which do not look at that, and only of the same minor
    /// version by 3.6 and later (measured, 3.4 to 3.7).
    ///
    /// The tool of 3.4 leaves the members of the old fleet in a record that 3.6 goes by: on its way up,
    /// such a fleet must be of 3.5.26 or later before it is of 3.6, and [`upgrade`](Self::upgrade)
    /// says so.
    ///
    /// Cancel-safe: dropping the future ends and removes what was started.
    ///
    /// # Errors
    ///
    /// [`RestoreError`]; nothing is left behind, but for the files when [`Spec::keep_failed`] asks
    /// for them.
    pub async fn restore(
        spec: &Spec,
        binary: &Binary,
        parent: &Path,
        restore: impl Into<Restore>,
    ) -> Result<Self, RestoreError> {
        let restore = restore.into();
        let tool = restore.check(binary).await?;
        let spec = spec.clone().joining(Joining::Static);
        let mut attempt = 1;
        loop {
            match restore_once(&spec, binary, parent, &restore, &tool).await {
                Err(RestoreError::Start(error)) if error.is_port_taken() && attempt < ATTEMPTS => {
                    attempt += 1;
                }
                result => return result,
            }
        }
    }
}

impl Cluster {
    /// Whose tool has made this fleet's data of a snapshot, if any has.
    pub(super) fn restorer(&self) -> Option<Release> {
        (self.times.restoring > Duration::ZERO).then(|| self.binary.release())
    }
}

async fn restore_once(
    spec: &Spec,
    binary: &Binary,
    parent: &Path,
    restore: &Restore,
    tool: &RestoreTool,
) -> Result<Cluster, RestoreError> {
    let begin = Instant::now();
    let mut cluster = prepare(spec, binary, parent).await?;
    cluster.times.certificates = begin.elapsed();
    let mut started = fill(&cluster, restore, tool).await;
    cluster.times.restoring = begin.elapsed().saturating_sub(cluster.times.certificates);
    if started.is_ok() {
        started = start_members(&cluster).await;
    }
    if let Err(error) = started {
        if spec.keeps_failed() && !error.is_port_taken() {
            cluster.keep();
        }
        return Err(error);
    }
    let before = cluster.times.certificates + cluster.times.restoring;
    cluster.times.members = begin.elapsed().saturating_sub(before);
    Ok(cluster)
}

/// Makes the data of all members, all at once.
async fn fill(
    cluster: &Cluster,
    restore: &Restore,
    tool: &RestoreTool,
) -> Result<(), RestoreError> {
    let plan = cluster.plan();
    let running = plan
        .members()
        .iter()
        .map(|member| tool.start(restore, plan, member))
        .collect::<Result<Vec<_>, _>>()?;
    for one in running {
        one.finish().await?;
    }
    Ok(())
}

/// All together: they have their data, and ask nobody who is there.
async fn start_members(cluster: &Cluster) -> Result<(), RestoreError> {
    for member in cluster.members() {
        spawn_member(cluster, member.index())?;
    }
    let ready = cluster.wait_until_ready().await;
    ready.map_err(|error| RestoreError::of_start(error, cluster.binary().version()))
}
