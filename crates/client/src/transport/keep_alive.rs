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

/// The pings of one connection. None is sent while something is heard, or while no request is under
/// way: etcd ends connections that do either (`server/embed/etcd.go`, `PermitWithoutStream`).
pub(crate) struct KeepAlive {
    ping_pong: PingPong,
    pings: Pings,
    timer: Pin<Box<Sleep>>,
    /// When the ping was sent that waits for its answer.
    pinged: Option<Instant>,
}

impl KeepAlive {
    pub(crate) fn new(ping_pong: PingPong, pings: Pings) -> Self {
        let timer = Box::pin(sleep_until(Instant::now() + pings.every));
        Self { ping_pong, pings, timer, pinged: None }
    }

    /// Ready when the server is gone.
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        heard: &Heard,
        is_busy: impl Fn() -> bool,
    ) -> Poll<()> {
        loop {
            if let Some(pinged) = self.pinged {
                match self.ping_pong.poll_pong(cx) {
                    Poll::Ready(Ok(_)) => {
                        self.pinged = None;
                        self.sleep_until(Instant::now() + self.pings.every);
                        continue;
                    }
                    // The connection is at its end, and says so itself.
                    Poll::Ready(Err(_)) => return Poll::Pending,
                    Poll::Pending => {}
                }
                ready!(self.timer.as_mut().poll(cx));
                let last = heard.last();
                if last <= pinged {
                    return Poll::Ready(());
                }
                // The answer may have to wait behind a large one to a request.
                self.pinged = Some(last);
                self.sleep_until(last + self.pings.patience);
                continue;
            }
            ready!(self.timer.as_mut().poll(cx));
            let now = Instant::now();
            let due = heard.last() + self.pings.every;
            if !is_busy() {
                self.sleep_until(now + self.pings.every);
            } else if due > now {
                self.sleep_until(due);
            } else if self.ping_pong.send_ping(Ping::opaque()).is_ok() {
                self.pinged = Some(now);
                self.sleep_until(now + self.pings.patience);
            } else {
                return Poll::Pending;
            }
        }
    }

    fn sleep_until(&mut self, when: Instant) {
        self.timer.as_mut().reset(when);
    }
}
