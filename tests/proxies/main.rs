//! etcd's own proxies before a fleet: what goes through them, who does not get in, and what becomes
//! of them.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test may")]

mod altered;
mod certificates;
mod members;
mod through;
mod tls;
mod v2;
