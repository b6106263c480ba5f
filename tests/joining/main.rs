//! Members of a new fleet find each other through another etcd.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test may")]

mod discovery;
mod outsider;
mod refusals;
mod through;
