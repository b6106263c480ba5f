//! Making a member's file as small as what is in it.

use crate::client::{Client, maintenance, timed};
use crate::config::Endpoint;
use crate::error::Result;
use crate::from_wire::FromWire;
use crate::generated::etcdserverpb as pb;
use crate::transport::call::Operation;

impl Client {
    /// Rewrites one member's file without the space that is free in it.
    ///
    /// The member answers no read or write meanwhile, and may lose the leadership: one member after
    /// the other, the leader last. It takes as long as the store is large, so the client's timeout
    /// does not apply: it is waited for as long as the member answers pings. Dropping this does not
    /// stop it (`server/etcdserver/api/v3rpc/maintenance.go`).
    ///
    /// The endpoint need not be one that the client was made with, as for
    /// [`status`](Self::status).
    ///
    /// Cancelling: a member that has begun goes on to the end.
    ///
    /// # Errors
    ///
    /// As [`put`](Self::put). Doing it again is always safe.
    pub async fn defragment(&self, endpoint: impl Into<Endpoint>) -> Result<()> {
        self.unary_at(
            Operation::write("defragment").long(),
            endpoint.into(),
            |channel, patience| {
                let request = timed(pb::DefragmentRequest {}, patience);
                async move { maintenance(channel).defragment(request).await }
            },
        )
        .await
    }
}

impl FromWire<pb::DefragmentResponse> for () {
    fn from_wire(_: pb::DefragmentResponse) {}
}
