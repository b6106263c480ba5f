//! The points at which a future can be dropped.

use std::future::poll_fn;
use std::task::Poll;

use tercet_tests::PATIENCE;

/// More often nothing here is polled.
const MOST_POLLS: usize = 100;

/// All points at which a future can be dropped, one after the other.
#[derive(Debug)]
pub(crate) struct Cuts {
    function: &'static str,
    /// After so many polls.
    polls: usize,
    /// When it was woken after that; else at once.
    woken: bool,
    /// Whether all was done before it could be dropped so.
    done: Option<bool>,
    /// Whether it was when it was to be dropped at once.
    done_before: bool,
    begun: bool,
}

impl Cuts {
    pub(crate) fn of(function: &'static str) -> Self {
        Self { function, polls: 0, woken: true, done: None, done_before: false, begun: false }
    }

    /// Goes on to the next point, if there is one.
    pub(crate) fn go_on(&mut self) -> bool {
        if !std::mem::replace(&mut self.begun, true) {
            return true;
        }
        let Some(done) = self.done.take() else { panic!("{}: nothing was dropped", self.function) };
        // The first point: never polled, and so there is nothing to be woken by.
        if self.woken {
            if done && self.done_before {
                return false;
            }
            (self.polls, self.woken) = (self.polls + 1, false);
        } else {
            (self.woken, self.done_before) = (true, done);
        }
        assert!(self.polls < MOST_POLLS, "{} is never done", self.function);
        true
    }

    /// Whether what is dropped at this point has begun.
    pub(crate) fn has_begun(&self) -> bool {
        self.polls > 0
    }

    /// What it gives, if it is not dropped before.
    pub(crate) async fn drop_in<F: Future>(&mut self, future: F) -> Option<F::Output> {
        let mut future = Box::pin(future);
        let mut polls = 0;
        let cut = poll_fn(|context| {
            if polls == self.polls {
                return Poll::Ready(None);
            }
            polls += 1;
            match future.as_mut().poll(context) {
                Poll::Ready(output) => Poll::Ready(Some(output)),
                Poll::Pending if polls == self.polls && !self.woken => Poll::Ready(None),
                Poll::Pending => Poll::Pending,
            }
        });
        let output = tokio::time::timeout(PATIENCE, cut).await;
        let output = output.unwrap_or_else(|_| panic!("{self:?}: it is not woken"));
        self.done = Some(output.is_some() && self.done.unwrap_or(true));
        output
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As often as it is polled, counted; it is done with the third.
    async fn thrice(polls: &mut usize) {
        for _ in 0..2 {
            *polls += 1;
            tokio::task::yield_now().await;
        }
        *polls += 1;
    }

    #[tokio::test]
    async fn each_point_comes_once() {
        let mut cuts = Cuts::of("thrice");
        let mut seen = Vec::new();
        while cuts.go_on() {
            let mut polls = 0;
            let done = cuts.drop_in(thrice(&mut polls)).await.is_some();
            seen.push((polls, cuts.woken, done));
        }
        let all = [
            (0, true, false),
            (1, false, false),
            (1, true, false),
            (2, false, false),
            (2, true, false),
            (3, false, true),
            (3, true, true),
        ];
        assert_eq!(seen, all);
    }
}
