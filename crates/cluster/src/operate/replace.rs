//! A member in the stead of another.

use super::course::Course;
use super::entry::{Newcomer, Place, bring_in, make};
use super::error::{OperateError, OperateRefusal, Step};
use super::remove::take_out;
use super::roster::{Voters, entering};
use crate::cluster::{Member, Role};

impl<'a> Member<'a> {
    /// Replaces it, as one does with a member whose disk is lost: removes it, as
    /// [`remove`](Self::remove) does, and brings in another one in its stead, under a new name and
    /// without data, but at the same addresses and with the same etcd, and with a vote or without as
    /// it had. Clients find the new one where the old one was. Returns the new one when it is ready.
    ///
    /// The order is etcd's own advice (its "runtime reconfiguration" guide): a member that is down
    /// and still counted makes the majority larger without helping it.
    ///
    /// Cancelled, there is the old member, or the new one, or neither; called again on the old one,
    /// this goes on.
    ///
    /// # Errors
    ///
    /// [`OperateError::Refused`] when it is the only one with a vote, or too few of the others run.
    /// When the new one does not come up, it is taken back, and the fleet has one member less:
    /// called again on the old one, this brings in another.
    pub async fn replace(&self) -> Result<Member<'a>, OperateError> {
        let cluster = self.cluster();
        let course = Course::begin(cluster, format!("replacing {}", self.name())).await;
        if !self.is_removed() && successor(*self).is_none() {
            let wanted = cluster.cell(self.index()).standing().role();
            if wanted == Role::Voter {
                let voters = Voters::of(cluster);
                voters.may_remove(*self)?;
                voters.without(*self).may_add(wanted)?;
            }
            take_out(&course, *self).await?;
            let ready = cluster.wait_until_ready().await;
            ready.map_err(|error| course.failed(Step::Ready, None, error))?;
        }
        stand_in(&course, *self).await
    }
}

/// Brings another one in, in the stead of `old`, which was taken out.
pub(super) async fn stand_in<'a>(
    course: &Course<'_>,
    old: Member<'a>,
) -> Result<Member<'a>, OperateError> {
    if let Some(member) = successor(old) {
        return finish(course, old, member).await;
    }
    let cell = old.cluster().cell(old.index());
    let ports = cell.give_up_ports();
    let spec = old.plan().spec();
    let place = match spec.planned_host() {
        Some(host) if is_free(old) => Place::Instead(host.clone()),
        None if !ports.is_empty() => Place::Here(spec.planned_address()),
        _ => return Err(OperateRefusal::Removed { member: old.name().to_owned() }.into()),
    };
    let (binary, wanted) = (old.binary().clone(), cell.standing().role());
    let made = make(course, Newcomer { binary, place, wanted });
    let holder = made.as_ref().map_or_else(|_| old.index(), Member::index);
    old.cluster().cell(holder).hold(ports);
    let made = old.cluster().member(made?.index());
    finish(course, old, made).await
}

/// Whether nobody else is where it was.
fn is_free(old: Member<'_>) -> bool {
    old.cluster().members().all(|member| member.client_url() != old.client_url())
}

/// The one that was begun to be brought in, in its stead.
pub(super) fn successor<'a>(old: Member<'a>) -> Option<Member<'a>> {
    let (member, _) = entering(old.cluster())?;
    (member.client_url() == old.client_url()).then_some(member)
}

/// Brings `member` in, or gives its ports back to the one in whose stead it came.
async fn finish<'a>(
    course: &Course<'_>,
    old: Member<'_>,
    member: Member<'a>,
) -> Result<Member<'a>, OperateError> {
    let result = bring_in(course, member).await;
    if member.is_removed() {
        let ports = course.cluster.cell(member.index()).give_up_ports();
        course.cluster.cell(old.index()).hold(ports);
    }
    result.map(|()| member)
}
