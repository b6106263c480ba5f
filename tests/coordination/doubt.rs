//! Keys of locks whose writes nobody knows the end of: whatever comes of them, somebody is behind each
//! key, or it goes.

use std::error::Error as StdError;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tercet_client::{
    Call, Client, Config, Election, ErrorKind, Exchange, Keys, Mutex, Outcome, Reply, RwLock,
    Session, Watch,
};
use tercet_harness::{Cluster, Result, Security};
use tercet_tests::{PATIENCE, available};
use tokio::sync::Notify;
use tower::{Service, layer::layer_fn};

use crate::locks::queue;
use crate::{LONG, fleet_of};

/// What becomes of the next transaction.
#[derive(Clone, Copy)]
enum Fault {
    /// It is under way until it is let go, whoever still waits for it.
    HeldUp,
    /// It is done, and whoever asked is told of an error.
    DoneAndFailed,
    /// It is done, and nobody is told.
    DoneAndSilent,
    /// It is never done, and whoever asked is told so.
    Failed,
    /// It is never done, and nobody is told.
    Swallowed,
}

#[derive(Clone)]
struct Faulty {
    fault: Fault,
    armed: Arc<AtomicBool>,
    met: Arc<Notify>,
    let_go: Arc<Notify>,
    done: Arc<Notify>,
}

impl Faulty {
    fn new(fault: Fault) -> Self {
        let (met, let_go, done) = Default::default();
        Self { fault, armed: Arc::default(), met, let_go, done }
    }

    fn arm(&self) {
        self.armed.store(true, Ordering::Relaxed);
    }

    /// Whether nobody has met it since.
    fn is_armed(&self) -> bool {
        self.armed.load(Ordering::Relaxed)
    }

    /// A client that meets it.
    async fn client(&self, cluster: &Cluster) -> Result<Client> {
        let faulty = self.clone();
        let layer = layer_fn(move |exchange| Layered(exchange, faulty.clone()));
        let config = Config::new(cluster.endpoints()).request_timeout(Duration::from_secs(1));
        Ok(Client::connect(config.layer(layer)).await?)
    }
}

#[derive(Clone)]
struct Layered(Exchange, Faulty);

type BoxError = Box<dyn StdError + Send + Sync>;

impl Service<Call> for Layered {
    type Response = Reply;
    type Error = BoxError;
    type Future = std::pin::Pin<Box<dyn Future<Output = Result<Reply, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.0.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, call: Call) -> Self::Future {
        let (mut exchange, faulty) = (self.0.clone(), self.1.clone());
        let is_txn = call.method() == "/etcdserverpb.KV/Txn";
        if !is_txn || !faulty.armed.swap(false, Ordering::Relaxed) {
            return Box::pin(async move { Ok(exchange.call(call).await?) });
        }
        Box::pin(async move {
            faulty.met.notify_one();
            match faulty.fault {
                Fault::Swallowed => pending().await,
                Fault::Failed => Err("it may not pass".into()),
                Fault::DoneAndFailed => {
                    exchange.call(call).await?;
                    Err("its answer is not for you".into())
                }
                Fault::DoneAndSilent => {
                    exchange.call(call).await?;
                    pending().await
                }
                Fault::HeldUp => {
                    // As a network does that has taken it already.
                    let sent = tokio::spawn(async move {
                        faulty.let_go.notified().await;
                        let answer = exchange.call(call).await;
                        faulty.done.notify_one();
                        answer
                    });
                    Ok(sent.await.unwrap()?)
                }
            }
        })
    }
}

async fn in_time<T>(what: &str, work: impl Future<Output = T>) -> T {
    let done = tokio::time::timeout(PATIENCE, work).await;
    done.unwrap_or_else(|_| panic!("{what}: not within {PATIENCE:?}"))
}

async fn alone(etcd: &tercet_cluster::binary::Binary) -> Result<Cluster> {
    fleet_of(etcd).members(1).security(Security::Plaintext).start().await
}

