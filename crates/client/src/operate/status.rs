//! What each member says of itself.

use crate::client::{Client, maintenance, timed};
use crate::config::Endpoint;
use crate::error::Result;
use crate::from_wire::FromWire;
use crate::generated::etcdserverpb as pb;
use crate::json::{Hex, json_object};
use crate::transport::call::Operation;

impl Client {
    /// What one member says of itself; it answers without a leader too.
    ///
    /// The endpoint need not be one that the client was made with: any other is dialled for this
    /// one request, with the client's TLS; with TLS it must be `https`.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    ///
    /// If this very member does not answer: no other is asked.
    pub async fn status(&self, endpoint: impl Into<Endpoint>) -> Result<Status> {
        self.unary_at(Operation::read("status"), endpoint.into(), |channel, patience| {
            let request = timed(pb::StatusRequest {}, patience);
            async move { maintenance(channel).status(request).await }
        })
        .await
    }
}

/// What one member says of itself.
#[derive(Clone, PartialEq, Eq)]
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

    /// How large its store's file may become before it takes no more writes, its
    /// `--quota-backend-bytes`; `None` before etcd 3.6.
    #[must_use]
    pub fn db_size_quota_bytes(&self) -> Option<i64> {
        (self.wire.db_size_quota != 0).then_some(self.wire.db_size_quota)
    }

    /// The version that its files are written for, as `3.6.0`; `None` before etcd 3.6, and for as
    /// long as the cluster is older.
    #[must_use]
    pub fn storage_version(&self) -> Option<&str> {
        Some(self.wire.storage_version.as_str()).filter(|version| !version.is_empty())
    }

    /// The version that the cluster is on its way down to, as `3.5.0`, if it is; `None` before etcd
    /// 3.6.
    #[must_use]
    pub fn downgrade_target(&self) -> Option<&str> {
        let downgrade = self.wire.downgrade_info.as_ref()?;
        downgrade.enabled.then_some(downgrade.target_version.as_str())
    }

    /// What it complains of: no leader, an alarm.
    #[must_use]
    pub fn errors(&self) -> &[String] {
        &self.wire.errors
    }
}

json_object!(Status, it => {
    version: it.version(),
    member_id: Hex(it.member_id()),
    cluster_id: Hex(it.cluster_id()),
    revision: it.revision(),
    leader: it.leader().map(Hex),
    is_learner: it.is_learner(),
    db_size_bytes: it.db_size_bytes(),
    db_size_in_use_bytes: it.db_size_in_use_bytes(),
    db_size_quota_bytes: it.db_size_quota_bytes(),
    raft_index: it.raft_index(),
    raft_applied_index: it.raft_applied_index(),
    raft_term: it.raft_term(),
    storage_version: it.storage_version(),
    downgrade_target: it.downgrade_target(),
    errors: it.errors(),
});

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

    #[test]
    fn what_older_ones_do_not_say_is_none() {
        let old = Status::from_wire(pb::StatusResponse::default());
        assert_eq!((old.storage_version(), old.downgrade_target()), (None, None));
        assert_eq!(old.db_size_quota_bytes(), None);

        let downgrade = |enabled| {
            let target_version = "3.5.0".to_owned();
            Some(pb::DowngradeInfo { enabled, target_version })
        };
        let status = |enabled| {
            let downgrade_info = downgrade(enabled);
            Status::from_wire(pb::StatusResponse { downgrade_info, ..Default::default() })
        };
        assert_eq!(status(true).downgrade_target(), Some("3.5.0"));
        assert_eq!(status(false).downgrade_target(), None);
    }
}
