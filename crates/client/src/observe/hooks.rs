//! What a client was given to be told, and to have a say in its requests.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::{debug, error, warn};

use crate::intercept::Exchange;
use crate::lease::{LeaseLost, LeaseLostReason};
use crate::observe::observer::{ConnectFailed, Connected, Disconnected, Observer, WatchResumed};
use crate::transport::dial::DialError;

/// The observer and the layers of a client, if it has any.
#[derive(Clone, Default)]
pub(crate) struct Hooks {
    pub(crate) observer: Option<Arc<dyn Observer>>,
    pub(crate) exchange: Option<Exchange>,
}

impl Hooks {
    pub(crate) fn connect_failed(&self, endpoint: &str, elapsed: Duration, error: &DialError) {
        debug!(target: super::record::TARGET, endpoint, ?elapsed, kind = ?error.kind, why = error.what, "no connection");
        let dial = ConnectFailed { endpoint, elapsed, kind: error.kind };
        self.tell(|observer| observer.connect_failed(&dial));
    }

    /// There is a connection for as long as what this gives.
    pub(crate) fn connected(&self, endpoint: &Arc<str>, elapsed: Duration) -> Lifetime {
        debug!(target: super::record::TARGET, endpoint = &**endpoint, ?elapsed, "connected");
        self.tell(|observer| observer.connected(&Connected { endpoint, elapsed }));
        let observer = self.observer.clone();
        Lifetime { endpoint: endpoint.clone(), since: Instant::now(), observer }
    }

    pub(crate) fn token_refreshed(&self, endpoint: &str) {
        debug!(target: super::record::TARGET, endpoint, "got a token");
        self.tell(|observer| observer.token_refreshed(endpoint));
    }

    pub(crate) fn watch_resumed(&self, endpoint: &str) {
        debug!(target: super::record::TARGET, endpoint, "watch resumed");
        self.tell(|observer| observer.watch_resumed(&WatchResumed { endpoint }));
    }

    pub(crate) fn lease_lost(&self, lease: &LeaseLost) {
        if lease.reason() == LeaseLostReason::Revoked {
            debug!(target: super::record::TARGET, "{lease}");
            return;
        }
        warn!(target: super::record::TARGET, reason = ?lease.reason(), "{lease}");
        self.tell(|observer| observer.lease_lost(lease));
    }

    fn tell(&self, what: impl FnOnce(&dyn Observer)) {
        if let Some(observer) = &self.observer {
            tell(&**observer, what);
        }
    }
}

/// Tells an observer. That it panics must end no task of ours: of one, all leases of a client are
/// kept, and one that ends while something else unwinds would end the process.
pub(super) fn tell(observer: &dyn Observer, what: impl FnOnce(&dyn Observer)) {
    if catch_unwind(AssertUnwindSafe(|| what(observer))).is_err() {
        error!(target: super::record::TARGET, "the observer has panicked");
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hooks")
            .field("observer", &self.observer.is_some())
            .field("layers", &self.exchange.is_some())
            .finish()
    }
}

/// A connection, whose end is told however it comes about: also when its task is dropped with the
/// runtime.
pub(crate) struct Lifetime {
    endpoint: Arc<str>,
    since: Instant,
    observer: Option<Arc<dyn Observer>>,
}

impl Drop for Lifetime {
    fn drop(&mut self) {
        let (endpoint, age) = (&*self.endpoint, self.since.elapsed());
        debug!(target: super::record::TARGET, endpoint, ?age, "disconnected");
        if let Some(observer) = &self.observer {
            tell(&**observer, |observer| observer.disconnected(&Disconnected { endpoint, age }));
        }
    }
}
