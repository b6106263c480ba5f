//! A copy of some keys that follows the store.

mod follow;
mod snapshot;
mod waiting;

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::watch;
use tokio::task::AbortHandle;

pub use self::snapshot::CacheSnapshot;
use self::waiting::{Waiter, Waiting};

use self::follow::Follower;
use crate::client::Client;
use crate::error::{Error, ErrorKind, Failure, Fate, Result};
use crate::kv::{KeyValue, Keys};
use crate::watch::list::list;
use crate::watch::request::Watch;
use crate::watch::{WATCH, feed};

/// A copy of some keys in memory, which follows the store by a watch.
///
/// Every read sees one revision of the store, as a whole: [`snapshot`](Self::snapshot) for several
/// reads of the same one. It costs no request and waits for nobody; so it may be behind the store,
/// by what takes its way from there, or for as long as no member can be reached
/// ([`state`](Self::state) says so). To read what was just written, wait for its revision:
///
/// ```no_run
/// # async fn run(client: tercet_client::Client) -> tercet_client::Result<()> {
/// use tercet_client::{Cache, Keys};
///
/// let jobs = Cache::start(&client, Keys::prefix("jobs/")).await?;
/// let written = client.put("jobs/1", "build").await?;
/// jobs.wait_for(written.revision()).await?;
/// assert_eq!(jobs.get("jobs/1").expect("it is there").value(), b"build");
/// # Ok(()) }
/// ```
///
/// If what it was not told yet is compacted away, it reads all keys again by itself, and
/// [`relists`](Self::relists) counts that: what [`changed`](Self::changed) tells of is the state, and
/// states between may be left out at any time.
///
/// A fleet that is restored behind the same endpoints with an earlier revision is not followed: see
/// [`Watcher`](crate::Watcher).
///
/// Cloning it is cheap and gives another handle on the same copy, which is kept until the last is
/// dropped.
#[derive(Clone)]
#[must_use = "it follows until its last handle is dropped"]
pub struct Cache {
    shared: Arc<Shared>,
    changes: watch::Receiver<i64>,
    /// Tells the follower for which revisions somebody waits.
    waiting: Arc<watch::Sender<Waiting>>,
    /// Ends the follower with the last handle.
    _owner: Arc<Owner>,
}

/// How a [`Cache`] stands to the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CacheState {
    /// A member tells it what happens.
    Following,
    /// It is without a member, and as old as the last that one told it; it goes on by itself.
    Detached,
    /// It has ended, and stays as it is: the user may no longer read this, or the runtime has ended.
    Ended,
}

/// What the handles and the follower share.
pub(super) struct Shared {
    data: RwLock<Data>,
}

struct Data {
    snapshot: CacheSnapshot,
    /// What it follows.
    feed: Arc<feed::Shared>,
    relists: u64,
    end: Option<Error>,
}

struct Owner(AbortHandle);

impl Cache {
    /// Reads the keys, and follows them from then on.
    ///
    /// Cancel safe: nothing stays behind.
    ///
    /// # Errors
    ///
    /// As [`Client::list_then_watch`].
    pub async fn start(client: &Client, keys: impl Into<Keys>) -> Result<Self> {
        let watch = Watch::new(keys).progress_notify();
        watch.check()?;
        let (kvs, revision) = list(client, &watch.keys()).await?;
        let watcher = client.watch(watch.clone().start_revision(revision + 1)).await?;
        let shared = Arc::new(Shared {
            data: RwLock::new(Data {
                snapshot: CacheSnapshot::new(kvs, revision),
                feed: watcher.shared(),
                relists: 0,
                end: None,
            }),
        });
        let (told, changes) = watch::channel(revision);
        let (waiting, asked) = watch::channel(Waiting::default());
        let follower = Follower::new(client.clone(), watch, shared.clone(), told, asked);
        let task = tokio::spawn(follower.run(watcher));
        let owner = Arc::new(Owner(task.abort_handle()));
        Ok(Self { shared, changes, waiting: Arc::new(waiting), _owner: owner })
    }

    /// One key; `None` if it does not exist, or is not one of those that are kept.
    #[must_use]
    pub fn get(&self, key: impl AsRef<[u8]>) -> Option<KeyValue> {
        self.shared.read(|data| data.snapshot.get(key).cloned())
    }

    /// All that there is, as of one revision. It stays as it is, and shares what does not change with
    /// those after it.
    #[must_use]
    pub fn snapshot(&self) -> CacheSnapshot {
        self.shared.read(|data| data.snapshot.clone())
    }

    /// The revision of the store that reads see.
    #[must_use]
    pub fn revision(&self) -> i64 {
        self.shared.read(|data| data.snapshot.revision())
    }

    /// How it stands to the store.
    #[must_use]
    pub fn state(&self) -> CacheState {
        let has_ended = self.changes.has_changed().is_err();
        self.shared.read(|data| match data.end {
            Some(_) => CacheState::Ended,
            None if has_ended => CacheState::Ended,
            None if data.feed.is_in_place() => CacheState::Following,
            None => CacheState::Detached,
        })
    }

    /// How often it had to read all keys again, because what happened meanwhile was compacted away.
    #[must_use]
    pub fn relists(&self) -> u64 {
        self.shared.read(|data| data.relists)
    }

    /// Waits until reads see what the store was at this revision, or later.
    ///
    /// Also where nobody writes to these keys: then a member is asked how far it is, and one that
    /// cannot tell that (before 3.4.25 and 3.5.8) is asked for the keys again.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    ///
    /// If it has [ended](CacheState::Ended): why.
    pub async fn wait_for(&self, revision: i64) -> Result<()> {
        let mut changes = self.changes.clone();
        let mut waiter = None;
        loop {
            if *changes.borrow_and_update() >= revision {
                return Ok(());
            }
            if let Some(error) = self.shared.end() {
                return Err(error);
            }
            waiter.get_or_insert_with(|| Waiter::new(&self.waiting, revision));
            if changes.changed().await.is_err() {
                return Err(self.shared.end().unwrap_or_else(ended));
            }
        }
    }

    /// Waits until reads see another revision than when this was last called on this handle, or since
    /// it was made. Returns the revision.
    ///
    /// It tells that something is new, and not of each change: for that watch the keys. Of keys that
    /// others write far away it may tell too: that nothing happened to these up to that revision.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    ///
    /// If it has [ended](CacheState::Ended): why.
    pub async fn changed(&mut self) -> Result<i64> {
        match self.changes.changed().await {
            Ok(()) => Ok(*self.changes.borrow_and_update()),
            Err(_) => Err(self.shared.end().unwrap_or_else(ended)),
        }
    }
}

impl Shared {
    fn read<T>(&self, look: impl FnOnce(&Data) -> T) -> T {
        look(&self.data.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn write<T>(&self, change: impl FnOnce(&mut Data) -> T) -> T {
        change(&mut self.data.write().unwrap_or_else(PoisonError::into_inner))
    }

    fn end(&self) -> Option<Error> {
        self.read(|data| data.end.clone())
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (snapshot, relists) = self.shared.read(|data| (data.snapshot.clone(), data.relists));
        f.debug_struct("Cache")
            .field("keys", &snapshot.len())
            .field("revision", &snapshot.revision())
            .field("state", &self.state())
            .field("relists", &relists)
            .finish()
    }
}

fn ended() -> Error {
    let what = "the runtime that the cache belongs to has ended";
    WATCH.failed(Failure::new(ErrorKind::ConnectionLost, Fate::Refused, what), "")
}
