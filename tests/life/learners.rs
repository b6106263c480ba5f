//! Members without a vote, and how they get one.

use tercet_harness::Result;
use tercet_harness::client::ErrorKind;
use tercet_tests::available;

use crate::{assert_whole, fleet_of};

#[tokio::test]
async fn learners_follow_without_a_vote_until_they_are_promoted() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd, 3).await?;
        cluster.client().await?.put("hello", "world").await?;
        let learner = cluster.add_learner().await?;
        assert!(learner.is_learner());
        assert_whole(&cluster).await?;
        // Clients of the fleet are not sent there.
        assert!(!cluster.endpoints().contains(&learner.client_url().to_owned()));
        let client = learner.client().await?;
        let error = client.get("hello").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotSupportedForLearner, "the control");
        // It cannot lead.
        let text = learner.lead().await.unwrap_err().to_string();
        assert!(text.contains("m4 did not come to lead"), "{text}");

        learner.promote().await?;
        assert!(!learner.is_learner());
        assert_whole(&cluster).await?;
        assert_eq!(client.get("hello").await?.expect("it has it").value(), b"world");
        learner.lead().await?;
        // Once more is nothing.
        learner.promote().await?;
        cluster.rolling_restart().await?;
        assert_whole(&cluster).await?;
    }
    Ok(())
}

/// One that is sent a snapshot of more than 5000 entries waits, from 3.6 on, for the next entry
/// before it serves anybody; and nobody writes.
#[tokio::test]
async fn a_learner_comes_to_a_fleet_in_which_nobody_writes() -> Result<()> {
    for etcd in available() {
        let builder = tercet_harness::Cluster::builder().binary(etcd.path()).members(1);
        let cluster = builder.flag("snapshot-count", "100").start().await?;
        let client = cluster.client().await?;
        for number in 0..5500 {
            client.put((number % 100).to_string(), "value").await?;
        }
        let before = client.get("99").await?.expect("it was written");
        let learner = cluster.add_learner().await?;
        learner.promote().await?;
        // Nothing was written for it.
        let after = learner.client().await?.put("99", "value").await?.revision();
        assert_eq!(after, before.mod_revision() + 1);
        assert_whole(&cluster).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_learner_that_is_down_is_not_promoted_and_does_not_count() -> Result<()> {
    for etcd in available() {
        let builder = tercet_harness::Cluster::builder().binary(etcd.path());
        let builder = builder.ready_within(std::time::Duration::from_secs(3));
        let cluster = builder.timing(tercet_harness::Timing::Ci).start().await?;
        let learner = cluster.add_learner().await?;
        let client = cluster.client().await?;
        learner.kill()?;
        // It falls behind by more than the tenth that it may miss.
        for number in 0..200 {
            client.put(format!("key {number}"), "value").await?;
        }
        let error = learner.promote().await.unwrap_err();
        let failed = error.failed().expect("it was tried");
        assert_eq!(failed.step(), tercet_cluster::Step::Promote);
        let cause = failed.cause().to_string();
        let beginning = "it has not caught up: it is at no known entry, and the leader at entry ";
        assert!(cause.starts_with(beginning), "{cause}");
        // Two of three with a vote are a majority, whatever the fourth does.
        let other = cluster.members().find(|member| !member.is_learner()).expect("a voter");
        let down = other.kill()?;
        cluster.leader().await?;
        client.put("hello", "world").await?;
        down.restart().await?;

        // The control: up again, it catches up and is promoted.
        learner.restart().await?;
        learner.promote().await?;
        assert_whole(&cluster).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_second_learner_is_refused_and_nothing_is_left_of_it() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd, 1).await?;
        let first = cluster.add_learner().await?;
        let error = cluster.add_learner().await.unwrap_err();
        let failed = error.failed().expect("etcd was asked");
        assert_eq!(failed.step(), tercet_cluster::Step::Enroll);
        assert_eq!(failed.not_undone(), None);
        let tercet_cluster::Cause::Client(cause) = failed.cause() else { panic!("{error}") };
        assert_eq!(cause.kind(), ErrorKind::TooManyLearners);
        assert_whole(&cluster).await?;
        // The control: once the first is none any more, another may come.
        first.promote().await?;
        let second = cluster.add_learner().await?;
        assert_eq!(second.name(), "m4");
        assert_whole(&cluster).await?;
        second.remove().await?;
        assert_whole(&cluster).await?;
    }
    Ok(())
}
