//! Disks.

use std::time::Duration;

use tercet_cluster::StartError;
use tercet_cluster::binary::{Binary, Feature};
use tercet_harness::{DiskError, DiskFault, Faults, Member, Result};
use tercet_tests::{eventually, say};

use super::support::{PATIENCE, etcds, fleet_of, followers, log, median, puts};

const DISK: Faults = Faults::NONE.disk();

#[tokio::test]
async fn a_slow_disk_makes_puts_slow_by_as_much_and_only_its_own_member() -> Result<()> {
    const DELAY: Duration = Duration::from_millis(20);
    const COUNT: usize = 40;
    for etcd in etcds(DISK) {
        let cluster = fleet_of(etcd, DISK).start().await?;
        let leader = cluster.leader().await?;
        let client = leader.client().await?;
        // Rules that change nothing, and count.
        let [one, other] = followers(&cluster).await?;
        let (one, other) = (one.slow_disk(Duration::ZERO)?, other.slow_disk(Duration::ZERO)?);
        let before = puts(&client, COUNT).await?;
        assert!(before[0] < DELAY, "the control: {before:?}");
        assert!(one.hits() > 0 && other.hits() > 0, "etcd flushes");

        let fault = leader.slow_disk(DELAY)?;
        let slow = puts(&client, COUNT).await?;
        assert!(slow[0] >= DELAY, "{slow:?}");
        assert!(fault.hits() >= COUNT as u64);
        drop((one, other));
        fault.heal();
        let healed = puts(&client, COUNT).await?;
        assert!(healed[0] < DELAY, "{healed:?}");

        // Of two that follow, one is enough to agree.
        let [follower, _] = followers(&cluster).await?;
        let fault = follower.slow_disk(DELAY)?;
        let beside = puts(&client, COUNT).await?;
        assert!(beside[0] < DELAY, "{beside:?}");
        assert!(fault.hits() > 0);
        say(&format!(
            "etcd {}: median put {:.2?}, with 20 ms more a flush {:.2?}, healed {:.2?}, with a slow follower {:.2?}",
            etcd.version(),
            median(&before),
            median(&slow),
            median(&healed),
            median(&beside),
        ));
    }
    Ok(())
}

#[tokio::test]
async fn faults_of_one_disk_add_up_and_are_healed_each_by_itself() -> Result<()> {
    for etcd in etcds(DISK) {
        let cluster = fleet_of(etcd, DISK).start().await?;
        let leader = cluster.leader().await?;
        let client = leader.client().await?;
        let ms = Duration::from_millis;
        let (one, other) = (leader.slow_disk(ms(20))?, leader.slow_disk(ms(30))?);
        assert!(puts(&client, 5).await?[0] >= ms(50));
        drop(one);
        assert!(puts(&client, 5).await?[0] >= ms(30));
        drop(other);
        assert!(puts(&client, 20).await?[0] < ms(20));
    }
    Ok(())
}

/// With others, one flush elsewhere would do; alone there is none but its own.
#[tokio::test]
async fn a_fleet_of_one_acknowledges_what_is_flushed_from_3_5_5_on() -> Result<()> {
    const DELAY: Duration = Duration::from_millis(100);
    for etcd in etcds(DISK) {
        let cluster = fleet_of(etcd, DISK).members(1).start().await?;
        let client = cluster.client().await?;
        assert!(puts(&client, 20).await?[0] < DELAY, "the control");
        let fault = cluster.member(0).slow_disk(DELAY)?;
        let slow = puts(&client, 10).await?;
        assert!(fault.hits() > 0);
        let waits = etcd.release().has(Feature::AloneFlushesFirst);
        assert_eq!(slow[0] >= DELAY, waits, "etcd {}: {slow:?}", etcd.version());
    }
    Ok(())
}

/// A member restarted while its disk is slow has a slow disk.
#[tokio::test]
async fn a_fault_outlives_the_member_and_not_the_guard() -> Result<()> {
    for etcd in etcds(DISK) {
        let cluster = fleet_of(etcd, DISK).start().await?;
        let member = cluster.member(1);
        let fault = member.slow_disk(Duration::from_millis(5))?;
        let down = member.kill()?;
        let before = fault.hits();
        down.restart().await?;
        assert!(fault.hits() > before);
        cluster.client().await?.put("hello", "world").await?;
        drop(cluster);
        let after = fault.hits();
        fault.heal();
        assert!(after > before);
    }
    Ok(())
}

