//! One holder at a time.

use std::fmt;
use std::ops::Deref;

use bytes::Bytes;

use crate::coordination::claim::{Claim, Wanted, key_of, prefix_of};
use crate::coordination::held::Held;
use crate::coordination::session::Session;
use crate::error::Result;
use crate::kv::Keys;

/// A lock that one session holds at a time, in the order in which they asked.
///
/// Sessions of etcd's own client and of `etcdctl lock` take part, by the same keys: below the name
/// and a `/`, one for each session, which hangs on its lease. The oldest holds the lock; each of
/// the others waits for the one before it, so that an unlock wakes one and not all. Whoever shares a
/// session waits within the process, in order too.
///
/// # What it does not promise
///
/// That nobody else believes to hold it. A holder that is paused, or whose machine is suspended, for
/// longer than its session lives, has lost the lock and does not know; and what it has sent may
/// still be under way when the next one has it. So write by [`MutexGuard::txn`](Held::txn) and
/// [`put`](Held::put), or with [`Fence::compare`](crate::Fence::compare) in a transaction of your
/// own; elsewhere with [`Fence::token`](crate::Fence::token). Then no write of a former holder is
/// done.
///
/// ```no_run
/// # async fn run(client: tercet_client::Client) -> tercet_client::Result<()> {
/// use std::time::Duration;
/// use tercet_client::Mutex;
///
/// let session = client.session(Duration::from_secs(10)).await?;
/// let guard = Mutex::new(&session, "locks/reports").lock().await?;
/// guard.put("reports/last", "today").await?;
/// guard.unlock().await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Mutex {
    session: Session,
    prefix: Bytes,
}

/// A lock that is held. Dropping it unlocks in the background.
#[derive(Debug)]
#[must_use = "it unlocks when it is dropped"]
pub struct MutexGuard(Held);

impl Mutex {
    /// The lock of this name, for this session.
    ///
    /// Names that begin with another name and a `/` are of the same lock's keys: do not use both.
    #[must_use]
    pub fn new(session: &Session, name: impl Into<Bytes>) -> Self {
        Self { session: session.clone(), prefix: prefix_of(name, "") }
    }

    /// Waits until it is ours, for as long as it takes.
    ///
    /// While the cluster cannot be reached it waits on, as long as the session lives.
    ///
    /// Cancel safe: whoever waits leaves the queue, in the background.
    ///
    /// # Errors
    ///
    /// [`LeaseLost`](crate::ErrorKind::LeaseLost) if the session is or gets lost,
    /// [`NotHeld`](crate::ErrorKind::NotHeld) if somebody deleted our key while we waited; or what the
    /// cluster refuses, for one because the user may not write below the name.
    pub async fn lock(&self) -> Result<MutexGuard> {
        const NAME: &str = "lock";
        let wanted = self.wanted(NAME);
        let turn = self.session.turn(&wanted.key).lock_owned();
        let turn = self.session.within(NAME, async { Ok(turn.await) }).await?;
        let claim = Claim::make(&self.session, wanted, Some(turn)).await?;
        claim.wait_for_turn(NAME, &Keys::prefix(self.prefix.clone())).await?;
        Ok(MutexGuard(Held(claim)))
    }

    /// Takes it if nobody has it; `None` if somebody has, or waits for it.
    ///
    /// Cancel safe: what is under way is undone in the background.
    ///
    /// # Errors
    ///
    /// As [`lock`](Self::lock).
    pub async fn try_lock(&self) -> Result<Option<MutexGuard>> {
        let alone = Some(Keys::prefix(self.prefix.clone()));
        let wanted = Wanted { alone, ..self.wanted("try lock") };
        let Ok(turn) = self.session.turn(&wanted.key).try_lock_owned() else {
            return Ok(None);
        };
        let claim = Claim::make_alone(&self.session, wanted, Some(turn)).await?;
        Ok(claim.map(|claim| MutexGuard(Held(claim))))
    }

    fn wanted(&self, name: &'static str) -> Wanted {
        let key = key_of(&self.prefix, &self.session);
        Wanted { name, key, value: Bytes::new(), alone: None }
    }
}

impl MutexGuard {
    /// Unlocks, and says whether it was held until now.
    ///
    /// Cancel safe: it goes on in the background.
    ///
    /// # Errors
    ///
    /// [`NotHeld`](crate::ErrorKind::NotHeld) if it was not, and
    /// [`LeaseLost`](crate::ErrorKind::LeaseLost) if the session was lost, with which the lock goes:
    /// what was done under it may have met another holder's work. Or what the cluster refuses: then
    /// it is tried again in the background, and ends with the session at the latest.
    pub async fn unlock(self) -> Result<()> {
        self.0.0.release("unlock").await
    }
}

impl Deref for MutexGuard {
    type Target = Held;

    fn deref(&self) -> &Held {
        &self.0
    }
}

impl fmt::Debug for Mutex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mutex")
            .field("prefix", &self.prefix)
            .field("session", &self.session)
            .finish()
    }
}
