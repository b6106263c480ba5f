//! What became of one request at each endpoint.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::Operation;
use crate::error::{Error, ErrorKind, Failure, Fate};
use crate::transport::classify::no_answer;
use crate::transport::member::Patience;

/// How long the first attempt waits that may be made again and that the members agree upon; each next
/// one waits for twice as long.
///
/// What is on its way to a leader that dies is lost, which etcd says after seven seconds only (see
/// [`REQUEST_TIMEOUT`](crate::REQUEST_TIMEOUT)). This is as long as etcd by default waits until it
/// elects another.
const FIRST_WAIT: Duration = Duration::from_secs(1);

/// What was tried for one request so far.
pub(super) struct Attempts {
    operation: Operation,
    made: u32,
    started: Instant,
    timeout: Duration,
    /// How long it may take until it is sent, which is no longer for one that may then take long.
    until_sent: Duration,
    unsent_since: Instant,
    last: Option<(String, Failure)>,
    /// Each endpoint's last text, so that a hundred rounds do not fill a page.
    texts: HashMap<String, String>,
    /// Whether an attempt before the last may have been done.
    doubtful: bool,
}

impl Attempts {
    /// With a client that has this timeout.
    pub(super) fn new(operation: Operation, timeout: Duration) -> Self {
        let now = Instant::now();
        Self {
            operation,
            made: 0,
            started: now,
            timeout: operation.timeout(timeout),
            until_sent: timeout,
            unsent_since: now,
            last: None,
            texts: HashMap::new(),
            doubtful: false,
        }
    }

    pub(super) fn left(&self) -> Duration {
        self.timeout.saturating_sub(self.started.elapsed())
    }

    /// How long the next attempt may take; `None` when time is up.
    ///
    /// A read leaves half of what is left to the endpoints after it, so that a member that accepts
    /// and hangs does not use up the whole; what the members agree upon, and may be sent again, is, as
    /// long as there is time. A write is sent once only, and that may take it all; until it is sent it
    /// leaves half, too.
    pub(super) fn patience(&self, last: bool) -> Option<Patience> {
        let share = |left: Duration| if last { left } else { left / 2 };
        let left = self.left();
        let in_all = if self.operation.read { share(left) } else { left };
        let answer = match self.operation.agreed {
            true => in_all.min(FIRST_WAIT.saturating_mul(2_u32.saturating_pow(self.made))),
            false => in_all,
        };
        let unsent = self.until_sent.saturating_sub(self.unsent_since.elapsed());
        let until_sent = share(unsent.min(left));
        (!until_sent.is_zero()).then_some(Patience { in_all, until_sent, answer })
    }

    pub(super) fn record(&mut self, failure: Failure, endpoint: &str) {
        if failure.fate != Fate::NeverSent {
            self.unsent_since = Instant::now();
            self.made += 1;
        }
        if let Some((endpoint, failure)) = self.last.take() {
            self.doubtful |= failure.fate == Fate::Unknown;
            self.texts.insert(endpoint, failure.what);
        }
        self.last = Some((endpoint.to_owned(), failure));
    }

    pub(super) fn out_of_time(mut self) -> Error {
        if let Some((_, failure)) = &mut self.last
            && failure.kind != ErrorKind::DeadlineExceeded
        {
            failure.kind = ErrorKind::DeadlineExceeded;
            failure.what = format!("time is up; the last answer was: {}", failure.what);
        }
        self.into_error()
    }

    pub(super) fn into_error(mut self) -> Error {
        let (endpoint, mut failure) =
            self.last.take().unwrap_or_else(|| (String::new(), no_answer(self.timeout)));
        if self.doubtful {
            failure.fate = Fate::Unknown;
        }
        self.texts.remove(&endpoint);
        let mut before: Vec<_> = self.texts.into_iter().collect();
        before.sort();
        self.operation.failed(failure, &endpoint).after(before, self.started.elapsed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Outcome;

    const GET: Operation = Operation::read("get");

    fn failure(kind: ErrorKind, fate: Fate) -> Failure {
        Failure::new(kind, fate, "x")
    }

    #[test]
    fn out_of_time_says_the_last_state_and_every_endpoint_once() {
        let mut attempts = Attempts::new(GET, Duration::from_secs(10));
        for _ in 0..3 {
            attempts.record(failure(ErrorKind::Unavailable, Fate::Unknown), "http://a:1");
            attempts.record(
                Failure::new(ErrorKind::NoLeader, Fate::Refused, "no leader"),
                "http://b:2",
            );
        }
        let error = attempts.out_of_time();
        assert_eq!(error.kind(), ErrorKind::DeadlineExceeded);
        let text = error.to_string();
        let text = text.split(" [gave up").next().unwrap();
        insta::assert_snapshot!(text, @"get at http://b:2: time is up; the last answer was: no leader (before that, http://a:1: x)");
    }

    #[test]
    fn what_may_take_long_does_not_until_it_is_sent() {
        const USUAL: Duration = Duration::from_secs(5);
        const LOCK: Operation = Operation::write("server lock").long();
        let patience = Attempts::new(LOCK, USUAL).patience(true).unwrap();
        assert!(patience.until_sent <= USUAL && patience.in_all > 1_000 * USUAL);
        let half = Attempts::new(LOCK, USUAL).patience(false).unwrap();
        assert!(half.until_sent <= USUAL / 2 && half.in_all > 1_000 * USUAL);

        let late = |fate| {
            let mut attempts = Attempts::new(LOCK, USUAL);
            attempts.unsent_since -= USUAL;
            attempts.record(failure(ErrorKind::Unavailable, fate), "http://a:1");
            attempts.patience(true).is_none()
        };
        assert!(late(Fate::NeverSent));
        assert!(!late(Fate::Unknown), "it was sent, and may be sent again");
    }

    #[test]
    fn what_is_agreed_upon_is_sent_again_before_etcd_gives_up() {
        const USUAL: Duration = Duration::from_secs(10);
        let answers = |operation| {
            let mut attempts = Attempts::new(operation, USUAL);
            let mut next = || {
                let patience = attempts.patience(false).unwrap().answer;
                attempts.record(failure(ErrorKind::DeadlineExceeded, Fate::Unknown), "http://a:1");
                patience.as_secs_f64().round()
            };
            [next(), next(), next(), next()]
        };
        assert_eq!(answers(Operation::repeatable("lease grant")), [1.0, 2.0, 4.0, 5.0]);
        assert_eq!(answers(GET), [5.0; 4]);
        assert_eq!(answers(Operation::write("put")), [10.0; 4]);
    }

    #[test]
    fn a_first_attempt_that_may_have_been_done_leaves_the_outcome_open() {
        let outcome = |operation| {
            let mut attempts = Attempts::new(operation, Duration::from_secs(10));
            attempts.record(failure(ErrorKind::ConnectionLost, Fate::Unknown), "http://a:1");
            attempts.record(failure(ErrorKind::Connect, Fate::NeverSent), "http://b:2");
            attempts.into_error().outcome()
        };
        assert_eq!(outcome(Operation::repeatable("lease grant")), Outcome::Unknown);
        assert_eq!(outcome(GET), Outcome::NotApplied);
    }
}
