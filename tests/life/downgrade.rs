//! Down to older versions.

use tercet_cluster::OperateRefusal;
use tercet_cluster::binary::{Binary, VersionChange, VersionChangeError};
use tercet_harness::{Cluster, Result, Timing};
use tercet_tests::{say, steps_up, ways_up};

use crate::upgrade::{along, assert_version};
use crate::{assert_whole, cut_off, fleet_of};

/// Two etcds, the second of the minor version before that of the first, where etcd has a way.
fn steps_down() -> Vec<(&'static Binary, &'static Binary)> {
    let mut steps: Vec<_> = steps_up().into_iter().map(|(old, new)| (new, old)).collect();
    steps.retain(|(new, old)| goes_down(new, old));
    if steps.is_empty() {
        say("none of these versions can go down to another");
    }
    steps
}

fn goes_down(new: &Binary, old: &Binary) -> bool {
    matches!(new.release().change_to(old.release()), Ok(VersionChange::Downgrade(_)))
}

/// etcd's TestDowngradeUpgradeClusterOf1 and Of3: down and up again.
#[tokio::test]
async fn downgrade_of_the_whole_fleet_and_up_again() -> Result<()> {
    for (new, old) in steps_down() {
        for members in [1, 3] {
            let cluster = fleet_of(new, members).await?;
            cluster.client().await?.put("hello", "world").await?;
            cluster.downgrade(old).await?;
            assert_version(&cluster, old).await?;
            assert_whole(&cluster).await?;
            // It is one like any other: it restarts, and others come.
            cluster.rolling_restart().await?;
            assert_version(&cluster, old).await?;
            for member in cluster.members() {
                member.kill()?;
            }
            cluster.rolling_restart().await?;
            cluster.add_member().await?.restart().await?;
            assert_version(&cluster, old).await?;
            cluster.upgrade(new).await?;
            assert_version(&cluster, new).await?;
            assert_whole(&cluster).await?;
            for member in cluster.members() {
                assert!(!member.plan().spec().has_flag("next-cluster-version-compatible"));
            }
            let read = cluster.client().await?.get("hello").await?;
            assert_eq!(read.expect("still there").value(), b"world");
            say(&format!(
                "a fleet of {members} went {} → {} → {}",
                new.version(),
                old.version(),
                new.version()
            ));
        }
    }
    Ok(())
}

/// All the way down as far as etcd has one, and up again, on the same data.
#[tokio::test]
async fn downgrade_along_every_minor_version() -> Result<()> {
    for way in ways_up() {
        let mut down: Vec<&Binary> = Vec::new();
        for &etcd in way.iter().rev() {
            if down.last().is_some_and(|newer| !goes_down(newer, etcd)) {
                break;
            }
            down.push(etcd);
        }
        if down.len() < 2 {
            continue;
        }
        for members in [1, 3] {
            let cluster = fleet_of(down[0], members).await?;
            for (step, etcd) in down.iter().enumerate() {
                cluster.downgrade(etcd).await?;
                assert_version(&cluster, etcd).await?;
                cluster.client().await?.put(format!("step {step}"), "there").await?;
                assert_whole(&cluster).await?;
            }
            for etcd in down.iter().rev() {
                cluster.upgrade(etcd).await?;
                assert_version(&cluster, etcd).await?;
                assert_whole(&cluster).await?;
            }
            for step in 0..down.len() {
                for member in cluster.members() {
                    let read = member.client().await?.get(format!("step {step}")).await?;
                    assert_eq!(read.expect("still there").value(), b"there");
                }
            }
            say(&format!("a fleet of {members} went down, and up again: {}", along(&down)));
        }
    }
    Ok(())
}

/// etcd's TestDowngradeUpgradeClusterOf3WithSnapshot: with logs that were cut off.
#[tokio::test]
async fn downgrade_with_snapshot() -> Result<()> {
    for (new, old) in steps_down() {
        let builder = Cluster::builder().binary(new.path()).timing(Timing::Ci);
        let cluster = builder.flag("snapshot-count", "10").start().await?;
        let client = cluster.client().await?;
        for number in 0..100 {
            client.put(format!("key {number}"), "value").await?;
        }
        cluster.downgrade(old).await?;
        assert_version(&cluster, old).await?;
        let comes = cluster.add_member().await?;
        assert!(comes.client().await?.get("key 99").await?.is_some());
        assert_whole(&cluster).await?;
        comes.remove().await?;
        cluster.upgrade(new).await?;
        assert_version(&cluster, new).await?;
        assert_whole(&cluster).await?;
    }
    Ok(())
}

