//! The names that members have in each other's lists.

use std::collections::BTreeSet;

use super::course::Course;
use super::error::{OperateError, Step};
use super::rolling::restart_each;
use super::upkeep::voters_that_run;
use crate::cluster::Member;

/// Has every member tell its name again that another one lists without: it does so whenever it
/// starts.
///
/// What a member of 3.5.1 to 3.5.19 hears of the name of one that has joined, it notes in one of two
/// records only. Newer versions go by the other one, and hear the name no more, if that member has
/// become of the newer version before them (`server/etcdserver/api/membership/cluster.go`,
/// `UpdateAttributes`; measured, 3.5.1 to 3.6.14).
pub(super) async fn tell_names_again(course: &Course<'_>) -> Result<(), OperateError> {
    let mut nameless = BTreeSet::new();
    for member in voters_that_run(course.cluster) {
        let list = async { member.direct_client().await?.member_list().await };
        let list = list.await.map_err(|error| course.failed(Step::Names, Some(member), error))?;
        for other in list.members().iter().filter(|other| other.name().is_empty()) {
            let is_it =
                |ours: &Member<'_>| other.peer_urls().iter().any(|url| url == ours.peer_url());
            nameless.extend(course.cluster.members().find(is_it).map(|ours| ours.index()));
        }
    }
    if nameless.is_empty() {
        return Ok(());
    }
    let members: Vec<_> =
        course.cluster.members().filter(|member| nameless.contains(&member.index())).collect();
    restart_each(course, &members).await
}
