//! A transaction with its guard, and its answer without it.

use bytes::Bytes;

use super::slots::Slot;
use crate::generated::etcdserverpb as pb;
use crate::generated::etcdserverpb::request_op::Request;
use crate::kv::{Compare, Is, Op, OpResponse, Put, Txn, TxnResponse};
use crate::lease::LeaseId;

/// What a guard has when its write was done, by the branch that was.
pub(super) const THEN: &[u8] = b"then";
pub(super) const OTHERWISE: &[u8] = b"otherwise";
/// What it has when its write can never be done.
pub(super) const NEVER: &[u8] = b"never";

/// How a transaction was put together with its guard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// The guard is one more comparison. If they do not all hold, nothing is done.
    Flat,
    /// The transaction is within one that compares the guard, since both of its branches do
    /// something.
    Nested,
}

/// What an answer says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Done {
    /// The answer to the transaction, and when the guard was written last.
    Answered(TxnResponse, i64),
    /// The guard was not as it was left: nothing was done.
    GuardLost,
    /// No etcd answers this.
    Senseless,
}

pub(super) fn wrap(txn: pb::TxnRequest, slot: &Slot) -> (Txn, Form) {
    let unchanged = Compare::mod_revision(slot.key.clone(), Is::Equal, slot.revision).into_wire();
    if txn.failure.is_empty() {
        let mut compare = vec![unchanged];
        compare.extend(txn.compare);
        let success = with(mark(slot, THEN), txn.success);
        let failure = vec![Op::get(slot.key.clone()).into_wire()];
        return (Txn::from_wire(pb::TxnRequest { compare, success, failure }), Form::Flat);
    }
    let inner = pb::TxnRequest {
        compare: txn.compare,
        success: with(mark(slot, THEN), txn.success),
        failure: with(mark(slot, OTHERWISE), txn.failure),
    };
    let inner = pb::RequestOp { request: Some(Request::RequestTxn(inner)) };
    let outer =
        pb::TxnRequest { compare: vec![unchanged], success: vec![inner], failure: Vec::new() };
    (Txn::from_wire(outer), Form::Nested)
}

/// The guard as one that was used so.
pub(super) fn mark(slot: &Slot, how: &'static [u8]) -> pb::RequestOp {
    let put = Put::new(slot.key.clone(), Bytes::from_static(how));
    Op::put_with(put.lease(LeaseId::from(slot.lease.id))).into_wire()
}

fn with(first: pb::RequestOp, others: Vec<pb::RequestOp>) -> Vec<pb::RequestOp> {
    let mut all = vec![first];
    all.extend(others);
    all
}

pub(super) fn unwrap(answer: TxnResponse, form: Form, slot: &Slot) -> Done {
    let (succeeded, revision) = (answer.succeeded(), answer.revision());
    let mut responses = answer.into_responses();
    match (form, succeeded) {
        (Form::Flat, true) if !responses.is_empty() => {
            responses.remove(0);
            Done::Answered(TxnResponse::new(true, revision, responses), revision)
        }
        (Form::Flat, false) => {
            let Some(OpResponse::Range(range)) = responses.first() else { return Done::Senseless };
            let unchanged =
                range.kvs().first().is_some_and(|kv| kv.mod_revision() == slot.revision);
            if unchanged {
                let answer = TxnResponse::new(false, revision, Vec::new());
                Done::Answered(answer, slot.revision)
            } else {
                Done::GuardLost
            }
        }
        (Form::Nested, true) => {
            let Some(OpResponse::Txn(inner)) = responses.pop() else { return Done::Senseless };
            let succeeded = inner.succeeded();
            let mut responses = inner.into_responses();
            if responses.is_empty() {
                return Done::Senseless;
            }
            responses.remove(0);
            Done::Answered(TxnResponse::new(succeeded, revision, responses), revision)
        }
        (Form::Nested, false) => Done::GuardLost,
        (Form::Flat, true) => Done::Senseless,
    }
}
