//! Why something cannot be done to a fleet as it is.

use crate::binary::{Version, VersionChangeError};
use crate::plan::{PlanError, Spec};

/// Why something cannot be done to a fleet as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OperateRefusal {
    /// The fleet has as many members as it may.
    #[error("{members} members are too many: a fleet has {} at most", Spec::MOST_MEMBERS)]
    TooMany {
        /// How many there would be.
        members: usize,
    },
    /// Too few run for another one to come.
    #[error(
        "another member can come when {needed} of the {voters} with a vote run, and {running} do: start the others first, or remove them"
    )]
    TooFewToAdd {
        /// How many members have a vote.
        voters: usize,
        /// How many of them run.
        running: usize,
        /// How many would have to.
        needed: usize,
    },
    /// Too few run for one to go.
    #[error(
        "without {member} there would be {voters} members with a vote, of which {needed} must run, and {running} would: start the others first, or remove those that are down"
    )]
    TooFewToRemove {
        /// Who was to go.
        member: String,
        /// How many members with a vote would stay.
        voters: usize,
        /// How many of them run.
        running: usize,
        /// How many would have to.
        needed: usize,
    },
    /// Without it there would be no fleet.
    #[error("{member} is the only member with a vote: add another one first")]
    LastVoter {
        /// Who was to go.
        member: String,
    },
    /// No etcd of this version can follow the one that runs a member.
    #[error("{member} stays as it is: {reason}")]
    Version {
        /// The member's name.
        member: String,
        /// Why not.
        reason: VersionChangeError,
    },
    /// The version is older, and nobody said that it should be.
    #[error("{member} is run by {from}, and {to} is older: use `downgrade`")]
    Down {
        /// The member's name.
        member: String,
        /// What runs it.
        from: Version,
        /// What was to run it.
        to: Version,
    },
    /// The version is newer, and was to be older.
    #[error("{member} is run by {from}, and {to} is not older: use `upgrade`")]
    Up {
        /// The member's name.
        member: String,
        /// What runs it.
        from: Version,
        /// What was to run it.
        to: Version,
    },
    /// It takes more than a restart.
    #[error(
        "{member} is run by {from}, and {to} is another minor version, which takes more than a \
         restart: use `upgrade` or `downgrade`"
    )]
    MinorVersion {
        /// The member's name.
        member: String,
        /// What runs it.
        from: Version,
        /// What was to run it.
        to: Version,
    },
    /// A version has not got what the fleet was started with.
    #[error("{member} cannot be run so: {reason}")]
    Plan {
        /// The member's name.
        member: String,
        /// What it has not got.
        reason: PlanError,
    },
    /// It has no vote, so that no fleet can go on with it alone.
    #[error("{member} has no vote: recover from a member that has one")]
    NoVote {
        /// The member's name.
        member: String,
    },
    /// Nothing is lost: the fleet can agree on all else.
    #[error(
        "{running} of the {voters} members with a vote run, which is a majority: start the others, or replace them"
    )]
    Majority {
        /// How many members have a vote.
        voters: usize,
        /// How many of them run.
        running: usize,
    },
    /// Another one has what it has not.
    #[error(
        "{other} is further than {member} (entry {further} against {index}): recover from {other}, or end it first"
    )]
    Further {
        /// The member that was to be recovered from.
        member: String,
        /// How much of the log it has applied.
        index: u64,
        /// The one that is further.
        other: String,
        /// How much of the log that one has applied.
        further: u64,
    },
    /// It does not belong to the fleet any more.
    #[error("{member} was removed, and does not come back: add another")]
    Removed {
        /// The member's name.
        member: String,
    },
    /// Where it is to be was not said, and cannot be chosen.
    #[error(
        "the members are on hosts of their own: say on which one it is to be, with add_member_on"
    )]
    NoHost,
    /// From where it is to be it would not find the others.
    #[error(
        "the members are on this machine's loopback address, where nobody finds them from another host: use add_member"
    )]
    HostsUnreached,
    /// A member has the name, or had it.
    #[error("a member is called {member} already, or was: its files are still there")]
    NameTaken {
        /// The name.
        member: String,
    },
    /// It cannot be known which of its ports are free.
    #[error(
        "{member} is on a host of its own, whose ports are not ours to choose: remove it, and add it at another one"
    )]
    PortOfHost {
        /// The member's name.
        member: String,
    },
}
