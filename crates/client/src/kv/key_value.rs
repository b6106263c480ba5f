//! One key as the store has it.

use bytes::Bytes;

use crate::from_wire::FromWire;
use crate::generated::mvccpb;
use crate::json::json_object;
use crate::lease::id::LeaseId;

/// A key with its value and its history, as of the revision that was read.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyValue(mvccpb::KeyValue);

impl KeyValue {
    /// The key.
    #[must_use]
    pub fn key(&self) -> &[u8] {
        &self.0.key
    }

    /// The value; empty where only keys were asked for.
    #[must_use]
    pub fn value(&self) -> &[u8] {
        &self.0.value
    }

    /// The key, shared and not copied. It keeps the whole answer that it came in.
    #[must_use]
    pub fn key_bytes(&self) -> Bytes {
        self.0.key.clone()
    }

    /// The value, shared and not copied. It keeps the whole answer that it came in.
    #[must_use]
    pub fn value_bytes(&self) -> Bytes {
        self.0.value.clone()
    }

    /// The key as text, if it is UTF-8.
    #[must_use]
    pub fn key_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0.key).ok()
    }

    /// The value as text, if it is UTF-8.
    #[must_use]
    pub fn value_str(&self) -> Option<&str> {
        std::str::from_utf8(&self.0.value).ok()
    }

    /// The store's revision when the key last came into being.
    #[must_use]
    pub fn create_revision(&self) -> i64 {
        self.0.create_revision
    }

    /// The store's revision when the key was last written.
    #[must_use]
    pub fn mod_revision(&self) -> i64 {
        self.0.mod_revision
    }

    /// How often the key was written since it came into being.
    #[must_use]
    pub fn version(&self) -> i64 {
        self.0.version
    }

    /// The lease that the key goes away with.
    #[must_use]
    pub fn lease(&self) -> Option<LeaseId> {
        (self.0.lease != 0).then_some(LeaseId::from(self.0.lease))
    }
}

impl FromWire<mvccpb::KeyValue> for KeyValue {
    fn from_wire(wire: mvccpb::KeyValue) -> Self {
        Self(wire)
    }
}

json_object!(KeyValue, it => {
    key: it.0.key,
    value: it.0.value,
    create_revision: it.0.create_revision,
    mod_revision: it.0.mod_revision,
    version: it.0.version,
    lease: it.lease(),
});
