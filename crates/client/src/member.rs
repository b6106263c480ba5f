//! The members of the cluster.

use crate::from_wire::{self, FromWire};
use crate::generated::etcdserverpb as pb;
use crate::json::{Hex, json_object};

/// A member, as the cluster knows it.
#[derive(Clone, PartialEq, Eq, Hash)]
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

json_object!(Member, it => {
    id: Hex(it.0.id),
    name: it.0.name,
    peer_urls: it.0.peer_urls,
    client_urls: it.0.client_urls,
    is_learner: it.0.is_learner,
});

/// The members, as one of them tells.
#[derive(Clone, PartialEq, Eq)]
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

    pub(crate) fn new(header: Option<pb::ResponseHeader>, members: Vec<pb::Member>) -> Self {
        Self { header: header.unwrap_or_default(), members: from_wire::all(members) }
    }
}

json_object!(MemberListResponse, it => {
    cluster_id: Hex(it.cluster_id()),
    member_id: Hex(it.member_id()),
    raft_term: it.raft_term(),
    members: it.members,
});

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
