//! What a client was given to be told, and to have a say in its requests.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::{debug, warn};

use crate::intercept::Exchange;
use crate::lease::LeaseLost;
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
        if let Some(observer) = &self.observer {
            observer.connect_failed(&ConnectFailed { endpoint, elapsed, kind: error.kind });
        }
    }

    /// There is a connection for as long as what this gives.
    pub(crate) fn connected(&self, endpoint: &Arc<str>, elapsed: Duration) -> Lifetime {
        debug!(target: super::record::TARGET, endpoint = &**endpoint, ?elapsed, "connected");
        if let Some(observer) = &self.observer {
            observer.connected(&Connected { endpoint, elapsed });
        }
        let observer = self.observer.clone();
        Lifetime { endpoint: endpoint.clone(), since: Instant::now(), observer }
    }

    pub(crate) fn token_refreshed(&self, endpoint: &str) {
        debug!(target: super::record::TARGET, endpoint, "got a token");
        if let Some(observer) = &self.observer {
            observer.token_refreshed(endpoint);
        }
    }

    pub(crate) fn watch_resumed(&self, endpoint: &str) {
        debug!(target: super::record::TARGET, endpoint, "watch resumed");
        if let Some(observer) = &self.observer {
            observer.watch_resumed(&WatchResumed { endpoint });
        }
    }

    pub(crate) fn lease_lost(&self, lease: &LeaseLost) {
        warn!(target: super::record::TARGET, reason = ?lease.reason(), "{lease}");
        if let Some(observer) = &self.observer {
            observer.lease_lost(lease);
        }
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
            observer.disconnected(&Disconnected { endpoint, age });
        }
    }
}
