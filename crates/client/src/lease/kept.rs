//! What the holders of a kept lease know of it.

use std::pin::pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::lease::id::LeaseId;
use crate::lease::lost::LeaseLost;

/// One lease, between who keeps it and who holds it.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) id: LeaseId,
    told: Mutex<Told>,
    /// When `told` says for the first time how long it lives, and when it is lost.
    changed: Notify,
}

#[derive(Debug, Clone)]
struct Told {
    /// `None` until a server said so.
    ttl: Option<Duration>,
    /// From when on it must be taken for gone.
    deadline: Instant,
    /// Most never are, and there may be many.
    lost: Option<Box<LeaseLost>>,
}

impl Kept {
    pub(super) fn new(id: LeaseId, ttl: Option<Duration>, deadline: Instant) -> Self {
        let told = Mutex::new(Told { ttl, deadline, lost: None });
        Self { id, told, changed: Notify::new() }
    }

    /// A server has renewed it.
    pub(super) fn renewed(&self, ttl: Duration, deadline: Instant) {
        let mut told = self.told();
        let first = told.ttl.replace(ttl).is_none();
        told.deadline = deadline;
        drop(told);
        if first {
            self.changed.notify_waiters();
        }
    }

    /// It is lost; how it was lost first counts.
    pub(super) fn lose(&self, lost: LeaseLost) {
        self.told().lost.get_or_insert_with(|| Box::new(lost));
        self.changed.notify_waiters();
    }

    pub(super) fn ttl(&self) -> Option<Duration> {
        self.told().ttl
    }

    /// From when on it must be taken for gone, as far as is known.
    pub(super) fn deadline(&self) -> Instant {
        self.told().deadline
    }

    pub(super) fn is_lost(&self) -> Option<LeaseLost> {
        self.told().lost.as_deref().cloned()
    }

    /// For how long it lives at least if no more keepalive is answered; `None` when it is lost.
    ///
    /// It asks the clock, so that whoever slept through the deadline knows before whoever was to
    /// tell him.
    pub(super) fn left(&self, now: Instant) -> Option<Duration> {
        let told = self.told();
        let left = told.deadline.checked_duration_since(now)?;
        (told.lost.is_none() && told.ttl.is_some() && !left.is_zero()).then_some(left)
    }

    /// Waits until it is lost.
    pub(super) async fn lost(&self) -> LeaseLost {
        loop {
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            if let Some(lost) = self.is_lost() {
                return lost;
            }
            changed.await;
        }
    }

    /// Waits until a server said how long it lives.
    pub(super) async fn known(&self) -> Result<Duration, LeaseLost> {
        loop {
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            let told = self.told().clone();
            match (told.lost, told.ttl) {
                (Some(lost), _) => return Err(*lost),
                (None, Some(ttl)) => return Ok(ttl),
                (None, None) => changed.await,
            }
        }
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
