//! Who is a member.

use crate::client::{Client, cluster, timed};
use crate::error::Result;
use crate::from_wire::FromWire;
use crate::generated::etcdserverpb as pb;
use crate::json::{Hex, json_object};
use crate::kv::check::invalid;
use crate::member::{Member, MemberListResponse};
use crate::transport::call::Operation;

/// What changes the members is a write: if nobody knows whether it happened
/// ([`Outcome::Unknown`](crate::Outcome::Unknown)), [`member_list`](Self::member_list) tells.
///
/// etcd checks each change unless it was started with `--strict-reconfig-check=false`: one that
/// would leave the cluster without a quorum, or comes within five seconds of a member's start, is
/// refused as [`UnhealthyCluster`](crate::ErrorKind::UnhealthyCluster)
/// (`server/etcdserver/server.go`, `mayAddMember`, `mayRemoveMember`).
impl Client {
    /// The members, as the cluster has agreed on them; before etcd 3.5, as one member knows them.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub async fn member_list(&self) -> Result<MemberListResponse> {
        self.list_members(true).await
    }

    /// The members, as one member knows them: also where too few are left to agree on anything. It
    /// may not have heard of the latest change.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub async fn member_list_serializable(&self) -> Result<MemberListResponse> {
        self.list_members(false).await
    }

    async fn list_members(&self, linearizable: bool) -> Result<MemberListResponse> {
        self.unary(Operation::read("member_list"), |channel, patience| {
            let request = timed(pb::MemberListRequest { linearizable }, patience);
            async move { cluster(channel).member_list(request).await }
        })
        .await
    }

    /// Adds a member with a vote, which others will reach at `peer_urls`.
    ///
    /// It counts for the quorum from now on, also while it is not started: start it at once, with
    /// `--initial-cluster-state=existing`. [`member_add_learner`](Self::member_add_learner) is
    /// safer.
    ///
    /// Cancelling: it may be added all the same; [`member_list`](Self::member_list) says.
    ///
    /// # Errors
    ///
    /// As [`put`](Self::put), and [`UnhealthyCluster`](crate::ErrorKind::UnhealthyCluster),
    /// [`MemberExists`](crate::ErrorKind::MemberExists) if another has one of the URLs, or
    /// [`InvalidRequest`](crate::ErrorKind::InvalidRequest) if a URL is none.
    pub async fn member_add<U: Into<String>>(
        &self,
        peer_urls: impl IntoIterator<Item = U>,
    ) -> Result<MemberAddResponse> {
        self.add(Operation::write("member_add"), peer_urls, false).await
    }

    /// Adds a member that follows without a vote, until [`member_promote`](Self::member_promote).
    ///
    /// Cancelling: it may be added all the same; [`member_list`](Self::member_list) says.
    ///
    /// # Errors
    ///
    /// As [`member_add`](Self::member_add), and
    /// [`TooManyLearners`](crate::ErrorKind::TooManyLearners): by default there may be one.
    pub async fn member_add_learner<U: Into<String>>(
        &self,
        peer_urls: impl IntoIterator<Item = U>,
    ) -> Result<MemberAddResponse> {
        self.add(Operation::write("member_add_learner"), peer_urls, true).await
    }

    /// Gives a learner a vote.
    ///
    /// Cancelling: it may be promoted all the same.
    ///
    /// # Errors
    ///
    /// As [`put`](Self::put), and [`LearnerNotReady`](crate::ErrorKind::LearnerNotReady) until it
    /// has nine tenths of the leader's log (`server/etcdserver/server.go`,
    /// `readyPercentThreshold`), [`NotLearner`](crate::ErrorKind::NotLearner) if it has a vote, or
    /// [`MemberNotFound`](crate::ErrorKind::MemberNotFound), for which a follower of etcd 3.4 or 3.5.1
    /// says [`Timeout`](crate::ErrorKind::Timeout) (measured).
    pub async fn member_promote(&self, id: u64) -> Result<MemberListResponse> {
        self.unary(Operation::write("member_promote"), |channel, patience| {
            let request = timed(pb::MemberPromoteRequest { id }, patience);
            async move { cluster(channel).member_promote(request).await }
        })
        .await
    }

    /// Removes a member, running or not. One that runs then ends by itself, and its number is never
    /// used again.
    ///
    /// Cancelling: it may be removed all the same.
    ///
    /// # Errors
    ///
    /// As [`put`](Self::put), and [`UnhealthyCluster`](crate::ErrorKind::UnhealthyCluster) or
    /// [`MemberNotFound`](crate::ErrorKind::MemberNotFound).
    pub async fn member_remove(&self, id: u64) -> Result<MemberListResponse> {
        self.unary(Operation::write("member_remove"), |channel, patience| {
            let request = timed(pb::MemberRemoveRequest { id }, patience);
            async move { cluster(channel).member_remove(request).await }
        })
        .await
    }

    /// Tells the members where one of them is reached from now on, before it moves there.
    ///
    /// Cancelling: it may happen all the same.
    ///
    /// # Errors
    ///
    /// As [`put`](Self::put), and [`MemberNotFound`](crate::ErrorKind::MemberNotFound),
    /// [`MemberExists`](crate::ErrorKind::MemberExists) or
    /// [`InvalidRequest`](crate::ErrorKind::InvalidRequest).
    pub async fn member_update<U: Into<String>>(
        &self,
        id: u64,
        peer_urls: impl IntoIterator<Item = U>,
    ) -> Result<MemberListResponse> {
        const UPDATE: Operation = Operation::write("member_update");
        let peer_urls = urls(UPDATE, peer_urls)?;
        self.unary(UPDATE, |channel, patience| {
            let peer_urls = peer_urls.clone();
            let request = timed(pb::MemberUpdateRequest { id, peer_urls }, patience);
            async move { cluster(channel).member_update(request).await }
        })
        .await
    }

    async fn add<U: Into<String>>(
        &self,
        operation: Operation,
        peer_urls: impl IntoIterator<Item = U>,
        is_learner: bool,
    ) -> Result<MemberAddResponse> {
        let peer_urls = urls(operation, peer_urls)?;
        self.unary(operation, |channel, patience| {
            let peer_urls = peer_urls.clone();
            let request = timed(pb::MemberAddRequest { peer_urls, is_learner }, patience);
            async move { cluster(channel).member_add(request).await }
        })
        .await
    }
}

