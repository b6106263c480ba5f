//! What each member is to be for another etcd to run it.

use super::error::{OperateError, OperateRefusal};
use super::rolling::Turn;
use crate::binary::Binary;
use crate::cluster::Member;
use crate::plan::MemberSpec;

/// The turn of a member that `etcd` is to run, with whatever `more` says of it; none where it runs
/// like that already.
pub(super) fn turn<'a>(
    member: Member<'a>,
    etcd: &Binary,
    more: impl Fn(MemberSpec) -> MemberSpec,
) -> Result<Option<Turn<'a>>, OperateError> {
    let spec = more(member.plan().spec().clone().release(etcd.release()));
    let plan = member
        .cluster()
        .plan
        .member(spec)
        .map_err(|reason| OperateRefusal::Plan { member: member.name().to_owned(), reason })?;
    let is_so = member.binary().path() == etcd.path() && *member.plan() == plan;
    let is_done = is_so && member.is_running();
    Ok((!is_done).then(|| Turn::change(member, plan, etcd.clone())))
}
