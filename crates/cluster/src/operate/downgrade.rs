//! Down to an older version.

use std::time::Instant;

use tercet_client::ErrorKind;
use tokio::time::sleep;

use super::change::turn;
use super::course::Course;
use super::error::{Cause, OperateError, OperateRefusal, Step};
use super::rolling::{Turn, roll};
use super::roster::{ASK_EVERY, may_pass};
use super::upgrade::{refuse_distant_members, refused};
use super::versions::{cluster_is, files_are, wait_for};
use crate::binary::{Binary, DowngradeWay, VersionChange};
use crate::cluster::{Cluster, Member};
use crate::plan::MemberSpec;

/// What lets 3.4 take the files of 3.5. A member keeps it as long as 3.4 runs it: its log says that
/// the fleet was of 3.5, which it reads again at each start, and which is sent to those that join.
pub(super) const NEXT_CLUSTER_VERSION_COMPATIBLE: &str = "next-cluster-version-compatible";

/// The first minor version that has the request. It obeys, and says nothing of it in its status.
const FIRST_WITH_DOWNGRADES: u16 = 5;

impl Cluster {
    /// Has an older `etcd` run every member, one after the other, as
    /// [`rolling_restart`](Self::rolling_restart) does, and waits until the whole fleet acts as the
    /// old version.
    ///
    /// A fleet goes down by one minor version at a time. From 3.6 on it is announced
    /// (`etcdctl downgrade enable`) and waited for until all files are such that the old version
    /// reads them. From 3.5 to 3.4 only 3.4.31 and later can take the files as they are, and are told
    /// to from then on (`--next-cluster-version-compatible`), also those that join.
    ///
    /// Cancelled, the downgrade is begun or not, some members are of the old version and at most one
    /// is down. Called again, this goes on with the rest;
    /// [`cancel_downgrade`](Self::cancel_downgrade) and [`upgrade`](Self::upgrade) turn back.
    ///
    /// # Errors
    ///
    /// [`OperateError::Refused`] when etcd has no such way, or when the old version has not got what
    /// the fleet was started with. A member that does not come up with the old version is brought
    /// back with the new one.
    pub async fn downgrade(&self, etcd: &Binary) -> Result<(), OperateError> {
        let operation = format!("downgrading to {}", etcd.version());
        let course = Course::begin(self, operation).await;
        let all: Vec<_> = self.members().collect();
        let (way, turns) = refuse_what_cannot_be(&all, etcd)?;
        be_ready_for(&course, way, etcd).await?;
        roll(&course, &turns).await?;
        let fallen = wait_for(&course, etcd.version(), cluster_is).await;
        fallen.map_err(|(step, cause)| course.failed(step, None, cause))?;
        forget_downgrade(&course).await
    }

    /// Gives up a downgrade that was begun, by [`downgrade`](Self::downgrade) or
    /// [`Member::downgrade`]. Members that are of the older version already stay so until they are
    /// [upgraded](Member::upgrade) again; where there are none, this waits until the fleet acts as
    /// the newer version again. Where nothing was begun, nothing happens.
    ///
    /// Cancelled, the downgrade is given up or not.
    ///
    /// # Errors
    ///
    /// [`OperateError`] when the fleet does not agree.
    pub async fn cancel_downgrade(&self) -> Result<(), OperateError> {
        let course = Course::begin(self, "giving up the downgrade").await;
        forget_downgrade(&course).await?;
        let versions = || self.members().map(|member| member.binary().version());
        let oldest = versions().min_by_key(|version| version.minor());
        let newest = versions().max_by_key(|version| version.minor());
        match (oldest, newest) {
            (Some(oldest), Some(newest)) if oldest.minor() == newest.minor() => {
                let risen = wait_for(&course, newest, cluster_is).await;
                risen.map_err(|(step, cause)| course.failed(step, None, cause))
            }
            _ => Ok(()),
        }
    }
}

impl Member<'_> {
    /// Has an older `etcd` run this member, and leaves the others as they are: for a fleet on its
    /// way down, which may be kept like that for as long as one likes. The downgrade is begun if it
    /// was not.
    ///
    /// Cancelled, the downgrade is begun or not, and the member is down or of either version; called
    /// again, this goes on.
    ///
    /// # Errors
    ///
    /// As [`Cluster::downgrade`]; the version must be within one minor version of every member's.
    pub async fn downgrade(&self, etcd: &Binary) -> Result<(), OperateError> {
        let operation = format!("downgrading {} to {}", self.name(), etcd.version());
        let course = Course::begin(self.cluster(), operation).await;
        if self.is_removed() {
            return Err(OperateRefusal::Removed { member: self.name().to_owned() }.into());
        }
        refuse_distant_members(*self, etcd)?;
        let (way, turns) = refuse_what_cannot_be(&[*self], etcd)?;
        be_ready_for(&course, way, etcd).await?;
        roll(&course, &turns).await?;
        let minor = |etcd: &Binary| etcd.version().minor();
        let mut members = self.cluster().members();
        // With the last one the fleet is there.
        match way.is_some() && members.all(|member| minor(member.binary()) == minor(etcd)) {
            true => forget_downgrade(&course).await,
            false => Ok(()),
        }
    }
}

