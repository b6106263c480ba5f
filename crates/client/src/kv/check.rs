//! Requests for keys that no etcd would take, or that cannot be meant: found before they are sent.

use crate::error::{Error, ErrorKind, Failure, Fate, Outcome};
use crate::generated::etcdserverpb as pb;
use crate::generated::etcdserverpb::request_op::Request;
use crate::transport::call::Operation;

type Checked = Result<(), &'static str>;

/// As the end of a range: no end.
const NO_END: &[u8] = b"\0";

pub(crate) fn invalid(operation: Operation, what: &str) -> Error {
    let failure = Failure::new(ErrorKind::InvalidRequest, Fate::NeverSent, what);
    Error::new(operation.name, failure, Outcome::NotApplied)
}

pub(crate) fn range(range: &pb::RangeRequest) -> Checked {
    keys(&range.key, &range.range_end)?;
    if range.revision < 0 {
        return Err("the revision is negative; 0 is the current one");
    }
    for bound in [
        range.min_mod_revision,
        range.max_mod_revision,
        range.min_create_revision,
        range.max_create_revision,
    ] {
        if bound < 0 {
            return Err("a bound for revisions is negative; 0 is no bound");
        }
    }
    let apart = |min: i64, max: i64| max != 0 && min > max;
    if apart(range.min_mod_revision, range.max_mod_revision)
        || apart(range.min_create_revision, range.max_create_revision)
    {
        return Err("no key can be within the bounds: the least revision is after the greatest");
    }
    Ok(())
}

pub(crate) fn put(put: &pb::PutRequest) -> Checked {
    one(&put.key)?;
    if put.ignore_lease && put.lease != 0 {
        return Err("the key cannot both keep its lease and get another");
    }
    Ok(())
}

pub(crate) fn delete(delete: &pb::DeleteRangeRequest) -> Checked {
    keys(&delete.key, &delete.range_end)
}

pub(crate) fn txn(txn: &pb::TxnRequest) -> Checked {
    for compare in &txn.compare {
        keys(&compare.key, &compare.range_end)?;
    }
    for op in txn.success.iter().chain(&txn.failure) {
        match &op.request {
            Some(Request::RequestRange(inner)) => range(inner)?,
            Some(Request::RequestPut(inner)) => put(inner)?,
            Some(Request::RequestDeleteRange(inner)) => delete(inner)?,
            Some(Request::RequestTxn(inner)) => self::txn(inner)?,
            None => {}
        }
    }
    Ok(())
}

pub(crate) fn keys(key: &[u8], range_end: &[u8]) -> Checked {
    one(key)?;
    if !range_end.is_empty() && range_end != NO_END && range_end <= key {
        return Err("no key is in the range: it ends before it begins");
    }
    Ok(())
}

/// etcd takes none (`server/etcdserver/api/v3rpc/key.go`), and a namespace could not name it.
fn one(key: &[u8]) -> Checked {
    if key.is_empty() { Err("the key is empty, and etcd has no such key") } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use crate::kv::{Compare, Delete, Is, Keys, Op, Order, Pages, Put, Range, SortBy, Txn};
    use crate::{Client, Config, Error, ErrorKind, Outcome};

    /// Nothing listens there, so that what is sent all the same fails in another way.
    async fn nobody() -> Client {
        Client::connect(Config::new(["http://127.0.0.1:1"])).await.unwrap()
    }

    fn text<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
        let error = result.unwrap_err();
        assert_eq!(
            (error.kind(), error.outcome()),
            (ErrorKind::InvalidRequest, Outcome::NotApplied)
        );
        assert_eq!(error.endpoint(), None, "nothing was sent");
        error.to_string()
    }

    #[tokio::test]
    async fn what_cannot_be_meant_is_not_sent() {
        for client in [nobody().await, nobody().await.namespace("app/")] {
            let sorted = Range::all().sort(SortBy::Value, Order::Ascending);
            let texts = [
                text(client.put("", "v").await),
                text(client.put_with(Put::new("k", "v").lease(7).keep_lease()).await),
                text(client.get("").await),
                text(client.range(Range::between("b", "a")).await),
                text(client.range(Range::between("a", "")).await),
                text(client.range(Range::all().revision(-1)).await),
                text(client.range(Range::all().min_mod_revision(-1)).await),
                text(client.range(Range::all().min_mod_revision(3).max_mod_revision(2)).await),
                text(client.delete("").await),
                text(client.delete_range(Delete::new(Keys::between("b", "a"))).await),
                text(client.txn(Txn::always([Op::txn(Txn::always([Op::put("", "v")]))])).await),
                text(
                    client
                        .txn(
                            Txn::when([Compare::value(Keys::between("b", "a"), Is::Equal, "v")])
                                .then([]),
                        )
                        .await,
                ),
                text(first(client.pages(Range::all(), 0)).await),
                text(first(client.pages(Range::all().newest_first(), 9)).await),
                text(first(client.pages(Range::all().count_only(), 9)).await),
                text(first(client.pages(Range::key(""), 9)).await),
                text(client.range_stream(sorted).await),
                text(client.range_stream(Range::all().max_mod_revision(7)).await),
            ];
            insta::allow_duplicates! {
                insta::assert_snapshot!(texts.join("\n"), @r"
                put: the key is empty, and etcd has no such key
                put: the key cannot both keep its lease and get another
                get: the key is empty, and etcd has no such key
                range: no key is in the range: it ends before it begins
                range: no key is in the range: it ends before it begins
                range: the revision is negative; 0 is the current one
                range: a bound for revisions is negative; 0 is no bound
                range: no key can be within the bounds: the least revision is after the greatest
                delete: the key is empty, and etcd has no such key
                delete: no key is in the range: it ends before it begins
                txn: the key is empty, and etcd has no such key
                txn: no key is in the range: it ends before it begins
                pages: a page of no keys brings nothing
                pages: pages come in the order of the keys, and this has another; sort what you get, or read it at once with Client::range
                pages: a count has no pages; ask for it with Client::range
                pages: the key is empty, and etcd has no such key
                range_stream: a stream comes in the order of the keys, and this has another
                range_stream: a stream takes no bounds for revisions (etcd 3.7 refuses them); read pages instead
                ");
            }
        }
        let error = nobody().await.put("k", "v").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Connect, "what can be meant is sent");
    }

    async fn first(mut pages: Pages) -> crate::Result<crate::RangeResponse> {
        pages.next().await.expect("an error")
    }
}
