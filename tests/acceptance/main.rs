//! What etcd's own suites prove of TLS and of the life of a fleet, proved of what we run: the cases
//! that no other test file has. `docs/acceptance.md` names the test for each.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test may")]

mod boot;
mod ciphers;
mod compaction;
mod coverage;
mod dial;
mod health;
mod peers;
mod ports;
mod reload;
mod revocation;
mod versions;
mod visitor;
