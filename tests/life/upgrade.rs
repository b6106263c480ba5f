//! Up to newer versions.

use std::os::unix::fs::PermissionsExt;

use tercet_cluster::binary::{Binary, Locator, Request, Version};
use tercet_harness::{Cluster, Result, Timing};
use tercet_tests::{patch_steps, say, steps_up, ways_up};

use crate::{assert_whole, cut_off, fleet_of, term};

fn minor(etcd: &Binary) -> Version {
    Version::new(3, etcd.version().minor(), 0)
}

pub(crate) fn along(way: &[&Binary]) -> String {
    way.iter().map(|etcd| etcd.version().to_string()).collect::<Vec<_>>().join(" → ")
}

/// Says that every member runs this etcd, and that the fleet acts as it.
pub(crate) async fn assert_version(cluster: &Cluster, etcd: &Binary) -> Result<()> {
    for said in cluster.versions().await? {
        assert_eq!(said.server, etcd.version(), "{}", said.member);
        assert_eq!(said.cluster, Some(minor(etcd)), "{}", said.member);
    }
    assert_eq!(cluster.cluster_version().await?, minor(etcd));
    Ok(())
}

/// etcd's TestReleaseUpgrade, over all the versions that there are.
#[tokio::test]
async fn upgrade_along_every_minor_version() -> Result<()> {
    for way in ways_up() {
        for members in [1, 3] {
            let cluster = fleet_of(way[0], members).await?;
            cluster.client().await?.put("hello", "world").await?;
            assert_version(&cluster, way[0]).await?;
            for etcd in &way[1..] {
                let pids: Vec<_> = cluster.members().map(|member| member.pid()).collect();
                cluster.upgrade(etcd).await?;
                assert_version(&cluster, etcd).await?;
                assert_whole(&cluster).await?;
                for (member, old) in cluster.members().zip(pids) {
                    assert_ne!(member.pid(), old);
                    let read = member.client().await?.get("hello").await?;
                    assert_eq!(read.expect("still there").value(), b"world");
                }
                // Once more is nothing.
                let pids: Vec<_> = cluster.members().map(|member| member.pid()).collect();
                cluster.upgrade(etcd).await?;
                assert!(cluster.members().map(|member| member.pid()).eq(pids));
            }
            say(&format!("a fleet of {members} went up: {}", along(way)));
        }
    }
    Ok(())
}

/// etcd's TestReleaseUpgradeWithRestart: all at once, because all are down; and again after a kill.
#[tokio::test]
async fn upgrade_with_restart_of_a_fleet_that_is_down() -> Result<()> {
    for (old, new) in steps_up() {
        let cluster = fleet_of(old, 3).await?;
        cluster.client().await?.put("hello", "world").await?;
        for member in cluster.members() {
            member.kill()?;
        }
        cluster.upgrade(new).await?;
        assert_version(&cluster, new).await?;
        for member in cluster.members() {
            member.kill()?;
        }
        for member in cluster.members() {
            member.start()?;
        }
        cluster.wait_until_ready().await?;
        assert_version(&cluster, new).await?;
        assert_whole(&cluster).await?;
    }
    Ok(())
}

/// etcd's TestClusterUpgradeAfterPromotingMembers: from one member to three by way of learners.
#[tokio::test]
async fn upgrade_after_promoting_members() -> Result<()> {
    for way in ways_up() {
        let cluster = fleet_of(way[0], 1).await?;
        for etcd in way {
            cluster.upgrade(etcd).await?;
            let learner = cluster.add_learner().await?;
            learner.promote().await?;
            assert_version(&cluster, etcd).await?;
            assert_whole(&cluster).await?;
            for member in cluster.members() {
                let value = member.name().to_owned();
                member.client().await?.put("hello", value.clone()).await?;
                let read = member.client().await?.get("hello").await?;
                assert_eq!(read.expect("it was put").value(), value.as_bytes());
            }
        }
    }
    Ok(())
}

/// etcd's etcd_mix_versions_test.go: members of two versions, led by one of either, with one that
/// comes and one that goes meanwhile.
#[tokio::test]
async fn mixed_versions_are_held_with_a_leader_of_each_kind() -> Result<()> {
    for (old, new) in steps_up() {
        let cluster = fleet_of(old, 3).await?;
        let changed = cluster.member(1);
        changed.upgrade(new).await?;
        assert_eq!(changed.binary().version(), new.version());
        for leader in [cluster.member(0), changed] {
            leader.lead().await?;
            assert_whole(&cluster).await?;
            let servers: Vec<_> =
                cluster.versions().await?.into_iter().map(|said| said.server).collect();
            assert_eq!(servers, [old.version(), new.version(), old.version()]);
            assert_eq!(cluster.cluster_version().await?, minor(old), "it acts as the oldest");
            let comes = cluster.add_member().await?;
            assert_eq!(comes.binary().version(), old.version());
            assert_whole(&cluster).await?;
            comes.remove().await?;
            cluster.leader().await?;
            let follower = cluster.member(2);
            follower.kill()?.restart().await?;
            assert_whole(&cluster).await?;
        }
        // One that is of the new version alone does not make the fleet so; all do.
        cluster.upgrade(new).await?;
        assert_version(&cluster, new).await?;
    }
    Ok(())
}

