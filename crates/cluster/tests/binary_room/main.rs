//! Finding and getting etcd, as a user of the crate sees it.
//!
//! What is found and got here are scripts that say a version, so that every fault can be made; only
//! `tools` gets the real thing, through the machine's own pip and apt.

#![cfg(all(unix, feature = "download"))]
#![expect(
    clippy::unwrap_used,
    reason = "clippy knows tests by their attribute, and not what they call"
)]

mod mirror;
mod places;
mod processes;
mod server;
mod support;
mod tools;
mod upstream;
