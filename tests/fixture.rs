//! What a downstream user writes.

use std::io::Write as _;

use tercet_harness::{Cluster, Layout, Result, Timing};
use tercet_tests::command;

#[tokio::test]
async fn survives_losing_its_leader() -> Result<()> {
    let cluster = Cluster::start().await?;
    let client = cluster.client().await?;
    client.put("hello", "world").await?;

    let down = cluster.leader().await?.kill()?;
    assert_eq!(client.get("hello").await?.expect("still there").value(), b"world");
    down.restart().await?;
    Ok(())
}

#[tokio::test]
async fn every_member_is_a_real_etcd_of_its_own() -> Result<()> {
    let cluster = Cluster::start().await?;
    cluster.client().await?.put("hello", "world").await?;
    let mut ids = Vec::new();
    for member in cluster.members() {
        let client = member.client().await?;
        assert_eq!(client.get("hello").await?.expect("there").value(), b"world");
        let status = client.status(member.client_url()).await?;
        assert_eq!(status.version(), cluster.binary().version().to_string());
        ids.push(status.member_id());
        assert!(member.client_url().starts_with("https://127.0.0.1:"));
        assert!(!member.log_tail(3).is_empty());
        assert!(member.data_directory().join("member").is_dir());
    }
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 3);
    assert_eq!(cluster.endpoints().len(), 3);
    Ok(())
}

#[tokio::test]
async fn any_other_client_finds_what_it_needs() -> Result<()> {
    let cluster = Cluster::start().await?;
    for file in
        [&cluster.files().ca, &cluster.files().client.certificate, &cluster.files().client.key]
    {
        assert!(std::fs::read_to_string(file).unwrap().starts_with("-----BEGIN"));
    }
    use std::os::unix::fs::PermissionsExt as _;
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(cluster.directory()), 0o700);
    assert_eq!(mode(&cluster.files().client.key), 0o600);
    assert_eq!(mode(&cluster.files().members[0].peer.key), 0o600);

    let Some(etcdctl) = cluster.binary().etcdctl() else {
        // Written past the capture of a passing test's output: a skip is to be seen.
        let etcd = cluster.binary().path().display();
        let _ = writeln!(std::io::stderr(), "SKIPPED: there is no etcdctl beside {etcd}");
        return Ok(());
    };
    let run = |arguments: &[&str], environment: bool| {
        let mut command = command(&etcdctl);
        // Version 3 is the default from 3.4 on, but for the 3.4 of Debian.
        command.args(arguments).env("ETCDCTL_API", "3");
        if environment {
            command.envs(cluster.env());
        } else {
            command.env("ETCDCTL_ENDPOINTS", cluster.endpoints().join(","));
        }
        command.output().unwrap()
    };
    let put = run(&["put", "hello", "world"], true);
    assert!(put.status.success(), "{put:?}");
    let got = cluster.client().await?.get("hello").await?.expect("put by etcdctl");
    assert_eq!(got.value(), b"world");
    // The control: it is the environment that lets it in.
    assert!(!run(&["get", "hello", "--command-timeout=2s"], false).status.success());
    Ok(())
}

#[tokio::test]
async fn one_shared_certificate_does_as_in_the_tutorial() -> Result<()> {
    let cluster = Cluster::builder().layout(Layout::Shared).start().await?;
    let files = cluster.files();
    assert!(
        files
            .members
            .iter()
            .all(|member| member.server == member.peer && member.peer == files.members[0].peer)
    );
    let client = cluster.client().await?;
    client.put("hello", "world").await?;
    cluster.leader().await?.kill()?.restart().await?;
    assert_eq!(client.get("hello").await?.expect("still there").value(), b"world");
    Ok(())
}

#[tokio::test]
async fn slower_clocks_can_be_had() -> Result<()> {
    for timing in [Timing::Ci, Timing::Stock] {
        let cluster = Cluster::builder().timing(timing).start().await?;
        assert_eq!(cluster.plan().timing(), timing);
        cluster.client().await?.put("hello", "world").await?;
    }
    Ok(())
}

/// A cluster shared between tests is shared by reference; each runtime has its own client.
#[test]
fn one_cluster_serves_many_runtimes() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let cluster = runtime().block_on(Cluster::start()).unwrap();
    std::thread::scope(|scope| {
        for number in 0..4 {
            let cluster = &cluster;
            scope.spawn(move || {
                runtime().block_on(async {
                    let key = format!("key {number}");
                    let client = cluster.client().await.unwrap();
                    client.put(key.clone(), "value").await.unwrap();
                    assert!(client.get(key).await.unwrap().is_some());
                });
            });
        }
    });
}

/// A start that is given up leaves nothing, wherever it was.
#[tokio::test]
async fn a_start_that_is_cancelled_leaves_nothing() {
    use std::time::Duration;
    let parent = tempfile::tempdir().unwrap();
    let entries = || std::fs::read_dir(parent.path()).unwrap().count();
    let mut cancelled = 0;
    for milliseconds in (0..120).step_by(10) {
        let start = Cluster::builder().directory(parent.path()).start();
        let limit = Duration::from_millis(milliseconds);
        cancelled += usize::from(tokio::time::timeout(limit, start).await.is_err());
        assert_eq!(entries(), 0, "cancelled after {limit:?}");
    }
    assert!(cancelled > 3, "the control: starts were cancelled");
    assert!(tercet_tests::command_lines_naming(parent.path()).is_empty());
}
