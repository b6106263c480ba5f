//! What became of a write, whatever happens to the members: none that was acknowledged is lost, none
//! that was reported as not applied is there, and what is unknown can be found out.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test may")]

mod cut_off;
mod faults;
mod guards;
mod late;
mod long;
mod users;

use std::time::Duration;

use tercet_client::{Client, Config, Tls};
use tercet_cluster::binary::Binary;
use tercet_harness::{Builder, Cluster, Result, Timing};

/// A fleet of three that does not lose its leader because a machine is busy.
fn fleet_of(etcd: &Binary) -> Builder {
    Cluster::builder().binary(etcd.path()).timing(Timing::Ci)
}

/// A client of these members that gives up sooner than etcd itself, so that tests are short.
async fn client_of(cluster: &Cluster, endpoints: Vec<String>) -> Result<Client> {
    let files = cluster.files();
    let tls = Tls::mutual_files(&files.ca, &files.client.certificate, &files.client.key)?;
    let config = Config::new(endpoints).tls(tls);
    let config =
        config.request_timeout(Duration::from_secs(4)).dial_timeout(Duration::from_secs(2));
    Ok(Client::connect(config).await?)
}
