//! The steps of operations, and what a fleet is at each of them.

use std::fmt;

use crate::binary::Version;

/// What was done when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Step {
    /// Waiting until all that runs is ready, before any of it is touched.
    Before,
    /// Asking who leads.
    Leader,
    /// Asking for versions, or waiting for them.
    Versions,
    /// Asking for the members' names.
    Names,
    /// Beginning a downgrade, or giving it up.
    Downgrade,
    /// Handing over the leadership.
    MoveLeader,
    /// Holding ports for it, and deciding what it is run with.
    Plan,
    /// Making its certificates.
    Certificates,
    /// Telling the fleet of it.
    Enroll,
    /// Telling the fleet where it is.
    Tell,
    /// Giving it a vote.
    Promote,
    /// Having the fleet forget it.
    Expel,
    /// Having it write a snapshot to its disk, before another version reads its data.
    WriteSnapshot,
    /// Ending it.
    Stop,
    /// Deleting its data.
    Data,
    /// Starting it.
    Start,
    /// Waiting until it is ready, and all that runs with it.
    Ready,
    /// Starting it as a fleet of its own.
    Alone,
    /// Saving a snapshot.
    Snapshot,
    /// Forgetting old revisions.
    Compact,
    /// Making its file smaller.
    Defragment,
    /// Hashing what it has.
    Hash,
    /// Asking for alarms, and disarming them.
    Alarm,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Before => "was not ready to begin with",
            Self::Leader => "told no leader",
            Self::Versions => "is not of the version that it should be",
            Self::Names => "did not say who the members are",
            Self::Downgrade => "did not agree on a downgrade",
            Self::MoveLeader => "did not come to lead",
            Self::Plan => "cannot be planned",
            Self::Certificates => "has no certificates",
            Self::Enroll => "was not made known to the fleet",
            Self::Tell => "was not made known where it shall be",
            Self::Promote => "was given no vote",
            Self::Expel => "was not taken out of the fleet",
            Self::WriteSnapshot => "wrote no snapshot",
            Self::Stop => "was not stopped",
            Self::Data => "left its data behind",
            Self::Start => "was not started",
            Self::Ready => "did not become ready",
            Self::Alone => "did not become a fleet of its own",
            Self::Snapshot => "gave no snapshot",
            Self::Compact => "was not compacted",
            Self::Defragment => "was not defragmented",
            Self::Hash => "gave no hash",
            Self::Alarm => "was not asked for its alarms",
        })
    }
}

/// What a member is at some moment.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemberNow {
    /// Its name.
    pub name: String,
    /// The version that runs it, or will from its next start on.
    pub version: Version,
    /// Whether it has no vote.
    pub learner: bool,
    /// Whether its process runs.
    pub running: bool,
    /// Whether it was removed from the fleet.
    pub removed: bool,
}

impl fmt::Display for MemberNow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, version, learner, running, removed } = self;
        if *removed {
            return write!(f, "{name} is removed");
        }
        let state = if *running { "runs" } else { "is down" };
        let learner = if *learner { ", a learner" } else { "" };
        write!(f, "{name} {state} ({version}{learner})")
    }
}
