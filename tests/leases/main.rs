//! Leases that are kept alive, and sessions that know when theirs is lost.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test may")]

mod faults;
mod hiccup;
mod lost;
mod many;
mod requests;
mod sessions;

use std::time::{Duration, Instant};

use tercet_client::{Client, Config, Lease, LeaseState, Tls};
use tercet_cluster::binary::Binary;
use tercet_harness::{Builder, Cluster, Result, Timing};
use tercet_tests::PATIENCE;

/// Long enough for an election on a busy machine, with some time to spare.
const TTL: Duration = Duration::from_secs(5);

/// A fleet that does not lose its leader because a machine is busy.
fn fleet_of(etcd: &Binary) -> Builder {
    Cluster::builder().binary(etcd.path()).timing(Timing::Ci)
}

/// A client of these members only.
async fn client_of(cluster: &Cluster, endpoints: Vec<String>) -> Result<Client> {
    let files = cluster.files();
    let tls = Tls::mutual_files(&files.ca, &files.client.certificate, &files.client.key)?;
    Ok(Client::connect(Config::new(endpoints).tls(tls)).await?)
}

/// Waits until a keepalive was answered that was sent from now on.
async fn renewed(lease: &Lease) {
    renewed_since(lease, Instant::now()).await;
}

/// The same, from another moment on.
async fn renewed_since(lease: &Lease, begin: Instant) {
    loop {
        match lease.state() {
            LeaseState::Alive(left) => {
                // Its time counts from when the keepalive was sent.
                let sent = Instant::now() + left + TTL / 20;
                if sent >= begin + lease.ttl() {
                    return;
                }
            }
            LeaseState::Lost(lost) => panic!("{lost}"),
        }
        assert!(begin.elapsed() < PATIENCE, "it is not renewed");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
