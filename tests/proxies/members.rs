//! Members go and come behind a proxy, and proxies before the members.

use std::time::Duration;

use tercet_client::Client;
use tercet_harness::{Cluster, ProxyKind, Result, Timing, Version};
use tercet_tests::{PATIENCE, available, eventually};

/// Waits until a read goes through, which it may not while somebody is just found to be gone.
async fn read_again(client: &Client, key: &'static str) -> Vec<u8> {
    let mut last = None;
    for _ in 0..100 {
        match client.get(key).await {
            Ok(value) => return value.unwrap().value().to_vec(),
            Err(error) => last = Some(error),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("nothing comes through any more: {last:?}");
}

#[tokio::test]
async fn each_member_may_go_and_come_back_behind_a_proxy() -> Result<()> {
    for etcd in available() {
        let builder = Cluster::builder().binary(etcd.path()).timing(Timing::Ci);
        let cluster = builder.start().await?;
        cluster.client().await?.put("hello", "world").await?;
        for kind in [ProxyKind::Gateway, ProxyKind::GrpcProxy] {
            let client = cluster.start_proxy(kind).await?.client().await?;
            for member in cluster.members() {
                let down = member.kill()?;
                assert_eq!(read_again(&client, "hello").await, b"world", "{kind}");
                down.restart().await?;
            }
            assert_eq!(read_again(&client, "hello").await, b"world", "{kind}");
        }
    }
    Ok(())
}

/// With nobody behind it there is nothing to be had: so it is the members that answer through it,
/// and when they are back it has not to be restarted.
#[tokio::test]
async fn with_no_member_behind_it_a_proxy_answers_nothing_and_later_again() -> Result<()> {
    let cluster = Cluster::builder().members(1).start().await?;
    cluster.client().await?.put("hello", "world").await?;
    for kind in [ProxyKind::Gateway, ProxyKind::GrpcProxy] {
        let proxy = cluster.start_proxy(kind).await?;
        let client = proxy.client().await?;
        let down = cluster.member(0).kill()?;
        client.get("hello").await.unwrap_err();
        assert!(proxy.is_running());
        down.restart().await?;
        assert_eq!(read_again(&client, "hello").await, b"world", "{kind}");
    }
    Ok(())
}

#[tokio::test]
async fn a_proxy_is_killed_and_restarted_on_its_port() -> Result<()> {
    let cluster = Cluster::builder().members(1).start().await?;
    for kind in [ProxyKind::Gateway, ProxyKind::GrpcProxy] {
        let proxy = cluster.start_proxy(kind).await?;
        let client = proxy.client().await?;
        client.put("hello", "world").await?;
        // By this the watchdog finds it, where nothing else does.
        let mark = format!("--data-dir={}/", cluster.directory().display());
        let words = proxy.plan().arguments().iter().map(|word| word.to_string_lossy());
        assert_eq!(words.filter(|word| word.starts_with(&mark)).count(), 1);
        let (pid, address) = (proxy.pid(), proxy.endpoint().trim_start_matches("https://"));
        assert!(std::net::TcpStream::connect(address).is_ok(), "the control");
        proxy.kill()?;
        assert_eq!(proxy.pid(), None);
        assert!(std::net::TcpStream::connect(address).is_err());
        let error = proxy.kill().unwrap_err().to_string();
        assert_eq!(error, format!("proxy {} is not running: restart it first", proxy.name()));
        proxy.restart().await?;
        assert_ne!(proxy.pid(), pid);
        assert_eq!(read_again(&client, "hello").await, b"world");
    }
    let kinds: Vec<_> = cluster.proxies().map(|proxy| proxy.kind()).collect();
    assert_eq!(kinds, [ProxyKind::Gateway, ProxyKind::GrpcProxy]);
    Ok(())
}

/// All members that a proxy began with go, after others have come. What follows the fleet's members
/// still answers then; and what does not is the control.
#[tokio::test]
async fn grpc_proxy_auto_sync() -> Result<()> {
    for (number, etcd) in available().iter().enumerate() {
        // A gateway is the same in all versions.
        let gateway = (number == 0).then_some(ProxyKind::Gateway);
        for kind in [ProxyKind::GrpcProxy].into_iter().chain(gateway) {
            let follows = kind == ProxyKind::GrpcProxy && etcd.version() >= Version::new(3, 5, 5);
            let builder = Cluster::builder().binary(etcd.path()).members(1).timing(Timing::Ci);
            let cluster = builder.start().await?;
            let proxy = cluster.start_proxy(kind).await?;
            proxy.client().await?.put("hello", "world").await?;
            let address = cluster.add_member().await?.client_url().trim_start_matches("https://");
            if follows {
                let log = proxy.log();
                let knows = || std::fs::read_to_string(&log).unwrap().contains(address);
                assert!(eventually(PATIENCE, knows), "{:#?}", proxy.log_tail(20));
            }
            cluster.member(0).remove().await?;
            let client = proxy.client().await?;
            if follows {
                assert_eq!(read_again(&client, "hello").await, b"world");
            } else {
                client.get("hello").await.unwrap_err();
            }
            println!("etcd {} {kind}: follows {follows}", etcd.version());
            // The fleet itself is well.
            assert!(cluster.client().await?.get("hello").await?.is_some());
        }
    }
    Ok(())
}
