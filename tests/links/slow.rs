//! Links that are slow, and no others.

use std::time::Duration;

use tercet_harness::{LinkPolicy, Member, Result};
use tercet_tests::{available, say};

use crate::{fleet_of, median, put, roles, until};

const DELAY: Duration = Duration::from_millis(20);
const WRITES: usize = 11;

async fn latency(member: Member<'_>) -> Duration {
    let mut all = Vec::new();
    while all.len() < WRITES {
        all.push(put(member, "x").await.expect("it is acknowledged"));
    }
    median(all)
}

/// A write through the follower goes to the leader and back over the slow link; the others agree
/// without it.
#[tokio::test]
async fn a_slow_link_shows_on_that_link_only() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd, 3).await?;
        let (leader, follower, third) = roles(&cluster).await?;
        let before = latency(follower).await;
        let slow = cluster.slow(leader, follower, DELAY)?;
        let (slowed, others) =
            (latency(follower).await, [latency(leader).await, latency(third).await]);
        drop(slow);
        let after = latency(follower).await;
        let version = etcd.version();
        say(&format!(
            "{version}: {before:?}, slowed {slowed:?}, others {others:?}, healed {after:?}"
        ));
        assert!(slowed >= 2 * DELAY, "there and back: {slowed:?}");
        for other in others {
            assert!(other < slowed - DELAY, "{other:?} of {slowed:?}");
        }
        assert!(after < slowed - DELAY, "{after:?} of {slowed:?}");
    }
    Ok(())
}

/// What is held is not lost: nothing is dialled again, and all of it arrives.
#[tokio::test]
async fn what_is_held_arrives_when_it_is_let_go() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd, 3).await?;
        let (leader, follower, _) = roles(&cluster).await?;
        let log_lines = || follower.log_tail(usize::MAX).len();
        let held = cluster.impose_both_ways(leader, follower, LinkPolicy::HOLD)?;
        until(follower, "that it knows no leader", |said| said.leader().is_none()).await;
        let lost = |from: usize| {
            let lines = follower.log_tail(usize::MAX).split_off(from);
            lines.iter().filter(|line| line.contains("lost TCP streaming")).count()
        };
        let before = log_lines();
        drop(held);
        cluster.wait_until_ready().await?;
        assert!(put(follower, "after").await.is_some());
        assert_eq!(lost(before), 0, "its streams went on");
        // The control: what is cut is dialled again.
        let before = log_lines();
        let cut = cluster.cut(leader, follower)?;
        until(follower, "that it knows no leader", |said| said.leader().is_none()).await;
        drop(cut);
        cluster.wait_until_ready().await?;
        assert!(lost(before) > 0);
    }
    Ok(())
}
