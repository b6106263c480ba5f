//! Members that are killed while they start.

use std::time::Duration;

use tercet_client::ErrorKind;
use tercet_cluster::StartError;
use tercet_harness::{Result, StartPoint};
use tercet_tests::available;

use super::support::{fleet_of, log, starts};

#[tokio::test]
async fn a_member_is_killed_at_each_point_of_its_start_and_comes_back() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd, 3).start().await?;
        let client = cluster.client().await?;
        let member = cluster.member(1);
        for point in StartPoint::ALL {
            let before = log(member).len();
            let down = member.kill_at(point).await?;
            assert!(!member.is_running());
            let said = log(member)[before..].to_owned();
            let passed = [
                (StartPoint::Listens, "configuring client listeners"),
                (StartPoint::PastDiscovery, "restarting local member"),
                (StartPoint::ServesClients, "serving client traffic"),
            ];
            for (at, words) in passed {
                if at as u8 <= point as u8 {
                    assert!(said.contains(words), "{point:?}: {said}");
                }
            }
            // What comes last is far enough from the first for the difference to show.
            if point == StartPoint::Spawned {
                assert!(!said.contains("serving client traffic"), "{said}");
            }
            // It may have led.
            cluster.leader().await?;
            client.put("hello", format!("{point:?}")).await?;
            down.restart().await?;
            let read = member.client().await?.get("hello").await?.unwrap();
            assert_eq!(read.value(), format!("{point:?}").as_bytes());
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_crash_loop_is_counted_and_leaves_it_down() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd, 3).start().await?;
        let member = cluster.member(2);
        assert_eq!(starts(member), 1);
        let down = member.crash_loop(4, StartPoint::Listens).await?;
        assert_eq!((starts(member), member.is_running()), (5, false));
        down.restart().await?;
        let down = member.crash_loop(3, Duration::from_millis(150)).await?;
        assert!(!member.is_running());
        down.restart().await?;
        member.crash_loop(0, StartPoint::Listens).await?;
        assert!(!member.is_running());
        member.restart().await?;
    }
    Ok(())
}

#[tokio::test]
async fn cancelled_it_is_down() -> Result<()> {
    let cluster = fleet_of(&available()[0], 3).start().await?;
    let member = cluster.member(0);
    let looping = member.crash_loop(1_000, Duration::from_secs(60));
    assert!(tokio::time::timeout(Duration::from_millis(200), looping).await.is_err());
    assert!(!member.is_running());
    member.restart().await?;
    Ok(())
}

/// Without a majority nobody gets to serve clients.
#[tokio::test]
async fn a_point_that_is_not_reached_is_told_with_the_log() -> Result<()> {
    let builder = fleet_of(&available()[0], 3).ready_within(Duration::from_secs(20));
    let cluster = builder.start().await?;
    let member = cluster.member(0);
    // The control.
    member.kill_at(StartPoint::ServesClients).await?.restart().await?;

    for other in [1, 2] {
        cluster.member(other).kill()?;
    }
    // It listens without the others.
    member.kill_at(StartPoint::Listens).await?;
    let limited = member.kill_at(StartPoint::ServesClients);
    let error = limited.await.unwrap_err();
    let StartError::NotReady { given_up, .. } = &error else { panic!("{error}") };
    assert!(error.to_string().contains("m1 does not serve clients"), "{error}");
    assert!(!given_up.log_tail.is_empty() && !member.is_running());
    for member in cluster.members() {
        member.start()?;
    }
    cluster.wait_until_ready().await?;
    Ok(())
}

#[tokio::test]
async fn clients_of_a_member_in_a_crash_loop_are_refused_and_others_served() -> Result<()> {
    let cluster = fleet_of(&available()[0], 3).start().await?;
    let (member, other) = (cluster.member(0), cluster.member(1));
    let (mine, theirs) = (member.client().await?, other.client().await?);
    mine.put("hello", "world").await?;
    let down = member.crash_loop(2, StartPoint::ServesClients).await?;
    let error = mine.get("hello").await.unwrap_err();
    let refused = [ErrorKind::Connect, ErrorKind::ConnectionLost, ErrorKind::DeadlineExceeded];
    assert!(refused.contains(&error.kind()), "{error:?}");
    assert!(theirs.get("hello").await?.is_some());
    down.restart().await?;
    assert!(mine.get("hello").await?.is_some());
    Ok(())
}
