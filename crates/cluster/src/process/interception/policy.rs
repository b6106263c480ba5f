//! What becomes of a child's calls.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

/// The rules that hold for one member, over all its restarts. Guards impose them and lift them; the
/// thread that answers a child asks at each call.
#[derive(Debug, Default)]
pub(crate) struct Policy {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    rules: Vec<Active>,
    next: u64,
    /// Those who are to hear that the rules have changed.
    bells: Vec<Weak<Bell>>,
}

#[derive(Debug)]
struct Active {
    number: u64,
    rule: Rule,
    hits: Arc<AtomicU64>,
}

/// One thing that is wrong with a child's system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rule {
    /// Flushing a file takes this much longer.
    SlowFlush(Duration),
    /// Flushing a file fails with this error.
    FailFlush(i32),
    /// What takes room on the disk fails with this error.
    NoRoom(i32),
    /// The wall clock is this many nanoseconds ahead, or behind.
    ShiftClock(i128),
}

/// What is asked of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DiskCall {
    /// To have what was written.
    Flush,
    /// To give room.
    TakeRoom,
}

/// What becomes of a call to the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// It begins this much later.
    pub(crate) delay: Duration,
    /// And fails with this error then; none when it is done as if nothing were.
    pub(crate) error: Option<i32>,
}

impl Policy {
    /// Lets `rule` hold until what is returned is dropped. Rules of one kind add up, but of errors
    /// the last one counts.
    pub(crate) fn impose(self: &Arc<Self>, rule: Rule) -> Imposed {
        let hits = Arc::new(AtomicU64::new(0));
        let number = {
            let mut state = self.state();
            let number = state.next;
            state.next += 1;
            state.rules.push(Active { number, rule, hits: Arc::clone(&hits) });
            number
        };
        self.ring();
        Imposed { policy: Arc::clone(self), number, hits }
    }

    /// What becomes of `call` now. It is counted when it `arrives`, and not when it is looked at
    /// again.
    pub(crate) fn of_disk(&self, call: DiskCall, arrives: bool) -> Verdict {
        let mut verdict = Verdict::default();
        for active in &self.state().rules {
            match (active.rule, call) {
                (Rule::SlowFlush(delay), DiskCall::Flush) => {
                    verdict.delay = verdict.delay.saturating_add(delay);
                }
                (Rule::FailFlush(error), DiskCall::Flush)
                | (Rule::NoRoom(error), DiskCall::TakeRoom) => verdict.error = Some(error),
                _ => continue,
            }
            if arrives {
                active.hits.fetch_add(1, Ordering::Relaxed);
            }
        }
        verdict
    }

    /// By how many nanoseconds the wall clock is ahead; none when it is let be. One that was put
    /// forward and back by as much is answered by us all the same.
    pub(crate) fn clock_is_ahead(&self) -> Option<i128> {
        let state = self.state();
        let mut ahead = None::<i128>;
        for active in &state.rules {
            if let Rule::ShiftClock(by) = active.rule {
                ahead = Some(ahead.unwrap_or_default().saturating_add(by));
                active.hits.fetch_add(1, Ordering::Relaxed);
            }
        }
        ahead
    }

    /// A bell that rings at each change from now on.
    pub(super) fn bell(&self) -> std::io::Result<Arc<Bell>> {
        let bell = Arc::new(Bell::new()?);
        let mut state = self.state();
        state.bells.retain(|bell| bell.strong_count() > 0);
        state.bells.push(Arc::downgrade(&bell));
        Ok(bell)
    }

    fn lift(&self, number: u64) {
        self.state().rules.retain(|active| active.number != number);
        self.ring();
    }

