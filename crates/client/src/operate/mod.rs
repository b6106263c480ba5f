//! What operating a cluster needs: its members, and the upkeep of their stores.

mod member;
mod members;
mod move_leader;
mod status;

pub use self::members::MemberAddResponse;
pub use self::status::Status;
