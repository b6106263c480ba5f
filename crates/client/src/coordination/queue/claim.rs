//! Taking one element, by one taker, however often its future is dropped.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::coordination::settled::settled;
use crate::error::Result;
use crate::kv::{Compare, Guarded, Is, KeyValue, Op, Pending, Resolution, Txn};

/// An attempt to take one element. It can be dropped by nobody but its owner, the queue: who only
/// stopped waiting for it leaves it there.
pub(super) type Claim = Pin<Box<dyn Future<Output = Claimed> + Send>>;

/// How it ended.
pub(super) enum Claimed {
    Taken(KeyValue),
    /// Somebody else has it.
    Gone,
    /// Nothing was taken.
    Failed(crate::Error),
    /// It may be taken, and is to be asked about again.
    Unsettled(crate::Error, Claim),
}

/// Claims that nobody waits for now.
#[derive(Default)]
pub(super) struct Claims(Mutex<Vec<Claim>>);

/// Takes this element, if it is still as it was found.
pub(super) fn claim(guarded: Guarded, element: KeyValue) -> Claim {
    Box::pin(async move {
        let key = element.key_bytes();
        let unchanged = Compare::mod_revision(key.clone(), Is::Equal, element.mod_revision());
        let take = Txn::when([unchanged]).then([Op::delete(key)]).into();
        match settled(&guarded, "dequeue", &take).await {
            Ok(true) => Claimed::Taken(element),
            Ok(false) => Claimed::Gone,
            Err(error) => match error.pending().cloned() {
                Some(pending) => Claimed::Unsettled(error, again(guarded, element, pending)),
                None => Claimed::Failed(error),
            },
        }
    })
}

/// Finds out whether this element was taken.
fn again(guarded: Guarded, element: KeyValue, pending: Pending) -> Claim {
    Box::pin(async move {
        match pending.resolve(guarded.client()).await {
            Ok(Resolution::Applied { .. }) => Claimed::Taken(element),
            // Of one that nobody can tell of any more this is what can be done: if it is there it is
            // found again.
            Ok(Resolution::NotApplied | Resolution::Undecidable) => Claimed::Gone,
            Err(error) => Claimed::Unsettled(error, again(guarded, element, pending)),
        }
    })
}

impl Claims {
    /// One that was left.
    pub(super) fn left(&self) -> Option<Claim> {
        self.all().pop()
    }

    /// Waits for a claim; dropped before that is done, it is left.
    pub(super) async fn finish(&self, claim: Claim) -> Result<Option<KeyValue>> {
        let mut held = Held { claim: Some(claim), claims: self };
        let claimed = poll_fn(|context| match &mut held.claim {
            Some(claim) => claim.as_mut().poll(context),
            None => unreachable!("it is taken out below only"),
        });
        let claimed = claimed.await;
        // It has ended, and is not to be asked again.
        held.claim = None;
        match claimed {
            Claimed::Taken(element) => Ok(Some(element)),
            Claimed::Gone => Ok(None),
            Claimed::Failed(error) => Err(error),
            Claimed::Unsettled(error, again) => {
                self.all().push(again);
                Err(error)
            }
        }
    }

    fn all(&self) -> MutexGuard<'_, Vec<Claim>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Claims {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Claims").field(&self.all().len()).finish()
    }
}

/// A claim that is waited for.
struct Held<'a> {
    claim: Option<Claim>,
    claims: &'a Claims,
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if let Some(claim) = self.claim.take() {
            self.claims.all().push(claim);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Poll;

    use tokio::sync::oneshot;

    use super::*;
    use crate::from_wire::FromWire as _;
    use crate::generated::mvccpb;

    #[tokio::test]
    async fn what_is_not_waited_for_to_the_end_is_left() {
        let claims = Claims::default();
        let (answer, answered) = oneshot::channel();
        let claim: Claim =
            Box::pin(async move { Claimed::Taken(KeyValue::from_wire(answered.await.unwrap())) });
        {
            let mut waiting = std::pin::pin!(claims.finish(claim));
            let once = poll_fn(|context| Poll::Ready(waiting.as_mut().poll(context).is_pending()));
            assert!(once.await);
        }
        let wire = mvccpb::KeyValue { key: "key".into(), ..Default::default() };
        answer.send(wire).unwrap();
        let left = claims.left().unwrap();
        assert_eq!(claims.finish(left).await.unwrap().unwrap().key(), b"key");
        assert!(claims.left().is_none());
    }
}
