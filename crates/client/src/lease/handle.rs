//! A lease that keeps itself alive.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::client::Client;
use crate::error::{Error, ErrorKind, Failure, Fate, Outcome, Result};
use crate::json::{Json, Out, json_debug, json_object};
use crate::lease::calls::revoke;
use crate::lease::id::LeaseId;
use crate::lease::keeper::Keeper;
use crate::lease::kept::Kept;
use crate::lease::lost::{LeaseLost, LeaseLostReason};
use crate::lease::stream::KEEP_ALIVE;
use crate::transport::call::Caller;

/// A lease that keeps itself alive while this is held.
///
/// All leases of a client, its clones included, are kept by one task over one stream, each after a
/// third of its time. When the stream ends, when it falls silent for a sixth of the shortest time
/// to live, or when its member knows no leader, another member's takes its place at once. So a
/// lease lives on while any gap without an answering cluster is shorter than its time to live,
/// less the margin.
///
/// [`lost`](Self::lost) tells when that did not do. It does so *before* the server would end the
/// lease: the time is counted by this machine's monotonic clock from when the last keepalive that
/// was answered was *sent*, and a margin of a twentieth of the time to live, a second at most, is
/// taken off. Only then may others have what hung on it. But a process that is paused, or a machine
/// that is suspended, is told when it goes on, which may be later: whatever must not be written by
/// two needs a [`Fence`](crate::Fence).
///
/// Dropping it ends the keeping and not the lease, which runs out by itself; to end it at once,
/// [`revoke`](Self::revoke) it.
#[must_use = "it is kept alive until this is dropped"]
pub struct Lease {
    kept: Arc<Kept>,
    keeper: Arc<Keeper>,
    caller: Arc<Caller>,
}

/// How a kept lease is.
#[derive(Clone, PartialEq, Eq)]
pub enum LeaseState {
    /// It is alive, for so long at least even if no other keepalive is answered.
    Alive(Duration),
    /// It is gone, or must be taken for gone.
    Lost(LeaseLost),
}

impl Client {
    /// Grants a lease, and keeps it alive while the [`Lease`] is held.
    ///
    /// ```no_run
    /// # async fn run(client: tercet_client::Client) -> tercet_client::Result<()> {
    /// use std::time::Duration;
    /// use tercet_client::Put;
    ///
    /// let lease = client.lease(Duration::from_secs(10)).await?;
    /// client.put_with(Put::new("workers/7", "here").lease(lease.id())).await?;
    /// let lost = lease.lost().await;
    /// println!("taken for dead: {lost}");
    /// # Ok(()) }
    /// ```
    ///
    /// Cancelling: a lease may have been granted all the same; it runs out by itself.
    ///
    /// # Errors
    ///
    /// As [`lease_grant`](Self::lease_grant).
    pub async fn lease(&self, ttl: Duration) -> Result<Lease> {
        let since = Instant::now();
        let granted = self.lease_grant(ttl).await?;
        let kept = self.keeper.keep(&self.caller, granted.id(), granted.ttl(), since);
        Ok(self.holding(kept))
    }

    /// Keeps a lease alive that there is already, while the [`Lease`] is held.
    ///
    /// Who keeps one lease several times keeps it once; it is kept until the last of them is
    /// dropped.
    ///
    /// Cancel safe: it is then not kept.
    ///
    /// # Errors
    ///
    /// [`LeaseNotFound`](ErrorKind::LeaseNotFound) if there is no such lease,
    /// [`PermissionDenied`](ErrorKind::PermissionDenied) if it has a key that the user may not write
    /// (from etcd 3.5.28 and 3.6.9 on), and [`DeadlineExceeded`](ErrorKind::DeadlineExceeded) if no
    /// member says so within [`Config::request_timeout`](crate::Config::request_timeout).
    pub async fn keep_alive(&self, id: impl Into<LeaseId>) -> Result<Lease> {
        let kept = self.keeper.adopt(&self.caller, id.into());
        // From here on dropping it ends the keeping.
        let lease = self.holding(kept);
        match lease.kept.known().await {
            Ok(_) => Ok(lease),
            Err(lost) => Err(not_kept(&lost)),
        }
    }

