//! What a transaction depends on.

use bytes::Bytes;

use crate::generated::etcdserverpb as pb;
use crate::generated::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use crate::json::json_inner;
use crate::kv::keys::Keys;
use crate::lease::id::LeaseId;

/// Something that the store must have for a transaction to go the one way and not the other.
///
/// Over several keys it must be so for each of them. Where there are none it is as of a key that
/// does not exist: its numbers are 0, and no comparison of its value holds
/// (`server/etcdserver/txn/txn.go`, `applyCompare`).
#[derive(Clone, PartialEq, Eq)]
#[must_use]
pub struct Compare(pb::Compare);

/// How what the store has relates to what was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Is {
    /// The same.
    Equal,
    /// Another.
    NotEqual,
    /// Greater than what was given.
    Greater,
    /// Less than what was given.
    Less,
}

impl Compare {
    /// The value, by its bytes. A key that does not exist has none: this never holds for it.
    pub fn value(keys: impl Into<Keys>, is: Is, value: impl Into<Bytes>) -> Self {
        Self::new(keys, is, CompareTarget::Value, TargetUnion::Value(value.into()))
    }

    /// How often the key was written since it came into being; 0 if it does not exist.
    pub fn version(keys: impl Into<Keys>, is: Is, version: i64) -> Self {
        Self::new(keys, is, CompareTarget::Version, TargetUnion::Version(version))
    }

    /// When the key came into being; 0 if it does not exist.
    pub fn create_revision(keys: impl Into<Keys>, is: Is, revision: i64) -> Self {
        Self::new(keys, is, CompareTarget::Create, TargetUnion::CreateRevision(revision))
    }

    /// When the key was last written; 0 if it does not exist.
    pub fn mod_revision(keys: impl Into<Keys>, is: Is, revision: i64) -> Self {
        Self::new(keys, is, CompareTarget::Mod, TargetUnion::ModRevision(revision))
    }

    /// The lease of the key; 0 if it has none.
    pub fn lease(keys: impl Into<Keys>, is: Is, id: impl Into<LeaseId>) -> Self {
        Self::new(keys, is, CompareTarget::Lease, TargetUnion::Lease(id.into().into()))
    }

    /// The key exists.
    pub fn exists(key: impl Into<Bytes>) -> Self {
        Self::create_revision(Keys::one(key), Is::NotEqual, 0)
    }

    /// The key does not exist.
    pub fn missing(key: impl Into<Bytes>) -> Self {
        Self::create_revision(Keys::one(key), Is::Equal, 0)
    }

    fn new(keys: impl Into<Keys>, is: Is, target: CompareTarget, given: TargetUnion) -> Self {
        let (key, range_end) = keys.into().into_wire();
        let result = match is {
            Is::Equal => CompareResult::Equal,
            Is::NotEqual => CompareResult::NotEqual,
            Is::Greater => CompareResult::Greater,
            Is::Less => CompareResult::Less,
        };
        Self(pb::Compare {
            result: result.into(),
            target: target.into(),
            key,
            range_end,
            target_union: Some(given),
        })
    }

    pub(crate) fn into_wire(self) -> pb::Compare {
        self.0
    }
}

json_inner!(Compare);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comparisons_reach_the_wire() {
        let wire = Compare::version("k", Is::Greater, 3).into_wire();
        assert_eq!(wire.result(), CompareResult::Greater);
        assert_eq!(wire.target(), CompareTarget::Version);
        assert_eq!(wire.target_union, Some(TargetUnion::Version(3)));
        assert_eq!((&wire.key[..], &wire.range_end[..]), (&b"k"[..], &b""[..]));

        let wire = Compare::lease("k", Is::Equal, 7).into_wire();
        assert_eq!(wire.target_union, Some(TargetUnion::Lease(7)));

        let wire = Compare::value(Keys::prefix("k"), Is::NotEqual, "v").into_wire();
        assert_eq!(&wire.range_end[..], b"l");
        assert_eq!(wire.target_union, Some(TargetUnion::Value("v".into())));
    }

    #[test]
    fn missing_and_exists_are_opposites() {
        let missing = Compare::missing("k").into_wire();
        let exists = Compare::exists("k").into_wire();
        assert_eq!(missing.target_union, exists.target_union);
        assert_eq!(missing.result(), CompareResult::Equal);
        assert_eq!(exists.result(), CompareResult::NotEqual);
    }
}
