//! One key as the store has it.

use std::fmt;

use bytes::Bytes;

use crate::from_wire::FromWire;
use crate::generated::mvccpb;
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

impl fmt::Debug for KeyValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyValue")
            // As byte strings: most are text, and a list of numbers helps nobody.
            .field("key", &self.0.key)
            .field("value", &self.0.value)
            .field("create_revision", &self.0.create_revision)
            .field("mod_revision", &self.0.mod_revision)
            .field("version", &self.0.version)
            .field("lease", &self.lease())
            .finish()
    }
}
