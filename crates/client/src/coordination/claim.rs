//! A key of a session's in a queue: what locks and elections are made of.

use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use tokio::sync::{OwnedMutexGuard, oneshot};

use crate::coordination::fence::{Fence, senseless};
use crate::coordination::session::Session;
use crate::error::{Error, ErrorKind, Outcome, Result};
use crate::kv::{Compare, Is, KeyValue, Keys, Op, OpResponse, Order, Put, Range, SortBy, Txn};
use crate::random::jittered;
use crate::transport::call::Operation;
use crate::watch::Watch;

/// Between two tries while the cluster cannot be reached.
const FIRST_PAUSE: Duration = Duration::from_millis(25);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// A key that is in the store while this is held. Dropping it removes the key, in the background.
#[derive(Debug)]
pub(super) struct Claim {
    session: Session,
    fence: Fence,
    /// Others of this process that want the same key come when it is removed, and not before.
    turn: Option<OwnedMutexGuard<()>>,
    held: bool,
}

/// What to put where.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    /// What is done, as errors call it.
    pub(super) name: &'static str,
    pub(super) key: Bytes,
    pub(super) value: Bytes,
    /// The keys of all who must not be there, if it is to be there alone.
    pub(super) alone: Option<Keys>,
}

impl Claim {
    /// Puts the key into the store, whoever else is there.
    ///
    /// Cancel safe: as [`make_alone`](Self::make_alone).
    pub(super) async fn make(
        session: &Session,
        wanted: Wanted,
        turn: Option<OwnedMutexGuard<()>>,
    ) -> Result<Self> {
        let name = wanted.name;
        let claim = Self::make_alone(session, Wanted { alone: None, ..wanted }, turn).await?;
        claim.ok_or_else(|| session.stopped(name))
    }

    /// Puts the key into the store; `None` if it was to be alone and is not.
    ///
    /// Cancel safe: what is under way is ended in the background, and the key removed.
    pub(super) async fn make_alone(
        session: &Session,
        wanted: Wanted,
        turn: Option<OwnedMutexGuard<()>>,
    ) -> Result<Option<Self>> {
        let name = wanted.name;
        session.check(name)?;
        let (tell, told) = oneshot::channel();
        let working = session.clone();
        // In a task, since a transaction that is dropped may be done all the same: its key would
        // stay until the session ends, with nobody behind it.
        session.spawn(async move {
            let (mut turn, mut unanswered) = (turn, 0);
            let entering = enter(&working, &wanted, &mut unanswered, || tell.is_closed());
            let made = working.within(name, entering).await;
            if unanswered > 0 {
                // Who has a key that nobody else has needs no turn, until then.
                turn = turn.or_else(|| working.turn(&wanted.key).try_lock_owned().ok());
                working.doubt(&wanted.key);
            }
            let claim = made.map(|revision| {
                let fence = Fence::new(wanted.key, revision?);
                Some(Self { session: working, fence, turn, held: true })
            });
            // If nobody wants it any more it is dropped here, and the key with it.
            drop(tell.send(claim));
        });
        match told.await {
            Ok(result) => result,
            Err(_) => Err(session.stopped(name)),
        }
    }

    /// Takes over the key that somebody has left who had the session's lease.
    ///
    /// Cancel safe: it stays as it is.
    pub(super) async fn resume(
        session: &Session,
        fence: Fence,
        name: &'static str,
    ) -> Result<Self> {
        let key = Bytes::copy_from_slice(fence.key());
        let resuming = async {
            let turn = session.turn(&key).lock_owned().await;
            let ours = Compare::lease(key.clone(), Is::Equal, session.lease_id());
            let look = Txn::from(Txn::when([fence.compare(), ours]).then([]));
            let answer = session.client().txn_as(Operation::read(name), look).await?;
            if answer.succeeded() { Ok(turn) } else { Err(fence.not_held(name)) }
        };
        let turn = session.within(name, resuming).await?;
        Ok(Self { session: session.clone(), fence, turn: Some(turn), held: true })
    }

    pub(super) fn fence(&self) -> &Fence {
        &self.fence
    }

    pub(super) fn session(&self) -> &Session {
        &self.session
    }

    /// Waits until none of these keys is older than its own.
    ///
    /// It waits for the youngest of them, and not for all: when that goes, one is woken.
    pub(super) async fn wait_for_turn(&self, name: &'static str, queue: &Keys) -> Result<()> {
        self.session.within(name, self.outlast(name, queue)).await?;
        // The time may have run out while the last answer was under way.
        self.session.check(name)
    }

