//! Snapshots of a fleet that runs.

use std::path::Path;

use tercet_client::SavedSnapshot;

use super::course::Course;
use super::error::{OperateError, Step};
use super::leader::heir;
use crate::cluster::{Cluster, Member};

/// A key to read; it need not exist.
const PROBE_KEY: &str = "tercet/snapshot";

impl Cluster {
    /// Saves a snapshot of the fleet to a file: of a member that has every write that was
    /// acknowledged before, and that does not lead, where there is one. [`restore`](Self::restore)
    /// makes a new fleet of it.
    ///
    /// The file is there only when it is whole and on the disk; only its owner may read it.
    ///
    /// Cancelled, it leaves nothing behind.
    ///
    /// # Errors
    ///
    /// [`OperateError`] when nobody leads, or as [`Member::save_snapshot`].
    pub async fn save_snapshot(
        &self,
        path: impl AsRef<Path>,
    ) -> Result<SavedSnapshot, OperateError> {
        let course = Course::beside_others(self, "saving a snapshot");
        let leader = self.leader().await;
        let leader = leader.map_err(|error| course.failed(Step::Leader, None, error))?;
        let member = heir(self, leader).await.unwrap_or(leader);
        let read = async {
            // Answered when the member has applied all that was acknowledged before.
            member.direct_client().await?.get(PROBE_KEY).await
        };
        read.await.map_err(|error| course.failed(Step::Snapshot, Some(member), error))?;
        save(&course, member, path.as_ref()).await
    }
}

impl Member<'_> {
    /// Saves a snapshot of what this member has to a file. Others may have more: it is asked even
    /// where there is no leader, to save what is left of a fleet that has lost its majority.
    ///
    /// The file is there only when it is whole and on the disk; only its owner may read it.
    ///
    /// Cancelled, it leaves nothing behind.
    ///
    /// # Errors
    ///
    /// [`OperateError`] when the member does not answer, is a learner of etcd 3.4, its snapshot comes
    /// damaged or not to its end, or the file cannot be written.
    pub async fn save_snapshot(
        &self,
        path: impl AsRef<Path>,
    ) -> Result<SavedSnapshot, OperateError> {
        let course = Course::beside_others(self.cluster(), "saving a snapshot");
        save(&course, *self, path.as_ref()).await
    }
}

async fn save(
    course: &Course<'_>,
    member: Member<'_>,
    path: &Path,
) -> Result<SavedSnapshot, OperateError> {
    let save = async {
        let client = member.direct_client().await?;
        client.snapshot(member.direct_client_url()).await?.save(path).await
    };
    save.await.map_err(|error| course.failed(Step::Snapshot, Some(member), error))
}
