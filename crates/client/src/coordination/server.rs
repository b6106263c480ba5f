//! Locks and elections that a member takes part in for its client.

mod election;
mod lock;

use bytes::Bytes;

use crate::error::{Error, ErrorKind, Failure, Fate, Outcome, Result};
use crate::lease::LeaseId;

pub use self::election::{ElectionServer, ServerLeaders, ServerLeadership};
pub use self::lock::LockServer;

/// What etcd would take for something else, or not at all.
fn check(operation: &'static str, name: &Bytes, lease: Option<LeaseId>) -> Result<()> {
    let what = if name.is_empty() {
        "the name is empty"
    } else if lease == Some(LeaseId::from(0)) {
        // It would make a lease of a minute that nobody keeps alive, and not say so
        // (`server/etcdserver/api/v3lock/lock.go`).
        "there is no lease 0; grant one, and keep it alive"
    } else {
        return Ok(());
    };
    let failure = Failure::new(ErrorKind::InvalidRequest, Fate::NeverSent, what);
    Err(Error::new(operation, failure, Outcome::NotApplied))
}
