//! What one run of a transaction has read and wants to write.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::options::Isolation;
use crate::client::Client;
use crate::error::{Error, ErrorKind, Failure, Fate, Outcome, Result};
use crate::kv::{KeyValue, Keys, Op, OpResponse, Put, Range, Txn};
use crate::transport::call::Operation;

/// Reads can be sent any number of times.
pub(super) const READ: Operation = Operation::read(super::TRANSACT);

/// As many steps as etcd takes in one transaction, unless told otherwise
/// (`server/embed/config.go`, `DefaultMaxTxnOps`).
const MOST_AT_ONCE: usize = 128;

/// The memory of one run of a transaction: see [`Client::transact`](crate::Client::transact).
///
/// What is written is kept here and read back from here until the transaction commits. Clones share
/// it, so that several futures of one run can use it at once. After its run it has no effect.
#[derive(Clone)]
pub struct Stm {
    client: Client,
    isolation: Isolation,
    /// Held by the first read, whose revision is that of all others.
    first: Arc<tokio::sync::Mutex<()>>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
pub(super) struct State {
    /// What it read, or that there was none.
    pub(super) reads: BTreeMap<Bytes, Option<KeyValue>>,
    /// What it writes, or deletes.
    pub(super) writes: BTreeMap<Bytes, Option<Put>>,
    /// The revision of all its reads, where they are of one.
    pub(super) base: Option<i64>,
    /// What the store had at that revision, told by the failed commit of the run before.
    pub(super) told: BTreeMap<Bytes, Option<KeyValue>>,
    /// Its reads cannot go on, and another run's can.
    pub(super) spoiled: bool,
}

impl Stm {
    pub(super) fn new(client: &Client, isolation: Isolation, state: State) -> Self {
        Self {
            client: client.clone(),
            isolation,
            first: Arc::default(),
            state: Arc::new(Mutex::new(state)),
        }
    }

    /// The value of a key, if it exists: as this run has written it, or else as the store has it.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    ///
    /// Of a read. Return it from the transaction: where it only means that the transaction must be run
    /// again, that is done.
    pub async fn get(&self, key: impl Into<Bytes>) -> Result<Option<Bytes>> {
        let key = key.into();
        if let Some(written) = self.state().own_value(&key) {
            return Ok(written);
        }
        self.fetch(std::slice::from_ref(&key)).await?;
        Ok(self.state().stored_value(&key))
    }

    /// The values of several keys, in their order: those that have to be asked for in one request.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub async fn get_all<K: Into<Bytes>>(
        &self,
        keys: impl IntoIterator<Item = K>,
    ) -> Result<Vec<Option<Bytes>>> {
        let keys: Vec<Bytes> = keys.into_iter().map(Into::into).collect();
        let unwritten: Vec<Bytes> = {
            let state = self.state();
            keys.iter().filter(|key| state.own_value(key).is_none()).cloned().collect()
        };
        self.fetch(&unwritten).await?;
        let state = self.state();
        Ok(keys
            .iter()
            .map(|key| state.own_value(key).unwrap_or_else(|| state.stored_value(key)))
            .collect())
    }

