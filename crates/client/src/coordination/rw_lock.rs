//! One writer, or several readers, at a time.

use std::fmt;
use std::ops::Deref;

use bytes::{BufMut as _, Bytes, BytesMut};
use tokio::sync::OwnedMutexGuard;

use crate::coordination::claim::{Claim, Wanted, key_of, prefix_of};
use crate::coordination::held::Held;
use crate::coordination::session::Session;
use crate::error::Result;
use crate::kv::Keys;

/// A lock that one writer holds at a time, or any number of readers.
///
/// It is fair: whoever asks waits for all who asked before and cannot hold it together with him, so
/// that neither readers nor writers starve. Its keys are below the name and `/read/` or `/write/`, as
/// those of the recipe of etcd's own client (`client/v3/experimental/recipes/rwmutex.go`), whose
/// sessions take part. One session can hold it for reading several times.
///
/// It promises no more than a [`Mutex`](crate::Mutex) does: see there.
#[derive(Clone)]
pub struct RwLock {
    session: Session,
    all: Bytes,
    readers: Bytes,
    writers: Bytes,
}

/// A lock that is held together with other readers. Dropping it unlocks in the background.
#[derive(Debug)]
#[must_use = "it unlocks when it is dropped"]
pub struct ReadGuard(Held);

/// A lock that is held alone. Dropping it unlocks in the background.
#[derive(Debug)]
#[must_use = "it unlocks when it is dropped"]
pub struct WriteGuard(Held);

impl RwLock {
    /// The lock of this name, for this session.
    #[must_use]
    pub fn new(session: &Session, name: impl Into<Bytes>) -> Self {
        let name = name.into();
        Self {
            session: session.clone(),
            readers: prefix_of(name.clone(), "read/"),
            writers: prefix_of(name.clone(), "write/"),
            all: prefix_of(name, ""),
        }
    }

    /// Waits until no writer has it who asked before.
    ///
    /// Cancel safe: whoever waits leaves the queue, in the background.
    ///
    /// # Errors
    ///
    /// As [`Mutex::lock`](crate::Mutex::lock).
    pub async fn read(&self) -> Result<ReadGuard> {
        let claim = self.enter("read lock", &self.readers, &self.writers).await?;
        Ok(ReadGuard(Held(claim)))
    }

    /// Waits until nobody has it who asked before.
    ///
    /// Cancel safe: whoever waits leaves the queue, in the background.
    ///
    /// # Errors
    ///
    /// As [`Mutex::lock`](crate::Mutex::lock).
    pub async fn write(&self) -> Result<WriteGuard> {
        let claim = self.enter("write lock", &self.writers, &self.all).await?;
        Ok(WriteGuard(Held(claim)))
    }

    /// Takes it for reading, if no writer has it or waits for it; otherwise `None`.
    ///
    /// Cancel safe: what is under way is undone in the background.
    ///
    /// # Errors
    ///
    /// As [`Mutex::lock`](crate::Mutex::lock).
    pub async fn try_read(&self) -> Result<Option<ReadGuard>> {
        let claim = self.try_enter("try read lock", &self.readers, &self.writers).await?;
        Ok(claim.map(|claim| ReadGuard(Held(claim))))
    }

    /// Takes it for writing, if nobody has it or waits for it; otherwise `None`.
    ///
    /// Cancel safe: what is under way is undone in the background.
    ///
    /// # Errors
    ///
    /// As [`Mutex::lock`](crate::Mutex::lock).
    pub async fn try_write(&self) -> Result<Option<WriteGuard>> {
        let claim = self.try_enter("try write lock", &self.writers, &self.all).await?;
        Ok(claim.map(|claim| WriteGuard(Held(claim))))
    }

    async fn enter(&self, name: &'static str, own: &Bytes, queue: &Bytes) -> Result<Claim> {
        let (wanted, turn) = self.wanted(name, own);
        let claim = Claim::make(&self.session, wanted, turn).await?;
        claim.wait_for_turn(name, &Keys::prefix(queue.clone())).await?;
        Ok(claim)
    }

    async fn try_enter(
        &self,
        name: &'static str,
        own: &Bytes,
        queue: &Bytes,
    ) -> Result<Option<Claim>> {
        let alone = Some(Keys::prefix(queue.clone()));
        let (wanted, turn) = self.wanted(name, own);
        Claim::make_alone(&self.session, Wanted { alone, ..wanted }, turn).await
    }

    fn wanted(&self, name: &'static str, own: &Bytes) -> (Wanted, Option<OwnedMutexGuard<()>>) {
        // One for each that asks: a session may have it several times.
        let mut key = BytesMut::from(&key_of(own, &self.session)[..]);
        key.put_u8(b'-');
        // Those that are looked after until the session ends are used again, or there would be more of
        // them with each answer that is lost.
        let (key, turn) = match self.session.doubtful_below(&key) {
            Some((key, turn)) => (key, Some(turn)),
            None => {
                key.put_slice(self.session.number().to_string().as_bytes());
                (key.freeze(), None)
            }
        };
        (Wanted { name, key, value: Bytes::new(), alone: None }, turn)
    }
}

impl ReadGuard {
    /// Unlocks, and says whether it was held until now.
    ///
    /// Cancel safe: it goes on in the background.
    ///
    /// # Errors
    ///
    /// As [`MutexGuard::unlock`](crate::MutexGuard::unlock).
    pub async fn unlock(self) -> Result<()> {
        self.0.0.release("unlock").await
    }
}

impl WriteGuard {
    /// Unlocks, and says whether it was held until now.
    ///
    /// Cancel safe: it goes on in the background.
    ///
    /// # Errors
    ///
    /// As [`MutexGuard::unlock`](crate::MutexGuard::unlock).
    pub async fn unlock(self) -> Result<()> {
        self.0.0.release("unlock").await
    }
}

impl Deref for ReadGuard {
    type Target = Held;

    fn deref(&self) -> &Held {
        &self.0
    }
}

impl Deref for WriteGuard {
    type Target = Held;

    fn deref(&self) -> &Held {
        &self.0
    }
}

impl fmt::Debug for RwLock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RwLock").field("prefix", &self.all).field("session", &self.session).finish()
    }
}