/// It can be had again, by the session that has left it and by another one.
async fn can_be_had(session: &Session, other: &Client) -> Result<()> {
    let guard = in_time("by the same session", Mutex::new(session, "lock").lock()).await?;
    guard.unlock().await?;
    let other = other.session(LONG).await?;
    let guard = in_time("by another session", Mutex::new(&other, "lock").lock()).await?;
    guard.unlock().await?;
    let again = Mutex::new(session, "lock").try_lock().await?;
    again.expect("nobody has it").unlock().await?;
    Ok(())
}

/// What happened to these keys after this revision: whether one was put, or deleted.
async fn history(
    client: &Client,
    keys: impl Into<Keys>,
    after: i64,
    count: usize,
) -> Result<Vec<bool>> {
    let watch = Watch::new(keys).start_revision(after + 1);
    let mut changes = client.watch(watch).await?;
    let mut seen = Vec::new();
    while seen.len() < count {
        let response = changes.next().await.expect("it goes on")?;
        seen.extend(response.events().iter().map(|event| !event.is_delete()));
    }
    Ok(seen)
}

const PUT: bool = true;
const DELETED: bool = false;

/// The first attempt is done when the lock was taken by the second, and given back.
#[tokio::test]
async fn an_attempt_that_comes_after_the_unlock_blocks_nobody() -> Result<()> {
    for etcd in available() {
        let cluster = alone(etcd).await?;
        let (late, other) = (Faulty::new(Fault::HeldUp), cluster.client().await?);
        let session = late.client(&cluster).await?.session(LONG).await?;
        for round in 0..2 {
            late.arm();
            let guard = in_time("by the second", Mutex::new(&session, "lock").lock()).await?;
            late.met.notified().await;
            let token = guard.fence().token();
            guard.unlock().await?;
            queue(&other, "lock", 0).await?;
            late.let_go.notify_one();
            late.done.notified().await;
            queue(&other, "lock", 0).await?;
            // The control: it came, and somebody took it away.
            let seen =
                in_time("its history", history(&other, Keys::prefix("lock/"), token, 3)).await?;
            assert_eq!(seen, [DELETED, PUT, DELETED], "round {round}");
        }
        can_be_had(&session, &other).await?;
    }
    Ok(())
}

/// The same of one that comes while the lock is held: it does nothing, and nobody takes the lock away.
#[tokio::test]
async fn an_attempt_that_comes_before_the_unlock_changes_nothing() -> Result<()> {
    for etcd in available() {
        let cluster = alone(etcd).await?;
        let (late, other) = (Faulty::new(Fault::HeldUp), cluster.client().await?);
        let session = late.client(&cluster).await?.session(LONG).await?;
        late.arm();
        let guard = in_time("by the second", Mutex::new(&session, "lock").lock()).await?;
        late.met.notified().await;
        late.let_go.notify_one();
        late.done.notified().await;
        for write in 0..20 {
            guard.put("written", write.to_string()).await?;
        }
        assert!(Mutex::new(&session, "lock").try_lock().await?.is_none(), "it is held");
        let token = guard.fence().token();
        guard.unlock().await?;
        assert_eq!(history(&other, Keys::prefix("lock/"), token, 1).await?, [DELETED]);
        can_be_had(&session, &other).await?;
    }
    Ok(())
}

/// Keys that each claim has for itself go, too, and do not become more and more.
#[tokio::test]
async fn readers_that_come_after_the_unlock_block_no_writer() -> Result<()> {
    for etcd in available() {
        let cluster = alone(etcd).await?;
        let (late, other) = (Faulty::new(Fault::HeldUp), cluster.client().await?);
        let session = late.client(&cluster).await?.session(LONG).await?;
        let lock = RwLock::new(&session, "lock");
        let mut keys = Vec::new();
        for _ in 0..2 {
            late.arm();
            let guard = in_time("by the second", lock.read()).await?;
            late.met.notified().await;
            let (key, token) = (guard.fence().key().to_vec(), guard.fence().token());
            guard.unlock().await?;
            late.let_go.notify_one();
            late.done.notified().await;
            in_time("to write", lock.write()).await?.unlock().await?;
            queue(&other, "lock", 0).await?;
            let seen = in_time("its history", history(&other, Keys::one(key.clone()), token, 3));
            assert_eq!(seen.await?, [DELETED, PUT, DELETED], "the control: it came");
            // Who has taken it away knows it by now.
            for _ in 0..10 {
                session.client().get("other").await?;
            }
            keys.push(key);
        }
        assert_eq!(keys[0], keys[1], "it is used again");
        // Though not by two.
        let (first, second) = (lock.read().await?, lock.read().await?);
        assert_eq!(first.fence().key(), keys[0]);
        assert_ne!(second.fence().key(), keys[0]);
        first.unlock().await?;
        second.unlock().await?;
    }
    Ok(())
}

