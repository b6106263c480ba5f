use std::fmt::Debug;

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::from_wire::FromWire as _;
use crate::generated::etcdserverpb as pb;
use crate::generated::etcdserverpb::response_op::Response;
use crate::generated::mvccpb;
use crate::kv::{
    Compare, Delete, DeleteResponse, Is, KeyValue, Keys, Op, Put, PutResponse, Range,
    RangeResponse, Txn, TxnResponse,
};
use crate::member::MemberListResponse;
use crate::operate::{Alarm, HashKvResponse, Status};
use crate::watch::{Watch, WatchResponse};
use crate::{LeaseState, Permission};

/// As a reader of JSON has it, who gets the same from either form.
fn parsed(value: &impl Debug) -> Value {
    let (line, pretty) = (format!("{value:?}"), format!("{value:#?}"));
    assert!(!line.contains('\n'), "{line}");
    let parsed: Value = serde_json::from_str(&line).unwrap_or_else(|e| panic!("{e}: {line}"));
    assert_eq!(serde_json::from_str::<Value>(&pretty).unwrap(), parsed, "{pretty}");
    parsed
}

#[test]
#[should_panic(expected = "expected value")]
fn the_control() {
    parsed(&Some(kv("1")));
}

fn wire(value: impl Into<Bytes>) -> mvccpb::KeyValue {
    mvccpb::KeyValue {
        key: "a".into(),
        value: value.into(),
        create_revision: 3,
        mod_revision: 4,
        version: 2,
        lease: 0,
    }
}

fn kv(value: impl Into<Bytes>) -> KeyValue {
    KeyValue::from_wire(wire(value))
}

fn header() -> Option<pb::ResponseHeader> {
    Some(pb::ResponseHeader { cluster_id: u64::MAX, member_id: 0xab, revision: 9, raft_term: 2 })
}

