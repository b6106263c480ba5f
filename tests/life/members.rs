//! Members that come and go.

use std::os::unix::fs::PermissionsExt;

use tercet_harness::pki::Layout;
use tercet_harness::{Cluster, Result, Security, Timing};
use tercet_tests::available;

use crate::{assert_whole, fleet_of, term};

/// etcd's TestRuntimeReconfigGrowClusterSize and TestRuntimeReconfigDecreaseClusterSize.
#[tokio::test]
async fn members_grow_from_one_to_five_and_back() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd, 1).await?;
        let client = cluster.client().await?;
        client.put("hello", "world").await?;
        for number in 2..=5 {
            let member = cluster.add_member().await?;
            assert_eq!(member.name(), format!("m{number}"));
            assert!(!member.is_learner());
            let read = member.client().await?.get("hello").await?;
            assert_eq!(read.expect("it has all data").value(), b"world");
            assert_whole(&cluster).await?;
        }
        while cluster.members().count() > 1 {
            // The leader as well, each second time.
            let leader = cluster.leader().await?;
            let odd = cluster.members().count() % 2 == 1;
            let member = if odd { leader } else { cluster.members().last().expect("one") };
            let (pid, was) = (member.pid().expect("it runs"), term(leader).await?);
            member.remove().await?;
            assert!(member.is_removed() && !member.is_running());
            assert!(!tercet_tests::is_running(pid));
            assert!(!member.data_directory().exists() && member.log().exists());
            let now = term(cluster.leader().await?).await?;
            let moved = u64::from(member.index() == leader.index());
            assert_eq!(now, was + moved, "handed over, and not missed: {}", etcd.version());
            assert_whole(&cluster).await?;
            // Once more is nothing.
            member.remove().await?;
        }
        // No name comes twice.
        let member = cluster.add_member().await?;
        assert_eq!(member.name(), "m6");
        assert_whole(&cluster).await?;
    }
    Ok(())
}

#[tokio::test]
async fn members_come_in_every_security_and_layout() -> Result<()> {
    let fleets = Security::ALL.map(|security| (security, Layout::PerMember));
    for (security, layout) in fleets.into_iter().chain([(Security::Mutual, Layout::Shared)]) {
        let builder = Cluster::builder().security(security).layout(layout).timing(Timing::Ci);
        let cluster = builder.start().await?;
        let member = cluster.add_member().await?;
        assert_whole(&cluster).await?;
        if let Some(files) = member.plan().server_files() {
            let mode = files.key.metadata().expect("it is there").permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        cluster.member(0).remove().await?;
        assert_whole(&cluster).await?;
        if member.plan().server_files().is_some() {
            let names: Vec<_> =
                cluster.identities().members().map(|member| member.name()).collect();
            assert_eq!(names, ["m2", "m3", "m4"]);
        }
        member.restart().await?;
    }
    Ok(())
}

/// etcd's TestRestartRemoved and TestIssue2681's like: who is removed stays so.
#[tokio::test]
async fn members_that_were_removed_do_not_come_back() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd, 3).await?;
        // Behind the back of its owner, so that its data stays.
        let member = cluster.member(2);
        let id = member.id().expect("it has started");
        let down = member.kill()?;
        // The control: until it is removed, it comes back.
        down.restart().await?;
        let down = member.kill()?;
        cluster.leader().await?.client().await?.member_remove(id).await?;
        let error = down.restart().await.unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("member m3 ended by itself"), "{text}");
        assert!(
            text.contains("\n  cause: the member was removed from its cluster for good"),
            "{text}"
        );
        // The owner can still set things right.
        member.remove().await?;
        assert_whole(&cluster).await?;
        let error = member.start().unwrap_err();
        assert_eq!(error.to_string(), "member m3 was removed, and its data with it: add another");
    }
    Ok(())
}

#[tokio::test]
async fn members_move_to_another_peer_url() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd, 3).await?;
        for member in cluster.members() {
            let (old, pid) = (member.peer_url().to_owned(), member.pid());
            let address = old.rsplit("//").next().expect("a host").to_owned();
            assert!(std::net::TcpStream::connect(&address).is_ok(), "the control");
            member.update_peer_url().await?;
            assert_ne!((member.peer_url(), member.pid()), (&*old, pid));
            assert!(std::net::TcpStream::connect(&address).is_err(), "nobody is there any more");
            assert_whole(&cluster).await?;
        }
        // They find each other there again.
        cluster.rolling_restart().await?;
        assert_whole(&cluster).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_member_alone_moves_to_another_peer_url() -> Result<()> {
    let cluster = Cluster::builder().members(1).timing(Timing::Ci).start().await?;
    let member = cluster.member(0);
    let old = member.peer_url().to_owned();
    member.update_peer_url().await?;
    assert_ne!(member.peer_url(), old);
    assert_whole(&cluster).await?;
    cluster.add_member().await?;
    assert_whole(&cluster).await
}
