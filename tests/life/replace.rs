//! A member in the stead of another.

use tercet_harness::{Cluster, Result, Timing};
use tercet_tests::available;

use crate::{assert_whole, fleet_of};

/// etcd's TestMemberReplace.
#[tokio::test]
async fn member_replace_of_each_also_of_the_leader() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd, 3).await?;
        let client = cluster.client().await?;
        client.put("hello", "world").await?;
        for index in 0..3 {
            let old = cluster.member(index);
            old.lead().await?;
            let new = old.replace().await?;
            assert!(old.is_removed() && !old.data_directory().exists());
            assert_ne!(new.name(), old.name());
            let addresses = |member: tercet_harness::Member<'_>| {
                (member.client_url().to_owned(), member.peer_url().to_owned())
            };
            assert_eq!(addresses(new), addresses(old));
            assert_whole(&cluster).await?;
            let read = new.client().await?.get("hello").await?;
            assert_eq!(read.expect("it has all data").value(), b"world");
        }
        // A client that was made before knows all of them.
        client.put("hello", "again").await?;
    }
    Ok(())
}

#[tokio::test]
async fn member_replace_of_one_that_is_dead_and_has_lost_its_data() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd, 3).await?;
        cluster.client().await?.put("hello", "world").await?;
        let old = cluster.leader().await?;
        old.kill()?;
        std::fs::remove_dir_all(old.data_directory()).expect("it had some");
        let new = old.replace().await?;
        assert_whole(&cluster).await?;
        let read = new.client().await?.get("hello").await?;
        assert_eq!(read.expect("it has all data").value(), b"world");
    }
    Ok(())
}

/// etcd's TestMemberReplaceWithLearner.
#[tokio::test]
async fn member_replace_with_learner() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd, 3).await?;
        cluster.client().await?.put("hello", "world").await?;
        let old = cluster.member(1);
        old.remove().await?;
        let learner = cluster.add_learner().await?;
        assert_whole(&cluster).await?;
        learner.promote().await?;
        assert_whole(&cluster).await?;
        // A learner is replaced by a learner.
        let learner = cluster.add_learner().await?.replace().await?;
        assert!(learner.is_learner());
        assert_whole(&cluster).await?;
    }
    Ok(())
}

#[tokio::test]
async fn member_replace_in_small_fleets() -> Result<()> {
    let cluster = Cluster::builder().members(1).timing(Timing::Ci).start().await?;
    let only = cluster.member(0);
    let text = only.replace().await.unwrap_err().to_string();
    assert_eq!(
        text,
        "m1 is the only member with a vote: add another one first; nothing was changed"
    );
    // The control: with another one, it is replaced.
    cluster.add_member().await?;
    only.replace().await?;
    assert_whole(&cluster).await?;
    let text = cluster.member(0).update_peer_url().await.unwrap_err().to_string();
    assert_eq!(text, "m1 was removed, and does not come back: add another; nothing was changed");
    Ok(())
}
