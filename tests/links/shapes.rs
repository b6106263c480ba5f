//! Splits, rings and bridges.

use tercet_harness::{Member, Result};
use tercet_tests::available;

use crate::{fleet_of, put, roles, status, until};

#[tokio::test]
async fn the_larger_side_of_a_split_goes_on_and_the_smaller_does_not() -> Result<()> {
    let etcd = &available()[0];
    let cluster = fleet_of(etcd, 5).await?;
    let leader = cluster.leader().await?;
    let others: Vec<Member<'_>> =
        cluster.members().filter(|member| member.index() != leader.index()).collect();
    // The control.
    assert!(put(leader, "x").await.is_some());
    let split = cluster.split(&[leader, others[0]], &others[1..])?;
    until(others[1], "that another leads", |said| {
        said.leader().is_some_and(|id| Some(id) != leader.id())
    })
    .await;
    assert!(put(others[2], "the larger").await.is_some());
    assert!(put(others[0], "the smaller").await.is_none());
    drop(split);
    cluster.wait_until_ready().await?;
    for member in cluster.members() {
        assert!(put(member, "whole").await.is_some(), "{}", member.name());
    }
    Ok(())
}

/// Whoever is on the bridge hears both sides; alone, neither side of two has a majority.
#[tokio::test]
async fn a_bridge_of_five_and_of_three() -> Result<()> {
    let etcd = &available()[0];
    let cluster = fleet_of(etcd, 5).await?;
    let bridge = cluster.leader().await?;
    let bridged = cluster.bridge(bridge)?;
    // Four reach the leader, so all is well.
    for member in cluster.members() {
        assert!(put(member, "over the bridge").await.is_some(), "{}", member.name());
    }
    // The control: without the bridge there is no majority on either side.
    let gone = bridge.kill()?;
    for member in cluster.members().filter(|member| member.is_running()) {
        assert!(put(member, "without it").await.is_none(), "{}", member.name());
    }
    gone.restart().await?;
    drop(bridged);
    cluster.wait_until_ready().await?;

    let cluster = fleet_of(etcd, 3).await?;
    let (leader, follower, third) = roles(&cluster).await?;
    let term = status(leader).await?.raft_term();
    let _bridged = cluster.bridge(leader)?;
    for member in [leader, follower, third] {
        assert!(put(member, "over the bridge").await.is_some());
    }
    assert_eq!(status(leader).await?.raft_term(), term);
    Ok(())
}

/// Each reaches three of five, which is a majority; no two the same.
#[tokio::test]
async fn a_ring_of_five_agrees_on_a_leader() -> Result<()> {
    let etcd = &available()[0];
    let cluster = fleet_of(etcd, 5).await?;
    let ring = cluster.ring()?;
    cluster.wait_until_ready().await?;
    let mut acknowledged = 0;
    for round in 0..20 {
        for member in cluster.members() {
            acknowledged += usize::from(put(member, &format!("r{round}")).await.is_some());
        }
        if acknowledged > 0 {
            break;
        }
    }
    assert!(acknowledged > 0, "somebody has a majority");
    drop(ring);
    cluster.wait_until_ready().await?;
    for member in cluster.members() {
        assert!(put(member, "whole").await.is_some(), "{}", member.name());
    }
    Ok(())
}
