//! Links between clients and members.

use tercet_harness::{End, LinkPolicy, Result};
use tercet_tests::{available, say};

use crate::{fleet_of, impatient_client, put, roles};

/// Clients get nothing from it; the fleet goes on as if nothing were.
#[tokio::test]
async fn clients_are_cut_off_from_one_member_and_the_fleet_does_not_notice() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd, 3).await?;
        let (leader, follower, _) = roles(&cluster).await?;
        let open = impatient_client(leader).await?;
        open.put("x", "over a connection that stays").await?;
        let cut = cluster.cut(End::Clients, leader)?;
        let error = open.put("x", "lost").await.unwrap_err();
        assert_eq!(error.outcome(), tercet_client::Outcome::Unknown, "{error}");
        assert!(put(leader, "y").await.is_none(), "nor over a new one");
        assert!(put(follower, "y").await.is_some(), "the leader is the leader still");
        assert_eq!(cluster.leader().await?.index(), leader.index());
        cluster.wait_until_ready().await?;
        drop(cut);
        assert!(put(leader, "z").await.is_some());
    }
    Ok(())
}

/// Who is refused knows at once that nothing happened.
#[tokio::test]
async fn clients_that_are_reset_go_to_another_member() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd, 3).await?;
        let (leader, ..) = roles(&cluster).await?;
        let client = cluster.client().await?;
        let reset = cluster.impose_both_ways(End::Clients, leader, LinkPolicy::RESET)?;
        let alone = impatient_client(leader).await?;
        let begin = std::time::Instant::now();
        let error = alone.put("x", "refused").await.unwrap_err();
        assert!(error.is_connect(), "{error:?}");
        say(&format!("{}: refused after {:?}", etcd.version(), begin.elapsed()));
        for round in 0..10 {
            client.put("x", format!("{round}")).await?;
        }
        drop(reset);
        assert!(put(leader, "x").await.is_some());
    }
    Ok(())
}

/// A client that hears nothing from a member may have been heard.
#[tokio::test]
async fn an_answer_that_is_lost_is_an_unknown_outcome_that_happened() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd, 3).await?;
        let (leader, follower, _) = roles(&cluster).await?;
        let client = impatient_client(leader).await?;
        client.put("x", "before").await?;
        let cut = cluster.cut_one_way(leader, End::Clients)?;
        let error = client.put("x", "unheard").await.unwrap_err();
        assert_eq!(error.outcome(), tercet_client::Outcome::Unknown, "{error}");
        let read = impatient_client(follower).await?.get("x").await?.expect("it is there");
        assert_eq!(read.value(), b"unheard");
        drop(cut);
    }
    Ok(())
}
