//! Fleets of two versions, and on their way down to the older one.

use std::fs;

use tercet_cluster::binary::{Binary, Version, VersionChange};
use tercet_harness::{Client, Cluster, Member, Result, Timing};
use tercet_tests::{of_minor, say};
use tokio::task::JoinSet;

/// The newest etcds of two minor versions, the older one first, for each two that follow each other.
fn pairs() -> Vec<(&'static Binary, &'static Binary)> {
    (4..=7).filter_map(|minor| Some((of_minor(minor)?, of_minor(minor + 1)?))).collect()
}

/// Those of them where etcd has a way down.
fn pairs_down() -> Vec<(&'static Binary, &'static Binary)> {
    let mut pairs = pairs();
    pairs.retain(|(old, new)| {
        matches!(new.release().change_to(old.release()), Ok(VersionChange::Downgrade(_)))
    });
    if pairs.is_empty() {
        say("none of these versions can go down to another");
    }
    pairs
}

/// A fleet whose members write a snapshot of their log after each `snapshot_count` entries.
async fn start(etcd: &Binary, members: usize, snapshot_count: &str) -> Result<Cluster> {
    let builder = Cluster::builder().binary(etcd.path()).members(members).timing(Timing::Ci);
    builder.flag("snapshot-count", snapshot_count).start().await
}

/// More writes than any version keeps in its log for those who lag (`DefaultSnapshotCatchUpEntries`,
/// 5000): who has not seen them is sent a snapshot.
async fn write_more_than_is_kept(client: &Client) -> Result<()> {
    let mut writers = JoinSet::new();
    for writer in 0..50 {
        let client = client.clone();
        writers.spawn(async move {
            for number in 0..110 {
                client.put(format!("{writer}/{number}"), "value").await?;
            }
            Ok::<_, tercet_client::Error>(())
        });
    }
    while let Some(done) = writers.join_next().await {
        done.expect("no panic")?;
    }
    Ok(())
}

/// How often members have sent somebody a snapshot, by their logs.
fn sent(cluster: &Cluster) -> usize {
    let logs = cluster.members().map(|member| fs::read_to_string(member.log()).unwrap());
    logs.map(|log| log.matches("sent database snapshot").count()).sum()
}

async fn assert_same(cluster: &Cluster) -> Result<()> {
    cluster.wait_until_ready().await?;
    let report = cluster.hash_kv().await?;
    assert!(report.agrees(), "{report}");
    Ok(())
}

fn minor(etcd: &Binary) -> Version {
    Version::new(3, etcd.version().minor(), 0)
}

/// One that comes is sent the store: by a fleet of one version, and of two, led by either.
#[tokio::test]
async fn mix_versions_snapshot_by_adding_member() -> Result<()> {
    for (old, new) in pairs() {
        let cluster = start(old, 1, "100").await?;
        write_more_than_is_kept(&cluster.client().await?).await?;
        let learner = cluster.add_learner().await?;
        learner.promote().await?;
        assert!(sent(&cluster) > 0, "from {}", old.version());
        assert_same(&cluster).await?;
        cluster.add_member().await?;

        for leader in [0, 1] {
            if leader == 1 {
                cluster.member(1).upgrade(new).await?;
            }
            cluster.member(leader).lead().await?;
            let before = sent(&cluster);
            let comes = cluster.add_member().await?;
            let from = cluster.member(leader).binary().version();
            assert!(sent(&cluster) > before, "from {from}");
            assert!(comes.client().await?.get("49/109").await?.is_some());
            assert_same(&cluster).await?;
            comes.remove().await?;
        }
        cluster.upgrade(new).await?;
        assert_eq!(cluster.cluster_version().await?, minor(new));
        assert_same(&cluster).await?;
    }
    Ok(())
}

/// One that was away for long is sent the store by a leader of the other version: one of the newer
/// by an older one, and the other way round.
#[tokio::test]
async fn mix_versions_snapshot_by_mocking_partition() -> Result<()> {
    for (old, new) in pairs() {
        let cluster = start(old, 3, "100").await?;
        for (leader, follower) in [(0, 2), (2, 1)] {
            let leader = cluster.member(leader);
            leader.lead().await?;
            let away = cluster.member(follower);
            away.kill()?;
            write_more_than_is_kept(&leader.client().await?).await?;
            let before = sent(&cluster);
            if follower == 2 {
                away.upgrade(new).await?;
            } else {
                away.restart().await?;
            }
            assert_ne!(away.binary().version(), leader.binary().version());
            assert_same(&cluster).await?;
            let versions = (leader.binary().version(), away.binary().version());
            assert!(sent(&cluster) > before, "{versions:?}");
        }
        assert_eq!(cluster.cluster_version().await?, minor(old));
    }
    Ok(())
}

