//! What is done to a fleet that runs: members in and out, restarts one after the other, other
//! versions, new certificates, snapshots.
//!
//! Everything here is built from three things: what a member is to be from its next start on
//! (`MemberCell::install` of a `MemberPlan`), its end and its start (`Member`), and requests to the
//! fleet (the client).

mod cause;
mod change;
mod course;
mod downgrade;
mod entry;
mod error;
mod hash;
mod leader;
mod members;
mod names;
mod peer_url;
mod promote;
mod quorum;
mod refusal;
mod remove;
mod replace;
mod restart_as;
mod restore;
mod rolling;
mod roster;
mod rotate;
mod snapshot;
mod snapshot_first;
mod step;
mod stop;
mod upgrade;
mod upkeep;
mod versions;

pub use error::{Cause, FailedStep, MemberNow, OperateError, OperateRefusal, Step};
pub use hash::{HashReport, MemberHash, Unsettled};
pub use restore::{Restore, RestoreError, ToolFailure};
pub(crate) use rotate::relist;
pub use rotate::{RevokeError, RotateError, RotatedPhase, RotationMethod};
pub use upkeep::Defragmented;
pub use versions::MemberVersions;
