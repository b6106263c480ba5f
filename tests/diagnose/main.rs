//! The live doctor: ports of the real etcd are asked, and what they say is judged.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test may")]

mod alerts;
mod authorities;
mod fleet;
mod healthy;
mod leaves;
mod ports;
mod probe;
mod stage;
