//! Leases: keys that go away by themselves.

pub(crate) mod id;

pub use self::id::LeaseId;
