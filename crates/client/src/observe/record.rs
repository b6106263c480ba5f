//! What is told of one request.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::{Span, debug, debug_span, field};

use crate::error::{Failure, Result};
use crate::observe::hooks::{Hooks, tell};
use crate::observe::observer::{AttemptFailed, Observer, RequestEnd, RequestEnded};

/// What spans and events are found by, wherever in the crate they come from.
pub(super) const TARGET: &str = "tercet_client";

/// One request, from the call to its end, which is told however it comes about.
///
/// Where nobody listens it is `None`, and nothing is measured.
pub(crate) struct Record<'a>(Option<Active<'a>>);

struct Active<'a> {
    operation: &'static str,
    observer: Option<&'a dyn Observer>,
    span: Span,
    started: Instant,
    attempts: u32,
    attempt_started: Instant,
    endpoint: Option<Arc<str>>,
}

impl<'a> Record<'a> {
    pub(crate) fn new(hooks: &'a Hooks, operation: &'static str) -> Self {
        let span = debug_span!(
            target: TARGET,
            "etcd",
            operation,
            endpoint = field::Empty,
            attempts = field::Empty,
            result = field::Empty,
            outcome = field::Empty,
        );
        let observer = hooks.observer.as_deref();
        if observer.is_none() && span.is_disabled() {
            return Self(None);
        }
        let started = Instant::now();
        Self(Some(Active {
            operation,
            observer,
            span,
            started,
            attempts: 0,
            attempt_started: started,
            endpoint: None,
        }))
    }

    /// Where its work is done.
    pub(crate) fn span(&self) -> Span {
        self.0.as_ref().map_or_else(Span::none, |active| active.span.clone())
    }

    /// This endpoint is asked now.
    pub(crate) fn asks(&mut self, endpoint: &Arc<str>) {
        if let Some(active) = &mut self.0 {
            if active.attempts > 0 {
                active.attempt_started = Instant::now();
            }
            active.attempts += 1;
            active.endpoint = Some(endpoint.clone());
        }
    }

    /// So it was, in vain.
    pub(crate) fn attempt_failed(&self, failure: &Failure) {
        if let Some(active) = &self.0 {
            active.attempt_failed(failure);
        }
    }

    pub(crate) fn ended<T>(mut self, result: &Result<T>) {
        if let Some(active) = self.0.take() {
            active.ended(match result {
                Ok(_) => RequestEnd::Answered,
                Err(error) => RequestEnd::Failed(error),
            });
        }
    }
}

impl Drop for Record<'_> {
    fn drop(&mut self) {
        if let Some(active) = self.0.take() {
            active.ended(RequestEnd::Dropped);
        }
    }
}

impl Active<'_> {
    fn attempt_failed(&self, failure: &Failure) {
        let Self { operation, attempts: attempt, .. } = *self;
        let endpoint = self.endpoint.as_deref().unwrap_or_default();
        let (kind, elapsed) = (failure.kind, self.attempt_started.elapsed());
        debug!(target: TARGET, parent: &self.span, endpoint, attempt, ?elapsed, ?kind, why = failure.what, "attempt failed");
        if let Some(observer) = self.observer {
            let failed = AttemptFailed { operation, endpoint, attempt, elapsed, kind };
            tell(observer, |observer| observer.attempt_failed(&failed));
        }
    }

    fn ended(self, end: RequestEnd<'_>) {
        let Self { operation, attempts, started, .. } = self;
        let (endpoint, elapsed) = (self.endpoint.as_deref(), started.elapsed());
        if !self.span.is_disabled() {
            self.tell_span(end, elapsed);
        }
        if let Some(observer) = self.observer {
            let ended = RequestEnded { operation, endpoint, elapsed, attempts, end };
            tell(observer, |observer| observer.request_ended(&ended));
        }
    }

    fn tell_span(&self, end: RequestEnd<'_>, elapsed: Duration) {
        let span = &self.span;
        span.record("attempts", self.attempts);
        if let Some(endpoint) = &self.endpoint {
            span.record("endpoint", &**endpoint);
        }
        match end {
            RequestEnd::Answered => {
                span.record("result", "answered");
                debug!(target: TARGET, parent: span, ?elapsed, "answered");
            }
            RequestEnd::Failed(error) => {
                span.record("result", field::debug(error.kind()));
                span.record("outcome", field::debug(error.outcome()));
                debug!(target: TARGET, parent: span, ?elapsed, why = error.what(), "failed");
            }
            RequestEnd::Dropped => {
                span.record("result", "dropped");
                debug!(target: TARGET, parent: span, ?elapsed, "dropped before it was answered");
            }
        }
    }
}
