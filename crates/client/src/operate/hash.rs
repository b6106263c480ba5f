//! Whether members have the same.

use crate::client::{Client, maintenance, timed};
use crate::config::Endpoint;
use crate::error::Result;
use crate::from_wire::FromWire;
use crate::generated::etcdserverpb as pb;
use crate::json::{Hex, json_object};
use crate::transport::call::Operation;

/// The two hashes are made of a whole store, so the client's timeout does not apply to them: they are
/// waited for as long as the member answers pings.
impl Client {
    /// One member's hash of all keys and values, with their history, up to `revision`; 0 for all
    /// that it has. Leases, users and what else is in its store do not count.
    ///
    /// Two members that have compacted to the same revision have the same hash of the same revision,
    /// or one of them is corrupt: compare with [`HashKvResponse::agrees_with`].
    ///
    /// The endpoint need not be one that the client was made with, as for
    /// [`status`](Self::status).
    ///
    /// Cancel safe.
    ///
    /// # Errors
    ///
    /// As [`status`](Self::status), and [`Compacted`](crate::ErrorKind::Compacted) or
    /// [`FutureRevision`](crate::ErrorKind::FutureRevision) of a revision that this member has not
    /// got, any more or yet.
    pub async fn hash_kv(
        &self,
        endpoint: impl Into<Endpoint>,
        revision: i64,
    ) -> Result<HashKvResponse> {
        let operation = Operation::read("hash_kv").long();
        let response: HashKvResponse = self
            .unary_at(operation, endpoint.into(), |channel, patience| {
                let request = timed(pb::HashKvRequest { revision }, patience);
                async move { maintenance(channel).hash_kv(request).await }
            })
            .await?;
        Ok(response.asked_for(revision))
    }

    /// One member's hash of its whole store as it is now, which holds what belongs to this member
    /// alone: two of them say little when they differ. It tells whether one member changed, as
    /// before and after a restore.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    ///
    /// As [`status`](Self::status).
    pub async fn hash(&self, endpoint: impl Into<Endpoint>) -> Result<HashResponse> {
        self.unary_at(Operation::read("hash").long(), endpoint.into(), |channel, patience| {
            let request = timed(pb::HashRequest {}, patience);
            async move { maintenance(channel).hash(request).await }
        })
        .await
    }
}

/// A hash of a member's keys and values.
#[derive(Clone, PartialEq, Eq)]
pub struct HashKvResponse {
    header: pb::ResponseHeader,
    hash: u32,
    compact_revision: i64,
    hash_revision: i64,
}

impl HashKvResponse {
    /// The hash.
    #[must_use]
    pub fn hash(&self) -> u32 {
        self.hash
    }

    /// To which revision the member has compacted; -1 if never. The hash depends on it.
    #[must_use]
    pub fn compact_revision(&self) -> i64 {
        self.compact_revision
    }

    /// Up to which revision the hash goes.
    #[must_use]
    pub fn hash_revision(&self) -> i64 {
        self.hash_revision
    }

    /// The store's revision, as far as this member has applied it.
    #[must_use]
    pub fn revision(&self) -> i64 {
        self.header.revision
    }

    /// The number of the member that answered.
    #[must_use]
    pub fn member_id(&self) -> u64 {
        self.header.member_id
    }

    /// Whether two members have the same. `None` if that cannot be told, because the hashes are of
    /// different revisions or the members have compacted to different ones: ask again.
    #[must_use]
    pub fn agrees_with(&self, other: &Self) -> Option<bool> {
        let comparable = self.compact_revision == other.compact_revision
            && self.hash_revision == other.hash_revision;
        comparable.then_some(self.hash == other.hash)
    }

    /// Before 3.6 etcd does not say up to which revision the hash goes. It is the one that was asked
    /// for, or else the store's when the hash was made (`HashKV` in
    /// `server/etcdserver/api/v3rpc/maintenance.go`).
    fn asked_for(mut self, revision: i64) -> Self {
        if self.hash_revision == 0 {
            self.hash_revision = if revision == 0 { self.revision() } else { revision };
        }
        self
    }
}

json_object!(HashKvResponse, it => {
    member_id: Hex(it.member_id()),
    revision: it.revision(),
    hash: it.hash,
    compact_revision: it.compact_revision,
    hash_revision: it.hash_revision,
});

impl FromWire<pb::HashKvResponse> for HashKvResponse {
    fn from_wire(wire: pb::HashKvResponse) -> Self {
        Self {
            header: wire.header.unwrap_or_default(),
            hash: wire.hash,
            compact_revision: wire.compact_revision,
            hash_revision: wire.hash_revision,
        }
    }
}

/// A hash of a member's store.
#[derive(Clone, PartialEq, Eq)]
pub struct HashResponse {
    header: pb::ResponseHeader,
    hash: u32,
}

impl HashResponse {
    /// The hash.
    #[must_use]
    pub fn hash(&self) -> u32 {
        self.hash
    }

    /// The store's revision, as far as this member has applied it.
    #[must_use]
    pub fn revision(&self) -> i64 {
        self.header.revision
    }

    /// The number of the member that answered.
    #[must_use]
    pub fn member_id(&self) -> u64 {
        self.header.member_id
    }
}

json_object!(HashResponse, it => {
    member_id: Hex(it.member_id()),
    revision: it.revision(),
    hash: it.hash,
});

impl FromWire<pb::HashResponse> for HashResponse {
    fn from_wire(wire: pb::HashResponse) -> Self {
        Self { header: wire.header.unwrap_or_default(), hash: wire.hash }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_of_the_same_revisions_can_be_compared() {
        let response = |hash, compact_revision, hash_revision| {
            let wire =
                pb::HashKvResponse { hash, compact_revision, hash_revision, ..Default::default() };
            HashKvResponse::from_wire(wire)
        };
        let one = response(7, 3, 9);
        assert_eq!(one.agrees_with(&response(7, 3, 9)), Some(true));
        assert_eq!(one.agrees_with(&response(8, 3, 9)), Some(false));
        assert_eq!(one.agrees_with(&response(8, 4, 9)), None);
        assert_eq!(one.agrees_with(&response(8, 3, 10)), None);
    }

    #[test]
    fn what_older_ones_do_not_say_is_what_was_asked_for() {
        let response = |hash_revision| {
            let header = Some(pb::ResponseHeader { revision: 12, ..Default::default() });
            HashKvResponse::from_wire(pb::HashKvResponse {
                header,
                hash_revision,
                ..Default::default()
            })
        };
        assert_eq!(response(0).asked_for(9).hash_revision(), 9);
        assert_eq!(response(0).asked_for(0).hash_revision(), 12);
        assert_eq!(response(11).asked_for(0).hash_revision(), 11);
    }
}
