//! Comparing and writing at once.

use std::fmt;

use bytes::Bytes;

use crate::from_wire::FromWire;
use crate::generated::etcdserverpb as pb;
use crate::generated::etcdserverpb::request_op::Request;
use crate::generated::etcdserverpb::response_op::Response;
use crate::json::{Json, Out, json_debug, json_inner, json_object};
use crate::kv::compare::Compare;
use crate::kv::delete::{Delete, DeleteResponse};
use crate::kv::keys::Keys;
use crate::kv::put::{Put, PutResponse};
use crate::kv::range::{Range, RangeResponse};

/// Comparisons, and what is done at once if they all hold, or if they do not.
///
/// ```
/// use tercet_client::{Compare, Op, Txn};
///
/// let take = Txn::when([Compare::missing("lock")])
///     .then([Op::put("lock", "me")])
///     .otherwise([Op::get("lock")]);
/// ```
///
/// Another order does not compile:
///
/// ```compile_fail
/// use tercet_client::{Compare, Op, Txn};
///
/// let take = Txn::when([Compare::missing("lock")]).otherwise([Op::get("lock")]);
/// ```
#[derive(Clone, PartialEq)]
#[must_use]
pub struct Txn(pb::TxnRequest);

/// A transaction that has its comparisons and not yet what to do.
#[derive(Clone, PartialEq)]
#[must_use]
pub struct TxnWhen(Vec<Compare>);

/// A transaction that can be sent, or be told what else to do.
#[derive(Clone, PartialEq)]
#[must_use]
pub struct TxnThen(pb::TxnRequest);

impl Txn {
    /// If all of these hold; with none of them, always.
    pub fn when(compares: impl IntoIterator<Item = Compare>) -> TxnWhen {
        TxnWhen(compares.into_iter().collect())
    }

    /// Whatever the store has.
    pub fn always(ops: impl IntoIterator<Item = Op>) -> Self {
        Self::when([]).then(ops).into()
    }

    pub(crate) fn from_wire(wire: pb::TxnRequest) -> Self {
        Self(wire)
    }

    /// What it may write.
    pub(crate) fn keys(&self) -> Vec<Keys> {
        let mut keys = Vec::new();
        written(&self.0, &mut keys);
        keys
    }

    pub(crate) fn into_wire(self) -> pb::TxnRequest {
        self.0
    }
}

/// What this transaction and those within it may write.
fn written(txn: &pb::TxnRequest, keys: &mut Vec<Keys>) {
    for op in txn.success.iter().chain(&txn.failure) {
        match &op.request {
            Some(Request::RequestPut(put)) => keys.push(Keys::one(put.key.clone())),
            Some(Request::RequestDeleteRange(delete)) => {
                keys.push(Keys::from_wire((delete.key.clone(), delete.range_end.clone())));
            }
            Some(Request::RequestTxn(inner)) => written(inner, keys),
            Some(Request::RequestRange(_)) | None => {}
        }
    }
}

impl TxnWhen {
    /// Then do these, in this order and at one revision.
    pub fn then(self, ops: impl IntoIterator<Item = Op>) -> TxnThen {
        TxnThen(pb::TxnRequest {
            compare: self.0.into_iter().map(Compare::into_wire).collect(),
            success: ops.into_iter().map(Op::into_wire).collect(),
            failure: Vec::new(),
        })
    }
}

impl TxnThen {
    /// Otherwise do these.
    pub fn otherwise(mut self, ops: impl IntoIterator<Item = Op>) -> Txn {
        self.0.failure = ops.into_iter().map(Op::into_wire).collect();
        Txn(self.0)
    }
}

impl From<TxnThen> for Txn {
    fn from(txn: TxnThen) -> Self {
        Self(txn.0)
    }
}

/// One step of a transaction.
#[derive(Clone, PartialEq)]
#[must_use]
pub struct Op(Request);

impl Op {
    /// Reads one key.
    pub fn get(key: impl Into<Bytes>) -> Self {
        Self::range(Range::key(key))
    }

    /// Reads keys.
    pub fn range(range: impl Into<Range>) -> Self {
        Self(Request::RequestRange(range.into().into_wire()))
    }

    /// Writes a key.
    pub fn put(key: impl Into<Bytes>, value: impl Into<Bytes>) -> Self {
        Self::put_with(Put::new(key, value))
    }

    /// Writes a key, with options.
    pub fn put_with(put: Put) -> Self {
        Self(Request::RequestPut(put.into_wire()))
    }

    /// Deletes keys.
    pub fn delete(delete: impl Into<Delete>) -> Self {
        Self(Request::RequestDeleteRange(delete.into().into_wire()))
    }

