//! Deleting keys.

use crate::from_wire::{self, FromWire};
use crate::generated::etcdserverpb as pb;
use crate::json::{json_inner, json_object};
use crate::kv::key_value::KeyValue;
use crate::kv::keys::Keys;

/// What to delete, where `client.delete(key)` does not say enough.
#[derive(Clone, PartialEq, Eq)]
#[must_use]
pub struct Delete(pb::DeleteRangeRequest);

impl Delete {
    /// These keys.
    pub fn new(keys: impl Into<Keys>) -> Self {
        let (key, range_end) = keys.into().into_wire();
        Self(pb::DeleteRangeRequest { key, range_end, prev_kv: false })
    }

    /// The answer has what was deleted.
    pub fn prev_kv(mut self) -> Self {
        self.0.prev_kv = true;
        self
    }

    /// What it is about.
    pub(crate) fn keys(&self) -> Keys {
        Keys::from_wire((self.0.key.clone(), self.0.range_end.clone()))
    }

    pub(crate) fn into_wire(self) -> pb::DeleteRangeRequest {
        self.0
    }
}

impl<K: Into<Keys>> From<K> for Delete {
    fn from(keys: K) -> Self {
        Self::new(keys)
    }
}

json_inner!(Delete);

/// What a deletion did.
#[derive(Clone, PartialEq, Eq)]
pub struct DeleteResponse {
    revision: i64,
    deleted: i64,
    prev_kvs: Vec<KeyValue>,
}

impl DeleteResponse {
    /// The store's revision afterwards; a deletion that found nothing makes none.
    #[must_use]
    pub fn revision(&self) -> i64 {
        self.revision
    }

    /// The same, whose revision a transaction has told.
    pub(crate) fn at(self, revision: i64) -> Self {
        Self { revision, ..self }
    }

    /// How many keys there were to delete.
    #[must_use]
    pub fn deleted(&self) -> i64 {
        self.deleted
    }

    /// What was deleted, if that was asked for.
    #[must_use]
    pub fn prev_kvs(&self) -> &[KeyValue] {
        &self.prev_kvs
    }
}

json_object!(DeleteResponse, it => { revision: it.revision, deleted: it.deleted, prev_kvs: it.prev_kvs });

impl FromWire<pb::DeleteRangeResponse> for DeleteResponse {
    fn from_wire(wire: pb::DeleteRangeResponse) -> Self {
        Self {
            revision: wire.header.unwrap_or_default().revision,
            deleted: wire.deleted,
            prev_kvs: from_wire::all(wire.prev_kvs),
        }
    }
}
