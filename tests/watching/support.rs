//! Fleets to be watched.

use std::time::Duration;

use tercet_client::{Client, Config, Tls, WatchResponse, Watcher};
use tercet_cluster::binary::{Binary, Version};
use tercet_harness::{Builder, Cluster, Faults, Result, Timing};

/// How long a test waits for what comes at once.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A fleet whose links can be broken, and that does not lose its leader because a machine is busy.
pub(crate) fn fleet_of(etcd: &Binary, members: usize) -> Builder {
    let builder = Cluster::builder().binary(etcd.path()).members(members).timing(Timing::Ci);
    builder.faults(Faults::NONE.links())
}

/// What comes next, which must come.
pub(crate) async fn next(watcher: &mut Watcher) -> WatchResponse {
    let next = tokio::time::timeout(PATIENCE, watcher.next()).await;
    next.expect("in time").expect("it goes on").expect("no error")
}

/// Writes until it is acknowledged: tests that write while a fleet is broken.
pub(crate) async fn put(client: &Client, key: &str, value: &str) -> i64 {
    let write = async {
        loop {
            if let Ok(answer) = client.put(key.to_owned(), value.to_owned()).await {
                return answer.revision();
            }
        }
    };
    tokio::time::timeout(PATIENCE, write).await.expect("the fleet takes a write in time")
}

/// What makes a client of the fleet, which is nobody's.
pub(crate) fn config_of(cluster: &Cluster) -> Result<Config> {
    let files = cluster.plan().files();
    let tls = Tls::mutual_files(&files.ca, &files.client.certificate, &files.client.key)?;
    Ok(Config::new(cluster.endpoints()).tls(tls))
}

/// One that does not wait for long where nobody answers, so that a test is not slow.
pub(crate) fn impatiently(config: Config) -> Config {
    config.request_timeout(Duration::from_secs(1)).dial_timeout(PATIENCE)
}

/// Whether this etcd answers a request for progress only after what happened before.
pub(crate) fn tells_progress_in_turn(etcd: Version) -> bool {
    etcd >= Version::new(3, 5, 8)
        || (Version::new(3, 4, 25) <= etcd && etcd < Version::new(3, 5, 0))
}
