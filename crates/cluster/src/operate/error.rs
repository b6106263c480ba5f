//! What can go wrong when something is done to a running fleet.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::hash::Unsettled;
use crate::binary::Version;
use crate::cluster::{KillError, LeaderError, Log, StartError};

/// Why something that was to be done to a running fleet was not done, or not to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OperateError {
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
        }
    }
}

/// A step of an operation that failed.
#[derive(Debug, thiserror::Error)]
pub struct FailedStep {
    pub(super) operation: String,
    pub(super) step: Step,
    pub(super) member: Option<String>,
    pub(super) elapsed: Duration,
    pub(super) now: Vec<MemberNow>,
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
        let Self { operation, step, member, elapsed, now, log, log_tail, .. } = self;
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
    /// Ending it.
    Stop,
    /// Starting it.
    Start,
    /// Waiting until it is ready, and all that runs with it.
    Ready,
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
            Self::Stop => "was not stopped",
            Self::Start => "was not started",
            Self::Ready => "did not become ready",
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
    /// Whether its process runs.
    pub running: bool,
    /// Whether it was removed from the fleet.
    pub removed: bool,
}

impl fmt::Display for MemberNow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, version, running, removed } = self;
        match (removed, running) {
            (true, _) => write!(f, "{name} is removed"),
            (false, true) => write!(f, "{name} runs ({version})"),
            (false, false) => write!(f, "{name} is down ({version})"),
        }
    }
}

/// Why a step failed.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
#[non_exhaustive]
pub enum Cause {
    /// A member did not come up, or the fleet is not ready.
    Start(#[from] StartError),
    /// A member does not go down.
    Kill(#[from] KillError),
    /// Nobody leads.
    Leader(#[from] LeaderError),
    /// The fleet, or one member of it, refused a request or did not answer.
    Client(#[from] tercet_client::Error),
    /// The members could not be compared.
    Unsettled(#[from] Unsettled),
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
