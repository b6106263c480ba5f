//! What a fleet refuses, and what does not come up and is taken back.

use tercet_harness::client::ErrorKind;
use tercet_harness::{Cluster, Result, Timing};
use tercet_tests::available;

use crate::{assert_whole, fleet_of, listed};

/// etcd's TestRejectUnhealthyAdd: here by etcd itself, with its strict check on.
#[tokio::test]
async fn reject_unhealthy_add() -> Result<()> {
    for etcd in available() {
        let fleet = |strict| {
            let builder = Cluster::builder().binary(etcd.path()).timing(Timing::Ci);
            builder.strict_reconfiguration(strict).start()
        };
        let strict = fleet(true).await?;
        let down = strict.member(1).kill()?;
        let client = strict.leader().await?.client().await?;
        let error = client.member_add(["https://127.0.0.1:1"]).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnhealthyCluster, "{error}");
        // We say so without asking anybody.
        let text = strict.add_member().await.unwrap_err().to_string();
        assert_eq!(
            text,
            "another member can come when 3 of the 3 with a vote run, and 2 do: start the others \
             first, or remove them; nothing was changed"
        );
        // The controls: with all of them for five seconds, which is waited for; and without the
        // check, at once.
        down.restart().await?;
        strict.add_member().await?;
        assert_whole(&strict).await?;
        let lax = fleet(false).await?;
        lax.member(1).kill()?;
        let client = lax.leader().await?.client().await?;
        client.member_add(["https://127.0.0.1:1"]).await?;
    }
    Ok(())
}

/// etcd's TestRejectUnhealthyRemove.
#[tokio::test]
async fn reject_unhealthy_remove() -> Result<()> {
    for etcd in available() {
        let builder = Cluster::builder().binary(etcd.path()).timing(Timing::Ci).members(5);
        let cluster = builder.strict_reconfiguration(true).start().await?;
        for index in [0, 1] {
            cluster.member(index).kill()?;
        }
        let healthy = cluster.member(2);
        let client = cluster.leader().await?.client().await?;
        let id = healthy.id().expect("it has started");
        let error = client.member_remove(id).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UnhealthyCluster, "{error}");
        let text = healthy.remove().await.unwrap_err().to_string();
        assert_eq!(
            text,
            "without m3 there would be 4 members with a vote, of which 3 must run, and 2 would: \
             start the others first, or remove those that are down; nothing was changed"
        );
        // The control: those that are down may go, and then it may as well.
        cluster.member(0).remove().await?;
        cluster.member(1).remove().await?;
        healthy.remove().await?;
        assert_whole(&cluster).await?;
    }
    Ok(())
}

#[tokio::test]
async fn the_last_member_with_a_vote_stays() -> Result<()> {
    let cluster = Cluster::builder().members(1).timing(Timing::Ci).start().await?;
    let text = cluster.member(0).remove().await.unwrap_err().to_string();
    let expected = "m1 is the only member with a vote: add another one first; nothing was changed";
    assert_eq!(text, expected);
    cluster.add_learner().await?;
    assert_eq!(cluster.member(0).remove().await.unwrap_err().to_string(), expected);
    cluster.member(1).promote().await?;
    // The control.
    cluster.member(0).remove().await?;
    assert_whole(&cluster).await
}

#[tokio::test]
async fn no_more_than_nine_members_come() -> Result<()> {
    let cluster = Cluster::builder().members(9).timing(Timing::Ci).start().await?;
    let text = cluster.add_member().await.unwrap_err().to_string();
    assert_eq!(text, "10 members are too many: a fleet has 9 at most; nothing was changed");
    cluster.member(8).remove().await?;
    cluster.add_member().await?;
    assert_whole(&cluster).await
}

/// One that does not come up is taken back, also by a fleet of one, which it could outvote.
#[tokio::test]
async fn a_new_member_that_does_not_start_is_taken_back() -> Result<()> {
    for etcd in available() {
        for members in [1, 2, 3] {
            let cluster = fleet_of(etcd, members).await?;
            let client = cluster.client().await?;
            let before = listed(&cluster).await?;
            // Where it wants to make a directory, there is a file.
            let name = format!("m{}", members + 1);
            let place = cluster.directory().join(&name);
            std::fs::create_dir_all(place.join("data")).expect("a new directory");
            std::fs::write(place.join("data/member"), "in the way").expect("a new file");
            let error = cluster.add_member().await.unwrap_err();
            let failed = error.failed().expect("it was tried");
            assert_eq!(failed.member(), Some(&*name));
            assert_eq!(failed.not_undone(), None, "{error}");
            let text = error.to_string();
            let beginning = format!("adding a member: {name} did not become ready, after ");
            assert!(text.starts_with(&beginning), "{text}");
            assert!(text.contains(&format!("{name} is removed")), "{text}");
            let cause = failed.cause().to_string();
            assert!(cause.starts_with(&format!("member {name} ended by itself")), "{cause}");
            assert!(cause.contains("data/member"), "{cause}");
            assert_eq!(listed(&cluster).await?, before);
            client.put("hello", "world").await?;
            // The control: the next one comes, under another name.
            let member = cluster.add_member().await?;
            assert_eq!(member.name(), format!("m{}", members + 2));
            assert_whole(&cluster).await?;
        }
    }
    Ok(())
}
