//! Which endpoint is asked first, and which next.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::config::Balance;
use crate::transport::health::Health;

/// Where the next request begins. It has no lock, and no clock of its own.
#[derive(Debug)]
pub(crate) struct Picker {
    balance: Balance,
    /// In turn: the next. In order: the last that worked.
    next: AtomicUsize,
}

impl Picker {
    /// `random` is where a client begins that takes them in turn: not all at the same endpoint.
    pub(crate) fn new(balance: Balance, random: usize) -> Self {
        let next = match balance {
            Balance::RoundRobin => random,
            Balance::InOrder => 0,
        };
        Self { balance, next: AtomicUsize::new(next) }
    }

    /// The endpoint that is asked first: one that works, or whose turn it is to be tried again, as
    /// `may_try` says of one that is left out; and if there is none, the one that has been left out
    /// for the longest.
    pub(crate) fn first<'a>(
        &self,
        count: usize,
        health: impl Fn(usize) -> &'a Health,
        may_try: impl Fn(usize) -> bool,
    ) -> usize {
        let begin = match self.balance {
            Balance::RoundRobin => self.next.fetch_add(1, Ordering::Relaxed),
            Balance::InOrder => self.next.load(Ordering::Relaxed),
        };
        let indices = (0..count).map(|step| begin.wrapping_add(step) % count);
        let good = indices.clone().find(|&index| health(index).is_good() || may_try(index));
        good.or_else(|| indices.min_by_key(|&index| health(index).again_at())).unwrap_or_default()
    }

    /// All others, those that are left out at the end, and of these the longest first.
    pub(crate) fn rest<'a>(
        first: usize,
        count: usize,
        health: impl Fn(usize) -> &'a Health,
    ) -> Vec<usize> {
        let mut rest: Vec<_> = (1..count).map(|step| (first + step) % count).collect();
        // Stable, and what works has zero.
        rest.sort_by_key(|&index| health(index).again_at());
        rest
    }

    /// This one answered.
    pub(crate) fn succeeded(&self, index: usize) {
        if self.balance == Balance::InOrder && self.next.load(Ordering::Relaxed) != index {
            self.next.store(index, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NOW: Duration = Duration::from_secs(1);

    fn healths() -> [Health; 3] {
        Default::default()
    }

    fn first(picker: &Picker, healths: &[Health]) -> usize {
        picker.first(healths.len(), |index| &healths[index], |_| false)
    }

    fn order(picker: &Picker, healths: &[Health]) -> Vec<usize> {
        let first = first(picker, healths);
        let mut order = vec![first];
        order.extend(Picker::rest(first, healths.len(), |index| &healths[index]));
        order
    }

    #[test]
    fn in_order_begins_with_the_first_and_stays_with_what_works() {
        let (picker, healths) = (Picker::new(Balance::InOrder, 7), healths());
        assert_eq!(order(&picker, &healths), [0, 1, 2]);
        assert_eq!(order(&picker, &healths), [0, 1, 2]);
        picker.succeeded(1);
        assert_eq!(order(&picker, &healths), [1, 2, 0]);
    }

    #[test]
    fn in_turn_each_begins() {
        let (picker, healths) = (Picker::new(Balance::RoundRobin, 7), healths());
        let firsts: Vec<_> = (0..6).map(|_| first(&picker, &healths)).collect();
        assert_eq!(firsts, [1, 2, 0, 1, 2, 0]);
        picker.succeeded(1);
        assert_eq!(order(&picker, &healths), [1, 2, 0]);
    }

    #[test]
    fn what_failed_is_asked_last() {
        let (picker, healths) = (Picker::new(Balance::InOrder, 0), healths());
        healths[0].failed(NOW);
        assert_eq!(order(&picker, &healths), [1, 2, 0]);
        healths[1].failed(NOW + Duration::from_secs(1));
        assert_eq!(order(&picker, &healths), [2, 0, 1]);
        healths[2].failed(NOW + Duration::from_secs(2));
        assert_eq!(order(&picker, &healths), [0, 1, 2], "all are left out, so all are asked");
        healths[1].succeeded();
        assert_eq!(order(&picker, &healths), [1, 0, 2]);
    }

    #[test]
    fn what_is_left_out_is_tried_in_its_turn() {
        let (picker, healths) = (Picker::new(Balance::RoundRobin, 0), healths());
        healths[0].failed(NOW);
        let now = NOW + Duration::from_secs(1);
        let tries =
            || picker.first(3, |index| &healths[index], |index| healths[index].is_my_turn(now));
        let firsts: Vec<_> = (0..4).map(|_| tries()).collect();
        assert_eq!(firsts, [0, 1, 2, 1], "once");
    }
}
