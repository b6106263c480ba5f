//! Whether users are asked who they are.

use super::{auth, done};
use crate::client::{Client, timed};
use crate::error::Result;
use crate::from_wire::FromWire;
use crate::generated::etcdserverpb as pb;
use crate::json::json_object;
use crate::transport::call::Operation;

/// Who may do what, for the whole cluster.
///
/// A fleet that has just begun asks nobody. To change that, make a user `root` with the role `root`
/// first, which needs not be added:
///
/// ```no_run
/// # async fn run(client: tercet_client::Client) -> tercet_client::Result<()> {
/// use tercet_client::{Keys, Permission};
///
/// client.user_add("root", "secret").await?;
/// client.user_grant_role("root", "root").await?;
///
/// client.role_add("jobs").await?;
/// client.role_grant_permission("jobs", Permission::read_write(Keys::prefix("jobs/"))).await?;
/// client.user_add("alice", "another secret").await?;
/// client.user_grant_role("alice", "jobs").await?;
///
/// client.auth_enable().await?;
/// # Ok(()) }
/// ```
///
/// From then on each request is that of a user: the one of [`Config::user`](crate::Config::user) or,
/// where etcd runs with `--client-cert-auth`, the one that the certificate's common name names; with
/// both, the password's. Only `root` may change users and roles.
///
/// etcd sends passwords as they are: use TLS.
impl Client {
    /// From now on every request needs a user who may make it; this client's too.
    ///
    /// Cancelling: it may happen all the same.
    ///
    /// # Errors
    ///
    /// As [`put`](Self::put), and [`NoRoot`](crate::ErrorKind::NoRoot) unless there is a user `root`
    /// with the role `root`.
    pub async fn auth_enable(&self) -> Result<()> {
        self.unary(Operation::write("auth_enable"), |channel, patience| {
            let request = timed(pb::AuthEnableRequest {}, patience);
            async move { auth(channel).auth_enable(request).await.map(done) }
        })
        .await
    }

    /// From now on nobody is asked. Users and roles are kept.
    ///
    /// Cancelling: it may happen all the same.
    ///
    /// # Errors
    ///
    /// As [`put`](Self::put).
    pub async fn auth_disable(&self) -> Result<()> {
        self.unary(Operation::write("auth_disable"), |channel, patience| {
            let request = timed(pb::AuthDisableRequest {}, patience);
            async move { auth(channel).auth_disable(request).await.map(done) }
        })
        .await
    }

    /// Whether requests need a user. Since etcd 3.5.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get), and [`Unsupported`](crate::ErrorKind::Unsupported) by etcd 3.4.
    pub async fn auth_status(&self) -> Result<AuthStatus> {
        self.unary(Operation::read("auth_status").since("3.5"), |channel, patience| {
            let request = timed(pb::AuthStatusRequest {}, patience);
            async move { auth(channel).auth_status(request).await }
        })
        .await
    }
}

/// Whether requests need a user.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AuthStatus {
    enabled: bool,
    revision: u64,
}

impl AuthStatus {
    /// Whether requests need a user.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// Counts the changes of users, roles and permissions, and has nothing to do with the revision
    /// of the store.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision
    }
}

json_object!(AuthStatus, it => { enabled: it.enabled, revision: it.revision });

impl FromWire<pb::AuthStatusResponse> for AuthStatus {
    fn from_wire(wire: pb::AuthStatusResponse) -> Self {
        Self { enabled: wire.enabled, revision: wire.auth_revision }
    }
}
