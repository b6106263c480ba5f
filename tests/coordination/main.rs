//! Locks, elections and transactions between clients, under faults.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test may")]

mod barrier;
mod barrier_faults;
mod doubt;
mod elections;
mod etcdctl;
mod fencing;
mod fencing_faults;
mod locks;
mod queue;
mod servers;
mod stm;

use std::time::Duration;

use tercet_cluster::binary::Binary;
use tercet_harness::{Builder, Cluster, Timing};

/// How long sessions outlive their process: long enough for an election on a busy machine.
const TTL: Duration = Duration::from_secs(5);

/// The same where it is not to run out, however busy the machine is.
const LONG: Duration = Duration::from_secs(60);

/// A fleet that does not lose its leader because a machine is busy.
fn fleet_of(etcd: &Binary) -> Builder {
    Cluster::builder().binary(etcd.path()).timing(Timing::Ci)
}
