//! Pings that tell a server that is gone from one that has nothing to say.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use h2::{Ping, PingPong};
use tokio::time::{Instant, Sleep, sleep_until};

/// How often a silent server is pinged, and for how long it may leave that unanswered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pings {
    pub(crate) every: Duration,
    pub(crate) patience: Duration,
}

/// When a server was last heard.
#[derive(Debug)]
pub(crate) struct Heard {
    begin: Instant,
    after_millis: AtomicU64,
}

impl Heard {
    pub(crate) fn new() -> Self {
        Self { begin: Instant::now(), after_millis: AtomicU64::new(0) }
    }

    /// It said something, just now.
    pub(crate) fn now(&self) {
        let millis = self.begin.elapsed().as_millis();
        self.after_millis.store(u64::try_from(millis).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    pub(crate) fn last(&self) -> Instant {
        self.begin + Duration::from_millis(self.after_millis.load(Ordering::Relaxed))
    }
}

/// When a ping is due, and when a server is gone. It has no clock: it is told what happened and when.
///
/// None is due while something is heard, or while no request is under way: etcd ends connections that
/// do either (`server/embed/etcd.go`, `PermitWithoutStream`).
#[derive(Debug)]
struct Schedule {
    pings: Pings,
    /// When it is to be looked at.
    next: Instant,
    /// When the ping was sent that waits for its answer, or what was heard since.
    pinged: Option<Instant>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    /// Nothing, until [`Schedule::next`].
    Nothing,
    Ping,
    /// The server is gone.
    End,
}

impl Schedule {
    fn new(now: Instant, pings: Pings) -> Self {
        Self { pings, next: now + pings.every, pinged: None }
    }

    /// What is due when its time has come.
    fn due(&mut self, now: Instant, heard: Instant, is_busy: bool) -> Due {
        if let Some(pinged) = self.pinged {
            if heard <= pinged {
                return Due::End;
            }
            // The answer may have to wait behind a large one to a request.
            self.pinged = Some(heard);
            self.next = heard + self.pings.patience;
            return Due::Nothing;
        }
        let silent = heard + self.pings.every;
        if !is_busy {
            self.next = now + self.pings.every;
        } else if silent > now {
            self.next = silent;
        } else {
            return Due::Ping;
        }
        Due::Nothing
    }

    fn pinged(&mut self, now: Instant) {
        self.pinged = Some(now);
        self.next = now + self.pings.patience;
    }

    fn answered(&mut self, now: Instant) {
        self.pinged = None;
        self.next = now + self.pings.every;
    }
}

/// The pings of one connection.
pub(crate) struct KeepAlive {
    ping_pong: PingPong,
    schedule: Schedule,
    timer: Pin<Box<Sleep>>,
}

impl KeepAlive {
    pub(crate) fn new(ping_pong: PingPong, pings: Pings) -> Self {
        let schedule = Schedule::new(Instant::now(), pings);
        let timer = Box::pin(sleep_until(schedule.next));
        Self { ping_pong, schedule, timer }
    }

    /// Ready when the server is gone.
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        heard: &Heard,
        is_busy: impl Fn() -> bool,
    ) -> Poll<()> {
        loop {
            if self.schedule.pinged.is_some() {
                match self.ping_pong.poll_pong(cx) {
                    Poll::Ready(Ok(_)) => self.schedule.answered(Instant::now()),
                    // The connection is at its end, and says so itself.
                    Poll::Ready(Err(_)) => return Poll::Pending,
                    Poll::Pending => {}
                }
            }
            if self.timer.deadline() != self.schedule.next {
                self.timer.as_mut().reset(self.schedule.next);
            }
            ready!(self.timer.as_mut().poll(cx));
            let now = Instant::now();
            match self.schedule.due(now, heard.last(), is_busy()) {
                Due::Nothing => {}
                Due::End => return Poll::Ready(()),
                Due::Ping if self.ping_pong.send_ping(Ping::opaque()).is_ok() => {
                    self.schedule.pinged(now);
                }
                Due::Ping => return Poll::Pending,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: Duration = Duration::from_secs(10);
    const PATIENCE: Duration = Duration::from_secs(5);
    const SECOND: Duration = Duration::from_secs(1);

    fn begun() -> (Schedule, Instant) {
        let begin = Instant::now();
        (Schedule::new(begin, Pings { every: EVERY, patience: PATIENCE }), begin)
    }

    #[test]
    fn a_server_that_is_silent_is_pinged_and_then_gone() {
        let (mut schedule, begin) = begun();
        assert_eq!(schedule.next, begin + EVERY);
        assert_eq!(schedule.due(begin + EVERY, begin, true), Due::Ping);
        schedule.pinged(begin + EVERY);
        assert_eq!(schedule.next, begin + EVERY + PATIENCE);
        assert_eq!(schedule.due(schedule.next, begin, true), Due::End);
    }

    #[test]
    fn one_that_answers_is_pinged_again_when_it_has_been_silent_for_as_long() {
        let (mut schedule, begin) = begun();
        let mut now = begin + EVERY;
        for _ in 0..5 {
            assert_eq!(schedule.due(now, now - EVERY, true), Due::Ping);
            schedule.pinged(now);
            now += SECOND;
            schedule.answered(now);
            assert_eq!(schedule.next, now + EVERY);
            now = schedule.next;
        }
    }

    #[test]
    fn nobody_is_pinged_who_is_heard_or_of_whom_nothing_is_wanted() {
        let (mut schedule, begin) = begun();
        let now = begin + EVERY;
        // It was heard three seconds ago.
        assert_eq!(schedule.due(now, now - 3 * SECOND, true), Due::Nothing);
        assert_eq!(schedule.next, now + 7 * SECOND);
        assert_eq!(schedule.due(now, begin, false), Due::Nothing);
        assert_eq!(schedule.next, now + EVERY);
        // The control: the same, silent and with a request under way.
        assert_eq!(schedule.due(now, begin, true), Due::Ping);
    }

    #[test]
    fn one_that_goes_on_talking_is_not_gone_though_its_answer_is_late() {
        let (mut schedule, begin) = begun();
        let sent = begin + EVERY;
        schedule.pinged(sent);
        let heard = sent + 4 * SECOND;
        assert_eq!(schedule.due(schedule.next, heard, true), Due::Nothing);
        assert_eq!(schedule.next, heard + PATIENCE);
        // And then it falls silent.
        assert_eq!(schedule.due(schedule.next, heard, true), Due::End);
    }

    /// What etcd allows (`--grpc-keepalive-min-time`): the time between two pings, with a request
    /// under way. Whatever is heard and answered when.
    #[test]
    fn no_two_pings_are_closer_than_is_asked_for() {
        let (mut schedule, begin) = begun();
        let (mut now, mut heard) = (begin, begin);
        let mut pings: Vec<Instant> = Vec::new();
        for step in 0_u32..100_000 {
            now = now.max(schedule.next);
            // Of different lengths, and none a part of another.
            let is_busy = step % 7 != 0;
            if step % 5 < 2 {
                heard = now - Duration::from_millis(u64::from(step % 4999));
            }
            match schedule.due(now, heard, is_busy) {
                Due::Nothing => {}
                Due::Ping => {
                    assert!(is_busy && now >= heard + EVERY);
                    pings.push(now);
                    schedule.pinged(now);
                    if step % 3 != 0 {
                        now += Duration::from_millis(u64::from(step % 4001));
                        heard = now;
                        schedule.answered(now);
                    }
                }
                // Another connection, which is as new as this one was.
                Due::End => {
                    pings.clear();
                    (schedule, heard) = (Schedule::new(now, schedule.pings), now);
                }
            }
            if let [.., last, next] = pings[..] {
                assert!(next - last >= EVERY, "{:?}", next - last);
            }
        }
        assert!(pings.len() < 100_000);
    }
}
