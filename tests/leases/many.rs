//! Many leases are one stream and one task, which end with the last.

use std::time::{Duration, Instant};

use tercet_client::Client;
use tercet_cluster::binary::Binary;
use tercet_harness::{Cluster, Result, Security};
use tercet_tests::{PATIENCE, available};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use crate::{TTL, fleet_of, renewed_since};

const MANY: u64 = 500;

/// One member, which tells strangers how often it was asked for what.
async fn open_fleet(etcd: &Binary) -> Result<Cluster> {
    fleet_of(etcd).members(1).security(Security::Plaintext).start().await
}

/// What the member counts of streams of keepalives.
async fn count(cluster: &Cluster, metric: &str) -> u64 {
    let url = &cluster.endpoints()[0];
    let mut stream = TcpStream::connect(url.trim_start_matches("http://")).await.unwrap();
    let ask = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(ask).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    let lines =
        text.lines().filter(|line| line.starts_with(metric) && line.contains("\"LeaseKeepAlive\""));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok()).sum()
}

#[tokio::test]
async fn many_leases_are_one_stream() -> Result<()> {
    for etcd in available() {
        let cluster = open_fleet(etcd).await?;
        let client = cluster.client().await?;
        let mut tasks = JoinSet::new();
        for _ in 0..MANY {
            let client = client.clone();
            tasks.spawn(async move { client.lease(TTL).await });
        }
        let leases: Vec<_> = tasks.join_all().await.into_iter().collect::<Result<_, _>>()?;
        assert_eq!(client.leases().await?.len(), leases.len());
        let begin = Instant::now();
        for lease in &leases {
            renewed_since(lease, begin).await;
        }
        assert_eq!(count(&cluster, "grpc_server_started_total{").await, 1, "streams");
        assert!(count(&cluster, "grpc_server_msg_received_total{").await >= MANY);
        assert_eq!(count(&cluster, "grpc_server_handled_total{").await, 0, "it goes on");
        drop(leases);
        let begin = Instant::now();
        while count(&cluster, "grpc_server_handled_total{").await == 0 {
            assert!(begin.elapsed() < PATIENCE, "the stream does not end with the last lease");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    Ok(())
}

/// Alone in its runtime.
#[tokio::test]
async fn no_task_is_left() -> Result<()> {
    for etcd in available() {
        let cluster = open_fleet(etcd).await?;
        let tasks = || Handle::current().metrics().num_alive_tasks();
        let before = tasks();
        let client = Client::connect(&*cluster.endpoints()[0]).await?;
        let (lease, session) = (client.lease(TTL).await?, client.session(TTL).await?);
        let adopted = client.keep_alive(lease.id()).await?;
        assert!(tasks() > before, "the control");
        drop((client, lease, adopted, session));
        let begin = Instant::now();
        while tasks() > before {
            assert!(begin.elapsed() < PATIENCE, "{} tasks are left", tasks() - before);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    Ok(())
}