    /// The revision at which the store's key was last written, 0 if it does not exist; what this run
    /// has written does not count. It is a read as any other.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub async fn mod_revision(&self, key: impl Into<Bytes>) -> Result<i64> {
        let key = key.into();
        self.fetch(std::slice::from_ref(&key)).await?;
        let state = self.state();
        Ok(state.reads.get(&key).and_then(Option::as_ref).map_or(0, KeyValue::mod_revision))
    }

    /// Writes a key when the transaction commits.
    pub fn put(&self, key: impl Into<Bytes>, value: impl Into<Bytes>) {
        self.put_with(Put::new(key, value));
    }

    /// The same, with a lease. What the key had before is not returned; what the put
    /// [keeps](Put::keep_value) is what this run has written before, or else what the store has; of a key
    /// that it has deleted that is nothing, and no lease.
    pub fn put_with(&self, put: Put) {
        let mut state = self.state();
        let put = match state.writes.get(put.key()) {
            Some(Some(earlier)) => put.after(earlier),
            Some(None) => {
                let nothing = Put::new(put.key().clone(), "");
                put.after(&nothing)
            }
            None => put,
        };
        state.writes.insert(put.key().clone(), Some(put));
    }

    /// Deletes a key when the transaction commits.
    pub fn delete(&self, key: impl Into<Bytes>) {
        self.state().writes.insert(key.into(), None);
    }

    /// The revision that all reads are of; none before the first, and none where each is of its own
    /// ([`Isolation::RepeatableReads`], [`Isolation::ReadCommitted`]).
    #[must_use]
    pub fn revision(&self) -> Option<i64> {
        self.state().base
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sees to it that these are among the reads, or the writes.
    pub(super) async fn fetch(&self, keys: &[Bytes]) -> Result<()> {
        let _alone = match self.isolation.is_of_one_revision() && self.revision().is_none() {
            true => Some(self.first.lock().await),
            false => None,
        };
        let mut missing = Vec::new();
        let base = {
            let mut state = self.state();
            for key in keys {
                if let Some(told) = state.told.remove(key) {
                    state.reads.entry(key.clone()).or_insert(told);
                }
                let known = state.reads.contains_key(key);
                if !known && !missing.contains(key) {
                    missing.push(key.clone());
                }
            }
            state.base
        };
        let mut base = base;
        for some in missing.chunks(MOST_AT_ONCE) {
            let (found, revision) = self.ask(some, base).await.inspect_err(|error| {
                self.state().spoiled |= error.kind() == ErrorKind::Compacted;
            })?;
            let mut state = self.state();
            if self.isolation.is_of_one_revision() {
                base = Some(*state.base.get_or_insert(revision));
            }
            for (key, kv) in some.iter().zip(found) {
                // Another future of this run may have been faster, and each key is read once.
                state.reads.entry(key.clone()).or_insert(kv);
            }
        }
        Ok(())
    }

    /// What the store has at this revision, or now, and what its revision is.
    async fn ask(
        &self,
        keys: &[Bytes],
        revision: Option<i64>,
    ) -> Result<(Vec<Option<KeyValue>>, i64)> {
        let range = |key: &Bytes| Range::key(key.clone()).revision(revision.unwrap_or_default());
        let reads = Txn::always(keys.iter().map(|key| Op::range(range(key))));
        let answer = self.client.txn_as(READ, reads).await?;
        let at = answer.revision();
        let found = read(answer.into_responses());
        if found.len() != keys.len() {
            let what = "the answer has not as many parts as the question";
            let failure = Failure::new(ErrorKind::Protocol, Fate::Refused, what);
            return Err(Error::new(super::TRANSACT, failure, Outcome::NotApplied));
        }
        Ok((found, at))
    }
}

/// What a transaction's reads of one key each have found.
pub(super) fn read(responses: Vec<OpResponse>) -> Vec<Option<KeyValue>> {
    let found = responses.into_iter().filter_map(|response| match response {
        OpResponse::Range(range) => Some(range.into_kvs().pop()),
        _ => None,
    });
    found.collect()
}

impl State {
    /// The value that this run gives a key, if any; without, what it reads is the store's.
    fn own_value(&self, key: &Bytes) -> Option<Option<Bytes>> {
        match self.writes.get(key)? {
            Some(put) => put.value().map(|value| Some(value.clone())),
            None => Some(None),
        }
    }

    /// The value that the store has.
    fn stored_value(&self, key: &Bytes) -> Option<Bytes> {
        self.reads.get(key).and_then(Option::as_ref).map(KeyValue::value_bytes)
    }

    pub(super) fn written(&self) -> Vec<Keys> {
        self.writes.keys().map(|key| Keys::one(key.clone())).collect()
    }
}

impl Isolation {
    pub(super) fn is_of_one_revision(self) -> bool {
        matches!(self, Self::SerializableSnapshot | Self::Serializable)
    }
}

impl fmt::Debug for Stm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("Stm")
            .field("isolation", &self.isolation)
            .field("revision", &state.base)
            .field("reads", &state.reads.keys().collect::<Vec<_>>())
            .field("writes", &state.writes.keys().collect::<Vec<_>>())
            .finish()
    }
}
