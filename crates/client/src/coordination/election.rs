//! One leader at a time, whom all know.

mod leaders;

use std::fmt;
use std::ops::Deref;

use bytes::Bytes;

use crate::coordination::claim::{Claim, Wanted, key_of, prefix_of};
use crate::coordination::fence::Fence;
use crate::coordination::held::Held;
use crate::coordination::session::Session;
use crate::error::Result;
use crate::json::json_inner;
use crate::kv::check::invalid;
use crate::kv::{KeyValue, Keys, Op, Order, Put, Range, SortBy, Txn};
use crate::transport::call::Operation;

pub use self::leaders::Leaders;

/// An election: of those who campaign the one who asked first leads, until it resigns or its session
/// ends; then the next.
///
/// It is a [`Mutex`](crate::Mutex) whose holder has something to say, its value. Sessions of etcd's own
/// client and of `etcdctl elect` take part, by the same keys.
///
/// It promises no more than a lock does: a leader that is paused, for longer than its session lives,
/// is one no more and does not know. So what only the leader may do, do by
/// [`Leadership::txn`](Held::txn) or with its [`Fence`].
///
/// ```no_run
/// # async fn run(client: tercet_client::Client) -> tercet_client::Result<()> {
/// use std::time::Duration;
/// use tercet_client::Election;
///
/// let session = client.session(Duration::from_secs(10)).await?;
/// let office = Election::new(&session, "elections/scheduler").campaign("host-7").await?;
/// office.proclaim("host-7, and ready").await?;
/// office.lost().await;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Election {
    session: Session,
    prefix: Bytes,
}

/// Who leads, or led.
#[derive(Clone, PartialEq, Eq)]
pub struct Leader(KeyValue);

/// The office of a leader. Dropping it resigns in the background.
#[derive(Debug)]
#[must_use = "it resigns when it is dropped"]
pub struct Leadership(Held);

impl Election {
    /// The election of this name, for this session.
    #[must_use]
    pub fn new(session: &Session, name: impl Into<Bytes>) -> Self {
        Self { session: session.clone(), prefix: prefix_of(name, "") }
    }

    /// Waits until we lead, for as long as it takes.
    ///
    /// While the cluster cannot be reached it waits on, as long as the session lives.
    ///
    /// Cancel safe: whoever campaigns gives up, in the background.
    ///
    /// # Errors
    ///
    /// As [`Mutex::lock`](crate::Mutex::lock).
    pub async fn campaign(&self, value: impl Into<Bytes>) -> Result<Leadership> {
        const NAME: &str = "campaign";
        let key = key_of(&self.prefix, &self.session);
        let turn = self.session.turn(&key).lock_owned();
        let turn = self.session.within(NAME, async { Ok(turn.await) }).await?;
        let wanted = Wanted { name: NAME, key, value: value.into(), alone: None };
        let claim = Claim::make(&self.session, wanted, Some(turn)).await?;
        claim.wait_for_turn(NAME, &Keys::prefix(self.prefix.clone())).await?;
        Ok(Leadership(Held(claim)))
    }

    /// Leads on with the key that this program had before it was restarted, or waits on with it.
    ///
    /// `key` and `token` are those of the [`fence`](Held::fence) of then, which are to be kept somewhere,
    /// and the session must be on the lease of then ([`SessionBuilder::lease`]). Nobody else leads in
    /// between, and what has the fence goes on being done. Who calls [`campaign`](Self::campaign) instead
    /// waits behind the key, for as long as the session keeps its lease.
    ///
    /// It is on the caller that nobody holds the key any more: both would lead.
    ///
    /// Cancel safe until the key is found to be there; then as `campaign`.
    ///
    /// [`SessionBuilder::lease`]: crate::SessionBuilder::lease
    ///
    /// # Errors
    ///
    /// [`NotHeld`](crate::ErrorKind::NotHeld) if there is no such key, or none of the session's lease, and
    /// [`InvalidRequest`](crate::ErrorKind::InvalidRequest) for one that is not of this election; or as
    /// `campaign`.
    pub async fn resume(&self, key: impl Into<Bytes>, token: i64) -> Result<Leadership> {
        const RESUME: Operation = Operation::read("resume");
        let key = key.into();
        if !key.starts_with(&self.prefix) {
            let what = format!(
                "the key `{}` is not of the election `{}`",
                String::from_utf8_lossy(&key),
                String::from_utf8_lossy(&self.prefix)
            );
            return Err(invalid(RESUME, &what));
        }
        let claim = Claim::resume(&self.session, Fence::new(key, token), RESUME.name).await?;
        claim.wait_for_turn(RESUME.name, &Keys::prefix(self.prefix.clone())).await?;
        Ok(Leadership(Held(claim)))
    }

    /// Who leads now, if anybody does.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    ///
    /// Whatever went wrong, on each endpoint that was tried.
    pub async fn leader(&self) -> Result<Option<Leader>> {
        let oldest = Range::prefix(self.prefix.clone())
            .sort(SortBy::CreateRevision, Order::Ascending)
            .limit(1);
        let range = self.session.client().range(oldest).await;
        let range = range.map_err(|error| error.during("leader"))?;
        Ok(range.into_kvs().pop().map(Leader))
    }

    /// Tells who leads: now, if anybody does, and then each leader and each thing that one proclaims,
    /// in their order.
    ///
    /// Nothing is sent before [`Leaders::next`]. It needs no session that is alive.
    pub fn observe(&self) -> Leaders {
        Leaders::new(self.session.client().clone(), self.prefix.clone())
    }
}

impl Leader {
    /// What it last proclaimed.
    #[must_use]
    pub fn value(&self) -> &[u8] {
        self.0.value()
    }

    /// The same as text, if it is UTF-8.
    #[must_use]
    pub fn value_str(&self) -> Option<&str> {
        self.0.value_str()
    }

    /// Its key with all that the store has of it.
    #[must_use]
    pub fn kv(&self) -> &KeyValue {
        &self.0
    }

    /// What proves that it still leads; anybody may ask that.
    #[must_use]
    pub fn fence(&self) -> Fence {
        Fence::new(self.0.key_bytes(), self.0.create_revision())
    }
}

json_inner!(Leader);

impl Leadership {
    /// Says something else to all who observe, while still leading.
    ///
    /// Cancelling: it may be said all the same.
    ///
    /// # Errors
    ///
    /// [`NotHeld`](crate::ErrorKind::NotHeld) if we no longer lead, and then nothing was done; or as
    /// [`Client::txn`](crate::Client::txn).
    pub async fn proclaim(&self, value: impl Into<Bytes>) -> Result<()> {
        let operation = Operation::write("proclaim");
        let (session, fence) = (self.session(), self.fence());
        let key = Bytes::copy_from_slice(fence.key());
        let put = Put::new(key, value).lease(session.lease_id());
        let put = Txn::always([Op::put_with(put)]);
        fence.txn(session.client(), operation, put).await.map(drop)
    }

    /// Leads no more, and says whether it did until now.
    ///
    /// Cancel safe: it goes on in the background.
    ///
    /// # Errors
    ///
    /// As [`MutexGuard::unlock`](crate::MutexGuard::unlock).
    pub async fn resign(self) -> Result<()> {
        self.0.0.release("resign").await
    }
}

impl Deref for Leadership {
    type Target = Held;

    fn deref(&self) -> &Held {
        &self.0
    }
}

impl fmt::Debug for Election {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Election")
            .field("prefix", &self.prefix)
            .field("session", &self.session)
            .finish()
    }
}
