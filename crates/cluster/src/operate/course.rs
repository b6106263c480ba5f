//! An operation under way.

use std::time::Instant;

use tokio::sync::MutexGuard;

use super::error::{Cause, FailedStep, MemberNow, OperateError, Step};
use crate::binary::chain;
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
        self.seen(step, member, cause).now()
    }

    /// Why it ends here, once what was begun is taken back.
    pub(super) fn seen(
        &self,
        step: Step,
        member: Option<Member<'_>>,
        cause: impl Into<Cause>,
    ) -> Seen<'a> {
        let cause = cause.into();
        let log = member.filter(|_| !cause.has_log()).map(|member| member.log().to_owned());
        let log_tail = log.as_deref().map(|log| log_tail(log, LOG_TAIL_LINES)).unwrap_or_default();
        let failed = FailedStep {
            operation: self.operation.clone(),
            step,
            member: member.map(|member| member.name().to_owned()),
            elapsed: self.begin.elapsed(),
            now: Vec::new(),
            not_undone: None,
            log,
            log_tail,
            cause,
        };
        Seen { cluster: self.cluster, failed: Box::new(failed) }
    }
}

/// A step that failed, before anybody is told.
pub(super) struct Seen<'a> {
    cluster: &'a Cluster,
    failed: Box<FailedStep>,
}

impl Seen<'_> {
    /// The fleet is as the error shall say.
    pub(super) fn now(mut self) -> OperateError {
        self.failed.now = members_now(self.cluster);
        OperateError::Failed(self.failed)
    }

    /// What was begun could not be taken back.
    pub(super) fn not_undone(mut self, cause: &Cause) -> OperateError {
        self.failed.not_undone = Some(chain(cause));
        self.now()
    }
}

/// What each member is now, also those that were removed.
fn members_now(cluster: &Cluster) -> Vec<MemberNow> {
    (0..cluster.cells.count())
        .map(|index| Member::new(cluster, index))
        .map(|member| MemberNow {
            name: member.name().to_owned(),
            version: member.binary().version(),
            learner: member.is_learner(),
            running: member.is_running(),
            removed: member.is_removed(),
        })
        .collect()
}
