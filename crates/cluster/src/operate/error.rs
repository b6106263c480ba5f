//! What can go wrong when something is done to a running fleet.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::hash::{HashReport, Unsettled};
use crate::binary::Version;
use crate::cluster::{KillError, LeaderError, Log, StartError};
use crate::plan::Spec;

/// Why something that was to be done to a running fleet was not done, or not to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OperateError {
    /// It cannot be done, or not now. Nothing was changed.
    #[error("{0}; nothing was changed")]
    Refused(OperateRefusal),
    /// A step failed. What the fleet is now is in it, and in its text.
    #[error(transparent)]
    Failed(Box<FailedStep>),
}

impl OperateError {
    /// The step that failed, unless nothing was begun.
    #[must_use]
    pub fn failed(&self) -> Option<&FailedStep> {
        match self {
            Self::Failed(failed) => Some(failed),
            Self::Refused(_) => None,
        }
    }

    /// Why it was refused, if nothing was begun.
    #[must_use]
    pub fn refusal(&self) -> Option<&OperateRefusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            Self::Failed(_) => None,
        }
    }
}

impl From<OperateRefusal> for OperateError {
    fn from(refusal: OperateRefusal) -> Self {
        Self::Refused(refusal)
    }
}

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
}

/// A step of an operation that failed.
#[derive(Debug, thiserror::Error)]
pub struct FailedStep {
    pub(super) operation: String,
    pub(super) step: Step,
    pub(super) member: Option<String>,
    pub(super) elapsed: Duration,
    pub(super) now: Vec<MemberNow>,
    pub(super) not_undone: Option<String>,
    pub(super) log: Option<PathBuf>,
    pub(super) log_tail: Vec<String>,
    #[source]
    pub(super) cause: Cause,
}

impl FailedStep {
    /// What was being done, as in "restarting one member after the other".
    #[must_use]
    pub fn operation(&self) -> &str {
        &self.operation
    }

    /// The step that failed.
    #[must_use]
    pub const fn step(&self) -> Step {
        self.step
    }

    /// The member that it was about, if it was about one.
    #[must_use]
    pub fn member(&self) -> Option<&str> {
        self.member.as_deref()
    }

    /// How long after the beginning of the operation.
    #[must_use]
    pub const fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// What each member is now, also those that were removed.
    #[must_use]
    pub fn now(&self) -> &[MemberNow] {
        &self.now
    }

    /// Why what was begun could not be taken back, if it was to be.
    #[must_use]
    pub fn not_undone(&self) -> Option<&str> {
        self.not_undone.as_deref()
    }

    /// Where the log of the member is, if the error is about one.
    #[must_use]
    pub fn log(&self) -> Option<&Path> {
        match &self.cause {
            Cause::Start(error) => error.log(),
            _ => self.log.as_deref(),
        }
    }

    /// Why, to be matched on; as text it is the error's source.
    #[must_use]
    pub const fn cause(&self) -> &Cause {
        &self.cause
    }
}

impl fmt::Display for FailedStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { operation, step, member, elapsed, now, not_undone, log, log_tail, .. } = self;
        write!(f, "{operation}: ")?;
        match member {
            Some(member) => write!(f, "{member} {step}")?,
            None => write!(f, "the fleet {step}")?,
        }
        write!(f, ", after {elapsed:.1?}\n  now: ")?;
        for (index, member) in now.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            write!(f, "{comma}{member}")?;
        }
        if let Some(why) = not_undone {
            write!(f, "\n  it could not be taken back ({why}): call it again to go on")?;
        }
        match log {
            Some(path) => write!(f, "\n{}", Log { path, lines: log_tail }),
            None => Ok(()),
        }
    }
}

/// What was done when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Step {
    /// Waiting until all that runs is ready, before any of it is touched.
    Before,
    /// Asking who leads.
    Leader,
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
            Self::MoveLeader => "did not come to lead",
            Self::Plan => "cannot be planned",
            Self::Certificates => "has no certificates",
            Self::Enroll => "was not made known to the fleet",
            Self::Tell => "was not made known where it shall be",
            Self::Promote => "was given no vote",
            Self::Expel => "was not taken out of the fleet",
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

/// Why a step failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// A member did not come up, or the fleet is not ready.
    #[error(transparent)]
    Start(#[from] StartError),
    /// A member does not go down.
    #[error(transparent)]
    Kill(#[from] KillError),
    /// Nobody leads.
    #[error(transparent)]
    Leader(#[from] LeaderError),
    /// The fleet, or one member of it, refused a request or did not answer.
    #[error(transparent)]
    Client(#[from] tercet_client::Error),
    /// The members do not have the same.
    #[error("the members do not have the same: {report}")]
    Differ {
        /// What each has.
        report: HashReport,
    },
    /// The members could not be compared.
    #[error(transparent)]
    Unsettled(#[from] Unsettled),
    /// Its certificates could not be made.
    #[error(transparent)]
    Fleet(#[from] tercet_pki::FleetError),
    /// A certificate could not be written.
    #[error(transparent)]
    Write(#[from] tercet_pki::WriteError),
    /// The certificates are not as they were left.
    #[error(transparent)]
    Certificates(#[from] tercet_pki::FleetLoadError),
    /// Files could not be removed.
    #[error("cannot remove {}", path.display())]
    Data {
        /// What was to be removed.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It was done, and it does not show.
    #[error("it was agreed on, but is not to be seen after {elapsed:.1?}")]
    NotSeen {
        /// For how long it was looked for.
        elapsed: Duration,
    },
    /// It was to forget the others.
    #[error("it still counts {members} members")]
    NotAlone {
        /// How many it counts.
        members: usize,
    },
    /// A learner has not caught up.
    #[error(
        "it has not caught up: it is at {}, and the leader at {}",
        index(*learner), index(*leader)
    )]
    Behind {
        /// How far the learner's log is, if it says.
        learner: Option<u64>,
        /// How far the leader's log is, if it says.
        leader: Option<u64>,
        /// What the leader said.
        source: tercet_client::Error,
    },
}

fn index(index: Option<u64>) -> String {
    index.map_or_else(|| "no known entry".to_owned(), |index| format!("entry {index}"))
}

impl Cause {
    /// Whether its text has the end of a log.
    pub(super) fn has_log(&self) -> bool {
        matches!(self, Self::Start(error) if error.log().is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Vec<MemberNow> {
        let member = |name: &str, running, removed| MemberNow {
            name: name.to_owned(),
            version: Version::new(3, 5, 1),
            learner: false,
            running,
            removed,
        };
        vec![member("m1", true, false), member("m2", false, false), member("m3", false, true)]
    }

    #[test]
    fn texts() {
        let failed = FailedStep {
            operation: "restarting one member after the other".to_owned(),
            step: Step::Stop,
            member: Some("m2".to_owned()),
            elapsed: Duration::from_millis(1234),
            now: now(),
            not_undone: None,
            log: Some("/run/m2/etcd.log".into()),
            log_tail: vec!["one".to_owned(), "two".to_owned()],
            cause: KillError::NotRunning { member: "m2".to_owned() }.into(),
        };
        insta::assert_snapshot!(OperateError::Failed(Box::new(failed)), @r"
        restarting one member after the other: m2 was not stopped, after 1.2s
          now: m1 runs (3.5.1), m2 is down (3.5.1), m3 is removed
          the end of its log /run/m2/etcd.log:
            one
            two
        ");
    }
}
