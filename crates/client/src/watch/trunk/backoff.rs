//! How long to wait before another stream is tried.

use std::pin::Pin;
use std::time::Duration;

use tokio::time::Sleep;

use crate::random::jittered;

const FIRST: Duration = Duration::from_millis(20);
const LONGEST: Duration = Duration::from_secs(1);
/// A stream that lasted this long was a good one.
const GOOD: Duration = Duration::from_secs(1);

/// Grows with each failure in a row.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// After no stream could be opened.
    pub(super) fn pause(&mut self) -> Pin<Box<Sleep>> {
        Box::pin(tokio::time::sleep(self.next()))
    }

    /// After a stream that lasted so long: none if it was a good one.
    pub(super) fn after(&mut self, age: Duration) -> Option<Pin<Box<Sleep>>> {
        if age >= GOOD {
            self.failures = 0;
            return None;
        }
        Some(self.pause())
    }

    fn next(&mut self) -> Duration {
        let longest = FIRST.saturating_mul(1 << self.failures.min(10)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        // So that clients that lost the same member do not all come back at once.
        jittered(longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn grows_to_a_second_and_is_forgotten() {
        let mut backoff = Backoff::default();
        for _ in 0..100 {
            let longest = FIRST.saturating_mul(1 << backoff.failures.min(10)).min(LONGEST);
            let pause = backoff.next();
            assert!(pause >= longest / 2 && pause <= longest, "{pause:?}");
        }
        assert!(backoff.next() >= LONGEST / 2);
        assert!(backoff.after(Duration::ZERO).is_some());
        assert!(backoff.after(GOOD).is_none());
        assert!(backoff.next() <= FIRST);
    }
}
