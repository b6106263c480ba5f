//! A queue in which some go first.

use std::fmt;

use bytes::Bytes;

use super::Elements;
use crate::client::Client;
use crate::coordination::settled::settled;
use crate::error::Result;
use crate::kv::{Compare, Is, KeyValue, Keys, Op, Order, Range, SortBy, Txn};
use crate::random::jittered;

/// Between two attempts to get the next number, growing to the second.
const FIRST_PAUSE: std::time::Duration = std::time::Duration::from_millis(1);
const LONGEST_PAUSE: std::time::Duration = std::time::Duration::from_millis(100);

/// Elements that many put in and many take out, those of the least priority number first and of them
/// the oldest, each of them once.
///
/// The keys are those of the priority queue of etcd's Go client
/// (`client/v3/experimental/recipes/priority_queue.go`): `prefix/00007/0000000000000042` is the 42nd
/// element of priority 7, and writing `__prefix/00007` keeps two from getting one number. All else is
/// as with a [`Queue`](super::Queue), except that the server need not sort: taking is as fast from a
/// long one. Who puts in at the same priority at the same time gets in each other's way, and tries
/// again.
///
/// Cloning it is cheap, and clones share what [`dequeue`](Self::dequeue) has left.
#[derive(Clone)]
pub struct PriorityQueue {
    elements: Elements,
}

impl Client {
    /// The priority queue whose elements are below `prefix/`. Nothing is sent.
    #[must_use]
    pub fn priority_queue(&self, prefix: impl Into<Bytes>) -> PriorityQueue {
        PriorityQueue { elements: Elements::new(self, &prefix.into(), SortBy::Key) }
    }
}

impl PriorityQueue {
    /// Puts an element in; those with a lesser number are taken first.
    ///
    /// Cancelling: it may be in all the same.
    ///
    /// # Errors
    ///
    /// As [`Queue::enqueue`](super::Queue::enqueue).
    pub async fn enqueue(&self, priority: u16, value: impl Into<Bytes>) -> Result<()> {
        let value = value.into();
        let peers = self.elements.key(&format!("{priority:05}"));
        let below: Bytes = [&peers[..], b"/"].concat().into();
        let bookkeeping = Elements::beside(&peers);
        let mut pause = FIRST_PAUSE;
        loop {
            let last = Range::new(Keys::prefix(below.clone())).keys_only().limit(1);
            let last = last.sort(SortBy::Key, Order::Descending);
            let found = self.elements.client.range(last).await?;
            let next = found.kvs().first().map_or(0, |kv| number(kv.key()).saturating_add(1));
            let key: Bytes = [&below[..], format!("{next:016}").as_bytes()].concat().into();
            // Nobody has put one in since; the number alone may have been used and taken again.
            let unchanged = found.revision().saturating_add(1);
            let unchanged = Compare::mod_revision(bookkeeping.clone(), Is::Less, unchanged);
            let put = Txn::when([unchanged, Compare::missing(key.clone())])
                .then([Op::put(bookkeeping.clone(), ""), Op::put(key, value.clone())]);
            if settled(&self.elements.guarded, "enqueue", &put.into()).await? {
                return Ok(());
            }
            tokio::time::sleep(jittered(pause)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Takes the first element out, and waits for one while there is none.
    ///
    /// Cancel safe, as [`Queue::dequeue`](super::Queue::dequeue).
    ///
    /// # Errors
    ///
    /// As `Queue::dequeue`.
    pub async fn dequeue(&self) -> Result<KeyValue> {
        self.elements.take().await
    }

    /// Takes the first element out, if there is one.
    ///
    /// Cancel safe, as [`Queue::dequeue`](super::Queue::dequeue).
    ///
    /// # Errors
    ///
    /// As `Queue::dequeue`.
    pub async fn try_dequeue(&self) -> Result<Option<KeyValue>> {
        Ok(self.elements.look().await?.ok())
    }
}

/// The number at the end of an element's key; of a key that nobody numbered, 0.
fn number(key: &[u8]) -> u64 {
    let digits = key.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
    std::str::from_utf8(digits).ok().and_then(|text| text.parse().ok()).unwrap_or(0)
}

impl fmt::Debug for PriorityQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = &self.elements.prefix;
        f.debug_struct("PriorityQueue").field("prefix", prefix).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_numbered_as_in_go() {
        assert_eq!(number(b"jobs/00007/0000000000000042"), 42);
        assert_eq!(number(b"jobs/00007/what"), 0);
        assert_eq!(number(b""), 0);
    }
}
