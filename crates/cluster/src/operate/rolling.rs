//! One member after the other, and never so many that the fleet stands still.

use super::course::Course;
use super::error::{OperateError, Step};
use super::leader::{heir, lead};
use crate::cluster::{Cluster, Member};

impl Cluster {
    /// Restarts every member, one after the other, as an operator does: each is asked to end and is
    /// started again as what it is to be by now, and the next one's turn comes when all that runs is
    /// ready, with all its links. The leader's turn is the last, after it has handed over. Members
    /// that are down are started first.
    ///
    /// A fleet of three or more answers all the while, but for the moment of handing over and for
    /// what was under way at the member that goes; one of one or two stands still while a member is
    /// down.
    ///
    /// Cancelled, at most one member is down; calling it again restarts that one and all others.
    ///
    /// # Errors
    ///
    /// [`OperateError`] when the fleet is not ready to begin with, or a member does not end or does
    /// not come back: then the rest is left as it was.
    pub async fn rolling_restart(&self) -> Result<(), OperateError> {
        let course = Course::begin(self, "restarting one member after the other").await;
        let all: Vec<_> = self.members().collect();
        roll(&course, &all, |_| Ok(())).await
    }
}

/// Restarts `members` one after the other, each after `change`, which makes it what it is to be from
/// then on. The order is the function's: those that are down, followers, the leader.
pub(super) async fn roll(
    course: &Course<'_>,
    members: &[Member<'_>],
    change: impl Fn(Member<'_>) -> Result<(), OperateError>,
) -> Result<(), OperateError> {
    let cluster = course.cluster;
    let (mut waiting, down): (Vec<_>, Vec<_>) =
        members.iter().copied().partition(Member::is_running);
    // Together: each alone might be too few for a majority.
    for &member in &down {
        change(member)?;
        member.start().map_err(|error| course.failed(Step::Start, Some(member), error))?;
    }
    let ready = cluster.wait_until_ready().await;
    ready.map_err(|error| course.failed(Step::Before, None, error))?;
    while !waiting.is_empty() {
        let leader = cluster.leader().await;
        let leader = leader.map_err(|error| course.failed(Step::Leader, None, error))?;
        let next = waiting.iter().position(|member| member.index() != leader.index());
        let member = waiting.remove(next.unwrap_or_default());
        if member.index() == leader.index()
            && let Some(heir) = heir(cluster, leader).await
        {
            lead(course, heir).await?;
        }
        change(member)?;
        restart(course, member).await?;
    }
    Ok(())
}

/// Ends a member as an operator does, and brings it back.
pub(super) async fn restart(course: &Course<'_>, member: Member<'_>) -> Result<(), OperateError> {
    if member.is_running() {
        let stopped = member.stop().await;
        stopped.map_err(|error| course.failed(Step::Stop, Some(member), error))?;
    }
    member.restart().await.map_err(|error| course.failed(Step::Ready, Some(member), error))
}
