//! The guarded requests.

use bytes::Bytes;

use super::Guarded;
use super::resolve::Pending;
use super::wrap::{Done, unwrap, wrap};
use crate::error::{Error, ErrorKind, Failure, Fate, Outcome, Result};
use crate::kv::calls::TXN;
use crate::kv::{Delete, DeleteResponse, Op, OpResponse, Put, PutResponse, Txn, TxnResponse};

/// How often a write is sent again with another guard, when somebody else has taken its own away.
const OTHER_GUARDS: usize = 3;

impl Guarded {
    /// Writes a key: as [`Client::put`](crate::Client::put), and resolvable.
    ///
    /// Cancelling: the write may happen all the same, and cannot be resolved.
    ///
    /// # Errors
    ///
    /// As [`txn`](Self::txn).
    pub async fn put(&self, key: impl Into<Bytes>, value: impl Into<Bytes>) -> Result<PutResponse> {
        self.put_with(Put::new(key, value)).await
    }

    /// Writes a key: as [`Client::put_with`](crate::Client::put_with), and resolvable.
    ///
    /// Cancelling: the write may happen all the same, and cannot be resolved.
    ///
    /// # Errors
    ///
    /// As [`txn`](Self::txn).
    pub async fn put_with(&self, put: Put) -> Result<PutResponse> {
        let answer = self.txn(Txn::always([Op::put_with(put)])).await;
        let answer = answer.map_err(|error| error.during("put"))?;
        let revision = answer.revision();
        match answer.into_responses().pop() {
            Some(OpResponse::Put(put)) => Ok(put.at(revision)),
            _ => Err(senseless("put")),
        }
    }

    /// Deletes a key: as [`Client::delete`](crate::Client::delete), and resolvable.
    ///
    /// Cancelling: it may happen all the same, and cannot be resolved.
    ///
    /// # Errors
    ///
    /// As [`txn`](Self::txn).
    pub async fn delete(&self, key: impl Into<Bytes>) -> Result<DeleteResponse> {
        self.delete_range(key.into()).await
    }

    /// Deletes keys: as [`Client::delete_range`](crate::Client::delete_range), and resolvable.
    ///
    /// The guards must not be among them: etcd refuses that.
    ///
    /// Cancelling: it may happen all the same, and cannot be resolved.
    ///
    /// # Errors
    ///
    /// As [`txn`](Self::txn).
    pub async fn delete_range(&self, delete: impl Into<Delete>) -> Result<DeleteResponse> {
        let answer = self.txn(Txn::always([Op::delete(delete)])).await;
        let answer = answer.map_err(|error| error.during("delete"))?;
        let revision = answer.revision();
        match answer.into_responses().pop() {
            Some(OpResponse::Delete(delete)) => Ok(delete.at(revision)),
            _ => Err(senseless("delete")),
        }
    }

    /// Compares and writes at once: as [`Client::txn`](crate::Client::txn), and resolvable.
    ///
    /// The guard takes one place among the comparisons and the steps of a transaction, of which etcd
    /// allows 128 each (`--max-txn-ops`).
    ///
    /// Cancelling: it may happen all the same, and cannot be resolved.
    ///
    /// # Errors
    ///
    /// As `Client::txn`. One whose outcome is unknown can be [resolved](Error::resolve), within
    /// [`EVIDENCE_TIME`](crate::EVIDENCE_TIME). When no guard could be made, nothing was sent, and the
    /// error says so; a write that needs a new one may take twice the client's request timeout.
    pub async fn txn(&self, txn: impl Into<Txn>) -> Result<TxnResponse> {
        let txn = txn.into();
        let keys = txn.keys();
        let txn = txn.into_wire();
        for _ in 0..OTHER_GUARDS {
            let slot = self.slots.take(&self.client).await;
            // Only the guard's making failed: the write itself was never sent.
            let mut slot = slot.map_err(|error| error.during(TXN.name).about(keys.clone()))?;
            let (guarded, form) = wrap(txn.clone(), &slot);
            // From here on, and if this future is dropped, the guard belongs to this write alone.
            match self.client.txn(guarded).await {
                Ok(answer) => match unwrap(answer, form, &slot) {
                    Done::Answered(answer, revision) => {
                        slot.revision = revision;
                        self.slots.give_back(slot);
                        return Ok(answer);
                    }
                    Done::GuardLost => self.slots.lost(&slot).await,
                    Done::Senseless => return Err(senseless(TXN.name).about(keys)),
                },
                Err(error) if error.outcome() == Outcome::NotApplied => {
                    self.slots.give_back(slot);
                    return Err(error.about(keys));
                }
                Err(error) => {
                    let pending = Pending::new(&slot, &self.client.namespace);
                    return Err(error.about(keys).resolvable(pending));
                }
            }
        }
        let what = "the guard was deleted or overwritten each time, so nothing was done";
        let failure = Failure::new(ErrorKind::Other, Fate::Refused, what)
            .fix("give Client::guarded a prefix that has no other use");
        Err(Error::new(TXN.name, failure, Outcome::NotApplied).about(keys))
    }
}

fn senseless(operation: &'static str) -> Error {
    let what = "the answer to a transaction is not one to what was asked";
    let failure = Failure::new(ErrorKind::Protocol, Fate::Unknown, what);
    Error::new(operation, failure, Outcome::Unknown)
}