    async fn outlast(&self, name: &'static str, queue: &Keys) -> Result<()> {
        let client = self.session.client();
        let older = Range::new(queue.clone())
            .max_create_revision(self.fence.token() - 1)
            .sort(SortBy::CreateRevision, Order::Descending)
            .limit(1)
            .keys_only();
        // One that only reads, and says in the same moment whether our own key is still there.
        let look = Txn::from(Txn::when([self.fence.compare()]).then([Op::range(older)]));
        let mut pauses = Pauses::new();
        loop {
            let next = async {
                let answer = client.txn_as(Operation::read(name), look.clone()).await?;
                if !answer.succeeded() {
                    return Err(self.fence.not_held(name));
                }
                let revision = answer.revision();
                let before = first_key(answer.into_responses(), name)?;
                if let Some(before) = &before {
                    let gone = Watch::key(before.key_bytes()).start_revision(revision + 1);
                    let mut changes = client.watch(gone.no_puts()).await?;
                    while let Some(change) = changes.next().await {
                        if change?.events().iter().any(|event| event.is_delete()) {
                            break;
                        }
                    }
                }
                Ok(before.is_none())
            };
            match next.await {
                Ok(true) => return Ok(()),
                Ok(false) => pauses = Pauses::new(),
                // The next look begins anew.
                Err(error) if passes(&error) || error.kind() == ErrorKind::Compacted => {
                    pauses.next().await;
                }
                Err(error) => return Err(error.during(name)),
            }
        }
    }

    /// Removes the key, and says whether it was there until now.
    ///
    /// Cancelling: it goes on in the background.
    pub(super) async fn release(mut self, name: &'static str) -> Result<()> {
        let (tell, told) = oneshot::channel();
        let session = self.session.clone();
        let (fence, turn) = self.leave();
        let removing = session.clone();
        session.spawn(async move {
            let removed = give_back(&removing, &fence, turn, name).await;
            drop(removing);
            let _ = tell.send(removed);
        });
        told.await.unwrap_or_else(|_| Err(session.stopped(name)))
    }

    /// What is to be removed, by somebody else than `drop`.
    fn leave(&mut self) -> (Fence, Option<OwnedMutexGuard<()>>) {
        self.held = false;
        (self.fence.clone(), self.turn.take())
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        if !self.held {
            return;
        }
        let (fence, turn) = self.leave();
        let session = self.session.clone();
        self.session.spawn(async move {
            // Without a session the key goes away by itself.
            let _ = give_back(&session, &fence, turn, "unlock").await;
        });
    }
}

/// The key of a session: below a name its own, [`Session::name`].
pub(super) fn key_of(prefix: &Bytes, session: &Session) -> Bytes {
    let mut key = BytesMut::from(&prefix[..]);
    key.put_slice(session.name().as_bytes());
    key.freeze()
}

/// The prefix of all keys that want what has this name.
pub(super) fn prefix_of(name: impl Into<Bytes>, rest: &str) -> Bytes {
    let mut prefix = BytesMut::from(&name.into()[..]);
    prefix.put_u8(b'/');
    prefix.put_slice(rest.as_bytes());
    prefix.freeze()
}

/// Puts the key into the store, and says at which revision; `None` if it is not alone. Whatever is
/// returned, so many attempts are `unanswered`, and may be done later.
///
/// The transaction does nothing when the key is there. So one whose outcome is unknown is sent again,
/// and finds out what became of the first: nobody else writes this key while we have the turn, unless
/// attempts from before are still under way.
async fn enter(
    session: &Session,
    wanted: &Wanted,
    unanswered: &mut usize,
    is_abandoned: impl Fn() -> bool,
) -> Result<Option<i64>> {
    let client = session.client();
    let Wanted { name, key, value, alone } = wanted;
    let put = Put::new(key.clone(), value.clone()).lease(session.lease_id());
    // The key may be there without being in the queue that must be empty.
    let mut conditions = vec![Compare::missing(key.clone())];
    // Of each key that there is; where there is none it holds.
    conditions.extend(alone.clone().map(|queue| Compare::create_revision(queue, Is::Equal, 0)));
    let txn = Txn::when(conditions).then([Op::put_with(put)]).otherwise([Op::get(key.clone())]);
    let is_doubtful = session.doubts(key);
    let mut pauses = Pauses::new();
    loop {
        let attempt = async {
            let answer = client.txn_as(Operation::write(name), txn.clone()).await?;
            if answer.succeeded() {
                return Ok(Entry::Made(answer.revision()));
            }
            first_key(answer.into_responses(), name).map(Entry::Refused)
        };
        match attempt.await {
            Ok(Entry::Made(revision)) => return Ok(Some(revision)),
            // Of an attempt from before, perhaps: it may have another value, may not have been put
            // alone, and its removal may be under way. So it goes, and we begin again.
            Ok(Entry::Refused(Some(own))) if is_doubtful => {
                let left = Fence::new(key.clone(), own.create_revision());
                match remove(session, &left, name).await {
                    Err(error) if error.kind() != ErrorKind::NotHeld => return Err(error),
                    _ => {}
                }
            }
            Ok(Entry::Refused(Some(own))) if *unanswered > 0 => {
                // That one was done.
                *unanswered -= 1;
                return Ok(Some(own.create_revision()));
            }
            Ok(Entry::Refused(_)) if alone.is_some() => return Ok(None),
            // Somebody has taken up this very lease, who names its keys as etcd's own client does.
            Ok(Entry::Refused(Some(own))) => {
                let theirs = Fence::new(key.clone(), own.create_revision());
                match gone(session, &theirs, name).await {
                    Err(error) if !passes(&error) => return Err(error.during(name)),
                    Err(_) => pauses.next().await,
                    Ok(()) => {}
                }
            }
            Ok(Entry::Refused(None)) => {}
            Err(error) => {
                *unanswered += usize::from(error.outcome() == Outcome::Unknown);
                if error.kind() == ErrorKind::LeaseNotFound {
                    return Err(session.gone(name));
                }
                if !passes(&error) || (is_abandoned() && *unanswered == 0) {
                    return Err(error);
                }
                pauses.next().await;
            }
        }
    }
}

