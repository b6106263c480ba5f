//! Numbers that nobody else has, and pauses that are not all alike.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A number that is most likely no other's: of 64 bits that the system's own randomness keys. Not for
/// secrets.
pub(crate) fn unique() -> u64 {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    RandomState::new().hash_one(COUNT.fetch_add(1, Ordering::Relaxed))
}

/// A name of 128 bits, in hexadecimal digits.
pub(crate) fn name() -> String {
    format!("{:016x}{:016x}", unique(), unique())
}

/// Some time from half of this to all of it.
pub(crate) fn jittered(pause: Duration) -> Duration {
    let share = unique() % 1024;
    let share = u32::try_from(share).unwrap_or_default();
    pause / 2 + pause / 2 * share / 1024
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_name_comes_twice() {
        let names: HashSet<_> = (0..1000).map(|_| name()).collect();
        assert_eq!(names.len(), 1000);
        assert!(names.iter().all(|name| name.len() == 32));
    }

    #[test]
    fn a_pause_is_half_of_it_at_least() {
        let pause = Duration::from_millis(64);
        let all: Vec<_> = (0..1000).map(|_| jittered(pause)).collect();
        assert!(all.iter().all(|one| (pause / 2..=pause).contains(one)));
        assert!(all.iter().any(|&one| one < pause * 5 / 8));
        assert!(all.iter().any(|&one| one > pause * 7 / 8));
    }
}
