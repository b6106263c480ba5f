//! Members taken down on purpose, and brought back.

use std::time::Duration;

use tercet_harness::{Cluster, Result};
use tercet_pki::Leaf;

#[tokio::test]
async fn each_member_goes_and_comes_back() -> Result<()> {
    let cluster = Cluster::start().await?;
    let client = cluster.client().await?;
    for member in cluster.members() {
        let (pid, name) = (member.pid(), member.name().to_owned());
        let down = member.kill()?;
        assert_eq!(down.member().pid(), None);
        // A write handed to a leader that is gone is dropped, and times out: its outcome is unknown.
        cluster.leader().await?;
        client.put(name.clone(), "written while it was down").await?;
        down.restart().await?;
        assert!(member.is_running());
        assert_ne!(member.pid(), pid);
        // It has caught up: this read goes through it and nobody else.
        assert!(member.client().await?.get(name).await?.is_some());
    }
    Ok(())
}

#[tokio::test]
async fn a_member_that_is_down_refuses_clients_and_keeps_its_ports() -> Result<()> {
    let cluster = Cluster::start().await?;
    let member = cluster.member(1);
    let address = member.client_url().trim_start_matches("https://").to_owned();
    assert!(std::net::TcpStream::connect(&address).is_ok(), "the control");
    let down = member.kill()?;
    assert!(std::net::TcpStream::connect(&address).is_err());
    let error = member.kill().unwrap_err();
    assert_eq!(error.to_string(), "member m2 is not running: restart it first");
    down.restart().await?;
    assert!(std::net::TcpStream::connect(&address).is_ok());
    Ok(())
}

#[tokio::test]
async fn a_fleet_that_lost_its_majority_comes_back_with_its_data() -> Result<()> {
    let cluster = Cluster::start().await?;
    let client = cluster.client().await?;
    client.put("hello", "world").await?;
    for member in cluster.members() {
        member.kill()?;
    }
    for member in cluster.members() {
        member.start()?;
    }
    cluster.wait_until_ready().await?;
    assert_eq!(client.get("hello").await?.expect("still there").value(), b"world");
    Ok(())
}

#[tokio::test]
async fn a_member_killed_from_outside_is_noticed_and_can_be_restarted() -> Result<()> {
    let cluster = Cluster::start().await?;
    let member = cluster.member(0);
    let pid = member.pid().expect("it runs").to_string();
    assert!(tercet_tests::command("kill").args(["-9", &pid]).status().unwrap().success());
    assert!(tercet_tests::eventually(Duration::from_secs(5), || !member.is_running()));
    let error = cluster.wait_until_ready().await.unwrap_err().to_string();
    assert!(error.starts_with("member m1 ended by itself (signal: 9 (SIGKILL)) after "), "{error}");
    member.restart().await?;
    Ok(())
}

/// The promise of readiness, and why nothing less would do: with a peer certificate that cannot
/// serve, a member dials the others and is part of the quorum, answers reads and calls itself
/// healthy; but nobody can dial it.
#[tokio::test]
async fn a_link_that_works_in_one_direction_only_is_not_ready() -> Result<()> {
    let cluster = Cluster::builder().ready_within(Duration::from_secs(3)).start().await?;
    let member = cluster.member(2);
    member.kill()?;
    let half = Leaf::client("m3").hosts(tercet_pki::LOOPBACK_HOSTS);
    let half = cluster.identities().issue(&half)?;
    half.replace(cluster.plan().certificates().join("m3"), "peer")?;
    let error = member.restart().await.unwrap_err().to_string();
    assert!(error.starts_with("the fleet is not ready after 3."), "{error}");
    assert!(error.contains("m1 has no link to m3"), "{error}");
    assert!(error.contains("m2 has no link to m3"), "{error}");
    assert!(!error.contains("m3 has no link"), "{error}");
    // What a lesser check would have seen.
    assert!(member.client().await?.get("hello").await?.is_none());

    // The control: with the right certificate it is ready.
    member.kill()?;
    let whole = Leaf::peer("m3").hosts(tercet_pki::LOOPBACK_HOSTS);
    cluster
        .identities()
        .issue(&whole)?
        .replace(cluster.plan().certificates().join("m3"), "peer")?;
    member.restart().await?;
    Ok(())
}

#[tokio::test]
async fn an_index_that_is_not_there_panics_like_any_other() {
    let cluster = Cluster::builder().members(1).start().await.unwrap();
    let panic =
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| cluster.member(1).index()));
    let text = *panic.unwrap_err().downcast::<String>().unwrap();
    assert_eq!(text, "there is no member 1: this fleet has members 0 to 0");
}
