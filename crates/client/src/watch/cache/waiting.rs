//! For which revisions somebody waits.

use std::collections::BTreeMap;

use tokio::sync::watch;

/// The revisions that somebody waits for, each with how many do.
#[derive(Debug, Default)]
pub(super) struct Waiting(BTreeMap<i64, usize>);

impl Waiting {
    /// The latest of them; 0 if nobody waits.
    pub(super) fn latest(&self) -> i64 {
        self.0.last_key_value().map_or(0, |(&revision, _)| revision)
    }

    /// Makes a change, and says whether another revision is the latest then.
    fn change(&mut self, change: impl FnOnce(&mut BTreeMap<i64, usize>)) -> bool {
        let before = self.latest();
        change(&mut self.0);
        self.latest() != before
    }
}

/// One who waits, until it is dropped: nothing is asked for whom nobody waits with.
#[derive(Debug)]
pub(super) struct Waiter<'a> {
    revision: i64,
    waiting: &'a watch::Sender<Waiting>,
}

impl<'a> Waiter<'a> {
    pub(super) fn new(waiting: &'a watch::Sender<Waiting>, revision: i64) -> Self {
        waiting.send_if_modified(|waiting| {
            waiting.change(|all| *all.entry(revision).or_default() += 1)
        });
        Self { revision, waiting }
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        self.waiting.send_if_modified(|waiting| {
            waiting.change(|all| {
                if let Some(count) = all.get_mut(&self.revision) {
                    *count -= 1;
                    if *count == 0 {
                        all.remove(&self.revision);
                    }
                }
            })
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_is_that_of_those_who_wait_still() {
        let (waiting, follower) = watch::channel(Waiting::default());
        let latest = || follower.borrow().latest();
        assert_eq!(latest(), 0);
        let first = Waiter::new(&waiting, 7);
        let [second, third] = [(); 2].map(|()| Waiter::new(&waiting, 9));
        assert_eq!(latest(), 9);
        drop(second);
        assert_eq!(latest(), 9);
        drop(third);
        assert_eq!(latest(), 7);
        drop(first);
        assert_eq!(latest(), 0);
    }
}
