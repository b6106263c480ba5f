//! What operating a cluster needs: its members, and the upkeep of their stores.

mod alarm;
mod compact;
mod defragment;
mod downgrade;
mod hash;
mod member;
mod members;
mod move_leader;
mod snapshot;
mod status;

pub use self::alarm::{Alarm, AlarmKind};
pub use self::compact::{Compact, CompactResponse};
pub use self::downgrade::DowngradeResponse;
pub use self::hash::{HashKvResponse, HashResponse};
pub use self::members::MemberAddResponse;
pub use self::snapshot::{SNAPSHOT_STALL_TIMEOUT, SavedSnapshot, Snapshot, SnapshotChunk};
pub use self::status::Status;