#[tokio::test]
async fn what_etcd_has_no_way_for_is_refused_before_anything_is_touched() -> Result<()> {
    let Some(way) = ways_up().first() else { return Ok(()) };
    let (oldest, newest) = (way[0], way[way.len() - 1]);
    let cluster = fleet_of(newest, 1).await?;
    let pid = cluster.member(0).pid();
    let text = cluster.upgrade(way[way.len() - 2]).await.unwrap_err().to_string();
    assert!(text.contains("is older: use `downgrade`; nothing was changed"), "{text}");
    let text = cluster.downgrade(newest).await.err().map(|error| error.to_string());
    assert_eq!(text, None, "it is of that version already");
    assert_eq!(cluster.member(0).pid(), pid);

    let cluster = fleet_of(oldest, 1).await?;
    let pid = cluster.member(0).pid();
    let text = cluster.downgrade(way[1]).await.unwrap_err().to_string();
    assert!(text.contains("is not older: use `upgrade`; nothing was changed"), "{text}");
    if way.len() > 2 {
        let text = cluster.upgrade(way[2]).await.unwrap_err().to_string();
        let expected = format!(
            "m1 stays as it is: etcd goes from {} to {} one minor version at a time: go to {}.{} \
             first; nothing was changed",
            oldest.version(),
            way[2].version(),
            way[1].version().major(),
            way[1].version().minor(),
        );
        assert_eq!(text, expected);
    }
    assert_eq!(cluster.member(0).pid(), pid);
    // The control: with the next one it goes.
    cluster.upgrade(way[1]).await?;
    assert_version(&cluster, way[1]).await
}

/// A member may be one minor version away from each other one, and no further.
#[tokio::test]
async fn a_member_that_would_be_two_versions_from_another_is_refused() -> Result<()> {
    for way in ways_up().iter().filter(|way| way.len() > 2) {
        let cluster = fleet_of(way[0], 3).await?;
        cluster.member(0).upgrade(way[1]).await?;
        let text = cluster.member(0).upgrade(way[2]).await.unwrap_err().to_string();
        assert!(text.starts_with("m2 stays as it is: etcd goes from "), "{text}");
        // The control: once all are, one may.
        cluster.upgrade(way[1]).await?;
        cluster.member(0).upgrade(way[2]).await?;
        assert_whole(&cluster).await?;
    }
    Ok(())
}

/// What the fleet was started with is gone from the new version.
#[tokio::test]
async fn flags_that_the_new_version_has_not_got_are_refused() -> Result<()> {
    let Some((old, new)) = steps_up().into_iter().find(|(_, new)| new.version().minor() == 6)
    else {
        return Ok(());
    };
    let start = |v2: bool| {
        let builder = Cluster::builder().binary(old.path()).members(1).timing(Timing::Ci);
        if v2 { builder.v2().start() } else { builder.start() }
    };
    let cluster = start(true).await?;
    let text = cluster.upgrade(new).await.unwrap_err().to_string();
    assert_eq!(
        text,
        format!(
            "m1 cannot be run so: the second API cannot be had: etcd {} has no --enable-v2, which is \
             there until 3.5; nothing was changed",
            new.version()
        )
    );
    assert_version(&cluster, old).await?;
    // The control.
    start(false).await?.upgrade(new).await?;
    Ok(())
}

/// An etcd that runs every member but this one.
fn etcd_that_fails_for(name: &str, etcd: &Binary, directory: &std::path::Path) -> Binary {
    let path = directory.join("etcd");
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in *--name={name}\\ *) echo no, not {name}; exit 7;; esac\nexec {} \"$@\"\n",
        etcd.path().display()
    );
    std::fs::write(&path, script).expect("a new file");
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&path, mode).expect("it is ours");
    Locator::from_env().locate(&Request::Path(path)).expect("it says its version")
}

#[tokio::test]
async fn a_member_that_does_not_come_up_with_the_new_version_is_brought_back() -> Result<()> {
    for (old, new) in steps_up() {
        let cluster = fleet_of(old, 3).await?;
        // Its turn is the second.
        cluster.member(0).lead().await?;
        let directory = tempfile::tempdir().expect("a directory");
        let failing = etcd_that_fails_for("m3", new, directory.path());
        let error = cluster.upgrade(&failing).await.unwrap_err();
        let failed = error.failed().expect("it was tried");
        assert_eq!(failed.member(), Some("m3"));
        assert_eq!(failed.not_undone(), None);
        assert!(failed.cause().to_string().contains("no, not m3"), "{}", failed.cause());
        let text = error.to_string();
        let (old_version, new_version) = (old.version(), new.version());
        let now = format!(
            "\n  now: m1 runs ({old_version}), m2 runs ({new_version}), m3 runs ({old_version})"
        );
        assert!(text.contains(&now), "{text}");
        assert_whole(&cluster).await?;
        // The control: with one that works it goes on.
        cluster.upgrade(new).await?;
        assert_version(&cluster, new).await?;
        assert_whole(&cluster).await?;
    }
    Ok(())
}

#[tokio::test]
async fn upgrades_that_are_interrupted_go_on_when_called_again() -> Result<()> {
    let Some((old, new)) = steps_up().into_iter().next() else { return Ok(()) };
    for after_ms in [0, 10, 40, 100, 200, 400, 700] {
        let cluster = fleet_of(old, 3).await?;
        if cut_off(after_ms, cluster.upgrade(new)).await.transpose()?.is_none() {
            cluster.upgrade(new).await?;
        }
        assert_version(&cluster, new).await?;
        assert_whole(&cluster).await?;
    }
    Ok(())
}

/// Another release of the same minor version, up and down.
#[tokio::test]
async fn patch_releases_follow_each_other_either_way() -> Result<()> {
    for (old, new) in patch_steps() {
        let cluster = fleet_of(old, 3).await?;
        let before = term(cluster.leader().await?).await?;
        cluster.upgrade(new).await?;
        assert_version(&cluster, new).await?;
        assert_eq!(term(cluster.leader().await?).await?, before + 1, "handed over once");
        cluster.upgrade(old).await?;
        assert_version(&cluster, old).await?;
        assert_whole(&cluster).await?;
    }
    Ok(())
}
