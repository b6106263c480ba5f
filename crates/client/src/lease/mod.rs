//! Leases: keys that go away by themselves.

mod calls;
mod handle;
pub(crate) mod id;
mod keeper;
mod kept;
mod lost;
mod responses;
mod stream;
mod table;

pub use self::handle::{Lease, LeaseState};
pub use self::id::LeaseId;
pub use self::lost::{LeaseLost, LeaseLostReason};
pub use self::responses::{
    LeaseGrantResponse, LeaseRevokeResponse, LeaseTimeToLiveResponse, MAX_LEASE_TTL,
};

pub(crate) use self::keeper::Keeper;
