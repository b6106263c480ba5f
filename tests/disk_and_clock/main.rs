//! Disks that are slow, failing or full, and clocks that are wrong: of members of a real etcd, each
//! beside the same fleet without the fault.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test may")]

mod clock;
mod disk;
mod end;
mod refused;
mod support;
