//! Writing a key.

use bytes::Bytes;

use crate::from_wire::FromWire;
use crate::generated::etcdserverpb as pb;
use crate::json::{json_inner, json_object};
use crate::kv::key_value::KeyValue;
use crate::kv::keys::Keys;
use crate::lease::id::LeaseId;

/// What to write, and how, where `client.put(key, value)` does not say enough.
///
/// ```
/// use tercet_client::Put;
///
/// let put = Put::new("hello", "world").lease(7).prev_kv();
/// ```
#[derive(Clone, PartialEq, Eq)]
#[must_use]
pub struct Put(pb::PutRequest);

impl Put {
    /// Another lease for a key that exists, whose value stays: give one with [`lease`](Self::lease),
    /// or none to take it away.
    ///
    /// A key that does not exist is [`KeyNotFound`](crate::ErrorKind::KeyNotFound).
    pub fn keep_value(key: impl Into<Bytes>) -> Self {
        Self(pb::PutRequest { key: key.into(), ignore_value: true, ..Default::default() })
    }

    /// This value for this key.
    pub fn new(key: impl Into<Bytes>, value: impl Into<Bytes>) -> Self {
        Self(pb::PutRequest { key: key.into(), value: value.into(), ..Default::default() })
    }

    /// The key goes away with this lease.
    pub fn lease(mut self, id: impl Into<LeaseId>) -> Self {
        self.0.lease = id.into().into();
        self
    }

    /// The key keeps the lease that it has, or none; it must exist
    /// ([`KeyNotFound`](crate::ErrorKind::KeyNotFound)).
    pub fn keep_lease(mut self) -> Self {
        self.0.ignore_lease = true;
        self
    }

    /// The answer has what the key had before.
    pub fn prev_kv(mut self) -> Self {
        self.0.prev_kv = true;
        self
    }

    /// What it is about.
    pub(crate) fn keys(&self) -> Keys {
        Keys::one(self.0.key.clone())
    }

    pub(crate) fn key(&self) -> &Bytes {
        &self.0.key
    }

    /// `None` if it keeps the value that is there.
    pub(crate) fn value(&self) -> Option<&Bytes> {
        (!self.0.ignore_value).then_some(&self.0.value)
    }

    /// The same where `earlier` is written just before it: what it keeps is what that one writes.
    pub(crate) fn after(mut self, earlier: &Self) -> Self {
        if self.0.ignore_value {
            self.0.value = earlier.0.value.clone();
            self.0.ignore_value = earlier.0.ignore_value;
        }
        if self.0.ignore_lease {
            self.0.lease = earlier.0.lease;
            self.0.ignore_lease = earlier.0.ignore_lease;
        }
        self
    }

    pub(crate) fn into_wire(self) -> pb::PutRequest {
        self.0
    }
}

json_inner!(Put);

/// What a write did.
#[derive(Clone, PartialEq, Eq)]
pub struct PutResponse {
    revision: i64,
    prev_kv: Option<KeyValue>,
}

impl PutResponse {
    /// The store's revision that the write made.
    #[must_use]
    pub fn revision(&self) -> i64 {
        self.revision
    }

    /// The same, whose revision a transaction has told.
    pub(crate) fn at(self, revision: i64) -> Self {
        Self { revision, ..self }
    }

    /// What the key had before, if that was asked for and if it existed.
    #[must_use]
    pub fn prev_kv(&self) -> Option<&KeyValue> {
        self.prev_kv.as_ref()
    }
}

json_object!(PutResponse, it => { revision: it.revision, prev_kv: it.prev_kv });

impl FromWire<pb::PutResponse> for PutResponse {
    fn from_wire(wire: pb::PutResponse) -> Self {
        Self {
            revision: wire.header.unwrap_or_default().revision,
            prev_kv: wire.prev_kv.map(KeyValue::from_wire),
        }
    }
}
