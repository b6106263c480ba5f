//! One member after the other, and never so many that the fleet stands still.

use super::course::Course;
use super::error::{Cause, OperateError, Step};
use super::leader::{heir, lead};
use super::snapshot_first::write_snapshot;
use crate::binary::Binary;
use crate::cluster::{Cluster, Member, share};
use crate::plan::MemberPlan;

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
        restart_each(&course, &all).await
    }
}

/// As [`Cluster::rolling_restart`], as a part of something, and of these members.
pub(super) async fn restart_each(
    course: &Course<'_>,
    members: &[Member<'_>],
) -> Result<(), OperateError> {
    let turns: Vec<_> = members.iter().copied().map(Turn::restart).collect();
    roll(course, &turns).await
}

/// A member that is to be restarted, perhaps as something else.
pub(super) struct Turn<'a> {
    member: Member<'a>,
    /// What it is to be from then on.
    new: Option<(MemberPlan, Binary)>,
    /// Whether it must write a snapshot before.
    snapshot_first: bool,
}

impl<'a> Turn<'a> {
    /// As what it is to be by now.
    const fn restart(member: Member<'a>) -> Self {
        Self { member, new: None, snapshot_first: false }
    }

    /// As this.
    pub(super) const fn change(member: Member<'a>, plan: MemberPlan, etcd: Binary) -> Self {
        Self { member, new: Some((plan, etcd)), snapshot_first: false }
    }

    /// After it has written a snapshot of all that it knows.
    pub(super) const fn snapshot_first(mut self, snapshot_first: bool) -> Self {
        self.snapshot_first = snapshot_first;
        self
    }

    pub(super) fn install(&self) {
        if let Some((plan, etcd)) = &self.new {
            let cell = self.member.cluster().cell(self.member.index());
            cell.share_ports(share(etcd.release()));
            cell.install(plan.clone(), etcd.clone());
        }
    }

    /// What the member is before it changes.
    fn back(&self) -> Self {
        let member = self.member;
        let new = self.new.is_some().then(|| (member.plan().clone(), member.binary().clone()));
        Self { member, new, snapshot_first: false }
    }
}

/// Gives each its turn: those that are down, followers, the leader. One that is to be something else
/// and does not come up so is brought back as what it was.
pub(super) async fn roll(course: &Course<'_>, turns: &[Turn<'_>]) -> Result<(), OperateError> {
    let cluster = course.cluster;
    let (mut waiting, down): (Vec<_>, Vec<_>) =
        turns.iter().partition(|turn| turn.member.is_running());
    start_those_that_are_down(course, &down).await?;
    waiting.extend(down.into_iter().filter(|turn| turn.snapshot_first));
    while !waiting.is_empty() {
        let leader = cluster.leader().await;
        let leader = leader.map_err(|error| course.failed(Step::Leader, None, error))?;
        let next = waiting.iter().position(|turn| turn.member.index() != leader.index());
        let turn = waiting.remove(next.unwrap_or_default());
        if turn.member.index() == leader.index()
            && let Some(heir) = heir(cluster, leader).await
        {
            lead(course, heir).await?;
        }
        let back = turn.back();
        if let Err((step, cause)) = restart(turn).await {
            let why = course.seen(step, Some(turn.member), cause);
            if back.new.is_none() {
                return Err(why.now());
            }
            return match restart(&back).await {
                Ok(()) => Err(why.now()),
                Err((_, cause)) => Err(why.not_undone(&cause)),
            };
        }
    }
    Ok(())
}

/// Together: each alone might be too few for a majority.
async fn start_those_that_are_down(
    course: &Course<'_>,
    down: &[&Turn<'_>],
) -> Result<(), OperateError> {
    let back: Vec<_> = down.iter().map(|turn| turn.back()).collect();
    let started = async {
        for turn in down {
            if !turn.snapshot_first {
                turn.install();
            }
            let started = turn.member.start();
            started.map_err(|error| (Step::Start, Some(turn.member), error))?;
        }
        let ready = course.cluster.wait_until_ready().await;
        ready.map_err(|error| (Step::Before, None, error))
    };
    match started.await {
        Ok(()) => Ok(()),
        Err((step, member, error)) => {
            let why = course.seen(step, member, error);
            // Down they were.
            for turn in back.iter().filter(|turn| turn.new.is_some()) {
                let ended = turn.member.end();
                turn.install();
                if let Err(error) = ended {
                    return Err(why.not_undone(&error.into()));
                }
            }
            Err(why.now())
        }
    }
}

/// Ends a member as an operator does, and brings it back as what it is to be.
async fn restart(turn: &Turn<'_>) -> Result<(), (Step, Cause)> {
    let member = turn.member;
    if turn.snapshot_first {
        write_snapshot(member).await?;
    }
    if member.is_running() {
        member.stop().await.map_err(|error| (Step::Stop, error.into()))?;
    }
    // Not before: cancelled until here, it is what it was.
    turn.install();
    member.restart().await.map_err(|error| (Step::Ready, error.into()))
}
