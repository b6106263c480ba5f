//! A kept lease that locks and keys hang on.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard, oneshot};

use crate::client::Client;
use crate::coordination::doubt::{Doubts, sweep};
use crate::error::{Error, Result};
use crate::lease::{Lease, LeaseId, LeaseLost, LeaseLostReason, LeaseState};
use crate::race::{Raced, race};
use crate::random;

/// How long a session outlives its process, unless it says otherwise: as with etcd's own client
/// (`client/v3/concurrency/session.go`).
pub const SESSION_TTL: Duration = Duration::from_secs(60);

/// A lease that is kept while this is held, for locks, elections and keys that shall end with it.
///
/// A key hangs on it by [`Put::lease`](crate::Put::lease) with [`lease_id`](Self::lease_id).
///
/// Cloning it is cheap, and clones are the same session; locks that are held or waited for hold one.
/// When the last is dropped, the lease is revoked in the background, which takes at most its time to
/// live; [`close`](Self::close) does it at once and says whether it was done.
///
/// A session that cannot reach the cluster is told lost *before* the cluster gives away what hung on
/// it: see [`Lease`] for how that is counted and what it does not cover. One that is lost stays so;
/// whoever wants to go on opens another.
///
/// ```no_run
/// # async fn run(client: tercet_client::Client) -> tercet_client::Result<()> {
/// use std::time::Duration;
/// use tercet_client::Put;
///
/// let session = client.session(Duration::from_secs(10)).await?;
/// client.put_with(Put::new("workers/7", "here").lease(session.lease_id())).await?;
/// // ...
/// session.close().await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
#[must_use = "it ends when its last handle is dropped"]
pub struct Session(Arc<Inner>);

struct Inner {
    client: Client,
    /// Others hear by it of its end, and keep nothing.
    lease: Arc<Lease>,
    /// What it calls its keys.
    name: String,
    revoke_on_drop: bool,
    /// The runtime whose tasks end what is dropped.
    runtime: Handle,
    /// Whoever wants the same key of this session waits here first: to the cluster they are one.
    turns: Mutex<HashMap<Bytes, Weak<AsyncMutex<()>>>>,
    /// Keys that may come into the store when nobody wants them any more.
    doubts: Doubts,
    count: AtomicU64,
}

/// A session that ends all the same when nobody else has it.
pub(super) struct WeakSession(Weak<Inner>);

/// How to open a [`Session`], where `client.session(ttl)` does not say enough.
#[derive(Debug, Clone)]
#[must_use]
pub struct SessionBuilder {
    client: Client,
    ttl: Duration,
    lease: Option<LeaseId>,
    revoke_on_drop: bool,
}

impl Client {
    /// Opens a session, which outlives this process for so long at most.
    ///
    /// A shorter time frees locks sooner when their holder dies, and loses them sooner when the
    /// cluster cannot be reached: it should be several times what the cluster needs for an election.
    ///
    /// Cancelling: a lease may have been granted all the same; it runs out by itself.
    ///
    /// # Errors
    ///
    /// As [`lease_grant`](Self::lease_grant).
    pub async fn session(&self, ttl: Duration) -> Result<Session> {
        self.session_builder().ttl(ttl).open().await
    }

    /// A session with options.
    pub fn session_builder(&self) -> SessionBuilder {
        SessionBuilder { client: self.clone(), ttl: SESSION_TTL, lease: None, revoke_on_drop: true }
    }
}

impl SessionBuilder {
    /// For how long it outlives this process at most, in whole seconds; [`SESSION_TTL`] unless set.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = ttl;
        self
    }

    /// With a lease that there is already, which has its own time to live.
    ///
    /// Several sessions may have the same, of one process or of several: each has keys of its own,
    /// which are `name/LEASE-` and a random number. Whoever takes a lock on the lease of a session
    /// *without* this, by etcd's own client or by [`LockServer`](crate::LockServer), writes that
    /// session's very keys: they must not both use one name. Keys that a program has left which was
    /// killed, or whose session was lost while another one kept the lease, are in the way of everybody's as
    /// long as the lease is kept: see [`Election::resume`](crate::Election::resume).
    pub fn lease(mut self, id: impl Into<LeaseId>) -> Self {
        self.lease = Some(id.into());
        self
    }

    /// Whether the lease is revoked when the last handle is dropped, which it is unless this says
    /// no: then it is no longer kept, and runs out by itself.
    pub fn revoke_on_drop(mut self, revoke: bool) -> Self {
        self.revoke_on_drop = revoke;
        self
    }

    /// Opens it.
    ///
    /// Cancelling: a lease may have been granted all the same; it runs out by itself.
    ///
    /// # Errors
    ///
    /// As [`Client::lease_grant`], or with a lease of one's own [`Client::keep_alive`].
    pub async fn open(self) -> Result<Session> {
        let lease = match self.lease {
            Some(id) => self.client.keep_alive(id).await,
            None => self.client.lease(self.ttl).await,
        };
        let lease = lease.map_err(|error| error.during("session"))?;
        // As etcd's own client writes it, without zeros in front
        // (`client/v3/concurrency/mutex.go`).
        let mut name = format!("{:x}", i64::from(lease.id()));
        if self.lease.is_some() {
            // Others may have it as well, and nobody may take their keys for his.
            name = format!("{name}-{}", random::name());
        }
        Ok(Session(Arc::new(Inner {
            lease: Arc::new(lease),
            name,
            client: self.client,
            revoke_on_drop: self.revoke_on_drop,
            runtime: Handle::current(),
            turns: Mutex::default(),
            doubts: Doubts::default(),
            count: AtomicU64::new(0),
        })))
    }
}