/// What each of `members` is to be, if all of it can be, and the way down; none where all are there.
fn refuse_what_cannot_be<'a>(
    members: &[Member<'a>],
    etcd: &Binary,
) -> Result<(Option<DowngradeWay>, Vec<Turn<'a>>), OperateError> {
    let to = etcd.release();
    let mut turns = Vec::new();
    let mut down = None;
    for &member in members {
        let from = member.binary().release();
        if to.version().minor() > from.version().minor() {
            let (member, from) = (member.name().to_owned(), from.version());
            return Err(OperateRefusal::Up { member, from, to: to.version() }.into());
        }
        let change = from.change_to(to).map_err(|reason| refused(member, reason))?;
        // One that is there already keeps what it was given for it.
        let compatible = match change {
            VersionChange::Downgrade(way) => {
                down = Some(way);
                way == DowngradeWay::NextClusterVersionCompatible
            }
            _ => false,
        };
        let more = |spec: MemberSpec| {
            if compatible { spec.flag(NEXT_CLUSTER_VERSION_COMPATIBLE, "true") } else { spec }
        };
        turns.extend(turn(member, etcd, more)?);
    }
    Ok((down, turns))
}

/// Announces the downgrade where that is the way, and waits until all files are ready for it.
async fn be_ready_for(
    course: &Course<'_>,
    way: Option<DowngradeWay>,
    etcd: &Binary,
) -> Result<(), OperateError> {
    let cluster = course.cluster;
    let ready = cluster.wait_until_ready().await;
    ready.map_err(|error| course.failed(Step::Before, None, error))?;
    if way != Some(DowngradeWay::Announced) {
        return Ok(());
    }
    let to = etcd.version();
    let minor = format!("{}.{}.", to.major(), to.minor());
    let enabled = until_agreed(course, || async {
        let leader = cluster.leader().await?;
        let client = leader.direct_client().await?;
        let status = client.status(leader.direct_client_url()).await?;
        if status.downgrade_target().is_some_and(|now| now.starts_with(&minor)) {
            return Ok(());
        }
        Ok(client.downgrade_enable(&format!("{minor}0")).await.map(drop)?)
    });
    enabled.await.map_err(|cause| course.failed(Step::Downgrade, None, cause))?;
    let fallen = wait_for(course, to, files_are).await;
    fallen.map_err(|(step, cause)| course.failed(step, None, cause))
}

/// Gives up a downgrade, if one is under way. Members of 3.6 and later say whether one is. Those of
/// 3.5 do not, and would let none of their own join until they have found out by themselves, within
/// five seconds, that they are all there (3.5.1, `server/etcdserver/cluster_util.go`,
/// `allowedVersionRange`; `monitorDowngrade`). Those of 3.4 have never heard of it.
pub(super) async fn forget_downgrade(course: &Course<'_>) -> Result<(), OperateError> {
    let given_up = until_agreed(course, || async {
        for member in course.cluster.members().filter(Member::is_running) {
            let minor = member.binary().version().minor();
            if minor < FIRST_WITH_DOWNGRADES {
                continue;
            }
            let client = member.direct_client().await?;
            let status = client.status(member.direct_client_url()).await?;
            if minor > FIRST_WITH_DOWNGRADES && status.downgrade_target().is_none() {
                continue;
            }
            match client.downgrade_cancel().await {
                Err(error) if error.kind() != ErrorKind::NoDowngrade => return Err(error.into()),
                _ => return Ok(()),
            }
        }
        Ok(())
    });
    given_up.await.map_err(|cause| course.failed(Step::Downgrade, None, cause))
}

/// Tries until it is done, or refused for good.
async fn until_agreed<F>(course: &Course<'_>, attempt: impl Fn() -> F) -> Result<(), Cause>
where
    F: Future<Output = Result<(), Cause>>,
{
    let begin = Instant::now();
    loop {
        match attempt().await {
            Err(Cause::Client(error))
                if may_pass(error.kind(), begin.elapsed(), course.cluster.ready_within) =>
            {
                sleep(ASK_EVERY).await;
            }
            result => return result,
        }
    }
}