/// On its way down: to which version, where etcd says so.
async fn target(member: Member<'_>) -> Result<Option<String>> {
    let status = member.client().await?.status(member.client_url()).await?;
    Ok(status.downgrade_target().map(str::to_owned))
}

async fn assert_all_are(cluster: &Cluster, etcd: &Binary) -> Result<()> {
    for said in cluster.versions().await? {
        assert_eq!((said.server, said.cluster), (etcd.version(), Some(minor(etcd))));
    }
    Ok(())
}

/// Given up before it has begun, and when it has begun and nobody is of the older version yet.
#[tokio::test]
async fn downgrade_cancellation_with_and_without_enabling() -> Result<()> {
    for (old, new) in pairs_down() {
        for members in [1, 3] {
            let cluster = start(new, members, "10").await?;
            cluster.cancel_downgrade().await?;
            assert_all_are(&cluster, new).await?;
            // Before, no version is announced.
            if new.version().minor() >= 6 {
                let leader = cluster.leader().await?;
                let to = minor(old).to_string();
                leader.client().await?.downgrade_enable(&to).await?;
                assert_eq!(target(leader).await?, Some(to), "the control");
                cluster.cancel_downgrade().await?;
                assert_eq!(target(leader).await?, None);
                assert_all_are(&cluster, new).await?;
            }
            // It was nothing that would be missed.
            cluster.downgrade(old).await?;
            assert_all_are(&cluster, old).await?;
        }
    }
    Ok(())
}

/// Given up when one or two of three are of the older version: they stay so, members come and go, and
/// up again they are a fleet of the newer one.
#[tokio::test]
async fn downgrade_cancellation_after_downgrading_some_in_cluster_of_3() -> Result<()> {
    for (old, new) in pairs_down() {
        for part in [1, 2] {
            let cluster = start(new, 3, "10").await?;
            cluster.client().await?.put("hello", "world").await?;
            for index in 0..part {
                cluster.member(index).downgrade(old).await?;
            }
            cluster.cancel_downgrade().await?;
            assert_eq!(target(cluster.leader().await?).await?, None);
            for (index, said) in cluster.versions().await?.into_iter().enumerate() {
                let etcd = if index < part { old } else { new };
                assert_eq!(said.server, etcd.version(), "{}", said.member);
            }
            assert_same(&cluster).await?;
            // One that never comes: with 3.4 in it, a fleet takes no other that runs.
            let client = cluster.client().await?;
            let comes = client.member_add_learner(["https://127.0.0.1:1"]).await?;
            client.member_remove(comes.member().id()).await?;
            for index in 0..part {
                cluster.member(index).upgrade(new).await?;
            }
            cluster.cancel_downgrade().await?;
            assert_all_are(&cluster, new).await?;
            assert_same(&cluster).await?;
            let hello = cluster.client().await?.get("hello").await?;
            assert_eq!(hello.expect("still there").value(), b"world");
        }
    }
    Ok(())
}

/// With snapshots before, in between and after.
#[tokio::test]
async fn downgrade_upgrade_cluster_of_1_with_snapshot() -> Result<()> {
    for (old, new) in pairs_down() {
        let cluster = start(new, 1, "10").await?;
        let fill = async |port: u16| -> Result<()> {
            let client = cluster.client().await?;
            // One that never comes. Of the URL and the second its id is made, and no id comes back.
            let comes = client.member_add_learner([format!("https://127.0.0.1:{port}")]).await?;
            for number in 0..30 {
                client.put(number.to_string(), "1").await?;
            }
            client.member_remove(comes.member().id()).await?;
            Ok(())
        };
        for (port, etcd) in [(1, old), (2, new)] {
            fill(port).await?;
            let before = cluster.client().await?.range(tercet_client::Range::all()).await?;
            match etcd.version().minor() == old.version().minor() {
                true => cluster.downgrade(etcd).await?,
                false => cluster.upgrade(etcd).await?,
            }
            assert_all_are(&cluster, etcd).await?;
            let after = cluster.client().await?.range(tercet_client::Range::all()).await?;
            assert_eq!(after.kvs(), before.kvs(), "{}", etcd.version());
            assert_eq!(cluster.client().await?.member_list().await?.len(), 1);
        }
        fill(3).await?;
    }
    Ok(())
}