/// etcd's TestDowngradeUpgrade2InClusterOf3 and 1InClusterOf3: a part of the members, and back.
#[tokio::test]
async fn downgrade_of_a_part_and_back() -> Result<()> {
    for (new, old) in steps_down() {
        for part in [1, 2] {
            let cluster = fleet_of(new, 3).await?;
            for index in 0..part {
                cluster.member(index).downgrade(old).await?;
                assert_whole(&cluster).await?;
            }
            let acts_as = cluster.cluster_version().await?;
            let announced = new.version().minor() >= 6;
            assert!(!announced || acts_as.minor() == old.version().minor(), "{acts_as}");
            for leader in [cluster.member(0), cluster.member(2)] {
                leader.lead().await?;
                assert_whole(&cluster).await?;
            }
            for index in 0..part {
                cluster.member(index).upgrade(new).await?;
            }
            cluster.cancel_downgrade().await?;
            assert_version(&cluster, new).await?;
            assert_whole(&cluster).await?;
        }
    }
    Ok(())
}

/// etcd's TestDowngradeCancel…: before any member was replaced, and when some were.
#[tokio::test]
async fn downgrade_cancel() -> Result<()> {
    for (new, old) in steps_down() {
        let cluster = fleet_of(new, 3).await?;
        // The control: nothing to cancel.
        cluster.cancel_downgrade().await?;
        assert_version(&cluster, new).await?;
        let client = cluster.leader().await?.client().await?;
        if new.version().minor() >= 6 {
            let target = format!("3.{}.0", old.version().minor());
            client.downgrade_enable(&target).await?;
            cluster.cancel_downgrade().await?;
            assert_version(&cluster, new).await?;
        }
        cluster.member(1).downgrade(old).await?;
        cluster.cancel_downgrade().await?;
        assert_whole(&cluster).await?;
        cluster.member(1).upgrade(new).await?;
        cluster.cancel_downgrade().await?;
        assert_version(&cluster, new).await?;
        assert_whole(&cluster).await?;
        // And it may be begun anew.
        cluster.downgrade(old).await?;
        assert_version(&cluster, old).await?;
    }
    Ok(())
}

#[tokio::test]
async fn downgrades_that_are_interrupted_go_on_when_called_again() -> Result<()> {
    let Some((new, old)) = steps_down().into_iter().next_back() else { return Ok(()) };
    for after_ms in [0, 10, 40, 100, 200, 400, 700] {
        let cluster = fleet_of(new, 3).await?;
        if cut_off(after_ms, cluster.downgrade(old)).await.transpose()?.is_none() {
            cluster.downgrade(old).await?;
        }
        assert_version(&cluster, old).await?;
        assert_whole(&cluster).await?;
    }
    Ok(())
}

/// 3.4 before 3.4.31 cannot read what 3.5 has written: refused, and etcd itself would not start.
#[tokio::test]
async fn downgrade_that_etcd_has_no_way_for_is_refused_before_anything_is_touched() -> Result<()> {
    for (old, new) in steps_up() {
        if !matches!(
            new.release().change_to(old.release()),
            Err(VersionChangeError::NoWayDown { .. })
        ) {
            continue;
        }
        downgrade_is_refused(new, old).await?;
    }
    Ok(())
}

async fn downgrade_is_refused(new: &Binary, old: &Binary) -> Result<()> {
    let cluster = fleet_of(new, 3).await?;
    let pids: Vec<_> = cluster.members().map(|member| member.pid()).collect();
    for error in [
        cluster.downgrade(old).await.expect_err("there is no way"),
        cluster.member(0).downgrade(old).await.expect_err("there is no way"),
    ] {
        let Some(OperateRefusal::Version { reason, .. }) = error.refusal() else {
            panic!("{error}");
        };
        assert!(matches!(reason, VersionChangeError::NoWayDown { .. }), "{error}");
    }
    assert!(cluster.members().map(|member| member.pid()).eq(pids), "nothing was touched");
    // The control: what we spare everybody.
    let member = cluster.member(1);
    member.kill()?;
    let arguments = member.plan().arguments().iter();
    let arguments =
        arguments.filter(|word| !word.to_string_lossy().starts_with("--socket-reuse-port"));
    // Its own ports are held for 3.5.
    let elsewhere = ["--listen-peer-urls", "--listen-client-urls"]
        .map(|flag| format!("{flag}=https://127.0.0.1:0"));
    let output = tercet_tests::command(old.path()).args(arguments).args(elsewhere).output();
    let output = output.expect("it runs");
    assert!(!output.status.success());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("invalid downgrade"), "{said}");
    member.restart().await?;
    assert_whole(&cluster).await
}
