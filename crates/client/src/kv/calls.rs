//! The client's requests for keys.

use bytes::Bytes;

use crate::client::{Client, timed};
use crate::error::Result;
use crate::generated::etcdserverpb as pb;
use crate::generated::etcdserverpb::kv_client::KvClient;
use crate::kv::check::{self, invalid};
use crate::kv::{
    Delete, DeleteResponse, Enter, KeyValue, Put, PutResponse, Range, RangeResponse, Txn,
    TxnResponse,
};
use crate::transport::call::Operation;
use crate::transport::channel::Channel;

const PUT: Operation = Operation::write("put");
const DELETE: Operation = Operation::write("delete");
pub(crate) const TXN: Operation = Operation::write("txn");

impl Client {
    /// Writes a key.
    ///
    /// Cancelling: it may be written all the same.
    ///
    /// # Errors
    ///
    /// Whatever went wrong; [`Error::outcome`](crate::Error::outcome) says whether the write may
    /// have happened.
    pub async fn put(&self, key: impl Into<Bytes>, value: impl Into<Bytes>) -> Result<PutResponse> {
        self.put_with(Put::new(key, value)).await
    }

    /// Writes a key, with a lease or an answer that has the old value.
    ///
    /// Cancelling: it may be written all the same.
    ///
    /// # Errors
    ///
    /// As [`put`](Self::put).
    pub async fn put_with(&self, put: Put) -> Result<PutResponse> {
        let key = put.keys();
        let mut put = put.into_wire();
        check::put(&put).map_err(|what| invalid(PUT, what))?;
        put.enter(&self.namespace);
        self.fits(PUT, &put)?;
        self.unary_within(PUT, |channel, patience| {
            let request = timed(put.clone(), patience);
            async move { kv(channel).put(request).await }
        })
        .await
        .map_err(|error| error.about(vec![key]))
    }

    /// Reads a key, linearizably: it sees every write that was answered before.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    ///
    /// Whatever went wrong, on each endpoint that was tried.
    pub async fn get(&self, key: impl Into<Bytes>) -> Result<Option<KeyValue>> {
        let range = self.read(Operation::read("get"), Range::key(key)).await?;
        Ok(range.into_kvs().pop())
    }

    /// Reads keys.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub async fn range(&self, range: impl Into<Range>) -> Result<RangeResponse> {
        self.read(Operation::read("range"), range.into()).await
    }

    /// Deletes a key.
    ///
    /// Cancelling: it may be deleted all the same.
    ///
    /// # Errors
    ///
    /// As [`put`](Self::put).
    pub async fn delete(&self, key: impl Into<Bytes>) -> Result<DeleteResponse> {
        self.delete_range(key.into()).await
    }

    /// Deletes keys: `client.delete_range(Keys::prefix("old/"))`.
    ///
    /// Cancelling: they may be deleted all the same.
    ///
    /// # Errors
    ///
    /// As [`put`](Self::put).
    pub async fn delete_range(&self, delete: impl Into<Delete>) -> Result<DeleteResponse> {
        let delete = delete.into();
        let keys = delete.keys();
        let mut delete = delete.into_wire();
        check::delete(&delete).map_err(|what| invalid(DELETE, what))?;
        delete.enter(&self.namespace);
        self.unary_within(DELETE, |channel, patience| {
            let request = timed(delete.clone(), patience);
            async move { kv(channel).delete_range(request).await }
        })
        .await
        .map_err(|error| error.about(vec![keys]))
    }

    /// Compares and writes at once.
    ///
    /// ```no_run
    /// # async fn run(client: tercet_client::Client) -> tercet_client::Result<()> {
    /// use tercet_client::{Compare, Op, Txn};
    ///
    /// let taken = client
    ///     .txn(Txn::when([Compare::missing("lock")]).then([Op::put("lock", "me")]))
    ///     .await?
    ///     .succeeded();
    /// # Ok(()) }
    /// ```
    ///
    /// Cancelling: it may be done all the same.
    ///
    /// # Errors
    ///
    /// As [`put`](Self::put), even of one that only reads. Comparisons that do not hold are no
    /// error: see [`TxnResponse::succeeded`].
    pub async fn txn(&self, txn: impl Into<Txn>) -> Result<TxnResponse> {
        self.txn_as(TXN, txn.into()).await
    }

    /// The same as a part of something else, which may be what can be sent again.
    pub(crate) async fn txn_as(&self, operation: Operation, txn: Txn) -> Result<TxnResponse> {
        let keys = txn.keys();
        let mut txn = txn.into_wire();
        check::txn(&txn).map_err(|what| invalid(operation, what))?;
        let only_compares = linearize(&mut txn);
        txn.enter(&self.namespace);
        self.fits(operation, &txn)?;
        let answer = self.unary_within(operation, |channel, patience| {
            let request = timed(txn.clone(), patience);
            async move { kv(channel).txn(request).await }
        });
        let answer: TxnResponse = answer.await.map_err(|error| error.about(keys))?;
        Ok(if only_compares { answer.without_responses() } else { answer })
    }

    pub(super) async fn read(&self, operation: Operation, range: Range) -> Result<RangeResponse> {
        let mut range = range.into_wire();
        check::range(&range).map_err(|what| invalid(operation, what))?;
        range.enter(&self.namespace);
        self.unary_within(operation, |channel, patience| {
            let request = timed(range.clone(), patience);
            async move { kv(channel).range(request).await }
        })
        .await
    }
}

/// Has a transaction that only compares count a key as well, and says whether it is one.
///
/// etcd takes one with no steps for serializable, and answers it from a member that may be cut off
/// and far behind (`server/etcdserver/txn/txn.go`, `IsTxnSerializable`): a fence would hold there
/// that no longer does. With a linearizable read in it the member asks the others first.
fn linearize(txn: &mut pb::TxnRequest) -> bool {
    let [compare, ..] = &txn.compare[..] else { return false };
    if !(txn.success.is_empty() && txn.failure.is_empty()) {
        return false;
    }
    let count =
        pb::RangeRequest { key: compare.key.clone(), count_only: true, ..Default::default() };
    let request = Some(pb::request_op::Request::RequestRange(count));
    txn.success.push(pb::RequestOp { request });
    true
}

pub(crate) fn kv(channel: Channel) -> KvClient {
    KvClient::new(channel)
}
