//! Who leads, on purpose.

use std::time::Instant;

use tercet_client::ErrorKind;

use super::course::Course;
use super::error::{Cause, OperateError, Step};
use crate::cluster::{Cluster, Member};

impl Cluster {
    /// Hands the leadership over to `member`; see [`Member::lead`].
    ///
    /// # Errors
    ///
    /// As [`Member::lead`].
    pub async fn move_leader(&self, member: Member<'_>) -> Result<(), OperateError> {
        member.lead().await
    }
}

impl Member<'_> {
    /// Hands the leadership over to this member, and returns when a majority follows it. Where it
    /// leads already, nothing happens.
    ///
    /// Writes pause for a few milliseconds, not for an election: the old leader tells this one to
    /// ask for votes at once.
    ///
    /// Cancelled, either of the two leads.
    ///
    /// # Errors
    ///
    /// [`OperateError`] when nobody leads, when this member has no vote, or when it does not come to
    /// lead within the time that the fleet may take to start ([`Spec::ready_within`](crate::Spec::ready_within)).
    pub async fn lead(&self) -> Result<(), OperateError> {
        let operation = format!("handing the leadership to {}", self.name());
        let course = Course::begin(self.cluster(), operation).await;
        lead(&course, *self).await
    }
}

/// As [`Member::lead`], as a part of something.
pub(super) async fn lead(course: &Course<'_>, member: Member<'_>) -> Result<(), OperateError> {
    let begin = Instant::now();
    let failed = |cause: Cause| course.failed(Step::MoveLeader, Some(member), cause);
    loop {
        let leader = course.cluster.leader().await;
        let leader = leader.map_err(|error| course.failed(Step::Leader, None, error))?;
        if leader.index() == member.index() {
            return Ok(());
        }
        let client = leader.direct_client().await.map_err(|error| failed(error.into()))?;
        let status = client.status(member.direct_client_url()).await;
        let status = status.map_err(|error| failed(error.into()))?;
        match client.move_leader(leader.direct_client_url(), status.member_id()).await {
            // Whom it follows is asked of all: the next round sees it.
            Ok(()) if begin.elapsed() < course.cluster.ready_within => {}
            Ok(()) => return Err(failed(Cause::NotSeen { elapsed: begin.elapsed() })),
            Err(error)
                if may_be_tried_again(error.kind())
                    && begin.elapsed() < course.cluster.ready_within => {}
            Err(error) => return Err(failed(error.into())),
        }
    }
}

/// Whether a leadership that was not handed over may be next time: the leader was another by then,
/// or the two lost a message.
fn may_be_tried_again(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::NotLeader
            | ErrorKind::LeaderChanged
            | ErrorKind::NoLeader
            | ErrorKind::Timeout
            | ErrorKind::DeadlineExceeded
            | ErrorKind::Unavailable
    )
}

/// A member with a vote that can lead in the place of `leader`: the first that answers.
pub(super) async fn heir<'a>(cluster: &'a Cluster, leader: Member<'_>) -> Option<Member<'a>> {
    let others = cluster.members().filter(|member| member.index() != leader.index());
    for member in others.filter(Member::is_running) {
        let Ok(client) = member.direct_client().await else { continue };
        if client.status(member.direct_client_url()).await.is_ok_and(|status| !status.is_learner())
        {
            return Some(member);
        }
    }
    None
}
