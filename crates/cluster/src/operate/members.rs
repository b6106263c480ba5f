//! Members that come.

use super::course::Course;
use super::entry::{Newcomer, Place, bring_in, make};
use super::error::{OperateError, Step};
use super::roster::{Voters, entering};
use crate::binary::Binary;
use crate::cluster::{Cluster, Member, Role, hold_place};
use crate::plan::MemberHost;

impl Cluster {
    /// Adds a member with a vote, with a name and data that no member had before, and returns when
    /// it is ready: when all that runs is, with all its links. It is run by the oldest etcd that
    /// runs one of the others.
    ///
    /// It has two new ports and certificates of the fleet's authority. Clients that were made before
    /// do not know of it; [`endpoints`](Self::endpoints) does.
    ///
    /// The only member of a fleet is joined by a learner, which then is given a vote: so writes go on
    /// all the while, and one that does not come up can be taken back.
    ///
    /// Cancelled, the new member may be known to the fleet and not run: called again, this goes on
    /// with it. Or [remove](Member::remove) it.
    ///
    /// # Errors
    ///
    /// [`OperateError::Refused`] when too many or too few members are there. When the new one does
    /// not come up, it is taken back: the fleet is as before, and the name is not used again.
    pub async fn add_member(&self) -> Result<Member<'_>, OperateError> {
        let course = Course::begin(self, "adding a member").await;
        add(&course, Role::Voter, None).await
    }

    /// Adds a learner: a member without a vote, until it is [promoted](Member::promote). All else is
    /// as with [`add_member`](Self::add_member), but that the number of votes stays what it was.
    ///
    /// etcd allows for one learner at a time unless it is told otherwise (`--max-learners`, from
    /// 3.6 on).
    ///
    /// # Errors
    ///
    /// As [`add_member`](Self::add_member).
    pub async fn add_learner(&self) -> Result<Member<'_>, OperateError> {
        let course = Course::begin(self, "adding a learner").await;
        add(&course, Role::Learner, None).await
    }

    /// As [`add_member`](Self::add_member), for a fleet on hosts ([`Spec::hosts`](crate::Spec::hosts)):
    /// the new member is on this one, under the name that the host has for it.
    ///
    /// # Errors
    ///
    /// As [`add_member`](Self::add_member), and [`OperateError::Refused`] when the other members are
    /// on no hosts, or one of them has the name or had it.
    pub async fn add_member_on(&self, host: MemberHost) -> Result<Member<'_>, OperateError> {
        let course = Course::begin(self, format!("adding a member on {}", host.ip())).await;
        add(&course, Role::Voter, Some(host)).await
    }

    /// As [`add_learner`](Self::add_learner), on a host: see [`add_member_on`](Self::add_member_on).
    ///
    /// # Errors
    ///
    /// As [`add_member_on`](Self::add_member_on).
    pub async fn add_learner_on(&self, host: MemberHost) -> Result<Member<'_>, OperateError> {
        let course = Course::begin(self, format!("adding a learner on {}", host.ip())).await;
        add(&course, Role::Learner, Some(host)).await
    }
}

async fn add<'a>(
    course: &Course<'a>,
    wanted: Role,
    host: Option<MemberHost>,
) -> Result<Member<'a>, OperateError> {
    let cluster = course.cluster;
    if let Some((member, role)) = entering(cluster) {
        finish(course, member).await?;
        if role == wanted {
            return Ok(member);
        }
    }
    Voters::of(cluster).may_add(wanted)?;
    let ready = cluster.wait_until_ready().await;
    ready.map_err(|error| course.failed(Step::Before, None, error))?;
    let binary = oldest(cluster);
    let (place, ports) = match host {
        Some(host) => (Place::On(host), Vec::new()),
        None => {
            let held = hold_place(cluster.plan.spec(), binary.release(), cluster.links.as_ref());
            let (address, ports) = held.map_err(|error| course.failed(Step::Plan, None, error))?;
            (Place::Here(address), ports)
        }
    };
    let member = make(course, Newcomer { binary, place, wanted })?;
    cluster.cell(member.index()).hold(ports);
    finish(course, member).await?;
    Ok(member)
}

/// Brings it in, or lets its ports go.
async fn finish(course: &Course<'_>, member: Member<'_>) -> Result<(), OperateError> {
    let result = bring_in(course, member).await;
    if member.is_removed() {
        course.cluster.let_go_of_place(member.index());
    }
    result
}

/// The oldest etcd that runs a member: a newer one than the others have would change more than the
/// number of members.
fn oldest(cluster: &Cluster) -> Binary {
    let binaries = cluster.members().map(|member| member.binary());
    binaries.min_by_key(|binary| binary.version()).unwrap_or(&cluster.binary).clone()
}
