//! Finding out what became of a write.

use bytes::Bytes;

use super::slots::Slot;
use super::wrap::{self, NEVER, OTHERWISE, THEN};
use crate::client::{Client, timed};
use crate::error::{Error, Result};
use crate::generated::etcdserverpb as pb;
use crate::kv::calls::kv;
use crate::kv::{Compare, Is, Namespace, Op, OpResponse, TxnResponse};
use crate::transport::call::Operation;

/// It can be done any number of times, so it is asked again elsewhere as a read is.
const RESOLVE: Operation = Operation::read("resolve").agreed();

/// What became of a write whose answer was lost.
///
/// There is no fourth case, so this stays exhaustive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Resolution {
    /// It was applied, once.
    Applied {
        /// The store's revision that it made.
        revision: i64,
        /// Of a transaction that does something in either case: whether its comparisons held. Of all
        /// others it is true.
        succeeded: bool,
    },
    /// It was not applied, and never will be: it may be sent again.
    ///
    /// So it is of a transaction whose comparisons did not hold and that does nothing then, too.
    NotApplied,
    /// Nobody can tell: the write had no guard (see [`Guarded`](crate::Guarded)), or its guard is
    /// gone, because too much time went by or because somebody else has written it.
    Undecidable,
}

/// What is needed to find out.
#[derive(Debug, Clone)]
pub(crate) struct Pending {
    /// As the server calls it, whatever namespace the asker has.
    guard: Slot,
}

impl Pending {
    pub(super) fn new(slot: &Slot, namespace: &Namespace) -> Self {
        Self { guard: Slot { key: namespace.key(&slot.key), ..slot.clone() } }
    }

    /// See [`Error::resolve`].
    pub(crate) async fn resolve(&self, client: &Client) -> Result<Resolution> {
        let request = self.request();
        let answer: TxnResponse = client
            .unary(RESOLVE, |channel, patience| {
                let request = timed(request.clone(), patience);
                async move { kv(channel).txn(request).await }
            })
            .await?;
        Ok(Self::verdict(&answer))
    }

    fn request(&self) -> pb::TxnRequest {
        let key: Bytes = self.guard.key.clone();
        let unchanged = Compare::mod_revision(key.clone(), Is::Equal, self.guard.revision);
        pb::TxnRequest {
            compare: vec![unchanged.into_wire()],
            success: vec![wrap::mark(&self.guard, NEVER)],
            failure: vec![Op::get(key).into_wire()],
        }
    }

    /// What an answer to the request says.
    ///
    /// A guard that is as the write found it was not written by it, and has now been written by us:
    /// the write's condition can never hold again, since revisions only grow. Any other was written
    /// by the write or by an earlier resolution, which its value says.
    fn verdict(answer: &TxnResponse) -> Resolution {
        if answer.succeeded() {
            return Resolution::NotApplied;
        }
        let Some(OpResponse::Range(range)) = answer.responses().first() else {
            return Resolution::Undecidable;
        };
        let Some(guard) = range.kvs().first() else { return Resolution::Undecidable };
        let applied = |succeeded| Resolution::Applied { revision: guard.mod_revision(), succeeded };
        match guard.value() {
            NEVER => Resolution::NotApplied,
            THEN => applied(true),
            OTHERWISE => applied(false),
            _ => Resolution::Undecidable,
        }
    }
}

impl Error {
    /// Whether [`resolve`](Self::resolve) can find out more: the outcome is unknown, and the write
    /// was [guarded](crate::Guarded).
    #[must_use]
    pub fn is_resolvable(&self) -> bool {
        self.pending().is_some()
    }

    /// Finds out whether the write that failed so was applied, and if it was not, sees to it that it
    /// never will be.
    ///
    /// The answer is proven, however late the write is and wherever it is held up: see
    /// [`Guarded`](crate::Guarded). It is asked of `client`, which must be one of the same cluster and
    /// whose namespace does not matter. Asked again, it is the same. Of an error whose outcome is
    /// [`NotApplied`](crate::Outcome::NotApplied) it is that, and of a write without a guard
    /// [`Undecidable`](Resolution::Undecidable); for both nothing is sent.
    ///
    /// Cancel safe: it may be asked again.
    ///
    /// # Errors
    ///
    /// If the cluster does not answer in time, or does not let this user write the guard. Nothing is
    /// decided then; ask again.
    pub async fn resolve(&self, client: &Client) -> Result<Resolution> {
        let Some(pending) = self.pending() else {
            return Ok(match self.outcome() {
                crate::Outcome::NotApplied => Resolution::NotApplied,
                crate::Outcome::Unknown => Resolution::Undecidable,
            });
        };
        pending.resolve(client).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::from_wire::FromWire as _;
    use crate::generated::etcdserverpb::response_op::Response;
    use crate::generated::mvccpb;

    fn answer(succeeded: bool, guard: Option<&'static str>) -> TxnResponse {
        let kvs = guard.map(|value| mvccpb::KeyValue {
            key: "guard".into(),
            value: value.into(),
            mod_revision: 9,
            ..Default::default()
        });
        let range = pb::RangeResponse { kvs: kvs.into_iter().collect(), ..Default::default() };
        let response = pb::ResponseOp { response: Some(Response::ResponseRange(range)) };
        TxnResponse::from_wire(pb::TxnResponse {
            header: None,
            succeeded,
            responses: vec![response],
        })
    }

    #[test]
    fn a_guard_says_who_was_first() {
        let verdict = |succeeded, guard| Pending::verdict(&answer(succeeded, guard));
        assert_eq!(verdict(true, None), Resolution::NotApplied);
        assert_eq!(verdict(false, Some("never")), Resolution::NotApplied);
        let applied = |succeeded| Resolution::Applied { revision: 9, succeeded };
        assert_eq!(verdict(false, Some("then")), applied(true));
        assert_eq!(verdict(false, Some("otherwise")), applied(false));
        for guard in [None, Some(""), Some("whose?")] {
            assert_eq!(verdict(false, guard), Resolution::Undecidable, "{guard:?}");
        }
    }
}