    fn holding(&self, kept: Arc<Kept>) -> Lease {
        Lease { kept, keeper: self.keeper.clone(), caller: self.caller.clone() }
    }
}

impl Lease {
    /// Its number, for [`Put::lease`](crate::Put::lease).
    #[must_use]
    pub fn id(&self) -> LeaseId {
        self.kept.id
    }

    /// For how long it lives after each keepalive, as the server last said.
    #[must_use]
    pub fn ttl(&self) -> Duration {
        self.kept.ttl().unwrap_or_default()
    }

    /// Whether it is alive, by the clock of this machine at this moment.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.kept.left(Instant::now()).is_some()
    }

    /// How it is, at this moment.
    #[must_use]
    pub fn state(&self) -> LeaseState {
        match self.kept.left(Instant::now()) {
            Some(left) => LeaseState::Alive(left),
            None => LeaseState::Lost(self.lost_now()),
        }
    }

    /// Waits until it is lost, and says why.
    ///
    /// Cancel safe, and it may be asked again and by several.
    pub async fn lost(&self) -> LeaseLost {
        self.kept.lost().await
    }

    /// Ends it at the server, with all keys that hang on it. Whoever waits for
    /// [`lost`](Self::lost) is told first.
    ///
    /// Cancelling: it is no longer kept, and runs out by itself if it is not revoked.
    ///
    /// # Errors
    ///
    /// As [`Client::lease_revoke`]; that it is gone already is none.
    pub async fn revoke(self) -> Result<()> {
        self.end_here();
        self.end_there().await
    }

    /// It is no longer kept, and whoever waits for its loss is told.
    pub(crate) fn end_here(&self) {
        self.keeper.revoked(self.id());
        // Also if it was lost before.
        self.kept.lose(LeaseLost::new(self.id(), LeaseLostReason::Revoked, None));
    }

    /// Ends it at the server.
    pub(crate) async fn end_there(&self) -> Result<()> {
        match revoke(&self.caller, self.id()).await {
            Err(error) if error.kind() != ErrorKind::LeaseNotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Why it is no longer alive. Who asks the clock may know before the task does.
    pub(crate) fn lost_now(&self) -> LeaseLost {
        self.lost_by(LeaseLostReason::Unanswered)
    }

    /// Why it is no longer alive, which is this if it is not known otherwise.
    pub(crate) fn lost_by(&self, reason: LeaseLostReason) -> LeaseLost {
        self.kept.is_lost().unwrap_or_else(|| LeaseLost::new(self.id(), reason, None))
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.keeper.release(&self.kept);
    }
}

impl Json for LeaseState {
    fn json(&self, out: &mut Out<'_>) -> fmt::Result {
        out.object(&[match self {
            Self::Alive(left) => ("alive_seconds", left),
            Self::Lost(lost) => ("lost", lost),
        }])
    }
}

json_debug!(LeaseState);
json_object!(Lease, it => { id: it.id(), ttl_seconds: it.ttl(), state: it.state() });

/// Why a lease that there should be is not kept.
fn not_kept(lost: &LeaseLost) -> Error {
    let kind = match lost.reason() {
        LeaseLostReason::Gone => ErrorKind::LeaseNotFound,
        LeaseLostReason::Unanswered => ErrorKind::DeadlineExceeded,
        LeaseLostReason::Refused => ErrorKind::PermissionDenied,
        LeaseLostReason::Revoked | LeaseLostReason::Stopped => ErrorKind::LeaseLost,
    };
    let failure = Failure::new(kind, Fate::Refused, lost.to_string());
    Error::new(KEEP_ALIVE.name, failure, Outcome::NotApplied)
}
