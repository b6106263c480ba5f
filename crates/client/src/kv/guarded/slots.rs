//! Guards: keys that one write at a time depends on.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;

use super::EVIDENCE_TIME;
use crate::client::{Client, timed};
use crate::error::{Error, ErrorKind, Failure, Fate, Result};
use crate::generated::etcdserverpb as pb;
use crate::generated::etcdserverpb::lease_client::LeaseClient;
use crate::kv::{Compare, KeyValue, Op, OpResponse, Put, Txn, TxnResponse};
use crate::lease::LeaseId;
use crate::random;
use crate::transport::call::{Lane, Operation};

/// Everything here can be done twice: each lease and each key has a name of its own, and is made only
/// if it is not there.
const MAKE: Operation = Operation::read("make a guard").agreed();

/// The guards of one handle.
#[derive(Debug)]
pub(super) struct Slots {
    prefix: Bytes,
    /// Held while one is granted, so that not every waiting write asks for its own.
    lease: tokio::sync::Mutex<Option<Lease>>,
    free: Mutex<Vec<Slot>>,
}

/// One guard, which belongs to one write at a time.
///
/// After a write of unknown outcome it is never used again: only a resolution may touch it.
#[derive(Debug, Clone)]
pub(super) struct Slot {
    pub(super) key: Bytes,
    /// When it was last written, and by us.
    pub(super) revision: i64,
    pub(super) lease: Lease,
}

/// What guards go away with.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lease {
    pub(super) id: i64,
    /// Before it was asked for.
    made: Instant,
}

impl Slots {
    pub(super) fn new(prefix: &Bytes) -> Self {
        let name = format!("{}/", random::name());
        let prefix = Bytes::from([prefix, name.as_bytes()].concat());
        Self { prefix, lease: tokio::sync::Mutex::default(), free: Mutex::default() }
    }

    /// What all guards of this handle begin with.
    pub(super) fn prefix(&self) -> &Bytes {
        &self.prefix
    }

    /// A guard that will be there for long enough.
    pub(super) async fn take(&self, client: &Client) -> Result<Slot> {
        let free = self.next_free();
        if let Some(slot) = free {
            return Ok(slot);
        }
        let made = tokio::time::timeout(client.caller.timeout(), self.make(client)).await;
        made.unwrap_or_else(|_| {
            let what = "there was no time to make a guard, and nothing was sent without it";
            let failure = Failure::new(ErrorKind::DeadlineExceeded, Fate::NeverSent, what);
            Err(MAKE.failed_anywhere(failure))
        })
    }

    /// A guard whose write has ended with an answer.
    pub(super) fn give_back(&self, slot: Slot) {
        self.free().push(slot);
    }

    /// A guard was gone: most likely its lease is, and so are the others.
    pub(super) async fn lost(&self, slot: &Slot) {
        self.free().retain(|other| other.lease.id != slot.lease.id);
        let mut lease = self.lease.lock().await;
        if lease.is_some_and(|lease| lease.id == slot.lease.id) {
            *lease = None;
        }
    }

    fn next_free(&self) -> Option<Slot> {
        let mut free = self.free();
        loop {
            let slot = free.pop()?;
            if slot.lease.is_fresh() {
                return Some(slot);
            }
        }
    }

    async fn make(&self, client: &Client) -> Result<Slot> {
        let lease = self.lease(client).await?;
        let name = format!("{:016x}", random::unique());
        let key = Bytes::from([&self.prefix, name.as_bytes()].concat());
        let txn = Txn::when([Compare::missing(key.clone())])
            .then([Op::put_with(Put::new(key.clone(), "").lease(LeaseId::from(lease.id)))])
            .otherwise([Op::get(key.clone())]);
        let answer = client.txn_as(MAKE, txn).await?;
        let revision = written_at(&answer).ok_or_else(|| {
            let what = "a guard that was made is not there";
            MAKE.failed_anywhere(Failure::new(ErrorKind::Protocol, Fate::Refused, what))
        })?;
        Ok(Slot { key, revision, lease })
    }

    async fn lease(&self, client: &Client) -> Result<Lease> {
        let mut kept = self.lease.lock().await;
        if let Some(lease) = kept.filter(Lease::is_fresh) {
            return Ok(lease);
        }
        let made = Instant::now();
        // Never 0, which would leave the choice to the server, and positive as etcd's own are.
        let id = i64::try_from(random::unique() >> 1).unwrap_or_default().max(1);
        let seconds = EVIDENCE_TIME.as_secs() * 2;
        let ttl = i64::try_from(seconds).unwrap_or(i64::MAX);
        let request = pb::LeaseGrantRequest { ttl, id };
        let granted = client.caller.call(MAKE, Lane::Requests, |channel, patience| {
            let request = timed(request, patience);
            async move { LeaseClient::new(channel).lease_grant(request).await }
        });
        if let Err(error) = granted.await
            && !is_there_already(&error)
        {
            return Err(error);
        }
        Ok(*kept.insert(Lease { id, made }))
    }

    fn free(&self) -> MutexGuard<'_, Vec<Slot>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
impl Slot {
    pub(super) fn of_test(key: &'static str, revision: i64) -> Self {
        let lease = Lease { id: 3, made: Instant::now() };
        Self { key: key.into(), revision, lease }
    }
}

impl Lease {
    /// Whether it is there for [`EVIDENCE_TIME`] from now on: etcd keeps a lease for its time at
    /// least, from when it was granted, and longer after a change of the leader.
    fn is_fresh(&self) -> bool {
        self.made.elapsed() < EVIDENCE_TIME
    }
}

/// Granted by an attempt of ours whose answer was lost.
fn is_there_already(error: &Error) -> bool {
    error.server_message().is_some_and(|text| text.contains("lease already exists"))
}

fn written_at(answer: &TxnResponse) -> Option<i64> {
    match answer.responses() {
        [OpResponse::Put(_)] => Some(answer.revision()),
        [OpResponse::Range(range)] => range.kvs().first().map(KeyValue::mod_revision),
        _ => None,
    }
}
