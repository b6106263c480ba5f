//! Whether an endpoint is worth asking.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use crate::random::jittered;

/// How long an endpoint is left out after it failed once: a member that has lost its leader, or was
/// restarted, may be back by then.
const FIRST: Duration = Duration::from_millis(250);
/// How long at most, however often it failed. A try costs a dial that no request waits for, and a
/// member that came back should have its share soon.
const LONGEST: Duration = Duration::from_secs(5);

/// What is known of one endpoint. It has no clock of its own: times are since the client was made.
#[derive(Debug, Default)]
pub(crate) struct Health {
    /// From when on it may be tried again, in milliseconds; 0 while it works.
    again_at: AtomicU64,
    /// In a row.
    failures: AtomicU32,
}

impl Health {
    pub(crate) fn is_good(&self) -> bool {
        self.again_at() == Duration::ZERO
    }

    /// When it may be tried again.
    pub(crate) fn again_at(&self) -> Duration {
        Duration::from_millis(self.again_at.load(Ordering::Relaxed))
    }

    /// It answered: whatever it was, it is over.
    pub(crate) fn succeeded(&self) {
        // Every answer comes here: look before writing to what others read.
        if !self.is_good() {
            self.failures.store(0, Ordering::Relaxed);
            self.again_at.store(0, Ordering::Relaxed);
        }
    }

    /// It did not. However many requests find that at once, it is one failure.
    pub(crate) fn failed(&self, now: Duration) {
        let again_at = self.again_at.load(Ordering::Relaxed);
        if Duration::from_millis(again_at) <= now {
            self.leave_out(again_at, now);
        }
    }

    /// Whether whoever asks is the one that tries it again now; nobody else is until it has failed
    /// or succeeded, or its next turn comes.
    pub(crate) fn is_my_turn(&self, now: Duration) -> bool {
        let again_at = self.again_at.load(Ordering::Relaxed);
        Duration::from_millis(again_at) <= now && self.leave_out(again_at, now)
    }

    /// It cannot be tried yet, which is no failure.
    pub(crate) fn look_again(&self, when: Duration) {
        self.again_at.store(millis(when), Ordering::Relaxed);
    }

    fn leave_out(&self, seen: u64, now: Duration) -> bool {
        let failures = self.failures.load(Ordering::Relaxed);
        let pause = FIRST.saturating_mul(1 << failures.min(16)).min(LONGEST);
        let until = millis(now + jittered(pause));
        let (success, failure) = (Ordering::Relaxed, Ordering::Relaxed);
        let mine = self.again_at.compare_exchange(seen, until, success, failure).is_ok();
        if mine {
            self.failures.store(failures.saturating_add(1), Ordering::Relaxed);
        }
        mine
    }
}

/// Never 0, which says that it works.
fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crowd_that_fails_at_once_is_one_failure() {
        let health = Health::default();
        let now = Duration::from_secs(1);
        assert!(health.is_good());
        for _ in 0..64 {
            health.failed(now);
        }
        assert!(!health.is_good());
        assert!((now + FIRST / 2..=now + FIRST).contains(&health.again_at()));
    }

    #[test]
    fn one_tries_it_again_when_its_time_comes() {
        let health = Health::default();
        let now = Duration::from_secs(1);
        health.failed(now);
        assert!(!health.is_my_turn(now), "too early");
        let now = health.again_at();
        assert!(health.is_my_turn(now));
        assert!(!health.is_my_turn(now), "one is enough");
        // Its failure was counted when it began.
        let again_at = health.again_at();
        health.failed(now);
        assert_eq!(health.again_at(), again_at);
    }

    #[test]
    fn it_is_left_out_for_longer_each_time_but_not_for_ever() {
        let health = Health::default();
        let mut now = Duration::from_secs(1);
        let mut pauses = Vec::new();
        for _ in 0..40 {
            health.failed(now);
            pauses.push(health.again_at() - now);
            now = health.again_at();
        }
        assert!(pauses[0] <= FIRST && pauses[3] > FIRST * 3, "{pauses:?}");
        assert!(pauses.iter().all(|&pause| pause <= LONGEST), "{pauses:?}");
        assert!(pauses[39] >= LONGEST / 2, "{pauses:?}");

        health.succeeded();
        assert!(health.is_good());
        health.failed(now);
        assert!(health.again_at() - now <= FIRST, "success forgives all");
    }
}
