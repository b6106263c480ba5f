//! Every request and answer for keys, within a namespace.

use super::Namespace;
use crate::generated::etcdserverpb as pb;
use crate::generated::etcdserverpb::request_op::Request;
use crate::generated::etcdserverpb::response_op::Response;

/// A request that names keys.
pub(crate) trait Enter {
    /// Gives them the names that the server has for them.
    fn enter(&mut self, namespace: &Namespace);
}

/// An answer that may name keys.
pub(crate) trait Leave {
    /// Gives them the names that the user of the namespace has for them.
    fn leave(&mut self, namespace: &Namespace);
}

impl Enter for pb::RangeRequest {
    fn enter(&mut self, namespace: &Namespace) {
        namespace.enter(&mut self.key, &mut self.range_end);
    }
}

impl Enter for pb::PutRequest {
    fn enter(&mut self, namespace: &Namespace) {
        self.key = namespace.key(&self.key);
    }
}

impl Enter for pb::DeleteRangeRequest {
    fn enter(&mut self, namespace: &Namespace) {
        namespace.enter(&mut self.key, &mut self.range_end);
    }
}

impl Enter for pb::TxnRequest {
    fn enter(&mut self, namespace: &Namespace) {
        if namespace.is_whole() {
            return;
        }
        for compare in &mut self.compare {
            namespace.enter(&mut compare.key, &mut compare.range_end);
        }
        for op in self.success.iter_mut().chain(&mut self.failure) {
            match &mut op.request {
                Some(Request::RequestRange(range)) => range.enter(namespace),
                Some(Request::RequestPut(put)) => put.enter(namespace),
                Some(Request::RequestDeleteRange(delete)) => delete.enter(namespace),
                Some(Request::RequestTxn(txn)) => txn.enter(namespace),
                None => {}
            }
        }
    }
}

impl Leave for pb::RangeResponse {
    fn leave(&mut self, namespace: &Namespace) {
        if namespace.is_whole() {
            return;
        }
        for kv in &mut self.kvs {
            namespace.leave(kv);
        }
    }
}

impl Leave for pb::PutResponse {
    fn leave(&mut self, namespace: &Namespace) {
        if let Some(kv) = &mut self.prev_kv {
            namespace.leave(kv);
        }
    }
}

impl Leave for pb::DeleteRangeResponse {
    fn leave(&mut self, namespace: &Namespace) {
        for kv in &mut self.prev_kvs {
            namespace.leave(kv);
        }
    }
}

