//! What operating a cluster needs of the client, against a real fleet.

use std::time::{Duration, Instant};

use tercet_client::{ErrorKind, Outcome};
use tercet_harness::{Client, Cluster, Result, Timing};
use tercet_tests::PATIENCE;

async fn start(members: usize) -> Result<(Cluster, Client)> {
    let cluster = Cluster::builder().members(members).timing(Timing::Ci).start().await?;
    let client = cluster.client().await?;
    Ok((cluster, client))
}

/// Asks until etcd finds that the members have been up for long enough.
async fn when_healthy<T, F>(change: impl Fn() -> F) -> T
where
    F: Future<Output = tercet_client::Result<T>>,
{
    let begin = Instant::now();
    loop {
        match change().await {
            Err(error)
                if error.kind() == ErrorKind::UnhealthyCluster && begin.elapsed() < PATIENCE =>
            {
                assert_eq!(error.outcome(), Outcome::NotApplied, "{error:?}");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            result => return result.expect("a change of the members"),
        }
    }
}

#[tokio::test]
async fn members_come_and_go() -> Result<()> {
    let (cluster, client) = start(3).await?;
    let url = || ["https://127.0.0.1:1"];
    let added = when_healthy(|| client.member_add(url())).await;
    assert_eq!(added.members().len(), 4);
    let member = added.member();
    assert_eq!((member.name(), member.is_learner()), ("", false));
    assert_eq!(member.peer_urls(), url());
    assert!(client.member_list().await?.into_iter().any(|other| other == *member));

    // Its URL is taken, by itself and for all others.
    let error = client.member_add_learner(url()).await.unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::MemberExists | ErrorKind::UnhealthyCluster),
        "{error:?}"
    );
    // Of one that votes etcd looks at how far it is first, so it must be one that runs.
    let voter = client.status(cluster.member(0).client_url()).await?.member_id();
    let error = client.member_promote(voter).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotLearner, "{error:?}");

    let moved = client.member_update(member.id(), ["https://127.0.0.1:2"]).await?;
    let there = moved.into_iter().find(|other| other.id() == member.id()).expect("still there");
    assert_eq!(there.peer_urls(), ["https://127.0.0.1:2"]);

    let left = client.member_remove(member.id()).await?;
    assert_eq!(left.len(), 3);
    let leader = cluster.leader().await?;
    for gone in [
        client.member_remove(member.id()).await.unwrap_err(),
        client.member_update(member.id(), url()).await.unwrap_err(),
        // The leader: a follower of 3.4 and 3.5.1 asks it again and again, until time is up.
        leader.client().await?.member_promote(member.id()).await.unwrap_err(),
    ] {
        assert_eq!((gone.kind(), gone.outcome()), (ErrorKind::MemberNotFound, Outcome::NotApplied));
    }
    let error = client.member_add(["no URL"]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{error:?}");
    assert_eq!(client.member_list().await?.len(), cluster.members().len());
    Ok(())
}

#[tokio::test]
async fn a_learner_votes_only_when_it_has_caught_up() -> Result<()> {
    let (_cluster, client) = start(3).await?;
    // Something to catch up with.
    for number in 0..20 {
        client.put(format!("{number}"), "").await?;
    }
    let added = when_healthy(|| client.member_add_learner(["https://127.0.0.1:1"])).await;
    assert!(added.member().is_learner());
    assert!(client.member_list().await?.into_iter().any(|member| member.is_learner()));

    // It was never started, so it has nothing.
    let error = client.member_promote(added.member().id()).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.outcome()),
        (ErrorKind::LearnerNotReady, Outcome::NotApplied),
        "{error:?}"
    );
    let another = || client.member_add_learner(["https://127.0.0.1:2"]);
    let begin = Instant::now();
    let error = loop {
        let error = another().await.unwrap_err();
        if error.kind() != ErrorKind::UnhealthyCluster || begin.elapsed() > PATIENCE {
            break error;
        }
    };
    assert_eq!(error.kind(), ErrorKind::TooManyLearners, "{error:?}");
    assert_eq!(client.member_remove(added.member().id()).await?.len(), 3);
    Ok(())
}

#[tokio::test]
async fn the_members_are_not_changed_while_one_is_down() -> Result<()> {
    let (cluster, client) = start(3).await?;
    // The control, and the wait until only the member that is down can be the reason.
    let added = when_healthy(|| client.member_add_learner(["https://127.0.0.1:1"])).await;
    client.member_remove(added.member().id()).await?;

    let leader = cluster.leader().await?;
    let client = leader.client().await?;
    let down = cluster.members().find(|member| member.index() != leader.index()).expect("others");
    down.kill()?;
    let status = client.status(leader.client_url()).await?;
    let other = client
        .member_list()
        .await?
        .into_iter()
        .find(|member| member.id() != status.member_id() && member.name() != down.name());
    let other = other.expect("the third").id();
    for error in [
        client.member_add(["https://127.0.0.1:1"]).await.unwrap_err(),
        client.member_remove(other).await.unwrap_err(),
    ] {
        assert_eq!(
            (error.kind(), error.outcome()),
            (ErrorKind::UnhealthyCluster, Outcome::NotApplied),
            "{error:?}"
        );
    }
    assert_eq!(client.member_list().await?.len(), 3);
    Ok(())
}

#[tokio::test]
async fn the_leader_hands_over() -> Result<()> {
    let (cluster, client) = start(3).await?;
    let leader = cluster.leader().await?;
    let before = client.status(leader.client_url()).await?;
    assert!(before.is_leader());
    let others = cluster.members().filter(|member| member.index() != leader.index());
    let others: Vec<_> = others.collect();
    let target = client.status(others[0].client_url()).await?.member_id();

    // Only the leader can, and only to a member.
    let error = client.move_leader(others[0].client_url(), target).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::NotLeader, Outcome::NotApplied));
    let error = client.move_leader(leader.client_url(), 7).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{error:?}");

    client.move_leader(leader.client_url(), target).await?;
    assert_eq!(client.status(leader.client_url()).await?.leader(), Some(target));
    assert_eq!(cluster.leader().await?.index(), others[0].index());
    client.put("hello", "world").await?;
    Ok(())
}
