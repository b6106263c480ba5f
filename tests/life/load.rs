//! Members and versions that change while somebody writes all the time.

use tercet_cluster::binary::Binary;
use tercet_harness::Result;
use tercet_tests::{Load, LoadOptions, LoadReport, available, say, steps_up};

use crate::upgrade::assert_version;
use crate::{assert_whole, fleet_of, term};

/// Puts the figures on record, and checks the report against the fleet.
async fn verify(what: &str, report: &LoadReport, cluster: &tercet_harness::Cluster) -> Result<()> {
    say(&format!("{what}: {report}"));
    for (error, times) in report.history().errors() {
        say(&format!("  {times} × {error}"));
    }
    report.verify(&cluster.client().await?).await;
    Ok(())
}

fn of(etcd: &Binary) -> String {
    format!("etcd {}", etcd.version())
}

#[tokio::test]
async fn an_upgrade_under_load_loses_nothing_and_misses_no_leader() -> Result<()> {
    for (old, new) in steps_up() {
        let cluster = fleet_of(old, 3).await?;
        let load = Load::start(&cluster.client().await?, LoadOptions::default()).await;
        load.acknowledges(50).await;
        let before = term(cluster.leader().await?).await?;
        cluster.upgrade(new).await?;
        load.acknowledges(50).await;
        let report = load.stop().await;
        // The leader hands over before its turn, and once more for the fleet's version to be looked
        // at. No election came because a leader was missed.
        let elections = term(cluster.leader().await?).await? - before;
        assert!(elections <= 2, "{elections} elections: {report}");
        verify(&format!("upgrade, {} to {}", of(old), new.version()), &report, &cluster).await?;
        assert_version(&cluster, new).await?;
    }
    Ok(())
}

#[tokio::test]
async fn replacing_members_under_load_loses_nothing_and_misses_no_leader() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd, 3).await?;
        let load = Load::start(&cluster.client().await?, LoadOptions::default()).await;
        load.acknowledges(50).await;
        for index in 0..3 {
            let before = term(cluster.leader().await?).await?;
            let old = cluster.member(index);
            let led = u64::from(cluster.leader().await?.index() == index);
            old.replace().await?;
            load.acknowledges(50).await;
            let elections = term(cluster.leader().await?).await? - before;
            assert_eq!(elections, led, "handed over, and not missed: {}", of(etcd));
        }
        let report = load.stop().await;
        verify(&format!("three members replaced, {}", of(etcd)), &report, &cluster).await?;
        assert_whole(&cluster).await?;
    }
    Ok(())
}

#[tokio::test]
async fn growing_and_shrinking_under_load_loses_nothing_and_misses_no_leader() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd, 1).await?;
        // The first goes last: the load knows no other.
        let load = Load::start(&cluster.client().await?, LoadOptions::default()).await;
        load.acknowledges(50).await;
        let before = term(cluster.leader().await?).await?;
        for _ in 0..2 {
            cluster.add_member().await?;
            load.acknowledges(50).await;
        }
        for index in [1, 2] {
            cluster.member(index).remove().await?;
            load.acknowledges(50).await;
        }
        let elections = term(cluster.leader().await?).await? - before;
        assert_eq!(elections, 0, "nobody was missed: {}", of(etcd));
        let report = load.stop().await;
        assert_eq!((report.not_applied(), report.unknown()), (0, 0), "{report}");
        verify(&format!("from one to three and back, {}", of(etcd)), &report, &cluster).await?;
    }
    Ok(())
}
