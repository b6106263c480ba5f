//! How a lease ends.

use std::fmt;
use std::sync::Arc;

use crate::error::{Error, ErrorKind, Failure, Fate, Outcome};
use crate::json::json_object;
use crate::lease::id::LeaseId;

/// A lease that was kept and is no more, or must be taken for gone.
#[derive(Clone, PartialEq, Eq)]
pub struct LeaseLost {
    id: LeaseId,
    reason: LeaseLostReason,
    /// What went wrong last, where it was not the server that ended it.
    last: Option<Arc<str>>,
}

/// Why a lease is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LeaseLostReason {
    /// No keepalive was answered in time. The server still has the lease, for a moment at least.
    Unanswered,
    /// The server has it no more: it ran out, or somebody revoked it.
    Gone,
    /// It was revoked here.
    Revoked,
    /// The runtime that kept it was shut down.
    Stopped,
    /// The server lets this user not renew it, who may not write all the keys that hang on it. It is said
    /// at once only of a lease that was not kept before: of another it is asked again, as somebody may
    /// change that, until it is [`Unanswered`](Self::Unanswered).
    Refused,
}

impl LeaseLost {
    pub(super) fn new(id: LeaseId, reason: LeaseLostReason, last: Option<Arc<str>>) -> Self {
        Self { id, reason, last }
    }

    /// The number of the lease.
    #[must_use]
    pub fn id(&self) -> LeaseId {
        self.id
    }

    /// Why it is lost.
    #[must_use]
    pub fn reason(&self) -> LeaseLostReason {
        self.reason
    }

    /// As the error of something that needed the lease.
    pub(crate) fn into_error(self, operation: &'static str) -> Error {
        let failure = Failure::new(ErrorKind::LeaseLost, Fate::Refused, self.to_string());
        Error::new(operation, failure, Outcome::NotApplied)
    }
}

json_object!(LeaseLost, it => {
    id: it.id,
    reason: match it.reason {
        LeaseLostReason::Unanswered => "unanswered",
        LeaseLostReason::Gone => "gone",
        LeaseLostReason::Revoked => "revoked",
        LeaseLostReason::Stopped => "stopped",
        LeaseLostReason::Refused => "refused",
    },
    last_error: it.last.as_deref(),
});

impl fmt::Display for LeaseLost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "lease {} is lost: ", self.id)?;
        f.write_str(match self.reason {
            LeaseLostReason::Unanswered => "no keepalive was answered in time",
            LeaseLostReason::Gone => "the server has it no more",
            LeaseLostReason::Revoked => "it was revoked here",
            LeaseLostReason::Stopped => "the runtime that kept it was shut down",
            LeaseLostReason::Refused => "the server does not let us renew it",
        })?;
        match &self.last {
            Some(last) => write!(f, " ({last})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for LeaseLost {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_which_and_why() {
        let lost = |reason, last: Option<&str>| {
            LeaseLost::new(LeaseId::from(7), reason, last.map(Into::into))
        };
        insta::assert_snapshot!(lost(LeaseLostReason::Gone, None), @"lease 0000000000000007 is lost: the server has it no more");
        let error =
            lost(LeaseLostReason::Unanswered, Some("lease keepalive at https://a:1: no leader"));
        insta::assert_snapshot!(error.into_error("lock"), @"lock: lease 0000000000000007 is lost: no keepalive was answered in time (lease keepalive at https://a:1: no leader)");
    }
}
