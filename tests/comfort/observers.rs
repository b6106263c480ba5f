//! Observers, of what does not go well; and those that do not go well themselves.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tercet_client::{
    AttemptFailed, Balance, Client, Config, ConnectFailed, Connected, Disconnected, LeaseLost,
    LeaseLostReason, Observer, RequestEnded, WatchResumed,
};
use tercet_harness::{Cluster, Result, Security, Timing};
use tercet_tests::{PATIENCE, available};

const SHORT: Duration = Duration::from_secs(2);

/// What was told, by name; it may panic each time.
#[derive(Default)]
struct Told {
    names: Mutex<BTreeSet<&'static str>>,
    reasons: Mutex<Vec<LeaseLostReason>>,
    panics: bool,
}

impl Told {
    fn note(&self, name: &'static str) {
        self.names.lock().unwrap().insert(name);
        assert!(!self.panics, "an observer that panics, as it shall");
    }

    fn has(&self, name: &str) -> bool {
        self.names.lock().unwrap().contains(name)
    }
}

impl Observer for Told {
    fn request_ended(&self, _: &RequestEnded<'_>) {
        self.note("request_ended");
    }

    fn attempt_failed(&self, _: &AttemptFailed<'_>) {
        self.note("attempt_failed");
    }

    fn connected(&self, _: &Connected<'_>) {
        self.note("connected");
    }

    fn connect_failed(&self, _: &ConnectFailed<'_>) {
        self.note("connect_failed");
    }

    fn disconnected(&self, _: &Disconnected<'_>) {
        self.note("disconnected");
    }

    fn token_refreshed(&self, _: &str) {
        self.note("token_refreshed");
    }

    fn watch_resumed(&self, _: &WatchResumed<'_>) {
        self.note("watch_resumed");
    }

    fn lease_lost(&self, lease: &LeaseLost) {
        self.reasons.lock().unwrap().push(lease.reason());
        self.note("lease_lost");
    }
}

/// Everything that there is to be told is told, and the client works whether or not the observer
/// panics each time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_told_and_a_panic_ends_nothing() -> Result<()> {
    for etcd in available() {
        let builder = Cluster::builder().binary(etcd.path()).members(1).timing(Timing::Ci);
        let cluster = builder.security(Security::Plaintext).start().await?;
        let anybody = cluster.client().await?;
        anybody.user_add("root", "password").await?;
        anybody.role_add("root").await?;
        anybody.user_grant_role("root", "root").await?;
        anybody.auth_enable().await?;
        cluster.set_user("root", "password");
        for panics in [false, true] {
            let told = Arc::new(Told { panics, ..Told::default() });
            everything(&cluster, &told).await?;
            let all = [
                "attempt_failed",
                "connect_failed",
                "connected",
                "disconnected",
                "lease_lost",
                "request_ended",
                "token_refreshed",
                "watch_resumed",
            ];
            let begin = Instant::now();
            while all.iter().any(|name| !told.has(name)) {
                assert!(begin.elapsed() < PATIENCE, "{:?}", told.names.lock().unwrap());
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            // What was revoked by its holder is not lost.
            assert_eq!(*told.reasons.lock().unwrap(), [LeaseLostReason::Gone]);
        }
    }
    Ok(())
}

async fn everything(cluster: &Cluster, told: &Arc<Told>) -> Result<()> {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let endpoints = [format!("http://{nobody}"), cluster.endpoints()[0].clone()];
    let config = Config::new(endpoints).balance(Balance::InOrder).user("root", "password");
    let client = Client::connect(config.observer(told.clone())).await?;
    let other = cluster.client().await?;
    client.put("key", "1").await?;
    let mut watcher = client.watch("key").await?;
    let kept = client.lease(Duration::from_secs(60)).await?;
    let lost = client.lease(SHORT).await?;
    other.lease_revoke(lost.id()).await?;
    assert_eq!(lost.lost().await.reason(), LeaseLostReason::Gone);

    cluster.member(0).kill()?.restart().await?;
    let write = async {
        while client.put("key", "again").await.is_err() {}
        while watcher.next().await.expect("not over")?.events().is_empty() {}
        Ok::<_, tercet_client::Error>(())
    };
    tokio::time::timeout(PATIENCE, write).await.expect("in time")?;
    assert!(kept.is_alive());
    kept.revoke().await?;
    Ok(())
}