#[test]
fn keys_and_values_are_text_where_they_are() {
    insta::assert_snapshot!(format!("{:?}", kv("1")), @r#"{"key":"a","value":"1","create_revision":3,"mod_revision":4,"version":2,"lease":null}"#);
    insta::assert_snapshot!(format!("{:?}", kv("\"\\\n\t\u{1}\u{85}\u{202e}é")), @r#"{"key":"a","value":"\"\\\n\t\u0001\u0085\u202eé","create_revision":3,"mod_revision":4,"version":2,"lease":null}"#);
    insta::assert_snapshot!(format!("{:?}", kv(vec![0xff, 0, 0x10, 0x20])), @r#"{"key":"a","value":{"base64":"/wAQIA=="},"create_revision":3,"mod_revision":4,"version":2,"lease":null}"#);
    let leased = KeyValue::from_wire(mvccpb::KeyValue { lease: 255, ..wire("") });
    insta::assert_snapshot!(format!("{leased:#?}"), @r#"
    {
      "key": "a",
      "value": "",
      "create_revision": 3,
      "mod_revision": 4,
      "version": 2,
      "lease": "00000000000000ff"
    }
    "#);
}

#[test]
fn what_is_long_is_cut_and_says_so() {
    let value = |bytes| parsed(&kv(bytes))["value"].take();
    assert_eq!(value(vec![b'x'; SHOWN_BYTES]), Value::from("x".repeat(SHOWN_BYTES)));
    let cut = value(vec![b'x'; 3 << 20]);
    assert_eq!(cut["text"], Value::from("x".repeat(SHOWN_BYTES)));
    assert_eq!(cut["bytes"], 3 << 20);
    let cut = value(vec![0xff; SHOWN_BYTES + 1]);
    assert_eq!(cut["base64"].as_str().unwrap().len(), SHOWN_BYTES.div_ceil(3) * 4);
    assert_eq!(cut["bytes"], SHOWN_BYTES + 1);
    // Within a character, which is not shown then; the whole is text all the same.
    let cut = value(format!("x{}", "é".repeat(SHOWN_BYTES)).into_bytes());
    assert_eq!(cut["text"].as_str().unwrap().len(), SHOWN_BYTES - 1);
    // Whole, and ends within a character: that is no text.
    assert_eq!(value(vec![b'a', 0xc3]), serde_json::json!({ "base64": "YcM=" }));
}

proptest! {
    #[test]
    fn every_value_comes_back(bytes in prop::collection::vec(any::<u8>(), 0..40)) {
        let value = parsed(&kv(bytes.clone()))["value"].take();
        match value.as_str() {
            Some(text) => prop_assert_eq!(text.as_bytes(), &bytes),
            None => prop_assert_eq!(decoded(value["base64"].as_str().unwrap()), bytes),
        }
    }

    #[test]
    fn every_text_comes_back(text: String) {
        prop_assert_eq!(parsed(&kv(text.clone()))["value"].take(), Value::from(text));
    }
}

/// By another way than it was encoded.
fn decoded(base64: &str) -> Vec<u8> {
    let bits: String = base64
        .trim_end_matches('=')
        .chars()
        .map(|c| match c {
            'A'..='Z' => u32::from(c) - 65,
            'a'..='z' => u32::from(c) - 71,
            '0'..='9' => u32::from(c) + 4,
            '+' => 62,
            '/' => 63,
            _ => panic!("{c}"),
        })
        .map(|letter| format!("{letter:06b}"))
        .collect();
    assert_eq!(base64.len() % 4, 0);
    let bytes = bits.as_bytes().chunks_exact(8);
    bytes.map(|byte| u8::from_str_radix(std::str::from_utf8(byte).unwrap(), 2).unwrap()).collect()
}

#[test]
fn answers() {
    let op = |response| pb::ResponseOp { response: Some(response) };
    let put = pb::PutResponse { header: header(), prev_kv: Some(wire("0")) };
    let delete =
        pb::DeleteRangeResponse { header: header(), deleted: 1, prev_kvs: vec![wire("0")] };
    let range = pb::RangeResponse {
        header: header(),
        kvs: vec![wire("1"), wire(vec![0xfe])],
        more: true,
        count: 7,
    };
    let txn = pb::TxnResponse {
        header: header(),
        succeeded: true,
        responses: vec![
            op(Response::ResponsePut(pb::PutResponse::default())),
            op(Response::ResponseDeleteRange(delete.clone())),
            op(Response::ResponseRange(range.clone())),
            op(Response::ResponseTxn(pb::TxnResponse::default())),
        ],
    };
    let put = PutResponse::from_wire(put);
    insta::assert_snapshot!(format!("{put:?}"), @r#"{"revision":9,"prev_kv":{"key":"a","value":"0","create_revision":3,"mod_revision":4,"version":2,"lease":null}}"#);
    let delete = parsed(&DeleteResponse::from_wire(delete));
    assert_eq!(delete["prev_kvs"][0]["value"], "0");
    let range = parsed(&RangeResponse::from_wire(range));
    assert_eq!((&range["count"], &range["more"]), (&7.into(), &true.into()));
    assert_eq!(range["kvs"][1]["value"]["base64"], "/g==");
    let txn = parsed(&TxnResponse::from_wire(txn));
    assert_eq!(txn["responses"][0]["put"]["prev_kv"], Value::Null);
    assert_eq!(txn["responses"][1]["delete"], delete);
    assert_eq!(txn["responses"][2]["range"], range);
    assert_eq!(txn["responses"][3]["txn"]["responses"], Value::Array(Vec::new()));
}

#[test]
fn events() {
    let delete = mvccpb::event::EventType::Delete.into();
    let events = vec![
        mvccpb::Event { kv: Some(wire("1")), ..Default::default() },
        mvccpb::Event { r#type: delete, kv: Some(wire("")), prev_kv: Some(wire("1")) },
    ];
    let response = parsed(&WatchResponse::of(9, events).unwrap());
    assert_eq!(response["revision"], 9);
    let kinds = response["events"].as_array().unwrap().iter().map(|event| &event["type"]);
    assert_eq!(kinds.collect::<Vec<_>>(), ["put", "delete"]);
    assert_eq!(response["events"][1]["prev_kv"]["value"], "1");
    insta::assert_snapshot!(format!("{:?}", WatchResponse::progress(9)), @r#"{"revision":9,"events":[]}"#);
}

#[test]
fn operations() {
    let member = pb::Member { id: u64::MAX - 1, name: "m\"1".to_owned(), ..Default::default() };
    let members = MemberListResponse::new(header(), vec![member]);
    insta::assert_snapshot!(format!("{members:?}"), @r#"{"cluster_id":"ffffffffffffffff","member_id":"ab","raft_term":2,"members":[{"id":"fffffffffffffffe","name":"m\"1","peer_urls":[],"client_urls":[],"is_learner":false}]}"#);
    parsed(&members);
    let status = Status::from_wire(pb::StatusResponse {
        header: header(),
        version: "3.5.1".to_owned(),
        leader: 0xab,
        errors: vec!["no leader".to_owned()],
        ..Default::default()
    });
    insta::assert_snapshot!(format!("{status:?}"), @r#"{"version":"3.5.1","member_id":"ab","cluster_id":"ffffffffffffffff","revision":9,"leader":"ab","is_learner":false,"db_size_bytes":0,"db_size_in_use_bytes":0,"db_size_quota_bytes":null,"raft_index":0,"raft_applied_index":0,"raft_term":0,"storage_version":null,"downgrade_target":null,"errors":["no leader"]}"#);
    parsed(&status);
    parsed(&HashKvResponse::from_wire(pb::HashKvResponse::default()));
    let alarm = |alarm| Alarm::from_wire(pb::AlarmMember { member_id: 0xab, alarm });
    insta::assert_snapshot!(format!("{:?}", [alarm(1), alarm(9)]), @r#"[{"member_id":"ab","kind":"no_space"}, {"member_id":"ab","kind":9}]"#);
    [alarm(1), alarm(2), alarm(9)].iter().for_each(|alarm| drop(parsed(alarm)));
    let permissions = [
        Permission::read_write(Keys::prefix("a/")),
        Permission::read(Keys::all()),
        Permission::write(Keys::between("a", "c")),
        Permission::read(Keys::starting_at("a")),
        Permission::read("a"),
    ];
    let keys = permissions.map(|permission| parsed(&permission)["keys"].take());
    insta::assert_snapshot!(Value::from(keys.to_vec()), @r#"[{"prefix":"a/"},{"prefix":""},{"from":"a","to":"c"},{"from":"a"},"a"]"#);
    parsed(&LeaseId::from(-1));
    let state = parsed(&LeaseState::Alive(Duration::from_millis(1500)));
    assert_eq!(state["alive_seconds"], 1.5);
}

#[test]
fn requests() {
    let take = Txn::when([
        Compare::missing("lock"),
        Compare::value(Keys::prefix("a/"), Is::NotEqual, "x"),
        Compare::lease("b", Is::Greater, 255),
    ]);
    parsed(&take);
    let take = take.then([Op::put_with(Put::new("lock", "me").lease(255).prev_kv())]);
    parsed(&take);
    let take = take.otherwise([
        Op::get("lock"),
        Op::delete(Delete::new(Keys::all())),
        Op::txn(Txn::always([])),
        Op::put_with(Put::keep_value("lock")),
    ]);
    parsed(&take);
    insta::assert_snapshot!(format!("{take:?}"), @r#"{"when":[{"keys":"lock","target":"create_revision","is":"equal","to":0},{"keys":{"prefix":"a/"},"target":"value","is":"not_equal","to":"x"},{"keys":"b","target":"lease","is":"greater","to":"00000000000000ff"}],"then":[{"put":{"key":"lock","value":"me","lease":"00000000000000ff","prev_kv":true}}],"otherwise":[{"range":{"keys":"lock"}},{"delete":{"keys":{"prefix":""}}},{"txn":{"when":[],"then":[],"otherwise":[]}},{"put":{"key":"lock","keep_value":true}}]}"#);
    let range = Range::prefix("a/").newest_first().limit(3).serializable();
    insta::assert_snapshot!(format!("{range:?}"), @r#"{"keys":{"prefix":"a/"},"limit":3,"serializable":true,"sort_by":"mod_revision","order":"descending"}"#);
    parsed(&range);
    let watch = Watch::key("a").start_revision(5).no_puts().max_buffered_events(1);
    insta::assert_snapshot!(format!("{watch:?}"), @r#"{"keys":"a","start_revision":5,"no_puts":true,"max_buffered_events":1}"#);
    parsed(&watch);
}
