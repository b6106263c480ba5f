//! Who leads.

use crate::client::{Client, maintenance, timed};
use crate::config::Endpoint;
use crate::error::Result;
use crate::from_wire::FromWire;
use crate::generated::etcdserverpb as pb;
use crate::transport::call::Operation;

impl Client {
    /// Hands the leadership over: `leader` is the endpoint of the member that leads, and `target_id`
    /// the number of the one that shall. When this returns, it does.
    ///
    /// The endpoint need not be one that the client was made with, as for
    /// [`status`](Self::status).
    ///
    /// Cancelling: it may happen all the same.
    ///
    /// # Errors
    ///
    /// As [`put`](Self::put), and [`NotLeader`](crate::ErrorKind::NotLeader) if another member
    /// leads, [`InvalidRequest`](crate::ErrorKind::InvalidRequest) if the target is none or has no
    /// vote, [`Timeout`](crate::ErrorKind::Timeout) if the target does not come to lead.
    pub async fn move_leader(&self, leader: impl Into<Endpoint>, target_id: u64) -> Result<()> {
        self.unary_at(Operation::write("move_leader"), leader.into(), |channel, patience| {
            let request = timed(pb::MoveLeaderRequest { target_id }, patience);
            async move { maintenance(channel).move_leader(request).await }
        })
        .await
    }
}

impl FromWire<pb::MoveLeaderResponse> for () {
    fn from_wire(_: pb::MoveLeaderResponse) {}
}
