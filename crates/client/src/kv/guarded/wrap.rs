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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::from_wire::FromWire as _;
    use crate::generated::etcdserverpb::response_op::Response;
    use crate::generated::mvccpb;

    fn wrapped(txn: impl Into<Txn>) -> (pb::TxnRequest, Form) {
        let (txn, form) = wrap(txn.into().into_wire(), &Slot::of_test("guard", 7));
        (txn.into_wire(), form)
    }

    fn marks(ops: &[pb::RequestOp]) -> Vec<Vec<u8>> {
        let puts = ops.iter().filter_map(|op| match &op.request {
            Some(Request::RequestPut(put)) if put.key == "guard" => Some(put.value.to_vec()),
            _ => None,
        });
        puts.collect()
    }

    #[test]
    fn whatever_is_done_changes_the_guard() {
        let (flat, form) = wrapped(Txn::when([Compare::missing("a")]).then([Op::put("a", "1")]));
        assert_eq!(form, Form::Flat);
        assert_eq!((flat.compare.len(), flat.success.len(), flat.failure.len()), (2, 2, 1));
        assert_eq!((marks(&flat.success), marks(&flat.failure)), (vec![THEN.to_vec()], vec![]));

        let both = Txn::when([Compare::missing("a")]).then([]).otherwise([Op::delete("a")]);
        let (nested, form) = wrapped(both);
        assert_eq!(form, Form::Nested);
        assert_eq!((nested.compare.len(), nested.success.len()), (1, 1));
        assert!(nested.failure.is_empty(), "with a guard that is lost nothing is done");
        let Some(Request::RequestTxn(inner)) = &nested.success[0].request else {
            panic!("{nested:?}")
        };
        assert_eq!(marks(&inner.success), [THEN]);
        assert_eq!(marks(&inner.failure), [OTHERWISE]);
    }

    fn answer(succeeded: bool, responses: Vec<Response>) -> pb::TxnResponse {
        let responses = responses.into_iter().map(|one| pb::ResponseOp { response: Some(one) });
        let header = Some(pb::ResponseHeader { revision: 9, ..Default::default() });
        pb::TxnResponse { header, succeeded, responses: responses.collect() }
    }

    fn guard_at(mod_revision: i64) -> Response {
        let kv = mvccpb::KeyValue { mod_revision, ..Default::default() };
        Response::ResponseRange(pb::RangeResponse { kvs: vec![kv], ..Default::default() })
    }

    #[test]
    fn an_answer_is_that_of_the_transaction_alone() {
        let put = || Response::ResponsePut(pb::PutResponse::default());
        let unwrap =
            |wire, form| unwrap(TxnResponse::from_wire(wire), form, &Slot::of_test("guard", 7));
        let Done::Answered(done, 9) = unwrap(answer(true, vec![put(), put()]), Form::Flat) else {
            panic!("it was done")
        };
        assert_eq!((done.succeeded(), done.responses().len(), done.revision()), (true, 1, 9));
        let Done::Answered(not, 7) = unwrap(answer(false, vec![guard_at(7)]), Form::Flat) else {
            panic!("its own comparisons did not hold")
        };
        assert!(!not.succeeded() && not.responses().is_empty());
        assert_eq!(unwrap(answer(false, vec![guard_at(8)]), Form::Flat), Done::GuardLost);

        let inner = Response::ResponseTxn(answer(false, vec![put(), put()]));
        let Done::Answered(other, 9) = unwrap(answer(true, vec![inner]), Form::Nested) else {
            panic!("the other branch was done")
        };
        assert_eq!((other.succeeded(), other.responses().len()), (false, 1));
        assert_eq!(unwrap(answer(false, vec![]), Form::Nested), Done::GuardLost);
        for (form, senseless) in [
            (Form::Flat, answer(true, vec![])),
            (Form::Flat, answer(false, vec![])),
            (Form::Nested, answer(true, vec![put()])),
        ] {
            assert_eq!(unwrap(senseless, form), Done::Senseless);
        }
    }
}
