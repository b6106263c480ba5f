//! Reading keys.

use bytes::Bytes;

use crate::from_wire::{self, FromWire};
use crate::generated::etcdserverpb as pb;
use crate::generated::etcdserverpb::range_request::{SortOrder, SortTarget};
use crate::json::{json_inner, json_object};
use crate::kv::key_value::KeyValue;
use crate::kv::keys::Keys;

/// What to read, and how.
///
/// ```
/// use tercet_client::Range;
///
/// let newest = Range::prefix("jobs/").newest_first().limit(10);
/// ```
#[derive(Clone, PartialEq, Eq)]
#[must_use]
pub struct Range(pb::RangeRequest);

/// By what an answer is ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SortBy {
    /// The key's bytes; this is the order of an answer that was not asked to be sorted.
    Key,
    /// The value's bytes.
    Value,
    /// How often the key was written.
    Version,
    /// When it came into being.
    CreateRevision,
    /// When it was last written.
    ModRevision,
}

/// Which end of an order comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Order {
    /// The least first.
    Ascending,
    /// The greatest first.
    Descending,
}

impl Range {
    /// These keys.
    pub fn new(keys: impl Into<Keys>) -> Self {
        let (key, range_end) = keys.into().into_wire();
        Self(pb::RangeRequest { key, range_end, ..Default::default() })
    }

    /// One key.
    pub fn key(key: impl Into<Bytes>) -> Self {
        Self::new(Keys::one(key))
    }

    /// All keys that begin with `prefix`.
    pub fn prefix(prefix: impl Into<Bytes>) -> Self {
        Self::new(Keys::prefix(prefix))
    }

    /// All keys from `from` on and before `to`.
    pub fn between(from: impl Into<Bytes>, to: impl Into<Bytes>) -> Self {
        Self::new(Keys::between(from, to))
    }

    /// `from` and all keys after it.
    pub fn starting_at(from: impl Into<Bytes>) -> Self {
        Self::new(Keys::starting_at(from))
    }

    /// All keys.
    pub fn all() -> Self {
        Self::new(Keys::all())
    }

    /// At most so many keys; 0 is no limit.
    pub fn limit(mut self, keys: u32) -> Self {
        self.0.limit = keys.into();
        self
    }

    /// As of an older revision of the store.
    pub fn revision(mut self, revision: i64) -> Self {
        self.0.revision = revision;
        self
    }

    /// From the asked member's own store, which answers without a leader but may be behind.
    pub fn serializable(mut self) -> Self {
        self.0.serializable = true;
        self
    }

    /// In this order.
    pub fn sort(mut self, by: SortBy, order: Order) -> Self {
        let target = match by {
            SortBy::Key => SortTarget::Key,
            SortBy::Value => SortTarget::Value,
            SortBy::Version => SortTarget::Version,
            SortBy::CreateRevision => SortTarget::Create,
            SortBy::ModRevision => SortTarget::Mod,
        };
        let order = match order {
            Order::Ascending => SortOrder::Ascend,
            Order::Descending => SortOrder::Descend,
        };
        self.0.set_sort_target(target);
        self.0.set_sort_order(order);
        self
    }

    /// Only keys that came into being at this revision or before.
    pub fn max_create_revision(mut self, revision: i64) -> Self {
        self.0.max_create_revision = revision;
        self
    }

    /// Only keys that came into being at this revision or later.
    pub fn min_create_revision(mut self, revision: i64) -> Self {
        self.0.min_create_revision = revision;
        self
    }

    /// Only keys that were last written at this revision or later.
    pub fn min_mod_revision(mut self, revision: i64) -> Self {
        self.0.min_mod_revision = revision;
        self
    }

    /// Only keys that were last written at this revision or before.
    pub fn max_mod_revision(mut self, revision: i64) -> Self {
        self.0.max_mod_revision = revision;
        self
    }

    /// What was written last comes first.
    pub fn newest_first(self) -> Self {
        self.sort(SortBy::ModRevision, Order::Descending)
    }

    /// Without the values.
    pub fn keys_only(mut self) -> Self {
        self.0.keys_only = true;
        self
    }

    /// How many there are, and nothing else.
    pub fn count_only(mut self) -> Self {
        self.0.count_only = true;
        self
    }

    pub(super) fn from_wire(wire: pb::RangeRequest) -> Self {
        Self(wire)
    }

    pub(crate) fn into_wire(self) -> pb::RangeRequest {
        self.0
    }
}

impl<K: Into<Keys>> From<K> for Range {
    fn from(keys: K) -> Self {
        Self::new(keys)
    }
}

json_inner!(Range);

/// What was read.
#[derive(Clone, PartialEq, Eq)]
pub struct RangeResponse {
    kvs: Vec<KeyValue>,
    more: bool,
    count: i64,
    revision: i64,
}

impl RangeResponse {
    /// The keys, in the order asked for.
    #[must_use]
    pub fn kvs(&self) -> &[KeyValue] {
        &self.kvs
    }

    /// The keys, to keep.
    #[must_use]
    pub fn into_kvs(self) -> Vec<KeyValue> {
        self.kvs
    }

    /// Whether the limit left some out.
    #[must_use]
    pub fn more(&self) -> bool {
        self.more
    }

    /// How many keys the range has, whatever the limit. The range of a [page](crate::Client::pages)
    /// begins where the page does: those before it are not counted.
    #[must_use]
    pub fn count(&self) -> i64 {
        self.count
    }

    /// The store's current revision when this was read: a watch from the next one on misses nothing.
    ///
    /// It is the current one also where an older one was asked for ([`Range::revision`]).
    #[must_use]
    pub fn revision(&self) -> i64 {
        self.revision
    }
}

json_object!(RangeResponse, it => {
    revision: it.revision,
    count: it.count,
    more: it.more,
    kvs: it.kvs,
});

impl FromWire<pb::RangeResponse> for RangeResponse {
    fn from_wire(wire: pb::RangeResponse) -> Self {
        Self {
            kvs: from_wire::all(wire.kvs),
            more: wire.more,
            count: wire.count,
            revision: wire.header.unwrap_or_default().revision,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_reach_the_wire() {
        let wire = Range::prefix("a")
            .limit(3)
            .revision(7)
            .serializable()
            .keys_only()
            .count_only()
            .newest_first()
            .into_wire();
        assert_eq!((&wire.key[..], &wire.range_end[..]), (&b"a"[..], &b"b"[..]));
        assert_eq!((wire.limit, wire.revision), (3, 7));
        assert!(wire.serializable && wire.keys_only && wire.count_only);
        assert_eq!(wire.sort_target(), SortTarget::Mod);
        assert_eq!(wire.sort_order(), SortOrder::Descend);
    }

    #[test]
    fn a_plain_read_is_linearizable() {
        assert!(!Range::from("a").into_wire().serializable);
    }
}