    fn ring(&self) {
        self.state().bells.iter().filter_map(Weak::upgrade).for_each(|bell| bell.ring());
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A rule that holds until this is dropped.
#[derive(Debug)]
pub(crate) struct Imposed {
    policy: Arc<Policy>,
    number: u64,
    hits: Arc<AtomicU64>,
}

impl Imposed {
    /// How many calls it has touched.
    pub(crate) fn hits(&self) -> u64 {
        self.hits.load(Ordering::Relaxed)
    }
}

impl Drop for Imposed {
    fn drop(&mut self) {
        self.policy.lift(self.number);
    }
}

/// What wakes a thread that waits for several things. Neither end ever blocks.
#[derive(Debug)]
pub(super) struct Bell {
    pub(super) heard: UnixStream,
    rung: UnixStream,
}

impl Bell {
    fn new() -> std::io::Result<Self> {
        let (heard, rung) = UnixStream::pair()?;
        heard.set_nonblocking(true)?;
        rung.set_nonblocking(true)?;
        Ok(Self { heard, rung })
    }

    /// A full one is ringing already.
    pub(super) fn ring(&self) {
        let _ = (&self.rung).write(&[0]);
    }

    /// It rings no more, until the next time.
    pub(super) fn silence(&self) {
        let mut buffer = [0; 64];
        while matches!((&self.heard).read(&mut buffer), Ok(64)) {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn rules_of_one_kind_add_up_and_are_lifted_one_by_one() {
        let policy = Arc::new(Policy::default());
        let flush = || policy.of_disk(DiskCall::Flush, true);
        let room = || policy.of_disk(DiskCall::TakeRoom, true);
        assert_eq!(flush(), Verdict::default());
        let slow = policy.impose(Rule::SlowFlush(20 * MS));
        let slower = policy.impose(Rule::SlowFlush(5 * MS));
        assert_eq!(flush(), Verdict { delay: 25 * MS, error: None });
        assert_eq!(room(), Verdict::default());
        let failing = policy.impose(Rule::FailFlush(5));
        let last = policy.impose(Rule::FailFlush(30));
        assert_eq!(flush(), Verdict { delay: 25 * MS, error: Some(30) });
        drop(slow);
        drop(last);
        assert_eq!(flush(), Verdict { delay: 5 * MS, error: Some(5) });
        let full = policy.impose(Rule::NoRoom(28));
        assert_eq!(room(), Verdict { delay: Duration::ZERO, error: Some(28) });
        assert_eq!((slower.hits(), failing.hits(), full.hits()), (3, 2, 1));
        policy.of_disk(DiskCall::TakeRoom, false);
        assert_eq!(full.hits(), 1, "looked at again, it is not counted again");
        drop((slower, failing, full));
        assert_eq!((flush(), room()), (Verdict::default(), Verdict::default()));
    }

    #[test]
    fn clocks_add_up() {
        let policy = Arc::new(Policy::default());
        assert_eq!(policy.clock_is_ahead(), None);
        let forward = policy.impose(Rule::ShiftClock(1000));
        let back = policy.impose(Rule::ShiftClock(-400));
        assert_eq!(policy.clock_is_ahead(), Some(600));
        drop(forward);
        assert_eq!(policy.clock_is_ahead(), Some(-400));
        assert_eq!(back.hits(), 2);
        let far = policy.impose(Rule::ShiftClock(i128::MIN));
        assert_eq!(policy.clock_is_ahead(), Some(i128::MIN), "no overflow");
        drop(far);
    }

    #[test]
    fn a_change_is_heard() {
        let policy = Arc::new(Policy::default());
        let (bell, other) = (policy.bell().unwrap(), policy.bell().unwrap());
        let rings = |bell: &Bell| matches!((&bell.heard).read(&mut [0]), Ok(1));
        assert!(!rings(&bell));
        let imposed = policy.impose(Rule::NoRoom(28));
        assert!(rings(&bell) && rings(&other));
        drop(other);
        drop(imposed);
        assert!(rings(&bell));
        // However often it is rung, nobody blocks, and it can be silenced.
        (0..100_000).for_each(|_| bell.ring());
        bell.silence();
        assert!(!rings(&bell));
    }
}
