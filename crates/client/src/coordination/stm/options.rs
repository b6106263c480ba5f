//! How a transaction is run.

use std::time::Duration;

use bytes::Bytes;

use crate::kv::Guarded;

/// For how long a transaction is run again, unless [`StmOptions::timeout`] says otherwise: three
/// times a request's.
pub const STM_TIMEOUT: Duration = Duration::from_secs(30);

/// What others may do to the keys of a transaction while it runs. The names are those of etcd's Go
/// client (`client/v3/concurrency/stm.go`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Isolation {
    /// All reads are of one revision of the store, and when it commits nobody has changed what it
    /// read or writes since. As if all such transactions ran one after the other. What is written and
    /// was not read is compared as well, from the first read on; without any read there is nothing to
    /// compare.
    #[default]
    SerializableSnapshot,
    /// The same, but others may have written in between what it writes and did not read.
    Serializable,
    /// Each key is the same each time that it is read, and when it commits nobody has changed what it
    /// read. But reads of two keys may be of two revisions: the code may see, in a run that will not
    /// commit, what never was at once. So does one that writes nothing, which is sent to compare.
    RepeatableReads,
    /// Nothing is compared. Each key is read once. What others wrote meanwhile is overwritten: two
    /// transactions that add to the same number lose one of their additions.
    ReadCommitted,
}

/// How a transaction is run, for [`Client::transact_with`](crate::Client::transact_with).
#[derive(Debug, Clone)]
#[must_use]
pub struct StmOptions {
    pub(super) isolation: Isolation,
    pub(super) timeout: Duration,
    pub(super) guarded: Option<Guarded>,
    pub(super) prefetch: Vec<Bytes>,
}

impl Default for StmOptions {
    fn default() -> Self {
        Self {
            isolation: Isolation::default(),
            timeout: STM_TIMEOUT,
            guarded: None,
            prefetch: Vec::new(),
        }
    }
}

impl StmOptions {
    /// What others may do meanwhile; [`Isolation::SerializableSnapshot`] unless set.
    pub fn isolation(mut self, isolation: Isolation) -> Self {
        self.isolation = isolation;
        self
    }

    /// For how long it is run again; [`STM_TIMEOUT`] unless set. A commit that is under way then has
    /// the client's request timeout.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout.min(crate::config::LONGEST);
        self
    }

    /// Commits by these, whose client must be one of the same namespace: a commit of unknown outcome is
    /// resolved, and run again if it was not applied. So each transaction that returns without an error
    /// was applied exactly once, also when members die at its commit.
    pub fn guarded(mut self, guarded: &Guarded) -> Self {
        self.guarded = Some(guarded.clone());
        self
    }

    /// Reads these in one request before the code is run.
    pub fn prefetch<K: Into<Bytes>>(mut self, keys: impl IntoIterator<Item = K>) -> Self {
        self.prefetch.extend(keys.into_iter().map(Into::into));
        self
    }
}
