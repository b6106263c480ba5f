//! What is held, of whatever kind.

use bytes::Bytes;

use crate::coordination::claim::Claim;
use crate::coordination::fence::{Fence, senseless};
use crate::coordination::session::Session;
use crate::error::Result;
use crate::kv::{Op, OpResponse, PutResponse, Txn, TxnResponse};
use crate::lease::LeaseLost;
use crate::transport::call::Operation;

/// A lock or an office that is held: what guards of every kind have in common.
///
/// It is held until the guard is dropped or given back, the session is lost, or somebody deletes the
/// key. The second is told by [`lost`](Self::lost); about all of them, and about whoever was paused
/// and does not know yet, only a transaction with the [`fence`](Self::fence) is sure.
#[derive(Debug)]
pub struct Held(pub(super) Claim);

impl Held {
    /// What proves that it is still held.
    #[must_use]
    pub fn fence(&self) -> &Fence {
        self.0.fence()
    }

    /// The session that holds it.
    pub fn session(&self) -> &Session {
        self.0.session()
    }

    /// Waits until the session is lost or closed, and says why.
    ///
    /// Cancel safe.
    pub async fn lost(&self) -> LeaseLost {
        self.session().lost().await
    }

    /// Does a transaction while this is held, and otherwise nothing.
    ///
    /// ```no_run
    /// # async fn run(guard: tercet_client::MutexGuard) -> tercet_client::Result<()> {
    /// use tercet_client::{Compare, Is, Op, Txn};
    ///
    /// let moved = Txn::when([Compare::value("from", Is::Equal, "1")])
    ///     .then([Op::put("from", "0"), Op::put("to", "1")]);
    /// let moved = guard.txn(moved).await?.succeeded();
    /// # Ok(()) }
    /// ```
    ///
    /// Cancelling: it may be done all the same.
    ///
    /// # Errors
    ///
    /// [`NotHeld`](crate::ErrorKind::NotHeld) if it is no longer held, and then nothing was done; or
    /// as [`Client::txn`](crate::Client::txn).
    pub async fn txn(&self, txn: impl Into<Txn>) -> Result<TxnResponse> {
        let operation = Operation::write("txn");
        self.fence().txn(self.session().client(), operation, txn.into()).await
    }

    /// Writes a key while this is held, and otherwise nothing.
    ///
    /// Cancelling: it may be written all the same.
    ///
    /// # Errors
    ///
    /// As [`txn`](Self::txn).
    pub async fn put(&self, key: impl Into<Bytes>, value: impl Into<Bytes>) -> Result<PutResponse> {
        let operation = Operation::write("put");
        let put = Txn::always([Op::put(key, value)]);
        let answer = self.fence().txn(self.session().client(), operation, put).await?;
        let revision = answer.revision();
        match answer.into_responses().pop() {
            Some(OpResponse::Put(put)) => Ok(put.at(revision)),
            _ => Err(senseless(operation.name)),
        }
    }
}
