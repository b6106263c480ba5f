//! Members that are asked to end, and all of them restarted one after the other.

use tercet_harness::{Cluster, Result, Timing};
use tercet_tests::available;

use crate::{fleet_of, term};

#[tokio::test]
async fn a_leader_that_is_stopped_hands_over_first() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd, 3).await?;
        let leader = cluster.leader().await?;
        let (pid, before) = (leader.pid().expect("it runs"), term(leader).await?);
        let down = leader.stop().await?;
        assert_eq!(down.member().pid(), None);
        assert!(!tercet_tests::is_running(pid));
        let heir = cluster.leader().await?;
        assert_ne!(heir.index(), leader.index());
        // One election for the handing over, and none because it was missed.
        assert_eq!(term(heir).await?, before + 1, "etcd {}", etcd.version());
        let text = leader.stop().await.unwrap_err().to_string();
        assert_eq!(text, format!("member {} is not running: restart it first", leader.name()));
        down.restart().await?;
    }
    Ok(())
}

/// The control of what `stop` promises: a member that does not listen is killed.
#[tokio::test]
async fn a_member_that_does_not_listen_is_killed() -> Result<()> {
    let cluster = Cluster::builder().timing(Timing::Ci).start().await?;
    let member = cluster.member(1);
    let pid = member.pid().expect("it runs").to_string();
    assert!(tercet_tests::command("kill").args(["-STOP", &pid]).status().unwrap().success());
    let down = member.stop().await?;
    assert!(!member.is_running());
    down.restart().await?;
    Ok(())
}

#[tokio::test]
async fn a_stop_that_is_cancelled_leaves_the_member_down() -> Result<()> {
    let cluster = Cluster::builder().timing(Timing::Ci).start().await?;
    let member = cluster.member(1);
    {
        let mut stop = std::pin::pin!(member.stop());
        let first = std::future::poll_fn(|context| {
            std::task::Poll::Ready(stop.as_mut().poll(context).is_pending())
        });
        assert!(first.await, "it takes longer than one look");
    }
    assert!(!member.is_running());
    member.restart().await?;
    Ok(())
}

#[tokio::test]
async fn leadership_goes_where_it_is_wanted() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd, 3).await?;
        for member in cluster.members() {
            member.lead().await?;
            assert_eq!(cluster.leader().await?.index(), member.index());
            // Once more is nothing.
            let before = term(member).await?;
            cluster.move_leader(member).await?;
            assert_eq!(term(member).await?, before);
        }
        // The control: one that is down cannot be handed anything.
        let follower = cluster.member(0);
        follower.kill()?;
        let text = follower.lead().await.unwrap_err().to_string();
        let beginning = "handing the leadership to m1: m1 did not come to lead, after ";
        assert!(text.starts_with(beginning), "{text}");
        assert!(text.contains("now: m1 is down"), "{text}");
    }
    Ok(())
}

#[tokio::test]
async fn rolling_restart_replaces_every_process_and_keeps_a_majority() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd, 3).await?;
        let client = cluster.client().await?;
        client.put("hello", "world").await?;
        let pids: Vec<_> = cluster.members().map(|member| member.pid()).collect();
        let before = term(cluster.leader().await?).await?;
        cluster.rolling_restart().await?;
        for (member, old) in cluster.members().zip(pids) {
            assert!(member.is_running());
            assert_ne!(member.pid(), old);
            let read = member.client().await?.get("hello").await?;
            assert_eq!(read.expect("still there").value(), b"world");
        }
        // The leader handed over once, and nobody missed it.
        assert_eq!(term(cluster.leader().await?).await?, before + 1, "{}", etcd.version());
    }
    Ok(())
}

#[tokio::test]
async fn rolling_restart_brings_back_who_is_down_and_small_fleets_too() -> Result<()> {
    for members in [1, 2] {
        let cluster = Cluster::builder().members(members).timing(Timing::Ci).start().await?;
        cluster.member(members - 1).kill()?;
        cluster.rolling_restart().await?;
        assert!(cluster.members().all(|member| member.is_running()));
        cluster.client().await?.put("hello", "world").await?;
    }
    Ok(())
}
