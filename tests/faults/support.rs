//! Fleets to be broken.

use tercet_cluster::binary::Binary;
use tercet_harness::{Builder, Cluster, Member, Timing};

/// A fleet that does not lose its leader because a machine is busy.
pub(crate) fn fleet_of(etcd: &Binary, members: usize) -> Builder {
    Cluster::builder().binary(etcd.path()).timing(Timing::Ci).members(members)
}

/// How often a member has been started, by its log.
pub(crate) fn starts(member: Member<'_>) -> usize {
    // What comes after it in the log may be missing of one that is killed as it listens.
    log(member).matches("\"configuring client listeners\"").count()
}

/// All that it has printed.
pub(crate) fn log(member: Member<'_>) -> String {
    std::fs::read_to_string(member.log()).unwrap()
}

/// Another member than this one.
pub(crate) fn other_than<'a>(cluster: &'a Cluster, member: Member<'_>) -> Member<'a> {
    cluster.members().find(|other| other.index() != member.index()).unwrap()
}
