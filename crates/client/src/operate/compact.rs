//! Forgetting old revisions.

use crate::client::{Client, timed};
use crate::error::Result;
use crate::from_wire::FromWire;
use crate::generated::etcdserverpb as pb;
use crate::json::json_object;
use crate::kv::check::invalid;
use crate::kv::kv;
use crate::transport::call::Operation;

impl Client {
    /// Forgets what keys were before `revision`, on every member.
    ///
    /// Cancelling: it may be compacted all the same.
    ///
    /// # Errors
    ///
    /// As [`compact_with`](Self::compact_with).
    pub async fn compact(&self, revision: i64) -> Result<CompactResponse> {
        self.compact_with(Compact::to(revision)).await
    }

    /// The same, perhaps waiting until it is done.
    ///
    /// Cancelling: it may be compacted all the same.
    ///
    /// # Errors
    ///
    /// As [`put`](Self::put), and [`Compacted`](crate::ErrorKind::Compacted) if that revision is
    /// forgotten already, also by a request just like this one,
    /// [`FutureRevision`](crate::ErrorKind::FutureRevision), or
    /// [`InvalidRequest`](crate::ErrorKind::InvalidRequest) if it is not positive.
    pub async fn compact_with(&self, compact: Compact) -> Result<CompactResponse> {
        let wire = compact.0;
        let operation = Operation::write("compact");
        if wire.revision < 1 {
            return Err(invalid(operation, "the first revision that there can be is 1"));
        }
        let operation = if wire.physical { operation.long() } else { operation };
        self.unary(operation, |channel, patience| {
            let request = timed(wire, patience);
            async move { kv(channel).compact(request).await }
        })
        .await
    }
}

/// What to forget, where `client.compact(revision)` does not say enough.
///
/// ```
/// use tercet_client::Compact;
///
/// let compact = Compact::to(1000).physical();
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Compact(pb::CompactionRequest);

impl Compact {
    /// What keys were before this revision. What they were at it can still be read.
    pub fn to(revision: i64) -> Self {
        Self(pb::CompactionRequest { revision, physical: false })
    }

    /// The answer comes when the member that was asked has freed the space in its store, for new
    /// keys; the file becomes smaller only with [`Client::defragment`]. Others may still be at it.
    ///
    /// That takes as long as there is much to forget, so the client's timeout does not apply: it is
    /// waited for as long as the member answers pings.
    pub fn physical(mut self) -> Self {
        self.0.physical = true;
        self
    }
}

json_object!(Compact, it => { revision: it.0.revision, physical: it.0.physical });

/// What a compaction did.
#[derive(Clone, PartialEq, Eq)]
pub struct CompactResponse {
    revision: i64,
}

impl CompactResponse {
    /// The store's revision, which a compaction does not change.
    #[must_use]
    pub fn revision(&self) -> i64 {
        self.revision
    }
}

json_object!(CompactResponse, it => { revision: it.revision });

impl FromWire<pb::CompactionResponse> for CompactResponse {
    fn from_wire(wire: pb::CompactionResponse) -> Self {
        Self { revision: wire.header.unwrap_or_default().revision }
    }
}
