//! Up to a newer version.

use super::change::turn;
use super::course::Course;
use super::downgrade::{NEXT_CLUSTER_VERSION_COMPATIBLE, forget_downgrade};
use super::error::{OperateError, OperateRefusal, Step};
use super::names::tell_names_again;
use super::rolling::{Turn, roll};
use super::versions::{cluster_is, cluster_is_at_least, wait_for};
use crate::binary::{Binary, Release, Version, VersionChange, VersionChangeError};
use crate::cluster::{Cluster, Member};
use crate::plan::MemberSpec;

impl Cluster {
    /// Has `etcd` run every member, one after the other, as
    /// [`rolling_restart`](Self::rolling_restart) does, and waits until the whole fleet acts as the
    /// new version. Each member is planned anew, since flags come and go with versions. Another
    /// release of the same minor version will do as well, also an older one.
    ///
    /// A fleet goes up by one minor version at a time. Everything that can be known is refused
    /// before anything is touched. A downgrade that was begun is given up. Where the new version
    /// could not read what older ones have left in a member's log, the member is restarted once
    /// more, to write a snapshot before; and where others do not know a member's name afterwards, that
    /// member is restarted, to tell it again.
    ///
    /// Cancelled, some members are of the new version and at most one is down; called again, this
    /// goes on with the rest.
    ///
    /// # Errors
    ///
    /// [`OperateError::Refused`] when etcd has no such way, or when the new version has not got what
    /// the fleet was started with. A member that does not come up with the new version is brought
    /// back with the old one.
    pub async fn upgrade(&self, etcd: &Binary) -> Result<(), OperateError> {
        let operation = format!("upgrading to {}", etcd.version());
        let course = Course::begin(self, operation).await;
        let all: Vec<_> = self.members().collect();
        let turns = refuse_what_cannot_be(&all, etcd)?;
        be_ready_for(&course, etcd).await?;
        roll(&course, &turns).await?;
        forget_downgrade(&course).await?;
        let risen = wait_for(&course, etcd.version(), cluster_is).await;
        risen.map_err(|(step, cause)| course.failed(step, None, cause))?;
        tell_names_again(&course).await
    }
}

impl Member<'_> {
    /// Has `etcd` run this member, and leaves the others as they are: for a fleet of mixed versions,
    /// which may be kept for as long as one likes. It acts as the oldest of its members.
    ///
    /// The member hands over when it leads, is asked to end, and is waited for with all that runs.
    ///
    /// Cancelled, the member is down or of either version; called again, this goes on.
    ///
    /// # Errors
    ///
    /// As [`Cluster::upgrade`]; the version must be within one minor version of every member's.
    pub async fn upgrade(&self, etcd: &Binary) -> Result<(), OperateError> {
        let operation = format!("upgrading {} to {}", self.name(), etcd.version());
        let course = Course::begin(self.cluster(), operation).await;
        if self.is_removed() {
            return Err(OperateRefusal::Removed { member: self.name().to_owned() }.into());
        }
        refuse_distant_members(*self, etcd)?;
        let turns = refuse_what_cannot_be(&[*self], etcd)?;
        be_ready_for(&course, etcd).await?;
        roll(&course, &turns).await
    }
}

/// What each of `members` is to be, if all of it can be.
fn refuse_what_cannot_be<'a>(
    members: &[Member<'a>],
    etcd: &Binary,
) -> Result<Vec<Turn<'a>>, OperateError> {
    let to = etcd.release();
    let mut turns = Vec::new();
    for &member in members {
        let from = member.binary().release();
        if to.version().minor() < from.version().minor() {
            let (member, from) = (member.name().to_owned(), from.version());
            return Err(OperateRefusal::Down { member, from, to: to.version() }.into());
        }
        let change = from.change_to(to).and_then(|change| {
            let restorer = member.cluster().restorer();
            restorer.map_or(Ok(()), |restorer| from.check_restored(restorer, to)).map(|()| change)
        });
        let change = change.map_err(|reason| refused(member, reason))?;
        let snapshot_first = change == VersionChange::Upgrade && must_follow_snapshot(member, etcd);
        let turn = turn(member, etcd, |spec| up(spec, change))?;
        turns.extend(turn.map(|turn| turn.snapshot_first(snapshot_first)));
    }
    Ok(turns)
}

/// Whatever ran any of them may have left its mark on all.
fn must_follow_snapshot(member: Member<'_>, etcd: &Binary) -> bool {
    let cluster = member.cluster();
    let history = cluster.cells.iter().flat_map(|(_, cell)| cell.releases());
    let has_joined = cluster.cells.count() > cluster.plan.members().len();
    Release::must_follow_snapshot(etcd.release(), history, has_joined)
}

/// That 3.4 was to take the files of 3.5 is over when it is none any more.
fn up(spec: MemberSpec, change: VersionChange) -> MemberSpec {
    match change {
        VersionChange::Upgrade => spec.without_flag(NEXT_CLUSTER_VERSION_COMPATIBLE),
        _ => spec,
    }
}

pub(super) fn refused(member: Member<'_>, reason: VersionChangeError) -> OperateError {
    OperateRefusal::Version { member: member.name().to_owned(), reason }.into()
}

/// The others must be within one minor version as well: the fleet acts as the oldest, and that must
/// not be two before.
pub(super) fn refuse_distant_members(
    member: Member<'_>,
    etcd: &Binary,
) -> Result<(), OperateError> {
    let others = member.cluster().members().filter(|other| other.index() != member.index());
    for other in others {
        let (theirs, ours) = (other.binary().release(), etcd.release());
        if theirs.version().minor().abs_diff(ours.version().minor()) > 1 {
            let change = if theirs.version() < ours.version() {
                theirs.change_to(ours)
            } else {
                ours.change_to(theirs)
            };
            change.map_err(|reason| refused(other, reason))?;
        }
    }
    Ok(())
}

/// The fleet must act as the minor version before the new one at least: it follows its members by
/// some seconds.
async fn be_ready_for(course: &Course<'_>, etcd: &Binary) -> Result<(), OperateError> {
    let cluster = course.cluster;
    if cluster.members().all(|member| !member.is_running()) {
        return Ok(());
    }
    let to = etcd.version();
    let before = Version::new(to.major(), to.minor().saturating_sub(1), 0);
    let ready = cluster.wait_until_ready().await;
    ready.map_err(|error| course.failed(Step::Before, None, error))?;
    let risen = wait_for(course, before, cluster_is_at_least).await;
    risen.map_err(|(step, cause)| course.failed(step, None, cause))
}