/// Those that etcd would take, as far as that shows without a server (`client/pkg/types/urls.go`).
fn urls<U: Into<String>>(
    operation: Operation,
    urls: impl IntoIterator<Item = U>,
) -> Result<Vec<String>> {
    const SCHEMES: [&str; 4] = ["https://", "http://", "unixs://", "unix://"];
    let urls: Vec<String> = urls.into_iter().map(Into::into).collect();
    if urls.is_empty() {
        return Err(invalid(operation, "no peer URL is given"));
    }
    match urls.iter().find(|url| !SCHEMES.iter().any(|scheme| url.starts_with(scheme))) {
        Some(url) => {
            let what = format!("the peer URL `{url}` begins with neither https:// nor http://");
            Err(invalid(operation, &what))
        }
        None => Ok(urls),
    }
}

/// A new member, and with whom it is one.
#[derive(Clone, PartialEq, Eq)]
pub struct MemberAddResponse {
    member: Member,
    list: MemberListResponse,
}

impl MemberAddResponse {
    /// The new member, which has a number and no name yet.
    #[must_use]
    pub fn member(&self) -> &Member {
        &self.member
    }

    /// All members, the new one too: what its `--initial-cluster` must name.
    #[must_use]
    pub fn members(&self) -> &[Member] {
        self.list.members()
    }

    /// The number of the cluster.
    #[must_use]
    pub fn cluster_id(&self) -> u64 {
        self.list.cluster_id()
    }
}

json_object!(MemberAddResponse, it => {
    cluster_id: Hex(it.cluster_id()),
    member: it.member,
    members: it.members(),
});

impl FromWire<pb::MemberAddResponse> for MemberAddResponse {
    fn from_wire(wire: pb::MemberAddResponse) -> Self {
        Self {
            member: Member::from_wire(wire.member.unwrap_or_default()),
            list: MemberListResponse::new(wire.header, wire.members),
        }
    }
}

impl FromWire<pb::MemberListResponse> for MemberListResponse {
    fn from_wire(wire: pb::MemberListResponse) -> Self {
        Self::new(wire.header, wire.members)
    }
}

impl FromWire<pb::MemberPromoteResponse> for MemberListResponse {
    fn from_wire(wire: pb::MemberPromoteResponse) -> Self {
        Self::new(wire.header, wire.members)
    }
}

impl FromWire<pb::MemberRemoveResponse> for MemberListResponse {
    fn from_wire(wire: pb::MemberRemoveResponse) -> Self {
        Self::new(wire.header, wire.members)
    }
}

impl FromWire<pb::MemberUpdateResponse> for MemberListResponse {
    fn from_wire(wire: pb::MemberUpdateResponse) -> Self {
        Self::new(wire.header, wire.members)
    }
}
