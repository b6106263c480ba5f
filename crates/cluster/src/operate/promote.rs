//! A learner that is given a vote.

use std::time::{Duration, Instant};

use tercet_client::{ErrorKind, MemberListResponse};
use tokio::time::sleep;

use super::course::Course;
use super::error::{Cause, OperateError, OperateRefusal, Step};
use super::roster::{agree, number};
#[cfg(doc)]
use crate::cluster::Cluster;
use crate::cluster::{Member, Role, Standing};

/// How long after a question to the member the next one follows.
const LOOK_EVERY: Duration = Duration::from_millis(2);

impl Member<'_> {
    /// Gives this learner a vote, and returns when it answers as the others do. It waits until the
    /// learner has caught up: until it has nine tenths of the leader's log
    /// (`server/etcdserver/server.go`, `readyPercentThreshold`). Where it has a vote already,
    /// nothing happens.
    ///
    /// Cancelled, it has a vote or none; calling it again goes on.
    ///
    /// etcd 3.5.1 to 3.5.19 note a promotion in one of two records only (etcd issues 19557 and 20793),
    /// and 3.6 goes by the other: it does not start where more than one member has come so.
    /// [`Cluster::upgrade`] makes that good: it has each member write a snapshot first, in which 3.6
    /// finds what the record lacks.
    ///
    /// # Errors
    ///
    /// [`OperateError`] when it does not catch up within the time that the fleet may take to start
    /// ([`Spec::ready_within`](crate::Spec::ready_within)), with how far it and the leader are.
    pub async fn promote(&self) -> Result<(), OperateError> {
        let course = Course::begin(self.cluster(), format!("promoting {}", self.name())).await;
        if self.is_removed() {
            return Err(OperateRefusal::Removed { member: self.name().to_owned() }.into());
        }
        let given = give_vote(&course, *self).await;
        given.map_err(|(step, cause)| course.failed(step, Some(*self), cause))
    }
}

/// As [`Member::promote`], as a part of something.
pub(super) async fn give_vote(
    course: &Course<'_>,
    member: Member<'_>,
) -> Result<(), (Step, Cause)> {
    let reached = |list: &MemberListResponse| {
        let known = number(list, member)?;
        let mut members = list.members().iter();
        members.find(|other| other.id() == known && !other.is_learner()).map(drop)
    };
    let request = |client: tercet_client::Client, list: MemberListResponse| async move {
        // One that is not there is told by its answer.
        let id = number(&list, member).unwrap_or_default();
        match client.member_promote(id).await {
            // Somebody else has.
            Err(error) if error.kind() == ErrorKind::NotLearner => Ok(()),
            result => result.map(drop),
        }
    };
    match agree(course, 0, reached, request).await {
        Ok(()) => {}
        Err(Cause::Client(error)) if error.kind() == ErrorKind::LearnerNotReady => {
            return Err((Step::Promote, how_far(course, member, error).await));
        }
        Err(cause) => return Err((Step::Promote, cause)),
    }
    let cell = course.cluster.cell(member.index());
    cell.stand(match cell.standing() {
        Standing::Entering { wanted, .. } => Standing::Entering { now: Role::Voter, wanted },
        Standing::Belongs(_) | Standing::Removed { .. } => Standing::Belongs(Role::Voter),
    });
    knows_its_vote(course, member).await.map_err(|cause| (Step::Promote, cause))?;
    // From now on it must answer reads like any other.
    course.cluster.wait_until_ready().await.map_err(|error| (Step::Ready, error.into()))
}

/// Waits until it has heard itself that it has a vote: until then it answers as a learner. It may
/// be down, or be on its way up again.
async fn knows_its_vote(course: &Course<'_>, member: Member<'_>) -> Result<(), Cause> {
    let begin = Instant::now();
    let client = member.direct_client().await?;
    loop {
        let status = client.status(member.direct_client_url()).await;
        let late = match status {
            Ok(status) if !status.is_learner() => return Ok(()),
            Ok(_) => None,
            Err(error) => Some(error),
        };
        let elapsed = begin.elapsed();
        if elapsed >= course.cluster.ready_within {
            return Err(Cause::VoteNotSeen { elapsed, source: late });
        }
        sleep(LOOK_EVERY).await;
    }
}

/// How far a learner that has not caught up is.
async fn how_far(course: &Course<'_>, member: Member<'_>, error: tercet_client::Error) -> Cause {
    let index = async |member: Member<'_>| {
        let client = member.direct_client().await.ok()?;
        Some(client.status(member.direct_client_url()).await.ok()?.raft_index())
    };
    let leader = course.cluster.leader().await.ok();
    let leader = match leader {
        Some(leader) => index(leader).await,
        None => None,
    };
    Cause::Behind { learner: index(member).await, leader, source: error }
}
