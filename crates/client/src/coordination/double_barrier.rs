//! A gate that opens when enough are there, and a second one when all of them have gone.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;

use super::claim::{Claim, Wanted};
use super::session::Session;
use crate::error::{Error, ErrorKind, Failure, Fate, Outcome, Result};
use crate::kv::{Compare, Is, KeyValue, Keys, Op, Order, Range, SortBy, Txn};
use crate::random;
use crate::transport::call::Operation;
use crate::watch::Watch;

/// A gate that opens when so many are at it, and a second one through which they leave together.
///
/// The keys are those of the double barrier of etcd's Go client
/// (`client/v3/experimental/recipes/double_barrier.go`): `key/waiters/…` for each, which goes with its
/// session, and `key/ready`. Both can share one. Unlike there:
///
/// - Everyone who sees that enough are there says so, and not only the last to come, who may die
///   before it does.
/// - Who leaves waits for those that it entered with, and not for those who come for the next round.
/// - An attempt to enter that is given up takes its key with it.
///
/// Who dies without leaving is waited for until its session's time to live is over.
#[derive(Clone)]
pub struct DoubleBarrier {
    session: Session,
    key: Bytes,
    count: usize,
}

impl Session {
    /// The double barrier at `key` for so many, of which this session is one at a time. Nothing is
    /// sent. All must name the same count.
    #[must_use]
    pub fn double_barrier(&self, key: impl Into<Bytes>, count: usize) -> DoubleBarrier {
        DoubleBarrier { session: self.clone(), key: key.into(), count }
    }
}

impl DoubleBarrier {
    /// Waits until as many have entered as the barrier is for.
    ///
    /// Cancelling: it is left again, in the background.
    ///
    /// # Errors
    ///
    /// [`BarrierFull`](ErrorKind::BarrierFull) if as many are there already, or have not left yet.
    /// [`LeaseLost`](ErrorKind::LeaseLost) if the session gets lost. As [`Client::put`](crate::Client::put)
    /// otherwise; whatever it was, it is left again.
    pub async fn enter(&self) -> Result<Entered> {
        if self.count == 0 {
            let what = "a barrier for nobody cannot be entered";
            return Err(refused(ErrorKind::InvalidRequest, what));
        }
        let session = &self.session;
        session.within(ENTER, self.enter_alive()).await
    }

    async fn enter_alive(&self) -> Result<Entered> {
        let (waiters, ready, _) = self.waiters().await?;
        if waiters.len() >= self.count || is_under_way(&waiters, ready.as_ref()) {
            return Err(full(self.count));
        }
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let name = format!("/waiters/{}-{:016x}", since.as_nanos(), random::unique());
        let (key, value) = (self.below(&name), Bytes::new());
        let wanted = Wanted { name: ENTER, key, value, alone: None };
        // From here on it leaves when it is dropped, however late its key comes into the store.
        let place = Claim::make(&self.session, wanted, None).await?;
        let own = place.fence().token();
        loop {
            let (waiters, ready, revision) = self.waiters().await?;
            // Somebody said that enough were there when this one was.
            if let Some(ready) = ready.as_ref().filter(|ready| ready.mod_revision() > own) {
                return Ok(self.entered(place, ready.mod_revision()));
            }
            if is_under_way(&waiters, ready.as_ref()) {
                return Err(full(self.count));
            }
            match waiters.get(self.count - 1) {
                Some(last) if own > last.create_revision() => return Err(full(self.count)),
                // The next look will show it, whoever was faster.
                Some(last) => {
                    self.say_ready(last).await?;
                    continue;
                }
                None => {}
            }
            if !waiters.iter().any(|kv| kv.key() == place.fence().key()) {
                let what = "somebody has deleted the key of one who waits";
                return Err(refused(ErrorKind::NotHeld, what));
            }
            self.changed_after(revision).await?;
        }
    }

    fn entered(&self, place: Claim, round: i64) -> Entered {
        Entered { barrier: self.clone(), place, round }
    }

    /// Says that enough are there, unless somebody has since the last of them came, or that one has
    /// left. So it may be said twice, and is not said too late.
    async fn say_ready(&self, last: &KeyValue) -> Result<()> {
        let (ready, came) = (self.ready(), last.create_revision());
        let unsaid = Compare::mod_revision(ready.clone(), Is::Less, came);
        let is_there = Compare::create_revision(last.key_bytes(), Is::Equal, came);
        let say = Txn::from(Txn::when([unsaid, is_there]).then([Op::put(ready, "")]));
        self.session.client().txn_as(Operation::repeatable(ENTER), say).await?;
        Ok(())
    }

