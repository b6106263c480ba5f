//! Elements that many put in and many take out, each of them once.

mod claim;
mod priority;

use std::fmt;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;

use self::claim::Claims;
use super::settled::settled;
use crate::client::Client;
use crate::error::{ErrorKind, Result};
use crate::kv::{Compare, Guarded, KeyValue, Keys, Op, Order, Range, SortBy, Txn};
use crate::random;
use crate::watch::Watch;

pub use self::priority::PriorityQueue;

/// How many of the first elements are looked at together: so many takers at once do not get in each
/// other's way.
const LOOK_AT: u32 = 16;

/// Elements that many put in and many take out, the oldest first, each of them once.
///
/// The keys are those of the queue of etcd's Go client (`client/v3/experimental/recipes/queue.go`):
/// elements are below `prefix/`, and the oldest is the one with the least create revision, so that
/// both can share a queue. Unlike there:
///
/// - Only what is below `prefix/` is taken; Go's takes what is in a queue whose name merely begins so.
/// - Who waits takes the oldest element when one comes, and not the one whose coming it saw.
/// - An element is put in or taken exactly once, also when a member dies meanwhile: both are
///   [guarded](Guarded), with keys below `__prefix/guards/`. Go's loses an element whose taking is
///   done and not answered, and puts in a second one if its user tries again.
///
/// The server sorts the queue for each look at it, so that taking becomes slower by how much is in it:
/// it is for thousands of elements and not for millions.
///
/// An element that was taken is gone: if its taker dies before it has done what the element asks for,
/// nobody does. Where that matters keep it elsewhere until it is done, for example by taking it in a
/// [transaction](Client::transact) that writes it down.
///
/// Cloning it is cheap, and clones share what [`dequeue`](Self::dequeue) has left.
///
/// ```no_run
/// # async fn run(client: tercet_client::Client) -> tercet_client::Result<()> {
/// let jobs = client.queue("jobs");
/// jobs.enqueue("first").await?;
/// let job = jobs.dequeue().await?;
/// assert_eq!(job.value(), b"first");
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Queue {
    elements: Elements,
}

impl Client {
    /// The queue whose elements are below `prefix/`. Nothing is sent.
    #[must_use]
    pub fn queue(&self, prefix: impl Into<Bytes>) -> Queue {
        Queue { elements: Elements::new(self, &prefix.into(), SortBy::CreateRevision) }
    }
}

impl Queue {
    /// Puts an element in.
    ///
    /// Cancelling: it may be in all the same.
    ///
    /// # Errors
    ///
    /// As [`Guarded::txn`], if it could not be found out in three times the client's request timeout
    /// what became of it: then it can be [resolved](crate::Error::resolve) later.
    pub async fn enqueue(&self, value: impl Into<Bytes>) -> Result<()> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        // As Go's, with what makes it unique where two ask the clock at once.
        let name = format!("{}-{:016x}", since.as_nanos(), random::unique());
        let key = self.elements.key(&name);
        let put = Txn::when([Compare::missing(key.clone())]).then([Op::put(key, value)]);
        settled(&self.elements.guarded, "enqueue", &put.into()).await?;
        Ok(())
    }

    /// Takes the oldest element out, and waits for one while there is none.
    ///
    /// Cancel safe: an element that is being taken then is returned by the next call, of this handle or
    /// of a clone. Who drops them all while one is being taken may lose it.
    ///
    /// # Errors
    ///
    /// If the cluster does not answer. What was being taken stays with this handle: call it again.
    pub async fn dequeue(&self) -> Result<KeyValue> {
        self.elements.take().await
    }

    /// Takes the oldest element out, if there is one.
    ///
    /// Cancel safe, as [`dequeue`](Self::dequeue).
    ///
    /// # Errors
    ///
    /// As `dequeue`.
    pub async fn try_dequeue(&self) -> Result<Option<KeyValue>> {
        Ok(self.elements.look().await?.ok())
    }
}

/// What both kinds of queues are made of.
#[derive(Clone)]
struct Elements {
    client: Client,
    guarded: Guarded,
    /// With its slash.
    prefix: Bytes,
    first_by: SortBy,
    claims: Arc<Claims>,
}

impl Elements {
    fn new(client: &Client, prefix: &Bytes, first_by: SortBy) -> Self {
        // Beside the elements, where Go's queues have their own bookkeeping.
        let guards = [b"__", &prefix[..], b"/guards/"].concat();
        Self {
            client: client.clone(),
            guarded: client.guarded(guards),
            prefix: [&prefix[..], b"/"].concat().into(),
            first_by,
            claims: Arc::default(),
        }
    }

    fn key(&self, name: &str) -> Bytes {
        [&self.prefix[..], name.as_bytes()].concat().into()
    }

    /// What is put beside `key`, as Go's queues have it.
    fn beside(key: &[u8]) -> Bytes {
        [b"__", key].concat().into()
    }

    async fn take(&self) -> Result<KeyValue> {
        loop {
            let empty_at = match self.look().await? {
                Ok(taken) => return Ok(taken),
                Err(empty_at) => empty_at,
            };
            let watch = Watch::new(Keys::prefix(self.prefix.clone()));
            let puts = watch.no_deletes().start_revision(empty_at + 1);
            let mut puts = self.client.watch(puts).await?;
            match puts.next().await {
                Some(Err(error)) if error.kind() != ErrorKind::Compacted => return Err(error),
                // Whatever has come: the first of what is there now is taken.
                _ => {}
            }
        }
    }

    /// Takes the first one, or says at which revision there was none.
    async fn look(&self) -> Result<Result<KeyValue, i64>> {
        loop {
            while let Some(claim) = self.claims.left() {
                if let Some(taken) = self.claims.finish(claim).await? {
                    return Ok(Ok(taken));
                }
            }
            let first = Range::new(Keys::prefix(self.prefix.clone()));
            let first = first.limit(LOOK_AT).sort(self.first_by, Order::Ascending);
            let found = self.client.range(first).await?;
            if found.kvs().is_empty() {
                return Ok(Err(found.revision()));
            }
            for element in found.into_kvs() {
                let claim = claim::claim(self.guarded.clone(), element);
                if let Some(taken) = self.claims.finish(claim).await? {
                    return Ok(Ok(taken));
                }
            }
        }
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Queue").field("prefix", &self.elements.prefix).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn its_futures_can_be_spawned() {
        fn check<T: Send>(_: T) {}
        let client = Client::connect("http://127.0.0.1:1").await.unwrap();
        let queue = client.queue("jobs");
        check(queue.enqueue("a"));
        check(queue.dequeue());
        check(queue.try_dequeue());
        assert_eq!(format!("{queue:?}"), r#"Queue { prefix: b"jobs/", .. }"#);
        assert_eq!(queue.elements.key("1"), "jobs/1");
        assert_eq!(Elements::beside(b"jobs/1"), "__jobs/1");
    }
}
