//! The members of the cluster, and what each says of itself.

use crate::from_wire::{self, FromWire};
use crate::generated::etcdserverpb as pb;

/// A member, as the cluster knows it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Member(pb::Member);

impl Member {
    /// Its number, which it keeps until it is removed.
    #[must_use]
    pub fn id(&self) -> u64 {
        self.0.id
    }

    /// Its name; empty until it has started once.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// Where the other members reach it.
    #[must_use]
    pub fn peer_urls(&self) -> &[String] {
        &self.0.peer_urls
    }

    /// Where it says that clients reach it; empty until it has started once.
    #[must_use]
    pub fn client_urls(&self) -> &[String] {
        &self.0.client_urls
    }

    /// Whether it follows without a vote.
    #[must_use]
    pub fn is_learner(&self) -> bool {
        self.0.is_learner
    }
}

impl FromWire<pb::Member> for Member {
    fn from_wire(wire: pb::Member) -> Self {
        Self(wire)
    }
}

/// The members, as one of them tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberListResponse {
    header: pb::ResponseHeader,
    members: Vec<Member>,
}

impl MemberListResponse {
    /// The members, in the order of their numbers.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The members, to keep.
    #[must_use]
    pub fn into_members(self) -> Vec<Member> {
        self.members
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there are none, which no server says.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// The number of the cluster.
    #[must_use]
    pub fn cluster_id(&self) -> u64 {
        self.header.cluster_id
    }

    /// The number of the member that answered.
    #[must_use]
    pub fn member_id(&self) -> u64 {
        self.header.member_id
    }

    /// Which election the leader of the member that answered won.
    #[must_use]
    pub fn raft_term(&self) -> u64 {
        self.header.raft_term
    }
}

impl IntoIterator for MemberListResponse {
    type Item = Member;
    type IntoIter = std::vec::IntoIter<Member>;

    fn into_iter(self) -> Self::IntoIter {
        self.members.into_iter()
    }
}

impl<'a> IntoIterator for &'a MemberListResponse {
    type Item = &'a Member;
    type IntoIter = std::slice::Iter<'a, Member>;

    fn into_iter(self) -> Self::IntoIter {
        self.members.iter()
    }
}

impl FromWire<pb::MemberListResponse> for MemberListResponse {
    fn from_wire(wire: pb::MemberListResponse) -> Self {
        Self { header: wire.header.unwrap_or_default(), members: from_wire::all(wire.members) }
    }
}

/// What one member says of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    header: pb::ResponseHeader,
    wire: pb::StatusResponse,
}

impl Status {
    /// The version of its etcd, as `3.5.1`.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.wire.version
    }

    /// Its own number.
    #[must_use]
    pub fn member_id(&self) -> u64 {
        self.header.member_id
    }

    /// The number of the cluster that it belongs to.
    #[must_use]
    pub fn cluster_id(&self) -> u64 {
        self.header.cluster_id
    }

    /// The store's revision, as far as this member has applied it.
    #[must_use]
    pub fn revision(&self) -> i64 {
        self.header.revision
    }

    /// The leader that it knows, if it knows one.
    #[must_use]
    pub fn leader(&self) -> Option<u64> {
        (self.wire.leader != 0).then_some(self.wire.leader)
    }

    /// Whether it is the leader, as far as it knows.
    #[must_use]
    pub fn is_leader(&self) -> bool {
        self.leader() == Some(self.member_id())
    }

    /// Whether it follows without a vote. Never before etcd 3.4.
    #[must_use]
    pub fn is_learner(&self) -> bool {
        self.wire.is_learner
    }

    /// The size of its store's file.
    #[must_use]
    pub fn db_size_bytes(&self) -> i64 {
        self.wire.db_size
    }

    /// How much of the store's file is in use; 0 before etcd 3.4.
    #[must_use]
    pub fn db_size_in_use_bytes(&self) -> i64 {
        self.wire.db_size_in_use
    }

    /// How far its log is known to be agreed upon.
    #[must_use]
    pub fn raft_index(&self) -> u64 {
        self.wire.raft_index
    }

    /// How far its log is applied; 0 before etcd 3.4.
    #[must_use]
    pub fn raft_applied_index(&self) -> u64 {
        self.wire.raft_applied_index
    }

    /// Which election its leader won.
    #[must_use]
    pub fn raft_term(&self) -> u64 {
        self.wire.raft_term
    }

    /// What it complains of: no leader, an alarm.
    #[must_use]
    pub fn errors(&self) -> &[String] {
        &self.wire.errors
    }
}

impl FromWire<pb::StatusResponse> for Status {
    fn from_wire(mut wire: pb::StatusResponse) -> Self {
        Self { header: wire.header.take().unwrap_or_default(), wire }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_leads() {
        let header = Some(pb::ResponseHeader { member_id: 7, ..Default::default() });
        let status =
            |leader| Status::from_wire(pb::StatusResponse { header, leader, ..Default::default() });
        assert!(status(7).is_leader());
        assert!(!status(8).is_leader());
        assert_eq!(status(0).leader(), None);
        assert!(!status(0).is_leader());
    }
}