impl Leave for pb::TxnResponse {
    fn leave(&mut self, namespace: &Namespace) {
        if namespace.is_whole() {
            return;
        }
        for op in &mut self.responses {
            match &mut op.response {
                Some(Response::ResponseRange(range)) => range.leave(namespace),
                Some(Response::ResponsePut(put)) => put.leave(namespace),
                Some(Response::ResponseDeleteRange(delete)) => delete.leave(namespace),
                Some(Response::ResponseTxn(txn)) => txn.leave(namespace),
                None => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;

    use super::*;
    use crate::generated::mvccpb;
    use crate::kv::{Compare, Delete, Is, Keys, Op, Put, Range, Txn};

    /// What the server would look at: `key`, or all keys from it on and before `range_end`.
    fn holds(key: &[u8], range_end: &[u8], stored: &[u8]) -> bool {
        match range_end {
            b"" => stored == key,
            b"\0" => stored >= key,
            end => stored >= key && stored < end,
        }
    }

    /// Bytes at the edges, and few of them, so that keys meet.
    fn bytes(length: std::ops::Range<usize>) -> impl Strategy<Value = Bytes> {
        let byte = prop_oneof![Just(0), Just(1), Just(b'a'), Just(0xfe), Just(0xff)];
        proptest::collection::vec(byte, length).prop_map(Bytes::from)
    }

    fn keys() -> impl Strategy<Value = Keys> {
        prop_oneof![
            bytes(1..4).prop_map(Keys::one),
            bytes(0..4).prop_map(Keys::prefix),
            bytes(0..4).prop_map(Keys::starting_at),
            (bytes(0..4), bytes(0..4)).prop_map(|(from, to)| Keys::between(from, to)),
            Just(Keys::all()),
        ]
    }

    /// All keys and ranges that a transaction names.
    fn named(txn: &pb::TxnRequest, found: &mut Vec<(Bytes, Bytes)>) {
        let compares = txn.compare.iter();
        found.extend(compares.map(|compare| (compare.key.clone(), compare.range_end.clone())));
        for op in txn.success.iter().chain(&txn.failure) {
            match op.request.as_ref().unwrap() {
                Request::RequestRange(range) => {
                    found.push((range.key.clone(), range.range_end.clone()));
                }
                Request::RequestPut(put) => found.push((put.key.clone(), Bytes::new())),
                Request::RequestDeleteRange(delete) => {
                    found.push((delete.key.clone(), delete.range_end.clone()));
                }
                Request::RequestTxn(txn) => named(txn, found),
            }
        }
    }

    proptest! {
        #[test]
        fn exactly_the_keys_within_are_meant(
            outer in bytes(0..3), inner in bytes(1..3), keys in keys(), stored in bytes(1..7)
        ) {
            let namespace = Namespace::default().within(&outer).within(&inner);
            let prefix = [&outer[..], &inner[..]].concat();
            let (from, to) = keys.clone().into_wire();
            let mut range = Range::new(keys).into_wire();
            range.enter(&namespace);
            let meant = holds(&range.key, &range.range_end, &stored);
            match stored.strip_prefix(&prefix[..]) {
                // There is no empty key within: nobody could name it.
                Some(b"") => prop_assert!(!meant || !range.range_end.is_empty()),
                Some(own) => prop_assert_eq!(meant, holds(&from, &to, own)),
                None => prop_assert!(!meant, "{:?} is outside of {:?}", stored, prefix),
            }
        }

        #[test]
        fn no_part_of_a_transaction_leaves(
            prefix in bytes(1..3), keys in proptest::collection::vec(keys(), 6),
            key in bytes(1..4), stored in bytes(1..7)
        ) {
            let [a, b, c, d, e, f] = <[Keys; 6]>::try_from(keys).unwrap();
            let inner = Txn::when([Compare::value(a, Is::Equal, "x")])
                .then([Op::put(key.clone(), "y"), Op::delete(Delete::new(b).prev_kv())])
                .otherwise([Op::range(c)]);
            let mut txn = Txn::when([Compare::lease(d, Is::Less, 3), Compare::missing(key.clone())])
                .then([Op::txn(inner), Op::put_with(Put::new(key, "z").prev_kv())])
                .otherwise([Op::range(e), Op::delete(f)])
                .into_wire();
            txn.enter(&Namespace::default().within(&prefix));
            let mut found = Vec::new();
            named(&txn, &mut found);
            prop_assert_eq!(found.len(), 9);
            if !stored.starts_with(&prefix) {
                for (key, range_end) in found {
                    prop_assert!(!holds(&key, &range_end, &stored), "{key:?} {range_end:?}");
                }
            }
        }
    }

    #[test]
    fn every_answer_leaves() {
        let kv = || mvccpb::KeyValue { key: "app/a".into(), ..Default::default() };
        let range = pb::RangeResponse { kvs: vec![kv()], ..Default::default() };
        let put = pb::PutResponse { prev_kv: Some(kv()), ..Default::default() };
        let delete = pb::DeleteRangeResponse { prev_kvs: vec![kv()], ..Default::default() };
        let op = |response| pb::ResponseOp { response: Some(response) };
        let inner = pb::TxnResponse {
            responses: vec![op(Response::ResponseRange(range.clone()))],
            ..Default::default()
        };
        let mut txn = pb::TxnResponse {
            responses: vec![
                op(Response::ResponseRange(range)),
                op(Response::ResponsePut(put)),
                op(Response::ResponseDeleteRange(delete)),
                op(Response::ResponseTxn(inner)),
            ],
            ..Default::default()
        };
        let names = |txn: &pb::TxnResponse| format!("{txn:?}").matches("app/a").count();
        assert_eq!(names(&txn), 4);
        txn.leave(&Namespace::default());
        assert_eq!(names(&txn), 4);
        txn.leave(&Namespace::default().within(&Bytes::from("app/")));
        assert_eq!(names(&txn), 0);
    }
}
