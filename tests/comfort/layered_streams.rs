//! Layers around what goes on: what is new is refused, and what there is waits until it is let through.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tercet_client::{Client, Config, ErrorKind};
use tercet_harness::{Cluster, Result, Security, Timing};
use tercet_tests::{PATIENCE, available, next_of};

/// Refuses the client's streams while it is shut, and counts how often.
#[derive(Default)]
struct Gate {
    is_shut: AtomicBool,
    refused: AtomicUsize,
}

impl Gate {
    fn refuses(&self, method: &str) -> bool {
        const STREAMS: [&str; 4] = [
            "/etcdserverpb.Watch/Watch",
            "/etcdserverpb.Lease/LeaseKeepAlive",
            "/etcdserverpb.Maintenance/Snapshot",
            "/v3electionpb.Election/Observe",
        ];
        let refuses = STREAMS.contains(&method) && self.is_shut.load(Ordering::Relaxed);
        self.refused.fetch_add(usize::from(refuses), Ordering::Relaxed);
        refuses
    }
}

#[tokio::test]
async fn a_stream_that_there_is_waits_and_a_new_one_is_refused() -> Result<()> {
    for etcd in available() {
        let builder = Cluster::builder().members(1).security(Security::Plaintext);
        let cluster = builder.timing(Timing::Ci).binary(etcd.path()).start().await?;
        let gate = Arc::new(Gate::default());
        let config = Config::new(cluster.endpoints()).intercept({
            let gate = gate.clone();
            move |call| if gate.refuses(call.method()) { Err("not now".into()) } else { Ok(()) }
        });
        let client = Client::connect(config).await?;
        let mut watcher = client.watch("key").await?;
        let lease = client.lease(Duration::from_secs(60)).await?;

        gate.is_shut.store(true, Ordering::Relaxed);
        // Whoever has a stream has it until it ends.
        client.put("key", "1").await?;
        let told = next_of(&mut watcher).await.expect("it goes on")?;
        assert_eq!(told.events()[0].kv().value(), b"1");
        assert_eq!(gate.refused.load(Ordering::Relaxed), 0);
        cluster.member(0).restart().await?;
        client.put("key", "2").await?;

        // What is new is told.
        let url = cluster.member(0).client_url();
        for error in [
            client.watch("other").await.map(drop).unwrap_err(),
            client.snapshot(url).await.map(drop).unwrap_err(),
            client.election_server().observe("office").await.map(drop).unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::Layer, "{error}");
            let source = std::error::Error::source(&error).map(ToString::to_string);
            assert_eq!(source.as_deref(), Some("not now"));
        }
        // What there was asks now and then.
        let begin = std::time::Instant::now();
        let before = gate.refused.load(Ordering::Relaxed);
        while gate.refused.load(Ordering::Relaxed) < before + 2 {
            assert!(begin.elapsed() < PATIENCE, "it has given up");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let ended = tokio::time::timeout(Duration::ZERO, watcher.next()).await;
        assert!(ended.is_err(), "{ended:?}");

        gate.is_shut.store(false, Ordering::Relaxed);
        let told = next_of(&mut watcher).await.expect("it goes on")?;
        assert_eq!(told.events()[0].kv().value(), b"2");
        assert!(lease.is_alive());
        drop(client.snapshot(url).await?);
    }
    Ok(())
}
