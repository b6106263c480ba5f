//! Gates while members die and are cut off, and places that are taken late.

use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use tercet_client::{Call, Client, Config, Entered, Exchange, Exchanging, Range};
use tercet_harness::{Cluster, Faults, Result, Security};
use tercet_tests::{PATIENCE, available};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tower::{Service, layer::layer_fn};

use crate::{LONG, fleet_of};

const COUNT: usize = 3;

async fn joined<T: Send + 'static>(
    tasks: &mut JoinSet<tercet_client::Result<T>>,
) -> Result<Vec<T>> {
    let all = async {
        let mut all = Vec::new();
        while let Some(done) = tasks.join_next().await {
            all.push(done.unwrap()?);
        }
        Ok(all)
    };
    tokio::time::timeout(PATIENCE, all).await.expect("they go on")
}

async fn until_waiting(client: &Client, below: &'static str, count: i64) {
    let seen = async {
        let wanted = async || {
            let found = client.range(Range::prefix(below).count_only()).await;
            found.is_ok_and(|found| found.count() == count)
        };
        while !wanted().await {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, seen).await.expect("as many as that");
}

/// They enter while the leader is dead, and leave while the next one is cut off from the others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gates_open_whatever_becomes_of_the_leader() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd).faults(Faults::NONE.links()).start().await?;
        let client = cluster.client().await?;
        let gate = client.barrier("gate");
        gate.hold().await?;
        let mut waiting = JoinSet::new();
        for _ in 0..COUNT {
            let gate = gate.clone();
            waiting.spawn(async move { gate.wait().await });
        }
        let mut entering = JoinSet::new();
        let mut places = Vec::new();
        for _ in 0..COUNT {
            places.push(client.session(LONG).await?.double_barrier("both", COUNT));
        }
        let last = places.pop().unwrap();
        for place in places {
            entering.spawn(async move { place.enter().await });
        }
        until_waiting(&client, "both/waiters/", 2).await;

        let dead = cluster.leader().await?.kill()?;
        assert!(entering.try_join_next().is_none(), "the control: two are not enough");
        assert!(waiting.try_join_next().is_none(), "the control: it is held");
        entering.spawn(async move { last.enter().await });
        let inside: Vec<Entered> = joined(&mut entering).await?;
        assert_eq!(inside.len(), COUNT);
        dead.restart().await?;
        cluster.wait_until_ready().await?;

        let isolated = cluster.isolate(cluster.leader().await?)?;
        let releasing = async { while gate.release().await.is_err() {} };
        tokio::time::timeout(PATIENCE, releasing).await.expect("it is released");
        joined(&mut waiting).await?;
        let mut leaving = JoinSet::new();
        for one in inside {
            leaving.spawn(one.leave());
        }
        joined(&mut leaving).await?;
        drop(isolated);
        until_waiting(&client, "both/", 0).await;
    }
    Ok(())
}

/// Holds up one write until it is let go, whoever still waits for it.
#[derive(Clone, Default)]
struct Late {
    armed: Arc<AtomicBool>,
    held: Arc<Notify>,
    let_go: Arc<Notify>,
    done: Arc<Notify>,
}

#[derive(Clone)]
struct Delayed(Exchange, Late);

type Answer = <Exchanging as Future>::Output;

impl Service<Call> for Delayed {
    type Response = <Exchange as Service<Call>>::Response;
    type Error = <Exchange as Service<Call>>::Error;
    type Future = std::pin::Pin<Box<dyn Future<Output = Answer> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, call: Call) -> Self::Future {
        let is_write = ["/etcdserverpb.KV/Put", "/etcdserverpb.KV/Txn"].contains(&call.method());
        let (mut exchange, late) = (self.0.clone(), self.1.clone());
        if !is_write || !late.armed.swap(false, Ordering::Relaxed) {
            return Box::pin(exchange.call(call));
        }
        // As a network does that has taken it already.
        let sent = tokio::spawn(async move {
            late.held.notify_one();
            late.let_go.notified().await;
            let answer = exchange.call(call).await;
            late.done.notify_one();
            answer
        });
        Box::pin(async move { sent.await.unwrap() })
    }
}

/// Polls it until its write is under way, and drops it then.
async fn dropped_while_held<F: Future>(future: F, late: &Late) {
    late.armed.store(true, Ordering::Relaxed);
    let mut future = Box::pin(future);
    let mut held = Box::pin(late.held.notified());
    poll_fn(|context| {
        assert!(future.as_mut().poll(context).is_pending(), "its write is held");
        held.as_mut().poll(context)
    })
    .await;
}

/// Whoever gives up takes no place, also if the write that takes it comes after that.
#[tokio::test]
async fn who_gives_up_leaves_nothing_however_late_it_comes() -> Result<()> {
    for etcd in available() {
        let cluster: Cluster =
            fleet_of(etcd).members(1).security(Security::Plaintext).start().await?;
        let late = Late::default();
        let delayed = late.clone();
        let layer = layer_fn(move |exchange| Delayed(exchange, delayed.clone()));
        let client = Client::connect(Config::new(cluster.endpoints()).layer(layer)).await?;
        let session = client.session(LONG).await?;

        let both = session.double_barrier("both", 2);
        dropped_while_held(both.enter(), &late).await;
        // What is done about it at once is done by now.
        for _ in 0..10 {
            client.get("other").await?;
        }
        late.let_go.notify_one();
        late.done.notified().await;
        until_waiting(&client, "both/waiters/", 0).await;

        // The control: so does a write come of which nobody thinks any more.
        dropped_while_held(client.put("plain", "late"), &late).await;
        assert!(client.get("plain").await?.is_none());
        late.let_go.notify_one();
        late.done.notified().await;
        assert!(client.get("plain").await?.is_some());
    }
    Ok(())
}
