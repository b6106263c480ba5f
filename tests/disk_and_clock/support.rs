//! Fleets to be broken, and what is seen of them.

use std::time::{Duration, Instant};

use tercet_client::Client;
use tercet_cluster::binary::Binary;
use tercet_harness::{Builder, Cluster, Faults, Member, Result, Timing};
use tercet_tests::{available, say};

/// How long anything may take that takes a second at most where there is nothing else to do.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Every etcd to be tried, and none where these faults cannot be had, which is said.
pub(crate) fn etcds(faults: Faults) -> &'static [Binary] {
    match faults.check_support() {
        Ok(()) => available(),
        Err(unsupported) => {
            say(&format!("left out: {unsupported}"));
            &[]
        }
    }
}

/// A fleet of three that does not lose its leader because a disk is slow or a machine busy.
pub(crate) fn fleet_of(etcd: &Binary, faults: Faults) -> Builder {
    Cluster::builder().binary(etcd.path()).timing(Timing::Ci).faults(faults)
}

/// How long each of so many puts took, in order of that.
pub(crate) async fn puts(client: &Client, count: usize) -> Result<Vec<Duration>> {
    let mut took = Vec::with_capacity(count);
    for number in 0..count {
        let begin = Instant::now();
        client.put("some", number.to_string()).await?;
        took.push(begin.elapsed());
    }
    took.sort();
    Ok(took)
}

pub(crate) fn median(took: &[Duration]) -> Duration {
    took[took.len() / 2]
}

/// All that it has printed.
pub(crate) fn log(member: Member<'_>) -> String {
    std::fs::read_to_string(member.log()).unwrap_or_default()
}

/// Two members that do not lead.
pub(crate) async fn followers(cluster: &Cluster) -> Result<[Member<'_>; 2]> {
    let others = cluster.leader().await?.others();
    Ok([others[0], others[1]])
}
