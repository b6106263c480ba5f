//! How long nobody can write, next to what an election of the same fleet takes.

use tercet_harness::{Cluster, Layout, Result, RotationMethod, Security, Timing};
use tercet_tests::{available, say};

use super::support::{fleet, pause_of};

/// How often a rotation is tried: a machine may have been busy with something else, but not each
/// time.
const TRIES: usize = 3;

#[derive(Clone, Copy, Debug)]
enum Work {
    Leaves,
    Authority(RotationMethod),
}

impl Work {
    const ALL: [Self; 3] = [
        Self::Leaves,
        Self::Authority(RotationMethod::Bundle),
        Self::Authority(RotationMethod::CrossSigning),
    ];

    async fn run(self, cluster: &Cluster) -> Result<()> {
        match self {
            Self::Leaves => cluster.rotate_leaves().await?,
            Self::Authority(method) => cluster.rotate_authority(method).await?,
        }
        Ok(())
    }
}

#[tokio::test]
async fn nobody_waits_longer_than_for_one_election() -> Result<()> {
    for etcd in available() {
        let cluster = fleet(etcd, Layout::PerMember, Security::Mutual).await?;
        let dies = pause_of(&cluster, async || {
            cluster.leader().await?.kill()?;
            Ok(())
        });
        let dies = dies.await?;
        cluster.rolling_restart().await?;
        let election = Timing::Ci.election(cluster.members().len());
        // The control: that nobody led is seen. Of the time that followers wait, a heartbeat may have
        // gone by.
        assert!(dies > election / 2, "{dies:?} without a leader");
        // They wait up to twice as long (`randomizedElectionTimeout` of raft).
        let limit = dies.max(2 * election);
        for work in Work::ALL {
            let mut pauses = Vec::new();
            while pauses.len() < TRIES && pauses.last().is_none_or(|&pause| pause > limit) {
                pauses.push(pause_of(&cluster, async || work.run(&cluster).await).await?);
            }
            let what = format!("{work:?}, etcd {}: pauses of {pauses:?}", etcd.version());
            say(&format!("{what}; when the leader dies, {dies:?}"));
            assert!(pauses.last().is_some_and(|&pause| pause <= limit), "{what}, not {limit:?}");
        }
    }
    Ok(())
}
