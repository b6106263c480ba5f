//! Which endpoint is asked first, and which next.

use std::time::{Duration, Instant};

/// For how long an endpoint that failed is asked only after all others.
///
/// As long as a member takes to restart and to be worth a try again.
const DISTRUSTED_FOR: Duration = Duration::from_secs(10);

/// Remembers the endpoint that last worked, and those that lately did not.
///
/// It has no clock and no lock of its own.
#[derive(Debug)]
pub(crate) struct Picker {
    preferred: usize,
    failed_at: Vec<Option<Instant>>,
}

impl Picker {
    pub(crate) fn new(endpoints: usize) -> Self {
        Self { preferred: 0, failed_at: vec![None; endpoints] }
    }

    /// Every endpoint once: from the last good one on, those that failed lately at the end, the
    /// longest ago first.
    pub(crate) fn order(&self, now: Instant) -> Vec<usize> {
        let count = self.failed_at.len();
        let mut order: Vec<_> = (0..count).map(|step| (self.preferred + step) % count).collect();
        // Stable, and `None` sorts before every instant.
        order.sort_by_key(|&index| {
            self.failed_at[index]
                .filter(|&failed| now.saturating_duration_since(failed) < DISTRUSTED_FOR)
        });
        order
    }

    pub(crate) fn succeeded(&mut self, index: usize) {
        self.preferred = index;
        self.failed_at[index] = None;
    }

    pub(crate) fn failed(&mut self, index: usize, now: Instant) {
        self.failed_at[index] = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn begins_in_the_order_given() {
        assert_eq!(Picker::new(3).order(Instant::now()), [0, 1, 2]);
    }

    #[test]
    fn stays_with_what_works() {
        let mut picker = Picker::new(3);
        picker.succeeded(1);
        assert_eq!(picker.order(Instant::now()), [1, 2, 0]);
    }

    #[test]
    fn a_dead_first_endpoint_is_asked_last() {
        let now = Instant::now();
        let mut picker = Picker::new(3);
        picker.failed(0, now);
        assert_eq!(picker.order(now), [1, 2, 0]);
        picker.failed(1, now + Duration::from_secs(1));
        assert_eq!(picker.order(now + Duration::from_secs(1)), [2, 0, 1]);
    }

    #[test]
    fn forgives() {
        let now = Instant::now();
        let mut picker = Picker::new(2);
        picker.failed(0, now);
        assert_eq!(picker.order(now + DISTRUSTED_FOR), [0, 1]);
        picker.failed(0, now);
        picker.succeeded(0);
        assert_eq!(picker.order(now), [0, 1]);
    }

    #[test]
    fn all_dead_is_all_asked() {
        let now = Instant::now();
        let mut picker = Picker::new(2);
        picker.failed(1, now);
        picker.failed(0, now + Duration::from_millis(1));
        assert_eq!(picker.order(now + Duration::from_millis(2)), [1, 0]);
    }
}
