//! One direction between two ends: its policy, its bandwidth and its counters.

use std::cell::{Cell, RefCell};
use std::time::{Duration, Instant};

use super::policy::{Carriage, End, LinkPolicy};
use crate::fault::dice::SplitMix64;
use crate::plan::Slot;

/// How much of what a slow link carries is read at once, in time: what one connection lets the
/// others of the same link wait.
const SLICE: Duration = Duration::from_millis(10);

/// Longer than any fault, and short enough that no sum of moments overflows.
const FOR_EVER: Duration = Duration::from_secs(365 * 24 * 3600);

/// What went over one link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LinkTraffic {
    /// Bytes that arrived.
    pub carried_bytes: u64,
    /// Bytes that a fault has lost.
    pub dropped_bytes: u64,
    /// Connections that are open now, dialled in this direction.
    pub open_connections: u64,
    /// Connections that are waiting to be made now, dialled in this direction.
    pub waiting_connections: u64,
    /// Open connections that a fault or its heal has aborted, dialled in this direction.
    pub aborted_connections: u64,
    /// New connections that a fault has refused, dialled in this direction.
    pub refused_connections: u64,
}

/// One direction between two ends.
#[derive(Debug)]
pub(super) struct Link {
    policy: Cell<LinkPolicy>,
    /// Counts the changes of the policy.
    generation: Cell<u64>,
    /// When the link has sent all that it was given so far; matters with a bandwidth only.
    free_at: Cell<Option<Instant>>,
    dice: RefCell<SplitMix64>,
    traffic: Cell<LinkTraffic>,
}

impl Link {
    /// Between these two, without a fault. Their jitter is the same in each run.
    pub(super) fn new(from: End, to: End) -> Self {
        let number = |end| match end {
            End::Member(Slot(slot)) => slot as u64 + 1,
            End::Clients => 0,
        };
        Self {
            policy: Cell::default(),
            generation: Cell::new(0),
            free_at: Cell::new(None),
            dice: RefCell::new(SplitMix64::seeded(number(from) << 32 | number(to))),
            traffic: Cell::default(),
        }
    }

    pub(super) fn policy(&self) -> LinkPolicy {
        self.policy.get()
    }

    pub(super) fn carriage(&self) -> Carriage {
        self.policy.get().carriage
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation.get()
    }

    pub(super) fn change_to(&self, policy: LinkPolicy) {
        self.policy.set(policy);
        self.generation.set(self.generation.get() + 1);
        self.free_at.set(None);
    }

    pub(super) fn traffic(&self) -> LinkTraffic {
        self.traffic.get()
    }

    pub(super) fn count(&self, change: impl FnOnce(&mut LinkTraffic)) {
        let mut traffic = self.traffic.get();
        change(&mut traffic);
        self.traffic.set(traffic);
    }

    /// How long it takes now, for what is sent next.
    pub(super) fn latency(&self) -> Duration {
        let LinkPolicy { delay, jitter, .. } = self.policy.get();
        let delay = delay.min(FOR_EVER);
        if jitter.is_zero() {
            return delay;
        }
        let jitter = u64::try_from(jitter.min(FOR_EVER).as_nanos()).unwrap_or(u64::MAX / 2);
        let either_way = self.dice.borrow_mut().below(2 * jitter + 1);
        (delay + Duration::from_nanos(either_way)).saturating_sub(Duration::from_nanos(jitter))
    }

    /// How long it takes at the most for what was sent before the policy became what it is.
    pub(super) fn longest_latency(&self) -> Duration {
        let LinkPolicy { delay, jitter, .. } = self.policy.get();
        delay.saturating_add(jitter).min(FOR_EVER)
    }

    /// How many bytes may be read at once.
    pub(super) fn slice(&self) -> usize {
        self.policy.get().bytes_per_second.map_or(usize::MAX, |rate| {
            let bytes = u128::from(rate.get()) * SLICE.as_millis() / 1000;
            usize::try_from(bytes).unwrap_or(usize::MAX).max(1)
        })
    }

    /// When `bytes` that are read `now` have been sent, behind all that others have sent; and from
    /// when on more may be read. Nothing without a bandwidth.
    pub(super) fn send(&self, now: Instant, bytes: usize) -> Option<(Instant, Instant)> {
        let rate = self.policy.get().bytes_per_second?;
        let nanos = bytes as u128 * 1_000_000_000 / u128::from(rate.get());
        let time = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)).min(FOR_EVER);
        let begin = self.free_at.get().map_or(now, |free_at| free_at.max(now));
        let end = begin + time;
        self.free_at.set(Some(end));
        // A little ahead, so that the link does not stand idle while a timer is late.
        Some((end, end.checked_sub(SLICE).unwrap_or(end)))
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn link(policy: LinkPolicy) -> Link {
        let link = Link::new(End::Clients, End::Member(Slot(0)));
        link.change_to(policy);
        link
    }

    #[test]
    fn jitter_goes_either_way_and_no_further() {
        let jittery = link(LinkPolicy::late(20 * MS, 5 * MS));
        let times: Vec<_> = (0..1000).map(|_| jittery.latency()).collect();
        assert!(times.iter().all(|time| (15 * MS..=25 * MS).contains(time)));
        assert!(times.iter().any(|time| *time < 16 * MS));
        assert!(times.iter().any(|time| *time > 24 * MS));
        let again = link(LinkPolicy::late(20 * MS, 5 * MS));
        assert!(times.iter().all(|time| *time == again.latency()), "the same in each run");
        let more_than_the_delay = link(LinkPolicy::late(MS, 5 * MS));
        assert!((0..1000).any(|_| more_than_the_delay.latency().is_zero()));
        assert_eq!(link(LinkPolicy::late(20 * MS, Duration::ZERO)).latency(), 20 * MS);
        let _ = link(LinkPolicy::late(Duration::MAX, Duration::MAX)).latency();
    }

    #[test]
    fn bandwidth_is_shared_and_no_more_is_read_at_once_than_in_its_slice() {
        let slow = link(LinkPolicy::at_most(NonZeroU64::new(10_000).unwrap()));
        assert_eq!(slow.slice(), 100);
        let now = Instant::now();
        let sent = |at| slow.send(at, 100).unwrap().0 - now;
        assert_eq!(sent(now), 10 * MS);
        assert_eq!(sent(now), 20 * MS, "behind the others");
        assert_eq!(sent(now + 50 * MS), 60 * MS, "what was not used is lost");
        slow.change_to(LinkPolicy::at_most(NonZeroU64::new(1).unwrap()));
        assert_eq!(slow.slice(), 1);
        assert_eq!(slow.send(now, 1).unwrap().0 - now, 1000 * MS, "begins anew");
        assert!(link(LinkPolicy::PASS).send(now, 1).is_none());
        assert_eq!(link(LinkPolicy::PASS).slice(), usize::MAX);
    }
}
