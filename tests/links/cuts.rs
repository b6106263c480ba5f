//! Cuts: who goes on, who does not, and that all is well again.

use tercet_harness::{Cluster, Result};
use tercet_tests::{available, say};

use crate::{fleet_of, impatient_client, put, roles, status, until};

/// Who follows nobody knows no leader; the others never notice.
#[tokio::test]
async fn a_follower_cut_off_from_its_leader_alone_is_without_one_and_the_others_write() -> Result<()>
{
    for etcd in available() {
        let cluster = fleet_of(etcd, 3).await?;
        let (leader, follower, third) = roles(&cluster).await?;
        let term = status(leader).await?.raft_term();
        // The control: without a cut it has one, for longer than an election takes.
        until(follower, "its leader", |said| said.leader().is_some()).await;
        assert!(put(follower, "before").await.is_some());

        let cut = cluster.cut(leader, follower)?;
        let lost = until(follower, "that it knows no leader", |said| said.leader().is_none()).await;
        for member in [leader, third] {
            assert!(put(member, "during").await.is_some(), "{}", member.name());
            assert_eq!(status(member).await?.raft_term(), term, "nobody else was elected");
        }
        assert!(put(follower, "through the follower").await.is_none());
        assert_eq!(cluster.leader().await?.index(), leader.index());

        let healing = std::time::Instant::now();
        drop(cut);
        cluster.wait_until_ready().await?;
        let healed = healing.elapsed();
        assert!(put(follower, "after").await.is_some());
        assert_eq!(status(follower).await?.raft_term(), term, "it came back without an election");
        let read = impatient_client(follower).await?.get("during").await?;
        assert_eq!(read.expect("it caught up").value(), third.name().as_bytes());
        say(&format!("{}: leaderless after {lost:?}, whole after {healed:?}", etcd.version()));
    }
    Ok(())
}

/// It may believe in itself for a while, but what it acknowledges is agreed upon by a majority.
#[tokio::test]
async fn an_isolated_leader_acknowledges_nothing_and_another_is_elected() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd, 3).await?;
        let (old, _, _) = roles(&cluster).await?;
        let term = status(old).await?.raft_term();
        // The control.
        assert!(put(old, "x").await.is_some());

        let begin = std::time::Instant::now();
        let isolated = cluster.isolate(old)?;
        let elected = async {
            let new = other_leader(&cluster, old.index()).await?;
            Ok::<_, tercet_harness::Error>((new, begin.elapsed()))
        };
        let (elected, refused) = tokio::join!(elected, put(old, "x"));
        let (new, elected) = elected?;
        assert!(refused.is_none(), "it acknowledged a write alone");
        assert!(put(new, "y").await.is_some());
        assert!(put(old, "x").await.is_none());
        assert!(status(new).await?.raft_term() > term);
        until(old, "that it leads no more", |said| said.leader().is_none()).await;

        let healing = std::time::Instant::now();
        isolated.heal();
        cluster.wait_until_ready().await?;
        let healed = healing.elapsed();
        assert!(put(old, "z").await.is_some());
        let read = impatient_client(old).await?.get("y").await?;
        assert_eq!(read.expect("it caught up").value(), new.name().as_bytes());
        let version = etcd.version();
        say(&format!("{version}: another leads within {elected:?}, whole after {healed:?}"));
    }
    Ok(())
}

/// The leader, once it is another than this.
async fn other_leader(cluster: &Cluster, old: usize) -> Result<tercet_harness::Member<'_>> {
    loop {
        let leader = cluster.leader().await?;
        if leader.index() != old {
            return Ok(leader);
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

/// What is lost is what the one sends, on whichever connection.
#[tokio::test]
async fn a_cut_from_the_leader_to_a_follower_leaves_that_follower_alone() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd, 3).await?;
        let (leader, follower, third) = roles(&cluster).await?;
        let term = status(leader).await?.raft_term();
        let cut = cluster.cut_one_way(leader, follower)?;
        until(follower, "that it knows no leader", |said| said.leader().is_none()).await;
        for member in [leader, third] {
            assert!(put(member, "during").await.is_some(), "{}", member.name());
            assert_eq!(status(member).await?.raft_term(), term);
        }
        drop(cut);
        cluster.wait_until_ready().await?;
        assert!(put(follower, "after").await.is_some());
    }
    Ok(())
}

/// It hears its leader, and is not heard: it has a leader, and gets nothing agreed.
#[tokio::test]
async fn a_cut_from_a_follower_to_the_leader_leaves_it_unheard() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd, 3).await?;
        let (leader, follower, third) = roles(&cluster).await?;
        let term = status(leader).await?.raft_term();
        let cut = cluster.cut_one_way(follower, leader)?;
        assert!(put(follower, "unheard").await.is_none());
        assert!(
            impatient_client(follower).await?.get("x").await.is_err(),
            "a read asks the leader"
        );
        for member in [leader, third] {
            assert!(put(member, "during").await.is_some(), "{}", member.name());
            assert_eq!(status(member).await?.raft_term(), term);
        }
        drop(cut);
        cluster.wait_until_ready().await?;
        assert!(put(follower, "after").await.is_some());
    }
    Ok(())
}

/// The severest counts, until it is healed itself.
#[tokio::test]
async fn cuts_overlap_and_each_takes_back_its_own() -> Result<()> {
    let etcd = &available()[0];
    let cluster = fleet_of(etcd, 3).await?;
    let (leader, follower, third) = roles(&cluster).await?;
    let (cut, isolated) = (cluster.cut(leader, follower)?, cluster.isolate(follower)?);
    until(follower, "that it knows no leader", |said| said.leader().is_none()).await;
    drop(cut);
    assert!(put(follower, "still alone").await.is_none());
    drop(isolated);
    cluster.wait_until_ready().await?;
    assert!(put(follower, "back").await.is_some());

    let guards = [cluster.cut(leader, third)?, cluster.isolate(follower)?];
    cluster.heal_all();
    cluster.wait_until_ready().await?;
    for member in cluster.members() {
        assert!(put(member, "healed").await.is_some(), "{}", member.name());
    }
    // What is left of the guards is nothing.
    drop(guards);
    assert!(put(leader, "and stays so").await.is_some());
    Ok(())
}

/// A member that comes back finds the links as they are then.
#[tokio::test]
async fn a_member_restarted_behind_a_cut_comes_back_when_it_is_healed() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd, 3).await?;
        let (_, follower, _) = roles(&cluster).await?;
        let isolated = cluster.isolate(follower)?;
        let down = follower.kill()?;
        cluster.leader().await?;
        cluster.client().await?.put("while", "it was down").await?;
        // What is cut is not waited for.
        follower.start()?;
        cluster.wait_until_ready().await?;
        drop(isolated);
        cluster.wait_until_ready().await?;
        assert!(put(follower, "after").await.is_some());
        assert!(impatient_client(follower).await?.get("while").await?.is_some());
        let _ = down;
    }
    Ok(())
}
