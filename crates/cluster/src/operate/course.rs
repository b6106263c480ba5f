//! An operation under way.

use std::time::Instant;

use tokio::sync::MutexGuard;

use super::error::{Cause, FailedStep, MemberNow, OperateError, Step};
use crate::cluster::{Cluster, LOG_TAIL_LINES, Member};
use crate::observe::log_tail;

/// One operation on a fleet, from its beginning to its end. There is one at a time: two that change
/// the members, or restart them, would each take away what the other counts on.
#[derive(Debug)]
pub(super) struct Course<'a> {
    pub(super) cluster: &'a Cluster,
    /// In the words of its errors.
    operation: String,
    begin: Instant,
    /// None for what changes nothing, and may so go on beside what does.
    _only: Option<MutexGuard<'a, ()>>,
}

impl<'a> Course<'a> {
    /// Waits until no other operation is under way.
    pub(super) async fn begin(cluster: &'a Cluster, operation: impl Into<String>) -> Self {
        let only = cluster.operating.lock().await;
        let operation = operation.into();
        Self { cluster, operation, begin: Instant::now(), _only: Some(only) }
    }

    /// An operation that takes nothing away from another one.
    pub(super) fn beside_others(cluster: &'a Cluster, operation: impl Into<String>) -> Self {
        Self { cluster, operation: operation.into(), begin: Instant::now(), _only: None }
    }

    /// Why it ends here. Its text has the end of the member's log, unless the cause has one.
    pub(super) fn failed(
        &self,
        step: Step,
        member: Option<Member<'_>>,
        cause: impl Into<Cause>,
    ) -> OperateError {
        let cause = cause.into();
        let log = member.filter(|_| !cause.has_log()).map(|member| member.log().to_owned());
        let log_tail = log.as_deref().map(|log| log_tail(log, LOG_TAIL_LINES)).unwrap_or_default();
        OperateError::Failed(Box::new(FailedStep {
            operation: self.operation.clone(),
            step,
            member: member.map(|member| member.name().to_owned()),
            elapsed: self.begin.elapsed(),
            now: members_now(self.cluster),
            log,
            log_tail,
            cause,
        }))
    }
}

/// What each member is now, also those that were removed.
fn members_now(cluster: &Cluster) -> Vec<MemberNow> {
    (0..cluster.cells.count())
        .map(|index| Member::new(cluster, index))
        .map(|member| MemberNow {
            name: member.name().to_owned(),
            version: member.binary().version(),
            running: member.is_running(),
            removed: member.is_removed(),
        })
        .collect()
}