impl Session {
    /// The lease, for [`Put::lease`](crate::Put::lease).
    #[must_use]
    pub fn lease_id(&self) -> LeaseId {
        self.0.lease.id()
    }

    /// The lease's time to live, as the server last said.
    #[must_use]
    pub fn ttl(&self) -> Duration {
        self.0.lease.ttl()
    }

    /// The client that it was opened with.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.0.client
    }

    /// Whether it is alive, by the clock of this machine at this moment.
    ///
    /// What is done next may come too late all the same: see [`Fence`](crate::Fence).
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.0.lease.is_alive()
    }

    /// How it is, at this moment.
    #[must_use]
    pub fn state(&self) -> LeaseState {
        self.0.lease.state()
    }

    /// Waits until it is lost, or closed, and says why.
    ///
    /// Cancel safe, and it may be asked again and by several.
    pub async fn lost(&self) -> LeaseLost {
        self.0.lease.lost().await
    }

    /// Ends it, with all its keys and locks, for all its clones.
    ///
    /// Cancel safe: it is over here, and goes on in the background.
    ///
    /// # Errors
    ///
    /// As [`Client::lease_revoke`]; that the lease is gone already is none.
    pub async fn close(self) -> Result<()> {
        const NAME: &str = "session close";
        self.0.lease.end_here();
        let (tell, told) = oneshot::channel();
        let session = self.clone();
        // In a task, since others would wait for the locks of a session that is half closed until
        // its time to live is over.
        self.spawn(async move {
            let ended = session.0.lease.end_there().await;
            drop(session);
            let _ = tell.send(ended);
        });
        let ended = told.await.unwrap_or_else(|_| Err(self.stopped(NAME)));
        ended.map_err(|error| error.during(NAME))
    }

    /// Does this, unless the session is or gets lost.
    pub(crate) async fn within<T>(
        &self,
        operation: &'static str,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        self.check(operation)?;
        match race(work, self.lost()).await {
            Raced::First(result) => result,
            Raced::Second(lost) => Err(lost.into_error(operation)),
        }
    }

    /// Refuses what needs a session that is alive.
    pub(crate) fn check(&self, operation: &'static str) -> Result<()> {
        if self.is_alive() {
            return Ok(());
        }
        Err(self.0.lease.lost_now().into_error(operation))
    }

    /// The error of whoever was told that there is no such lease.
    pub(crate) fn gone(&self, operation: &'static str) -> Error {
        self.0.lease.lost_by(LeaseLostReason::Gone).into_error(operation)
    }

    /// The error of whoever's task ended before it was done: there is no runtime any more.
    pub(crate) fn stopped(&self, operation: &'static str) -> Error {
        self.0.lease.lost_by(LeaseLostReason::Stopped).into_error(operation)
    }

    /// Does this in the background, in the runtime that the session was opened in.
    pub(crate) fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        // What is left of it when the runtime is shut down ends with the lease.
        drop(self.0.runtime.spawn(work));
    }

    /// Where those of this process wait for whom the cluster knows by this key of this session.
    pub(crate) fn turn(&self, key: &Bytes) -> Arc<AsyncMutex<()>> {
        let mut turns = self.0.turns.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turn) = turns.get(key).and_then(Weak::upgrade) {
            return turn;
        }
        turns.retain(|_, turn| turn.strong_count() > 0);
        let turn = Arc::new(AsyncMutex::new(()));
        turns.insert(key.clone(), Arc::downgrade(&turn));
        turn
    }

    /// What it calls its keys, which no other session does.
    pub(super) fn name(&self) -> &str {
        &self.0.name
    }

    /// An attempt to put or to remove this key may still be under way: whoever has the key in this
    /// process must have its turn by now. From here on it is removed whenever nobody has.
    pub(super) fn doubt(&self, key: &Bytes) {
        // With the session the key goes anyway.
        if !self.is_alive() {
            return;
        }
        self.0.doubts.add(key, || {
            let (weak, lease) = (WeakSession(Arc::downgrade(&self.0)), self.0.lease.clone());
            let sweep = sweep(weak, self.0.client.clone(), lease, key.clone());
            self.0.runtime.spawn(sweep).abort_handle()
        });
    }

    /// Whether attempts from before may still be under way to put or to remove this key.
    pub(super) fn doubts(&self, key: &Bytes) -> bool {
        self.0.doubts.has(key)
    }

    /// A key below this one of which attempts may still be under way and that nobody has, with its
    /// turn.
    pub(super) fn doubtful_below(&self, prefix: &[u8]) -> Option<(Bytes, OwnedMutexGuard<()>)> {
        self.0.doubts.find(|key| {
            let key = key.starts_with(prefix).then_some(key)?;
            Some((key.clone(), self.turn(key).try_lock_owned().ok()?))
        })
    }

    /// A number that this session has not used.
    pub(crate) fn number(&self) -> u64 {
        self.0.count.fetch_add(1, Ordering::Relaxed)
    }
}

impl WeakSession {
    pub(super) fn upgrade(&self) -> Option<Session> {
        self.0.upgrade().map(Session)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if !self.revoke_on_drop || !self.lease.is_alive() {
            return;
        }
        let (client, id, patience) = (self.client.clone(), self.lease.id(), self.lease.ttl());
        // By then it has run out by itself.
        let revoke = async move {
            let _ = tokio::time::timeout(patience, client.lease_revoke(id)).await;
        };
        drop(self.runtime.spawn(revoke));
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").field("lease", &self.0.lease).finish()
    }
}
