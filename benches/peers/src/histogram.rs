//! Latencies, in a space that does not grow: a client's memory is measured.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Each power of two has so many buckets, so that a latency is known to within 1.6 %.
const STEPS: u64 = 64;

/// Up to 2^40 ns, which is 18 minutes.
const BUCKETS: usize = 41 * STEPS as usize;

/// How often each latency was.
#[derive(Debug)]
pub(crate) struct Histogram(Vec<AtomicU64>);

impl Histogram {
    pub(crate) fn new() -> Self {
        Self((0..BUCKETS).map(|_| AtomicU64::new(0)).collect())
    }

    pub(crate) fn add(&self, latency: Duration) {
        let nanos = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
        self.0[bucket(nanos).min(BUCKETS - 1)].fetch_add(1, Ordering::Relaxed);
    }

    /// What it holds, which is then gone from it.
    pub(crate) fn take(&self) -> Vec<(usize, u64)> {
        let counts = self.0.iter().map(|count| count.swap(0, Ordering::Relaxed));
        counts.enumerate().filter(|(_, count)| *count > 0).collect()
    }
}

/// The latency in microseconds that a share of all stays below, of turns taken together.
pub(crate) fn micros_below(share: f64, turns: &[&[(usize, u64)]]) -> f64 {
    let mut all = vec![0; BUCKETS];
    for (bucket, count) in turns.iter().copied().flatten() {
        all[*bucket] += count;
    }
    let total: u64 = all.iter().sum();
    let mut seen = 0;
    for (bucket, count) in all.into_iter().enumerate() {
        seen += count;
        if seen as f64 >= share * total as f64 {
            return middle(bucket) / 1000.0;
        }
    }
    0.0
}

fn bucket(nanos: u64) -> usize {
    let power = u64::from(nanos.max(STEPS).ilog2()) - u64::from(STEPS.ilog2());
    // Below the first power, a nanosecond is a bucket.
    let step = nanos >> power;
    (power * STEPS + step) as usize
}

fn middle(bucket: usize) -> f64 {
    let bucket = bucket as u64;
    let power = (bucket / STEPS).saturating_sub(1);
    let step = bucket - power * STEPS;
    ((step as f64) + 0.5) * (1_u64 << power) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_latency_is_known_to_two_percent() {
        for nanos in [1, 63, 64, 65, 127, 128, 1000, 123_456, 9_876_543, 60_000_000_000] {
            let found = middle(bucket(nanos));
            let off = (found - nanos as f64).abs();
            assert!(off <= 0.5 + nanos as f64 * 0.02, "{nanos}: {found}");
        }
        let mut last = 0;
        for nanos in 0..100_000 {
            assert!(bucket(nanos) == last || bucket(nanos) == last + 1, "{nanos}");
            last = bucket(nanos);
        }
    }

    #[test]
    fn shares_are_of_all_turns() {
        let histogram = Histogram::new();
        for micros in 1..=100 {
            histogram.add(Duration::from_micros(micros));
        }
        let first = histogram.take();
        assert!(histogram.take().is_empty());
        let near = |share, wanted: f64, turns: &[&[(usize, u64)]]| {
            let found = micros_below(share, turns);
            assert!((found - wanted).abs() <= wanted * 0.03, "{share}: {found}");
        };
        near(0.5, 50.0, &[&first]);
        near(0.99, 99.0, &[&first, &first]);
        assert_eq!(micros_below(0.5, &[]), 0.0);
    }
}
