//! What can go wrong when something is done to a running fleet.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use super::cause::Cause;
pub use super::refusal::OperateRefusal;
pub use super::step::{MemberNow, Step};
use crate::cluster::Log;

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binary::Version;
    use crate::cluster::KillError;

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