    /// Who is there, in the order of their coming, what was said last, and at which revision.
    async fn waiters(&self) -> Result<(Vec<KeyValue>, Option<KeyValue>, i64)> {
        // Of one revision: what was said and who is there belong together.
        let all = Range::new(Keys::prefix(self.below("/")));
        let all = all.sort(SortBy::CreateRevision, Order::Ascending);
        let found = self.session.client().range(all).await.map_err(|error| error.during(ENTER))?;
        let revision = found.revision();
        let (ready, waiters_are_below) = (self.ready(), self.below("/waiters/"));
        let mut waiters = found.into_kvs();
        let said = waiters.iter().position(|kv| kv.key() == ready).map(|at| waiters.remove(at));
        waiters.retain(|kv| kv.key().starts_with(&waiters_are_below));
        Ok((waiters, said, revision))
    }

    async fn changed_after(&self, revision: i64) -> Result<()> {
        let watch = Watch::prefix(self.below("/")).start_revision(revision + 1);
        let mut changes = self.session.client().watch(watch).await?;
        match changes.next().await {
            Some(Err(error)) if error.kind() != ErrorKind::Compacted => Err(error),
            _ => Ok(()),
        }
    }

    fn ready(&self) -> Bytes {
        self.below("/ready")
    }

    fn below(&self, name: &str) -> Bytes {
        [&self.key[..], name.as_bytes()].concat().into()
    }
}

const ENTER: &str = "enter";
const LEAVE: &str = "leave";

/// One who has entered a [`DoubleBarrier`]. Dropped, it leaves in the background, and waits for nobody.
#[derive(Debug)]
#[must_use = "dropped, it leaves at once"]
pub struct Entered {
    barrier: DoubleBarrier,
    place: Claim,
    /// The revision at which enough were there: who came before it is of the same round.
    round: i64,
}

impl Entered {
    /// Leaves, and waits until all have left who entered together.
    ///
    /// Cancelling: it has left, or does in the background.
    ///
    /// # Errors
    ///
    /// If the cluster does not answer, or the session gets lost; then it leaves in the background, or
    /// with the session.
    pub async fn leave(self) -> Result<()> {
        let Self { barrier, place, round } = self;
        match place.release(LEAVE).await {
            // Somebody has deleted its key, and it has left by that.
            Err(error) if error.kind() == ErrorKind::NotHeld => {}
            left => left?,
        }
        let left = barrier.session.within(LEAVE, barrier.all_left(round)).await;
        left.map_err(|error| error.during(LEAVE))
    }
}

impl DoubleBarrier {
    /// Waits until nobody is there who entered in this round.
    async fn all_left(&self, round: i64) -> Result<()> {
        loop {
            let (waiters, ready, revision) = self.waiters().await?;
            if waiters.iter().any(|kv| kv.create_revision() < round) {
                self.changed_after(revision).await?;
                continue;
            }
            // The last ones tidy up, unless the next round has begun.
            if let Some(ready) = ready.filter(|ready| ready.mod_revision() == round) {
                let key = ready.key_bytes();
                let same = Compare::mod_revision(key.clone(), Is::Equal, round);
                let tidy = Txn::from(Txn::when([same]).then([Op::delete(key)]));
                self.session.client().txn_as(Operation::repeatable(LEAVE), tidy).await?;
            }
            return Ok(());
        }
    }
}

/// Whether some are there that enough were there with before: they have not left yet.
fn is_under_way(waiters: &[KeyValue], ready: Option<&KeyValue>) -> bool {
    let said = ready.map_or(0, KeyValue::mod_revision);
    waiters.iter().any(|kv| kv.create_revision() < said)
}

fn full(count: usize) -> Error {
    let what = format!("all {count} that it is for are there already, or have not all left yet");
    refused(ErrorKind::BarrierFull, what)
}

fn refused(kind: ErrorKind, what: impl Into<String>) -> Error {
    Error::new(ENTER, Failure::new(kind, Fate::Refused, what), Outcome::NotApplied)
}

impl fmt::Debug for DoubleBarrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DoubleBarrier")
            .field("key", &self.key)
            .field("count", &self.count)
            .field("session", &self.session)
            .finish()
    }
}
