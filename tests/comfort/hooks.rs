//! Observers and layers, on real fleets.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::Poll;

use tercet_client::{
    AttemptFailed, Client, Config, Connected, Disconnected, ErrorKind, Observer, Outcome,
    RequestEnd, RequestEnded, Tls, WatchResumed,
};
use tercet_harness::{Cluster, Result, Timing};
use tercet_tests::available;

#[derive(Default)]
struct Counts {
    puts: AtomicU64,
    answered: AtomicU64,
    failed: AtomicU64,
    dropped: AtomicU64,
    attempts: AtomicU64,
    attempts_failed: AtomicU64,
    connections: AtomicU64,
    disconnections: AtomicU64,
    resumed: AtomicU64,
}

impl Observer for Counts {
    fn request_ended(&self, request: &RequestEnded<'_>) {
        if request.operation != "put" {
            return;
        }
        self.puts.fetch_add(1, Relaxed);
        self.attempts.fetch_add(request.attempts.into(), Relaxed);
        let count = match request.end {
            RequestEnd::Answered => &self.answered,
            RequestEnd::Failed(_) => &self.failed,
            _ => &self.dropped,
        };
        count.fetch_add(1, Relaxed);
    }

    fn attempt_failed(&self, attempt: &AttemptFailed<'_>) {
        if attempt.operation == "put" {
            self.attempts_failed.fetch_add(1, Relaxed);
        }
    }

    fn connected(&self, _: &Connected<'_>) {
        self.connections.fetch_add(1, Relaxed);
    }

    fn disconnected(&self, _: &Disconnected<'_>) {
        self.disconnections.fetch_add(1, Relaxed);
    }

    fn watch_resumed(&self, _: &WatchResumed<'_>) {
        self.resumed.fetch_add(1, Relaxed);
    }
}

fn config_of(cluster: &Cluster) -> Result<Config> {
    let files = cluster.files();
    let tls = Tls::mutual_files(&files.ca, &files.client.certificate, &files.client.key)?;
    Ok(Config::new(cluster.endpoints()).tls(tls))
}

/// Every put is told once, as what it ended as, also while a member is killed under it; and every
/// connection's end, when the client is gone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_told_is_what_was_done() -> Result<()> {
    const TASKS: u64 = 8;
    const PUTS: u64 = 100;
    for etcd in available() {
        let builder = Cluster::builder().binary(etcd.path()).timing(Timing::Ci);
        let cluster = builder.start().await?;
        let counts = Arc::new(Counts::default());
        let client = Client::connect(config_of(&cluster)?.observer(counts.clone())).await?;
        let mut watcher = client.watch("0").await?;
        let mut tasks = tokio::task::JoinSet::new();
        for task in 0..TASKS {
            let client = client.clone();
            tasks.spawn(async move {
                let (mut answered, mut failed) = (0, 0);
                for put in 0..PUTS {
                    match client.put(format!("{task}"), format!("{put}")).await {
                        Ok(_) => answered += 1,
                        Err(_) => failed += 1,
                    }
                }
                (answered, failed)
            });
        }
        for member in cluster.members() {
            let down = member.kill()?;
            down.restart().await?;
        }
        let (mut answered, mut failed) = (0, 0);
        while let Some(done) = tasks.join_next().await {
            let (yes, no) = done.expect("no panic");
            (answered, failed) = (answered + yes, failed + no);
        }
        assert_eq!(answered + failed, TASKS * PUTS);
        assert_eq!(counts.answered.load(Relaxed), answered);
        assert_eq!(counts.failed.load(Relaxed), failed);
        assert_eq!(counts.puts.load(Relaxed), TASKS * PUTS);
        let tried = answered + counts.attempts_failed.load(Relaxed);
        assert_eq!(counts.attempts.load(Relaxed), tried);

        // One that nobody waits for is told as well.
        let mut put = Box::pin(client.put("0", "last"));
        assert!(poll_fn(|context| Poll::Ready(put.as_mut().poll(context))).await.is_pending());
        drop(put);
        assert_eq!(counts.dropped.load(Relaxed), 1);

        // Each member was killed, and so was the one that the watch was on.
        client.put("0", "again").await?;
        while watcher
            .next()
            .await
            .expect("not over")?
            .events()
            .iter()
            .all(|event| event.kv().value() != b"again")
        {}
        assert!(counts.resumed.load(Relaxed) > 0);
        drop((client, watcher));
        let ended = || counts.disconnections.load(Relaxed) == counts.connections.load(Relaxed);
        while !ended() {
            tokio::task::yield_now().await;
        }
        assert!(counts.connections.load(Relaxed) > 3);
    }
    Ok(())
}

/// What a function refuses was not done, and the error says so; what it lets pass is.
#[tokio::test]
async fn what_a_layer_refuses_is_not_done() -> Result<()> {
    for etcd in available() {
        let cluster = Cluster::builder().members(1).binary(etcd.path()).start().await?;
        let config = config_of(&cluster)?.intercept(|call| {
            let is_put = call.method() == "/etcdserverpb.KV/Put";
            if is_put { Err("read only".into()) } else { Ok(()) }
        });
        let client = Client::connect(config).await?;
        let error = client.put("key", "value").await.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::Layer, Outcome::NotApplied));
        assert_eq!(client.get("key").await?, None);
        // The control: nobody in between.
        cluster.client().await?.put("key", "value").await?;
        assert_eq!(client.get("key").await?.expect("there").value(), b"value");
    }
    Ok(())
}