#[tokio::test]
async fn a_member_whose_disk_fails_ends_and_comes_back_when_it_is_healed() -> Result<()> {
    for etcd in etcds(DISK) {
        for leads in [false, true] {
            let break_it = |member: Member<'_>| Ok(member.fail_disk(DiskError::Io)?);
            ends_and_comes_back(etcd, leads, break_it, "input/output error").await?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_member_whose_disk_is_full_ends_and_comes_back_when_it_is_healed() -> Result<()> {
    for etcd in etcds(DISK) {
        for leads in [false, true] {
            let break_it = |member: Member<'_>| Ok(member.fill_disk()?);
            ends_and_comes_back(etcd, leads, break_it, "no space left on device").await?;
        }
    }
    Ok(())
}

/// One member's disk is broken while there are writes; the others go on, and it comes back with all
/// that was acknowledged.
async fn ends_and_comes_back(
    etcd: &Binary,
    leads: bool,
    break_it: impl FnOnce(Member<'_>) -> Result<DiskFault>,
    words: &str,
) -> Result<()> {
    let cluster = fleet_of(etcd, DISK).start().await?;
    let leader = cluster.leader().await?;
    let member = if leads { leader } else { followers(&cluster).await?[0] };
    let [one, other] = cluster
        .members()
        .filter(|other| other.index() != member.index())
        .collect::<Vec<_>>()
        .try_into()
        .unwrap();
    let (one, other) = (one.client().await?, other.client().await?);
    let mut acknowledged = Vec::new();
    for number in 0..20 {
        one.put(format!("before/{number}"), "there").await?;
        acknowledged.push(format!("before/{number}"));
    }
    assert!(member.is_running(), "the control");
    let printed = log(member).len();

    let fault = break_it(member)?;
    let mut number = 0;
    let begin = std::time::Instant::now();
    while member.is_running() {
        assert!(begin.elapsed() < PATIENCE, "{:?}", member.log_tail(20));
        let client = if number % 2 == 0 { &one } else { &other };
        // Without a leader for a moment, a write may fail.
        if client.put(format!("during/{number}"), "there").await.is_ok() {
            acknowledged.push(format!("during/{number}"));
        }
        number += 1;
    }
    assert!(fault.hits() > 0);
    let said = log(member)[printed..].to_owned();
    assert!(said.contains(words), "{said}");
    let fatal = |line: &&str| {
        ["\"level\":\"fatal\"", "\"level\":\"panic\"", "panic: "]
            .iter()
            .any(|word| line.contains(word))
    };
    let last = said.lines().find(fatal).unwrap_or("no fatal line");
    say(&format!(
        "etcd {} {words} ({}): {last}",
        etcd.version(),
        if leads { "leader" } else { "follower" }
    ));
    // The others go on.
    cluster.leader().await?;
    for number in 0..20 {
        one.put(format!("after/{number}"), "there").await?;
        acknowledged.push(format!("after/{number}"));
    }

    // It does not come up as long as the disk is broken.
    let error = member.restart().await.unwrap_err();
    assert!(matches!(&error, StartError::Exited { .. } | StartError::NotReady { .. }), "{error}");
    say(&format!(
        "etcd {} started on it: {}",
        etcd.version(),
        error.to_string().lines().next().unwrap_or_default()
    ));
    fault.heal();
    member.restart().await?;
    assert!(eventually(PATIENCE, || member.is_running()));
    has_all(member, &acknowledged).await
}

/// Read through this member, and nobody else.
async fn has_all(member: Member<'_>, keys: &[String]) -> Result<()> {
    let client = member.client().await?;
    for key in keys {
        let found = client.get(key.clone()).await?;
        assert!(found.is_some_and(|pair| pair.value() == b"there"), "{key} is lost");
    }
    Ok(())
}
