//! Why a fleet is not ready, told from the logs of all its members: a link has two ends, and mostly
//! it is the other one that knows.

use super::fleet::Cluster;
use crate::observe::{PortKind, Refusal, RefusedLink};

/// Why a process ended: what ended it, or else all that it says.
pub(super) fn of_exited(mut refusals: Vec<Refusal>) -> Vec<Refusal> {
    if refusals.iter().any(|refusal| refusal.link.is_none()) {
        refusals.retain(|refusal| refusal.link.is_none());
    }
    refusals
}

/// Why the members `waiting` are not ready, the most telling first.
pub(super) fn of_waiting(cluster: &Cluster, waiting: &[usize]) -> Vec<Refusal> {
    let mut ids = Vec::new();
    let mut refusals = Vec::new();
    // One lock at a time: see `Cluster::state`.
    for index in cluster.indices() {
        let name = cluster.cell(index).plan().name();
        let state = cluster.state(index);
        ids.extend(state.progress.id().map(|id| (id.to_owned(), name.to_owned())));
        if state.child.is_none() {
            continue;
        }
        let said = state.progress.refusals().into_iter();
        // Whom a member that is well does not let in as a client is no matter here.
        let said = said.filter(|refusal| waiting.contains(&index) || !is_of_a_client(refusal));
        refusals.extend(said.map(|refusal| refusal.of_member(name)));
    }
    for other in refusals.iter_mut().filter_map(Refusal::other_end_mut) {
        if let Some((_, name)) = ids.iter().find(|(id, _)| id == other) {
            other.clone_from(name);
        }
    }
    refusals.sort_by_key(Refusal::rank);
    refusals
}

fn is_of_a_client(refusal: &Refusal) -> bool {
    matches!(refusal.link, Some(RefusedLink::Incoming { port: Some(PortKind::Client), .. }))
}
