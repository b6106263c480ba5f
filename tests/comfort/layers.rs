//! Tower's own layers, around requests to a real etcd.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tercet_client::{Call, Client, Config, ErrorKind, Exchange, Exchanging, Outcome};
use tercet_harness::{Cluster, Result, Security, Timing};
use tercet_tests::available;
use tokio::task::JoinSet;
use tower::limit::ConcurrencyLimitLayer;
use tower::timeout::TimeoutLayer;
use tower::{Layer, Service, ServiceBuilder};

const LONG: Duration = Duration::from_secs(60);
const TASKS: usize = 16;

/// How many calls are passed on at once, at most.
#[derive(Clone, Default)]
struct Crowd {
    now: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

#[derive(Clone)]
struct Counted(Exchange, Crowd);

impl Layer<Exchange> for Crowd {
    type Service = Counted;

    fn layer(&self, exchange: Exchange) -> Counted {
        Counted(exchange, self.clone())
    }
}

impl Service<Call> for Counted {
    type Response = <Exchange as Service<Call>>::Response;
    type Error = <Exchange as Service<Call>>::Error;
    type Future = futures::Counting;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, call: Call) -> Self::Future {
        let now = self.1.now.fetch_add(1, Ordering::Relaxed) + 1;
        self.1.most.fetch_max(now, Ordering::Relaxed);
        futures::Counting { exchanging: self.0.call(call), now: self.1.now.clone() }
    }
}

mod futures {
    use std::pin::Pin;

    use super::*;

    pub(super) struct Counting {
        pub(super) exchanging: Exchanging,
        pub(super) now: Arc<AtomicUsize>,
    }

    impl Future for Counting {
        type Output = <Exchanging as Future>::Output;

        fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
            Pin::new(&mut self.exchanging).poll(context)
        }
    }

    impl Drop for Counting {
        fn drop(&mut self) {
            self.now.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// So many at once at most, of this client and its clones.
async fn most_at_once(config: Config, crowd: &Crowd) -> Result<usize> {
    let client = Client::connect(config).await?;
    client.get("0").await?;
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let client = client.clone();
        tasks.spawn(async move {
            for put in 0..10 {
                client.put(format!("{task}/{put}"), "1").await.unwrap();
            }
        });
    }
    tasks.join_all().await;
    Ok(crowd.most.load(Ordering::Relaxed))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_limit_of_towers_holds_for_the_whole_client() -> Result<()> {
    for etcd in available() {
        let builder = Cluster::builder().binary(etcd.path()).members(1).timing(Timing::Ci);
        let cluster = builder.security(Security::Plaintext).start().await?;
        let config = Config::new(cluster.endpoints());
        let crowd = Crowd::default();
        let layers = ServiceBuilder::new().concurrency_limit(2).timeout(LONG).into_inner();
        let limited = config.clone().layer(layers).layer(crowd.clone());
        assert_eq!(most_at_once(limited, &crowd).await?, 2);
        let crowd = Crowd::default();
        let limited = config.clone().layer(ConcurrencyLimitLayer::new(1)).layer(crowd.clone());
        assert_eq!(most_at_once(limited, &crowd).await?, 1);
        // The control, and that the first is the outermost.
        let crowd = Crowd::default();
        let unlimited = config.layer(crowd.clone()).layer(ConcurrencyLimitLayer::new(1));
        assert!(most_at_once(unlimited, &crowd).await? > 2);
        assert_eq!(crowd.now.load(Ordering::Relaxed), 0);
    }
    Ok(())
}

/// What was passed on may have happened, and its error says so; a member that hangs is not what makes
/// it fail, but the layer.
#[tokio::test]
async fn a_timeout_of_towers_ends_a_request() -> Result<()> {
    for etcd in available() {
        let builder = Cluster::builder().binary(etcd.path()).members(1).timing(Timing::Ci);
        let cluster = builder.security(Security::Plaintext).start().await?;
        let config = Config::new(cluster.endpoints());
        let patient = config.clone().layer(TimeoutLayer::new(LONG));
        let patient = Client::connect(patient).await?;
        let hasty = config.layer(TimeoutLayer::new(Duration::from_millis(200)));
        let hasty = Client::connect(hasty).await?;
        patient.put("key", "1").await?;
        while hasty.get("key").await.is_err() {}

        let paused = cluster.member(0).pause()?;
        let error = hasty.put("key", "2").await.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::Layer, Outcome::Unknown));
        let error = hasty.get("key").await.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::Layer, Outcome::NotApplied));
        assert_eq!(text(&error), "a layer of Config::layer ended it");
        // The control: who has patience is answered.
        let mut waits = Box::pin(patient.put("key", "3"));
        let short = Duration::from_millis(300);
        assert!(tokio::time::timeout(short, &mut waits).await.is_err(), "it hangs");
        drop(paused);
        waits.await?;
    }
    Ok(())
}

fn text(error: &tercet_client::Error) -> String {
    let text = error.to_string();
    text.split_once(": ").expect("where, and what").1.to_owned()
}