/// What is done and reported as an error leaves nothing.
#[tokio::test]
async fn a_failure_after_the_deed_blocks_nobody() -> Result<()> {
    for etcd in available() {
        let cluster = alone(etcd).await?;
        let other = cluster.client().await?;
        // A client each, since what looks after the key may be what meets the next fault.
        let faulty = Faulty::new(Fault::DoneAndFailed);
        let session = faulty.client(&cluster).await?.session(LONG).await?;
        let before = other.put("before", "").await?.revision();
        faulty.arm();
        let error = Mutex::new(&session, "lock").lock().await.expect_err("the layer said so");
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::Layer, Outcome::Unknown));
        queue(&other, "lock", 0).await?;
        let seen = in_time("its history", history(&other, Keys::prefix("lock/"), before, 2));
        assert_eq!(seen.await?, [PUT, DELETED], "the control: it was done");
        can_be_had(&session, &other).await?;

        // At once, and not only when it has been taken away; nor is anything said that was to be
        // said by the first.
        let faulty = Faulty::new(Fault::DoneAndFailed);
        let session = faulty.client(&cluster).await?.session(LONG).await?;
        let election = Election::new(&session, "lock");
        faulty.arm();
        let error = election.campaign("first").await.expect_err("the layer said so");
        assert_eq!(error.kind(), ErrorKind::Layer);
        let office = in_time("the second", election.campaign("second")).await?;
        let leader = election.leader().await?.expect("it is led");
        assert_eq!((leader.value(), leader.fence()), (&b"second"[..], office.fence().clone()));
        office.resign().await?;
        can_be_had(&session, &other).await?;
    }
    Ok(())
}

/// An unlock that fails is tried again.
#[tokio::test]
async fn an_unlock_that_fails_blocks_nobody() -> Result<()> {
    for etcd in available() {
        let cluster = alone(etcd).await?;
        let other = cluster.client().await?;
        for fault in [Fault::DoneAndFailed, Fault::Failed] {
            let faulty = Faulty::new(fault);
            let session = faulty.client(&cluster).await?.session(LONG).await?;
            let guard = Mutex::new(&session, "lock").lock().await?;
            faulty.arm();
            let error = guard.unlock().await.expect_err("the layer said so");
            assert_eq!(error.kind(), ErrorKind::Layer);
            can_be_had(&session, &other).await?;
        }
    }
    Ok(())
}

