//! Proof of being the holder, to be checked where it matters.

use bytes::Bytes;

use crate::client::Client;
use crate::error::{Error, ErrorKind, Failure, Fate, Outcome, Result};
use crate::json::json_object;
use crate::kv::{Compare, Is, Op, OpResponse, Txn, TxnResponse};
use crate::transport::call::Operation;

/// What proves that a lock, or an office, is still held: a key, and when it came into being.
///
/// No lock of any kind can stop a holder that was paused, by its scheduler, its hypervisor or a
/// collector of garbage, while its lease ran out: when it goes on it believes what it believed
/// before, and writes. A fence stops it where it writes:
///
/// - What is written to this etcd goes into a transaction with [`compare`](Self::compare), or through
///   the guard's own `txn` or `put`, which add it. It is then only done while the lock is held, and a
///   later holder's writes are never overwritten.
/// - What is written elsewhere takes [`token`](Self::token) along, and that other store refuses
///   whatever comes with a smaller one than it has seen.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Fence {
    key: Bytes,
    create_revision: i64,
}

impl Fence {
    pub(crate) fn new(key: Bytes, create_revision: i64) -> Self {
        Self { key, create_revision }
    }

    /// The key that there is while the lock is held.
    #[must_use]
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// A number that is greater for each later holder of the same lock: the store's revision when
    /// the holder's key came into being.
    #[must_use]
    pub fn token(&self) -> i64 {
        self.create_revision
    }

    /// The lock is still held by whom this is the fence of.
    pub fn compare(&self) -> Compare {
        Compare::create_revision(self.key.clone(), Is::Equal, self.create_revision)
    }

    /// A transaction that does `txn` while the lock is held, and otherwise nothing.
    ///
    /// `txn` is within it, so that its own comparisons and what it does if they do not hold stay
    /// apart: [`TxnResponse::succeeded`] of this one says whether the lock was held, and the one
    /// response within, an [`OpResponse::Txn`], what became of `txn`.
    pub fn guard(&self, txn: impl Into<Txn>) -> Txn {
        Txn::when([self.compare()]).then([Op::txn(txn)]).into()
    }

    /// Does `txn` while the lock is held.
    pub(crate) async fn txn(
        &self,
        client: &Client,
        operation: Operation,
        txn: Txn,
    ) -> Result<TxnResponse> {
        let name = operation.name;
        let answer = client.txn_as(operation, self.guard(txn)).await?;
        if !answer.succeeded() {
            return Err(self.not_held(name));
        }
        let revision = answer.revision();
        match answer.into_responses().pop() {
            Some(OpResponse::Txn(inner)) => {
                Ok(TxnResponse::new(inner.succeeded(), revision, inner.into_responses()))
            }
            _ => Err(senseless(name)),
        }
    }

    pub(crate) fn not_held(&self, operation: &'static str) -> Error {
        let key = String::from_utf8_lossy(&self.key);
        let what = format!(
            "what was held as `{key}` since revision {} is no longer held",
            self.create_revision
        );
        let failure = Failure::new(ErrorKind::NotHeld, Fate::Refused, what);
        Error::new(operation, failure, Outcome::NotApplied)
    }
}

json_object!(Fence, it => { key: it.key, token: it.create_revision });

pub(crate) fn senseless(operation: &'static str) -> Error {
    let what = "the answer to a transaction is not one to what was asked";
    let failure = Failure::new(ErrorKind::Protocol, Fate::Unknown, what);
    Error::new(operation, failure, Outcome::Unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_is_no_longer_held() {
        let fence = Fence::new("lock/7".into(), 42);
        let error = fence.not_held("put");
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::NotHeld, Outcome::NotApplied));
        insta::assert_snapshot!(error, @"put: what was held as `lock/7` since revision 42 is no longer held");
    }

    #[test]
    fn a_guarded_transaction_is_one_within() {
        let fence = Fence::new("lock/7".into(), 42);
        let wire = fence.guard(Txn::always([Op::put("a", "b")])).into_wire();
        assert_eq!(wire.compare, [fence.compare().into_wire()]);
        assert_eq!((wire.success.len(), wire.failure.len()), (1, 0));
    }
}
