//! A member that moves to another address.

use tercet_client::MemberListResponse;

use super::course::Course;
use super::error::{Cause, OperateError, OperateRefusal, Step};
use super::leader::{heir, lead};
use super::roster::{agree, number};
use crate::cluster::{Member, StartError, share};
use crate::plan::{Entry, MemberPlan};
use crate::process::HeldPort;

impl Member<'_> {
    /// Moves its links to the others to another port: tells the fleet first, restarts the member
    /// there, and returns when all its links are up again. When it leads, it hands over before. Its
    /// certificates name addresses without ports, and stay as they are.
    ///
    /// Cancelled, it may be known at a port at which it is not; called again, this moves it to
    /// another one.
    ///
    /// # Errors
    ///
    /// [`OperateError`] when the fleet is not ready to begin with. When the member does not come up
    /// at its new port, it is brought back to the old one.
    pub async fn update_peer_url(&self) -> Result<(), OperateError> {
        let cluster = self.cluster();
        let course = Course::begin(cluster, format!("moving {}", self.name())).await;
        if self.is_removed() {
            return Err(OperateRefusal::Removed { member: self.name().to_owned() }.into());
        }
        if self.plan().spec().planned_host().is_some() {
            return Err(OperateRefusal::PortOfHost { member: self.name().to_owned() }.into());
        }
        if self.is_running() {
            let ready = cluster.wait_until_ready().await;
            ready.map_err(|error| course.failed(Step::Before, None, error))?;
        } else {
            // Two with a vote need it for a majority, also where the other does not find it.
            self.start().map_err(|error| course.failed(Step::Start, Some(*self), error))?;
        }
        let failed = |error: StartError| course.failed(Step::Plan, Some(*self), error);
        let port = HeldPort::hold(share(self.binary().release()));
        let port = port.map_err(|error| failed(error.into()))?;
        let old = self.plan();
        let mut address = old.spec().planned_address();
        address.peer.set_port(port.number());
        if let (Some(links), Some(linked)) = (&cluster.links, &mut address.linked) {
            let moved = links.move_peer(linked, address.peer);
            linked.peer =
                moved.map_err(|error| failed(StartError::Links(std::io::Error::other(error))))?;
        }
        // What it once joined by names it where it was.
        let spec = old.spec().clone().address(address).entry(Entry::Settled);
        let new = cluster.plan.member(spec).map_err(|error| failed(error.into()))?;
        let leader = cluster.leader().await;
        let leader = leader.map_err(|error| course.failed(Step::Leader, None, error))?;
        if leader.index() == self.index()
            && let Some(heir) = heir(cluster, leader).await
        {
            lead(&course, heir).await?;
        }
        // The old one stays held: others may dial it until they have heard.
        cluster.cell(self.index()).hold([port]);
        match go_to(&course, *self, &new).await {
            Ok(()) => Ok(()),
            Err((step, cause)) => {
                let why = course.seen(step, Some(*self), cause);
                match go_to(&course, *self, old).await {
                    Ok(()) => Err(why.now()),
                    Err((_, cause)) => Err(why.not_undone(&cause)),
                }
            }
        }
    }
}

/// Has the fleet know `member` at the address that `plan` has, and restarts it there.
async fn go_to(
    course: &Course<'_>,
    member: Member<'_>,
    plan: &MemberPlan,
) -> Result<(), (Step, Cause)> {
    tell(course, member, plan.peer_url()).await.map_err(|cause| (Step::Tell, cause))?;
    course.cluster.cell(member.index()).install(plan.clone(), member.binary().clone());
    if member.is_running() {
        member.stop().await.map_err(|error| (Step::Stop, error.into()))?;
    }
    member.restart().await.map_err(|error| (Step::Ready, error.into()))
}

/// Has the fleet know `member` at `url`.
async fn tell(course: &Course<'_>, member: Member<'_>, url: &str) -> Result<(), Cause> {
    let there = |list: &MemberListResponse| {
        let known = number(list, member)?;
        let mut members = list.members().iter();
        let is_it = |other: &&tercet_client::Member| other.id() == known;
        members.find(is_it).filter(|other| other.peer_urls() == [url]).map(drop)
    };
    agree(course, 0, there, |client, list| async move {
        let id = number(&list, member).unwrap_or_default();
        client.member_update(id, [url]).await.map(drop)
    })
    .await
}