/// Of two processes with one lease each has keys of its own.
#[tokio::test]
async fn nobody_takes_the_key_of_another_process_on_the_same_lease_for_his() -> Result<()> {
    for etcd in available() {
        let cluster = alone(etcd).await?;
        let (deaf, other) = (Faulty::new(Fault::Swallowed), cluster.client().await?);
        let lease = other.lease_grant(LONG).await?.id();
        let open = async |client: &Client| client.session_builder().lease(lease).open().await;
        let first = open(&deaf.client(&cluster).await?).await?;
        let second = open(&other).await?;

        deaf.arm();
        let waiting = Mutex::new(&first, "lock");
        let waiting = tokio::spawn(async move { waiting.lock().await });
        deaf.met.notified().await;
        let holder = Mutex::new(&second, "lock").lock().await?;
        let begin = Instant::now();
        loop {
            assert!(!waiting.is_finished(), "two have it: {:?}, {:?}", holder, waiting.await);
            let keys = other.range(Keys::prefix("lock/")).await?.into_kvs().len();
            if keys == 2 {
                break;
            }
            assert!(begin.elapsed() < PATIENCE, "{keys} keys and not 2");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        holder.put("written", "by the second").await?;
        assert!(!waiting.is_finished(), "the second has it");
        let token = holder.fence().token();
        holder.unlock().await?;
        let guard = in_time("the first", waiting).await.unwrap()?;
        assert!(guard.fence().token() > token);
        guard.unlock().await?;
        queue(&other, "lock", 0).await?;
    }
    Ok(())
}

/// Somebody who writes the very key, as a member does for who asks it for the lock, is waited for.
#[tokio::test]
async fn a_key_that_somebody_else_wrote_is_waited_for() -> Result<()> {
    for etcd in available() {
        let cluster = alone(etcd).await?;
        let client = cluster.client().await?;
        let session = client.session(LONG).await?;
        let server = client.lock_server();
        let key = server.lock("lock", session.lease_id()).await?;
        let mutex = Mutex::new(&session, "lock");
        assert!(mutex.try_lock().await?.is_none(), "the member has it");
        let waiting = tokio::spawn(async move { mutex.lock().await });
        for _ in 0..20 {
            client.get("other").await?;
        }
        assert!(!waiting.is_finished(), "the member has it");
        server.unlock(key.clone()).await?;
        let guard = in_time("after the member", waiting).await.unwrap()?;
        assert_eq!(guard.fence().key(), key, "the control: it is the same key");
        guard.unlock().await?;
    }
    Ok(())
}

/// What looks after such keys ends with the session, and does not keep it.
#[tokio::test]
async fn a_doubt_keeps_no_session() -> Result<()> {
    for etcd in available() {
        let cluster = alone(etcd).await?;
        let (late, other) = (Faulty::new(Fault::HeldUp), cluster.client().await?);
        let session = late.client(&cluster).await?.session(LONG).await?;
        late.arm();
        let guard = in_time("by the second", Mutex::new(&session, "lock").lock()).await?;
        let token = guard.fence().token();
        guard.unlock().await?;
        late.let_go.notify_one();
        let seen = in_time("its history", history(&other, Keys::prefix("lock/"), token, 3));
        assert_eq!(seen.await?, [DELETED, PUT, DELETED], "the control: somebody looks after it");
        // By now he waits for the next one.
        for _ in 0..10 {
            session.client().get("other").await?;
        }
        let id = session.lease_id();
        assert!(other.leases().await?.contains(&id), "the control: it is there");
        drop(session);
        let begin = Instant::now();
        while other.leases().await?.contains(&id) {
            assert!(begin.elapsed() < PATIENCE, "lease {id} is still there");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    Ok(())
}

/// The first attempt is done and its answer lost, so that there is a second.
#[tokio::test]
async fn who_has_to_ask_twice_holds_what_is_there() -> Result<()> {
    for etcd in available() {
        let cluster = alone(etcd).await?;
        let faulty = Faulty::new(Fault::DoneAndSilent);
        let client = faulty.client(&cluster).await?;
        let session = client.session(LONG).await?;
        let (lock, mutex) = (RwLock::new(&session, "shared"), Mutex::new(&session, "lock"));
        faulty.arm();
        let reads = lock.try_read().await?.expect("nobody writes");
        assert!(!faulty.is_armed(), "the control: it met it");
        reads.put("key", "by a reader").await?;
        let kv = client.get(reads.fence().key().to_vec()).await?.expect("it is there");
        assert_eq!(kv.create_revision(), reads.fence().token());
        reads.unlock().await?;
        faulty.arm();
        let writes = lock.try_write().await?.expect("nobody reads");
        assert!(!faulty.is_armed(), "the control: it met it");
        writes.put("key", "by a writer").await?;
        writes.unlock().await?;
        faulty.arm();
        let guard = mutex.try_lock().await?.expect("nobody has it");
        assert!(!faulty.is_armed(), "the control: it met it");
        guard.put("key", "by a holder").await?;
        guard.unlock().await?;
    }
    Ok(())
}
