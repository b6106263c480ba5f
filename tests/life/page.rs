//! The page of all this, `docs/life.md`: what is written there as code is here, and runs.

use tercet_cluster::binary::{Binary, Version};
use tercet_harness::client::{Keys, Permission};
use tercet_harness::{Cluster, Result, Timing};
use tercet_tests::steps_up;

const PAGE: &str = include_str!("../../docs/life.md");
const HERE: &str = include_str!("page.rs");

fn trimmed(text: &str) -> String {
    text.lines().map(str::trim).collect::<Vec<_>>().join("\n")
}

#[test]
fn every_example_of_the_page_is_here() {
    let blocks: Vec<_> = PAGE.split("```rust\n").skip(1).collect();
    assert!(blocks.len() >= 7, "the control: {}", blocks.len());
    let here = trimmed(HERE);
    for block in blocks {
        let (code, _) = block.split_once("```").expect("it ends");
        assert!(here.contains(&trimmed(code)), "this is not run:\n{code}");
    }
}

async fn fleet() -> Result<Cluster> {
    Cluster::builder().timing(Timing::Ci).start().await
}

#[tokio::test]
async fn members_of_the_page() -> Result<()> {
    let cluster = fleet().await?;
    let fourth = cluster.add_member().await?;
    let fifth = cluster.add_learner().await?;
    fifth.promote().await?;
    fourth.remove().await?;
    assert_eq!(cluster.members().count(), 4);

    let old = cluster.member(1);
    let new = old.replace().await?;
    assert_eq!(new.client_url(), old.client_url());
    assert_ne!(new.name(), old.name());

    cluster.member(2).update_peer_url().await?;
    Ok(())
}

#[tokio::test]
async fn restarts_of_the_page() -> Result<()> {
    let cluster = fleet().await?;
    cluster.member(0).lead().await?;
    let down = cluster.member(0).stop().await?;
    cluster.client().await?.put("hello", "world").await?;
    down.restart().await?;
    cluster.rolling_restart().await?;
    Ok(())
}

#[tokio::test]
async fn versions_of_the_page() -> Result<()> {
    for (old, new) in steps_up() {
        let builder = Cluster::builder().binary(old.path()).timing(Timing::Ci);
        go_up(builder.start().await?, old, new).await?;
    }
    Ok(())
}

async fn go_up(cluster: Cluster, old: &Binary, new: &Binary) -> Result<()> {
    let changed = cluster.member(1);
    changed.upgrade(new).await?;
    for said in cluster.versions().await? {
        println!("{} is run by {}, in a fleet of {:?}", said.member, said.server, said.cluster);
    }
    let oldest = Version::new(3, old.version().minor(), 0);
    assert_eq!(cluster.cluster_version().await?, oldest);

    cluster.upgrade(new).await?;
    Ok(())
}

#[tokio::test]
async fn snapshots_of_the_page() -> Result<()> {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("backup.db");
    let cluster = fleet().await?;
    cluster.client().await?.put("hello", "world").await?;
    let etcd = cluster.binary();
    if etcd.etcdutl().or_else(|| etcd.etcdctl()).is_none() {
        tercet_tests::say("nothing beside the default etcd restores snapshots");
        return Ok(());
    }
    cluster.save_snapshot(&path).await?;
    let copy = Cluster::builder().restore(&path).start().await?;
    assert!(copy.client().await?.get("hello").await?.is_some());
    Ok(())
}

#[tokio::test]
async fn upkeep_of_the_page() -> Result<()> {
    let cluster = fleet().await?;
    cluster.client().await?.put("hello", "world").await?;
    let revision = cluster.compact_all().await?;
    println!("what was before revision {revision} is forgotten");
    for file in cluster.defragment().await? {
        println!("{}: {} → {} bytes", file.member, file.before_bytes, file.after_bytes);
    }
    let report = cluster.hash_kv().await?;
    assert!(report.agrees(), "{report}");
    for alarm in cluster.disarm().await? {
        println!("there was {alarm:?}");
    }
    Ok(())
}

#[tokio::test]
async fn quorum_of_the_page() -> Result<()> {
    let cluster = fleet().await?;
    let survivor = cluster.member(1);
    cluster.member(0).kill()?;
    cluster.member(2).kill()?;
    let fresh = cluster.recover_quorum(survivor).await?;
    assert_eq!(fresh.len(), 2);
    Ok(())
}

#[tokio::test]
async fn users_of_the_page() -> Result<()> {
    let cluster = fleet().await?;
    let client = cluster.client().await?;
    client.user_add("root", "a password").await?;
    client.user_grant_role("root", "root").await?;
    client.role_add("readers").await?;
    let public = Permission::read(Keys::prefix("public/"));
    client.role_grant_permission("readers", public).await?;
    client.user_add_without_password("alice").await?;
    client.user_grant_role("alice", "readers").await?;
    cluster.set_user("root", "a password");
    client.auth_enable().await?;
    cluster.add_member().await?;
    Ok(())
}
