//! Which endpoint is asked first, and which next.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::config::Balance;
use crate::transport::health::Health;
use crate::transport::line::Lane;

/// Where the next request begins. It has no lock, and no clock of its own.
#[derive(Debug)]
pub(crate) struct Picker {
    balance: Balance,
    /// In order: the last that worked. Else the last that was asked.
    last: AtomicUsize,
    /// Which has the next stream, unless they are taken in order.
    next_for_stream: AtomicUsize,
}

impl Picker {
    /// `random` is where a client begins that does not take them in order: not all at the same one.
    pub(crate) fn new(balance: Balance, random: usize) -> Self {
        let begin = match balance {
            Balance::LeastRequests => random,
            Balance::InOrder => 0,
        };
        Self { balance, last: AtomicUsize::new(begin), next_for_stream: AtomicUsize::new(begin) }
    }

    /// The endpoint that is asked first: one that works, or whose turn it is to be tried again, as
    /// `may_try` says of one that is left out; and if there is none, the one that has been left out
    /// for the longest.
    ///
    /// `under_way` is how many requests it has not answered yet.
    pub(crate) fn first<'a>(
        &self,
        lane: Lane,
        count: usize,
        health: impl Fn(usize) -> &'a Health,
        under_way: impl Fn(usize) -> usize,
        may_try: impl Fn(usize) -> bool,
    ) -> usize {
        let from = |begin: usize| (0..count).map(move |step| begin.wrapping_add(step) % count);
        let usable = |&index: &usize| health(index).is_good() || may_try(index);
        let last = self.last.load(Ordering::Relaxed);
        let found = match (self.balance, lane) {
            (Balance::InOrder, _) => from(last).find(usable),
            (Balance::LeastRequests, Lane::Streams) => {
                from(self.next_for_stream.fetch_add(1, Ordering::Relaxed)).find(usable)
            }
            (Balance::LeastRequests, Lane::Requests) => {
                let left_out = |&index: &usize| !health(index).is_good();
                // A try is for one request, and is lost when that is not sent there: no more of them
                // are asked for than one.
                from(last)
                    .find(|index| left_out(index) && may_try(*index))
                    .or_else(|| from(last).filter(|i| !left_out(i)).min_by_key(|&i| under_way(i)))
                    .inspect(|&index| self.asks(index))
            }
        };
        found
            .or_else(|| from(last).min_by_key(|&index| health(index).again_at()))
            .unwrap_or_default()
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
        if self.balance == Balance::InOrder {
            self.asks(index);
        }
    }

    fn asks(&self, index: usize) {
        // Every request comes here: look before writing to what others read.
        if self.last.load(Ordering::Relaxed) != index {
            self.last.store(index, Ordering::Relaxed);
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

    /// Which is first, with so many requests under way at each.
    fn first_of(picker: &Picker, healths: &[Health; 3], under_way: [usize; 3]) -> usize {
        picker.first(
            Lane::Requests,
            3,
            |index| &healths[index],
            |index| under_way[index],
            |_| false,
        )
    }

    fn order(picker: &Picker, healths: &[Health; 3]) -> Vec<usize> {
        let first = first_of(picker, healths, [0; 3]);
        let mut order = vec![first];
        order.extend(Picker::rest(first, healths.len(), |index| &healths[index]));
        order
    }

    #[test]
    fn in_order_begins_with_the_first_and_stays_with_what_works() {
        let (picker, healths) = (Picker::new(Balance::InOrder, 7), healths());
        assert_eq!(order(&picker, &healths), [0, 1, 2]);
        assert_eq!(order(&picker, &healths), [0, 1, 2]);
        assert_eq!(first_of(&picker, &healths, [9, 0, 0]), 0, "however busy it is");
        picker.succeeded(1);
        assert_eq!(order(&picker, &healths), [1, 2, 0]);
    }

    #[test]
    fn one_thing_at_a_time_stays_where_it_is() {
        let (picker, healths) = (Picker::new(Balance::LeastRequests, 7), healths());
        let firsts: Vec<_> = (0..4).map(|_| first_of(&picker, &healths, [0; 3])).collect();
        assert_eq!(firsts, [1, 1, 1, 1]);
        assert_eq!(order(&picker, &healths), [1, 2, 0]);
    }

    #[test]
    fn the_fewest_requests_and_then_the_last_that_was_asked() {
        let (picker, healths) = (Picker::new(Balance::LeastRequests, 0), healths());
        assert_eq!(first_of(&picker, &healths, [1, 0, 0]), 1);
        assert_eq!(first_of(&picker, &healths, [1, 1, 0]), 2);
        assert_eq!(first_of(&picker, &healths, [1, 1, 1]), 2);
        assert_eq!(first_of(&picker, &healths, [1, 1, 2]), 0);
        healths[0].failed(NOW);
        assert_eq!(first_of(&picker, &healths, [0, 5, 6]), 1, "what is left out does not count");
    }

    #[test]
    fn streams_are_dealt_out_in_turn() {
        let (picker, healths) = (Picker::new(Balance::LeastRequests, 7), healths());
        let stream = || picker.first(Lane::Streams, 3, |index| &healths[index], |_| 0, |_| false);
        let firsts: Vec<_> = (0..6).map(|_| stream()).collect();
        assert_eq!(firsts, [1, 2, 0, 1, 2, 0]);
        assert_eq!(first_of(&picker, &healths, [0; 3]), 1, "requests stay where they are");
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
    fn what_is_left_out_is_tried_by_one_request_when_it_is_time() {
        for balance in [Balance::LeastRequests, Balance::InOrder] {
            let (picker, healths) = (Picker::new(balance, 0), healths());
            healths[0].failed(NOW);
            healths[2].failed(NOW);
            let now = NOW + Duration::from_secs(1);
            let first = |now| {
                let may_try = |index: usize| healths[index].is_my_turn(now);
                picker.first(Lane::Requests, 3, |index| &healths[index], |_| 0, may_try)
            };
            assert_eq!(first(NOW), 1, "too early");
            // From the last that was asked on, and each once.
            let firsts: Vec<_> = (0..4).map(|_| first(now)).collect();
            match balance {
                Balance::LeastRequests => assert_eq!(firsts, [2, 0, 1, 1]),
                Balance::InOrder => assert_eq!(firsts, [0, 1, 1, 1], "as it comes to it"),
            }
        }
    }
}
