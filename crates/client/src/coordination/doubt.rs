//! Keys that may come into the store with nobody behind them.
//!
//! A write whose outcome is unknown may be done at any later time, as long as it is under way
//! somewhere: when the lock that it was for has been given back, or when whoever wanted it was told of
//! an error. Then its key would block everybody until the session ends. So from the first such write
//! on, each time the key comes into the store somebody looks whether there is anybody behind it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::task::AbortHandle;

use crate::client::Client;
use crate::coordination::claim::{Pauses, remove};
use crate::coordination::fence::Fence;
use crate::coordination::session::{Session, WeakSession};
use crate::error::{ErrorKind, Result};
use crate::lease::Lease;
use crate::race::race;
use crate::watch::Watch;

const NAME: &str = "unlock";

/// The keys of a session that may come late, each with the task that looks after it until the session
/// ends: nobody can know that a write will not come any more.
#[derive(Default)]
pub(super) struct Doubts(Mutex<HashMap<Bytes, AbortHandle>>);

impl Doubts {
    pub(super) fn has(&self, key: &Bytes) -> bool {
        self.all().contains_key(key)
    }

    /// One more, for which this begins to look after it, unless somebody does.
    pub(super) fn add(&self, key: &Bytes, begin: impl FnOnce() -> AbortHandle) {
        self.all().entry(key.clone()).or_insert_with(begin);
    }

    /// The first of them for which there is something.
    pub(super) fn find<T>(&self, something: impl FnMut(&Bytes) -> Option<T>) -> Option<T> {
        self.all().keys().find_map(something)
    }

    fn all(&self) -> MutexGuard<'_, HashMap<Bytes, AbortHandle>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Doubts {
    fn drop(&mut self) {
        // They have a client and a watch, which nobody is to keep but who uses the session.
        for sweep in self.all().values() {
            sweep.abort();
        }
    }
}

/// What one look has shown.
enum Look {
    /// It is not there, at this revision.
    Missing(i64),
    /// Somebody of this process has it, or is about to.
    Held,
    /// It had nobody behind it.
    Removed,
}

/// Removes the key whenever it is there with nobody behind it, as long as the session lives.
pub(super) async fn sweep(session: WeakSession, client: Client, lease: Arc<Lease>, key: Bytes) {
    let sweeping = async {
        let mut pauses = Pauses::new();
        // It is kept for a look, and not while nothing happens.
        while let Some(alive) = session.upgrade() {
            let looked = look(&alive, &key).await;
            drop(alive);
            match looked {
                Ok(Look::Removed) => pauses = Pauses::new(),
                Ok(Look::Missing(revision)) => match next_put(&client, &key, revision).await {
                    Ok(()) => pauses = Pauses::new(),
                    Err(_) => pauses.next().await,
                },
                // Who waited for the turn would have it for a moment after each unlock, and then
                // whoever tries the lock would not get it.
                Ok(Look::Held) => pauses.next().await,
                // Also what does not pass: the key is there, and blocks others.
                Err(_) => pauses.next().await,
            }
        }
    };
    race(sweeping, lease.lost()).await;
}

async fn look(session: &Session, key: &Bytes) -> Result<Look> {
    let turn = session.turn(key);
    if turn.try_lock().is_err() {
        return Ok(Look::Held);
    }
    let found = session.client().range(key.clone()).await?;
    let revision = found.revision();
    let Some(kv) = found.into_kvs().pop() else {
        return Ok(Look::Missing(revision));
    };
    // Whoever has the key has the turn as well, until the key is gone: if it is free, then who was
    // behind this very key, if anybody was, is no more.
    let Ok(turn) = turn.try_lock_owned() else {
        return Ok(Look::Held);
    };
    let fence = Fence::new(key.clone(), kv.create_revision());
    let removed = remove(session, &fence, NAME).await;
    drop(turn);
    match removed {
        Err(error) if error.kind() != ErrorKind::NotHeld => Err(error),
        _ => Ok(Look::Removed),
    }
}

/// Waits until the key is put after this revision.
async fn next_put(client: &Client, key: &Bytes, revision: i64) -> Result<()> {
    let put = Watch::key(key.clone()).no_deletes().start_revision(revision + 1);
    match client.watch(put).await?.next().await {
        Some(Err(error)) => Err(error),
        _ => Ok(()),
    }
}
