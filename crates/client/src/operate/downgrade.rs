//! The way down to an older version.

use crate::client::{Client, maintenance, timed};
use crate::error::Result;
use crate::from_wire::FromWire;
use crate::generated::etcdserverpb as pb;
use crate::generated::etcdserverpb::downgrade_request::DowngradeAction;
use crate::json::json_object;
use crate::kv::check::invalid;
use crate::transport::call::Operation;

/// The version that has the request. Only from 3.6 on do members act on it: see
/// [`Client::downgrade_enable`].
const SINCE: &str = "3.5";

impl Client {
    /// Whether the cluster could be downgraded to `version`, as `3.5`, now: one minor version down.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get), and [`InvalidRequest`](crate::ErrorKind::InvalidRequest) if it cannot
    /// go to that version, [`DowngradeInProgress`](crate::ErrorKind::DowngradeInProgress), or
    /// [`Unsupported`](crate::ErrorKind::Unsupported) before etcd 3.5.
    pub async fn downgrade_validate(&self, version: &str) -> Result<DowngradeResponse> {
        let operation = Operation::read("downgrade_validate");
        is_given(operation, version)?;
        self.downgrade(operation, DowngradeAction::Validate, version).await
    }

    /// Begins a downgrade to `version`, as `3.5`: every member takes its files back to what that
    /// version can read ([`Status::storage_version`](crate::Status::storage_version)), and then
    /// may be replaced by one of it, one after the other.
    ///
    /// etcd 3.5 takes the request too, but changes nothing in its files.
    ///
    /// Cancelling: it may happen all the same.
    ///
    /// # Errors
    ///
    /// As [`put`](Self::put), and as [`downgrade_validate`](Self::downgrade_validate).
    pub async fn downgrade_enable(&self, version: &str) -> Result<DowngradeResponse> {
        let operation = Operation::write("downgrade_enable");
        is_given(operation, version)?;
        self.downgrade(operation, DowngradeAction::Enable, version).await
    }

    /// Stays with the version that the cluster has. Members that are downgraded already can be
    /// upgraded again.
    ///
    /// Cancelling: it may happen all the same.
    ///
    /// # Errors
    ///
    /// As [`put`](Self::put), and [`Unsupported`](crate::ErrorKind::Unsupported) before etcd 3.5.
    /// Where there is nothing to cancel, etcd 3.5 says [`NoDowngrade`](crate::ErrorKind::NoDowngrade)
    /// and 3.6 nothing (`server/etcdserver/v3_server.go`, `downgradeCancel`).
    pub async fn downgrade_cancel(&self) -> Result<DowngradeResponse> {
        let operation = Operation::write("downgrade_cancel");
        self.downgrade(operation, DowngradeAction::Cancel, "").await
    }

    async fn downgrade(
        &self,
        operation: Operation,
        action: DowngradeAction,
        version: &str,
    ) -> Result<DowngradeResponse> {
        self.unary(operation.since(SINCE), |channel, patience| {
            let version = version.to_owned();
            let request = timed(pb::DowngradeRequest { action: action.into(), version }, patience);
            async move { maintenance(channel).downgrade(request).await }
        })
        .await
    }
}

fn is_given(operation: Operation, version: &str) -> Result<()> {
    if version.is_empty() { Err(invalid(operation, "the version is empty")) } else { Ok(()) }
}

/// Where a downgrade begins.
#[derive(Clone, PartialEq, Eq)]
pub struct DowngradeResponse {
    cluster_version: String,
}

impl DowngradeResponse {
    /// The version that the cluster has agreed on, as `3.6` or, from etcd 3.5, `3.5.0`.
    #[must_use]
    pub fn cluster_version(&self) -> &str {
        &self.cluster_version
    }
}

json_object!(DowngradeResponse, it => { cluster_version: it.cluster_version });

impl FromWire<pb::DowngradeResponse> for DowngradeResponse {
    fn from_wire(wire: pb::DowngradeResponse) -> Self {
        Self { cluster_version: wire.version }
    }
}
