//! What is asked of etcd, as JSON: of the options those that were given.

use std::fmt;

use super::{Json, Out};
use crate::generated::etcdserverpb as pb;
use crate::generated::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use crate::generated::etcdserverpb::range_request::{SortOrder, SortTarget};
use crate::generated::etcdserverpb::request_op::Request;
use crate::kv::Keys;
use crate::lease::LeaseId;

impl Json for pb::PutRequest {
    fn json(&self, out: &mut Out<'_>) -> fmt::Result {
        let fields: &[(_, _, &dyn Json)] = &[
            ("key", true, &self.key),
            ("value", !self.ignore_value, &self.value),
            ("lease", self.lease != 0, &LeaseId::from(self.lease)),
            ("keep_value", self.ignore_value, &true),
            ("keep_lease", self.ignore_lease, &true),
            ("prev_kv", self.prev_kv, &true),
        ];
        out.given(fields)
    }
}

impl Json for pb::DeleteRangeRequest {
    fn json(&self, out: &mut Out<'_>) -> fmt::Result {
        let keys = Keys::from_wire((self.key.clone(), self.range_end.clone()));
        out.given(&[("keys", true, &keys), ("prev_kv", self.prev_kv, &true)])
    }
}

impl Json for pb::RangeRequest {
    fn json(&self, out: &mut Out<'_>) -> fmt::Result {
        let keys = Keys::from_wire((self.key.clone(), self.range_end.clone()));
        let is_sorted = self.sort_order() != SortOrder::None;
        let sort_by = match self.sort_target() {
            SortTarget::Key => "key",
            SortTarget::Version => "version",
            SortTarget::Create => "create_revision",
            SortTarget::Mod => "mod_revision",
            SortTarget::Value => "value",
        };
        let order = match self.sort_order() {
            SortOrder::Descend => "descending",
            SortOrder::None | SortOrder::Ascend => "ascending",
        };
        let fields: &[(_, _, &dyn Json)] = &[
            ("keys", true, &keys),
            ("limit", self.limit != 0, &self.limit),
            ("revision", self.revision != 0, &self.revision),
            ("serializable", self.serializable, &true),
            ("sort_by", is_sorted, &sort_by),
            ("order", is_sorted, &order),
            ("min_create_revision", self.min_create_revision != 0, &self.min_create_revision),
            ("max_create_revision", self.max_create_revision != 0, &self.max_create_revision),
            ("min_mod_revision", self.min_mod_revision != 0, &self.min_mod_revision),
            ("max_mod_revision", self.max_mod_revision != 0, &self.max_mod_revision),
            ("keys_only", self.keys_only, &true),
            ("count_only", self.count_only, &true),
        ];
        out.given(fields)
    }
}

/// As one reads it: these keys' `target` `is` that.
impl Json for pb::Compare {
    fn json(&self, out: &mut Out<'_>) -> fmt::Result {
        let keys = Keys::from_wire((self.key.clone(), self.range_end.clone()));
        let target = match self.target() {
            CompareTarget::Version => "version",
            CompareTarget::Create => "create_revision",
            CompareTarget::Mod => "mod_revision",
            CompareTarget::Value => "value",
            CompareTarget::Lease => "lease",
        };
        let is = match self.result() {
            CompareResult::Equal => "equal",
            CompareResult::NotEqual => "not_equal",
            CompareResult::Greater => "greater",
            CompareResult::Less => "less",
        };
        let to = self.target_union.as_ref();
        out.object(&[("keys", &keys), ("target", &target), ("is", &is), ("to", &to)])
    }
}

impl Json for TargetUnion {
    fn json(&self, out: &mut Out<'_>) -> fmt::Result {
        match self {
            Self::Value(value) => value.json(out),
            Self::Lease(id) => LeaseId::from(*id).json(out),
            Self::Version(number) | Self::CreateRevision(number) | Self::ModRevision(number) => {
                number.json(out)
            }
        }
    }
}

impl Json for pb::TxnRequest {
    fn json(&self, out: &mut Out<'_>) -> fmt::Result {
        let (when, then) = (&self.compare, &self.success);
        out.object(&[("when", when), ("then", then), ("otherwise", &self.failure)])
    }
}

impl Json for pb::RequestOp {
    fn json(&self, out: &mut Out<'_>) -> fmt::Result {
        self.request.json(out)
    }
}

impl Json for Request {
    fn json(&self, out: &mut Out<'_>) -> fmt::Result {
        out.object(&[match self {
            Self::RequestRange(range) => ("range", range),
            Self::RequestPut(put) => ("put", put),
            Self::RequestDeleteRange(delete) => ("delete", delete),
            Self::RequestTxn(txn) => ("txn", txn),
        }])
    }
}