/// What became of an attempt to put a key.
enum Entry {
    /// It is there since this revision.
    Made(i64),
    /// Nothing, with the key if that is there.
    Refused(Option<KeyValue>),
}

/// Waits until somebody else's key is gone, or is another one.
async fn gone(session: &Session, theirs: &Fence, name: &'static str) -> Result<()> {
    let client = session.client();
    let mut changes = client.watch(Watch::new(Bytes::copy_from_slice(theirs.key()))).await?;
    let look = Txn::from(Txn::when([theirs.compare()]).then([]));
    if !client.txn_as(Operation::read(name), look).await?.succeeded() {
        return Ok(());
    }
    while let Some(change) = changes.next().await {
        if change?.events().iter().any(|event| event.is_delete()) {
            break;
        }
    }
    Ok(())
}

/// Removes the key, and lets those of this process go on who want it.
async fn give_back(
    session: &Session,
    fence: &Fence,
    turn: Option<OwnedMutexGuard<()>>,
    name: &'static str,
) -> Result<()> {
    let removed = session.within(name, remove(session, fence, name)).await;
    if removed.as_ref().is_err_and(|error| error.kind() != ErrorKind::NotHeld) {
        // It may still be there, or go at any time: before the next one finds it.
        session.doubt(&Bytes::copy_from_slice(fence.key()));
    }
    drop(turn);
    removed
}

/// Removes the key, if it is still the one of this fence.
pub(super) async fn remove(session: &Session, fence: &Fence, name: &'static str) -> Result<()> {
    let delete = Op::delete(Keys::one(Bytes::copy_from_slice(fence.key())));
    let txn = Txn::from(Txn::when([fence.compare()]).then([delete]));
    let mut pauses = Pauses::new();
    let mut doubtful = false;
    loop {
        match session.client().txn_as(Operation::write(name), txn.clone()).await {
            // If it is gone, and we may have removed it, we did.
            Ok(answer) if answer.succeeded() || doubtful => return Ok(()),
            Ok(_) => return Err(fence.not_held(name)),
            Err(error) if passes(&error) => {
                doubtful |= error.outcome() == Outcome::Unknown;
                pauses.next().await;
            }
            Err(error) => return Err(error),
        }
    }
}

/// Whether trying again may help, as long as there is time, or a session that is alive.
pub(super) fn passes(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Connect
            | ErrorKind::Tls
            | ErrorKind::ConnectionLost
            | ErrorKind::DeadlineExceeded
            | ErrorKind::NoLeader
            | ErrorKind::NotLeader
            | ErrorKind::LeaderChanged
            | ErrorKind::Timeout
            | ErrorKind::Unavailable
            | ErrorKind::TooManyRequests
    )
}

fn first_key(responses: Vec<OpResponse>, name: &'static str) -> Result<Option<KeyValue>> {
    match responses.into_iter().next() {
        Some(OpResponse::Range(range)) => Ok(range.into_kvs().into_iter().next()),
        _ => Err(senseless(name)),
    }
}

/// Pauses that grow.
pub(super) struct Pauses(Duration);

impl Pauses {
    pub(super) fn new() -> Self {
        Self(FIRST_PAUSE)
    }

    pub(super) async fn next(&mut self) {
        tokio::time::sleep(jittered(self.0)).await;
        self.0 = (self.0 * 2).min(LONGEST_PAUSE);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_etcds_own_client() {
        assert_eq!(prefix_of("my-lock", ""), "my-lock/");
        assert_eq!(prefix_of("my-lock", "write/"), "my-lock/write/");
    }
}
