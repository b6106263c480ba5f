//! What a fleet has been through before it goes up: what older versions leave in a member's files is
//! not always what newer ones can read.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tercet_cluster::OperateRefusal;
use tercet_cluster::binary::{Binary, Feature, Locator, Request, Version, VersionChangeError};
use tercet_harness::{Cluster, Result, Timing};
use tercet_tests::{of_minor, say, ways_up};

use crate::upgrade::{along, assert_version};
use crate::{assert_whole, fleet_of};

/// What 3.4's tool left in the records is gone from here on.
const FIRST_TIDY: Version = Version::new(3, 5, 26);

/// Goes all the way, and looks at everything after each step.
async fn go_up(cluster: &Cluster, way: &[&Binary], what: &str) -> Result<()> {
    for etcd in &way[1..] {
        cluster.upgrade(etcd).await?;
        assert_version(cluster, etcd).await?;
    }
    assert_whole(cluster).await?;
    cluster.rolling_restart().await?;
    assert_whole(cluster).await?;
    say(&format!("{what} went up: {}", along(way)));
    Ok(())
}

/// Nobody writes anything, so that no version but the first notes how far it has read its log.
#[tokio::test]
async fn upgrade_of_a_fleet_that_nobody_has_written_to() -> Result<()> {
    for way in ways_up() {
        for members in [1, 3] {
            let cluster = fleet_of(way[0], members).await?;
            go_up(&cluster, way, "one that nobody had written to").await?;
        }
    }
    Ok(())
}

/// Members came and went since anybody wrote.
#[tokio::test]
async fn upgrade_of_a_fleet_that_has_grown_since_the_last_write() -> Result<()> {
    for way in ways_up() {
        let cluster = fleet_of(way[0], 1).await?;
        cluster.client().await?.put("hello", "world").await?;
        for _ in 0..3 {
            cluster.add_member().await?;
        }
        cluster.member(1).remove().await?;
        go_up(&cluster, way, "one that had grown").await?;
        assert!(cluster.client().await?.get("hello").await?.is_some());
    }
    Ok(())
}

/// Of a snapshot, by the tool of the first version.
#[tokio::test]
async fn upgrade_of_a_restored_fleet() -> Result<()> {
    for way in ways_up() {
        let by_etcdctl = !way[0].release().has(Feature::RestoreByEtcdutlOnly);
        if way[0].etcdutl().is_none() && !(by_etcdctl && way[0].etcdctl().is_some()) {
            say(&format!("nothing beside etcd {} restores snapshots", way[0].version()));
            continue;
        }
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("backup.db");
        let first = fleet_of(way[0], 3).await?;
        first.client().await?.put("hello", "world").await?;
        first.save_snapshot(&path).await?;
        drop(first);
        let builder = Cluster::builder().binary(way[0].path()).timing(Timing::Ci);
        let cluster = builder.restore(&*path).start().await?;
        let (before, after): (Vec<_>, Vec<_>) =
            way.iter().copied().partition(|etcd| etcd.version().minor() < 6);
        let last = before.last().expect("the first is not of 3.6");
        if way[0].version().minor() > 4 || last.version() >= FIRST_TIDY || after.is_empty() {
            go_up(&cluster, way, "a restored one").await?;
            assert!(cluster.client().await?.get("hello").await?.is_some());
            continue;
        }
        go_up(&cluster, &before, "a restored one").await?;
        let error = cluster.upgrade(after[0]).await.expect_err("there would be six");
        let Some(OperateRefusal::Version { reason, .. }) = error.refusal() else {
            panic!("{error}");
        };
        assert!(matches!(reason, VersionChangeError::LeftMembers { .. }), "{error}");
        // The control: by another release it goes.
        let tidy = of_minor(5).filter(|etcd| etcd.version() >= FIRST_TIDY);
        let Some(tidy) = tidy else { continue };
        let rest: Vec<_> = before.iter().copied().chain([tidy]).chain(after).collect();
        go_up(&cluster, &rest[before.len() - 1..], "a restored one").await?;
        assert!(cluster.client().await?.get("hello").await?.is_some());
    }
    Ok(())
}

/// With `--force-new-cluster`, which 3.4 and 3.5 write to one of two records of members only.
#[tokio::test]
async fn upgrade_of_a_fleet_that_had_lost_its_quorum() -> Result<()> {
    for way in ways_up() {
        let cluster = fleet_of(way[0], 3).await?;
        cluster.client().await?.put("hello", "world").await?;
        let survivor = cluster.leader().await?;
        for member in cluster.members().filter(|member| member.index() != survivor.index()) {
            member.kill()?;
        }
        cluster.recover_quorum(survivor).await?;
        go_up(&cluster, way, "one that had lost its quorum").await?;
        assert!(cluster.client().await?.get("hello").await?.is_some());
    }
    Ok(())
}

/// An etcd that becomes another behind the back of its owner, who so takes no care of anything.
struct Turncoat {
    _directory: tempfile::TempDir,
    path: PathBuf,
}

impl Turncoat {
    fn new(etcd: &Binary) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let coat = Self { path: directory.path().join("etcd"), _directory: directory };
        coat.becomes(etcd);
        coat
    }

    fn becomes(&self, etcd: &Binary) {
        let script = format!("#!/bin/sh\nexec {} \"$@\"\n", etcd.path().display());
        let new = self.path.with_extension("new");
        fs::write(&new, script).expect("a new file");
        fs::set_permissions(&new, fs::Permissions::from_mode(0o755)).expect("it is ours");
        fs::rename(&new, &self.path).expect("the same directory");
    }

    fn etcd(&self) -> Binary {
        locate(&self.path)
    }
}

fn locate(path: &Path) -> Binary {
    Locator::from_env().locate(&Request::Path(path.into())).expect("it says its version")
}

/// The control of the test above with a fleet that nobody has written to, where it needs one: what
/// becomes of such a fleet without the snapshots that [`Cluster::upgrade`] has members write.
#[tokio::test]
async fn without_a_snapshot_members_are_taken_for_removed_ones() -> Result<()> {
    for way in ways_up().iter().filter(|way| way.len() > 2) {
        let [first, second, third] = [way[0], way[1], way[2]];
        let history = [first.release()];
        if !tercet_cluster::binary::Release::must_follow_snapshot(second.release(), history, false)
        {
            continue;
        }
        let coat = Turncoat::new(first);
        let cluster = fleet_of(&coat.etcd(), 3).await?;
        coat.becomes(second);
        cluster.rolling_restart().await?;
        coat.becomes(third);
        let error = cluster.rolling_restart().await.expect_err("they do not let each other in");
        let failed = error.failed().expect("it was tried");
        let cause = failed.cause().to_string();
        say(&format!("{}, without snapshots: {}", along(&way[..3]), cause.lines().next().unwrap()));
        assert!(
            cause.contains("cause: the member was removed from its cluster for good"),
            "{cause}"
        );
    }
    Ok(())
}