    /// A transaction within the transaction.
    pub fn txn(txn: impl Into<Txn>) -> Self {
        Self(Request::RequestTxn(txn.into().into_wire()))
    }

    pub(crate) fn into_wire(self) -> pb::RequestOp {
        pb::RequestOp { request: Some(self.0) }
    }
}

json_inner!(Txn, TxnThen, Op);
json_object!(TxnWhen, it => { when: it.0 });

/// What a transaction did.
#[derive(Clone, PartialEq, Eq)]
pub struct TxnResponse {
    succeeded: bool,
    revision: i64,
    responses: Vec<OpResponse>,
}

/// What one step of a transaction did.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum OpResponse {
    /// Of [`Op::get`] and [`Op::range`].
    Range(RangeResponse),
    /// Of [`Op::put`] and [`Op::put_with`].
    Put(PutResponse),
    /// Of [`Op::delete`].
    Delete(DeleteResponse),
    /// Of [`Op::txn`].
    Txn(TxnResponse),
}

impl TxnResponse {
    pub(crate) fn new(succeeded: bool, revision: i64, responses: Vec<OpResponse>) -> Self {
        Self { succeeded, revision, responses }
    }

    pub(crate) fn without_responses(self) -> Self {
        Self { responses: Vec::new(), ..self }
    }

    /// Whether the comparisons held, so that `then` was done and not `otherwise`.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        self.succeeded
    }

    /// The store's revision afterwards.
    #[must_use]
    pub fn revision(&self) -> i64 {
        self.revision
    }

    /// One for each step that was done, in their order.
    #[must_use]
    pub fn responses(&self) -> &[OpResponse] {
        &self.responses
    }

    /// The responses, to keep.
    #[must_use]
    pub fn into_responses(self) -> Vec<OpResponse> {
        self.responses
    }
}

json_object!(TxnResponse, it => {
    succeeded: it.succeeded,
    revision: it.revision,
    responses: it.responses,
});

impl Json for OpResponse {
    fn json(&self, out: &mut Out<'_>) -> fmt::Result {
        out.object(&[match self {
            Self::Range(range) => ("range", range),
            Self::Put(put) => ("put", put),
            Self::Delete(delete) => ("delete", delete),
            Self::Txn(txn) => ("txn", txn),
        }])
    }
}

json_debug!(OpResponse);

impl FromWire<pb::TxnResponse> for TxnResponse {
    fn from_wire(wire: pb::TxnResponse) -> Self {
        // The headers within have no revision but the transaction's (etcd's `apply.go` sets only
        // the outermost in full).
        let responses = wire.responses.into_iter().filter_map(|op| op.response);
        Self {
            succeeded: wire.succeeded,
            revision: wire.header.unwrap_or_default().revision,
            responses: responses.map(OpResponse::from_wire).collect(),
        }
    }
}

impl FromWire<Response> for OpResponse {
    fn from_wire(wire: Response) -> Self {
        match wire {
            Response::ResponseRange(range) => Self::Range(RangeResponse::from_wire(range)),
            Response::ResponsePut(put) => Self::Put(PutResponse::from_wire(put)),
            Response::ResponseDeleteRange(delete) => {
                Self::Delete(DeleteResponse::from_wire(delete))
            }
            Response::ResponseTxn(txn) => Self::Txn(TxnResponse::from_wire(txn)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_branches_reach_the_wire() {
        let wire = Txn::when([Compare::missing("k")])
            .then([Op::put("k", "v"), Op::delete(Keys::prefix("old/"))])
            .otherwise([Op::get("k"), Op::txn(Txn::always([Op::put("x", "y")]))])
            .into_wire();
        assert_eq!(wire.compare.len(), 1);
        assert!(matches!(
            wire.success.iter().map(|op| op.request.as_ref().unwrap()).collect::<Vec<_>>()[..],
            [Request::RequestPut(_), Request::RequestDeleteRange(_)]
        ));
        assert!(matches!(
            wire.failure.iter().map(|op| op.request.as_ref().unwrap()).collect::<Vec<_>>()[..],
            [Request::RequestRange(_), Request::RequestTxn(_)]
        ));
    }

    #[test]
    fn responses_keep_their_order_and_kind() {
        let op = |response| pb::ResponseOp { response: Some(response) };
        let header = Some(pb::ResponseHeader { revision: 9, ..Default::default() });
        let response = TxnResponse::from_wire(pb::TxnResponse {
            header,
            succeeded: true,
            responses: vec![
                op(Response::ResponsePut(pb::PutResponse::default())),
                op(Response::ResponseTxn(pb::TxnResponse::default())),
            ],
        });
        assert!(response.succeeded());
        assert_eq!(response.revision(), 9);
        assert!(matches!(response.responses(), [OpResponse::Put(_), OpResponse::Txn(_)]));
    }
}
