//! One endpoint: its connections, and what is known of its health.

mod as_user;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use http::HeaderValue;
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout, timeout_at};
use tonic::Status;

use crate::config::Dialing;
use crate::error::{ErrorKind, Failure};
use crate::transport::channel::Channel;
use crate::transport::classify::{classify, from_dial, no_answer, no_connection};
use crate::transport::endpoint::Endpoint;
use crate::transport::health::Health;
use crate::transport::line::{Lane, Line, Readiness};

/// How soon to look again whether an endpoint that is left out is connected.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(50);

/// How long an attempt may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patience {
    pub(crate) in_all: Duration,
    /// Until it is sent: until there is a token, and room on a connection. To make one has a deadline
    /// of its own.
    pub(crate) until_sent: Duration,
    /// From when it is sent.
    pub(crate) answer: Duration,
}

impl Patience {
    /// No more than this.
    fn within(self, left: Duration) -> Self {
        let [in_all, until_sent, answer] =
            [self.in_all, self.until_sent, self.answer].map(|patience| patience.min(left));
        Self { in_all, until_sent, answer }
    }
}

/// One endpoint and its connections.
pub(crate) struct Member {
    endpoint: Arc<Endpoint>,
    pub(crate) health: Health,
    requests: Box<[Line]>,
    turn: AtomicUsize,
    under_way: AtomicUsize,
    /// Apart from the requests: a large answer would hold up the events (etcd issue 15402).
    streams: OnceLock<Line>,
    dialing: Dialing,
    runtime: Handle,
}

impl Member {
    pub(crate) fn new(endpoint: Endpoint, dialing: Dialing, runtime: Handle) -> Self {
        let endpoint = Arc::new(endpoint);
        let requests = (0..dialing.connections)
            .map(|_| Line::new(&endpoint, &dialing, Lane::Requests, &runtime))
            .collect();
        Self {
            endpoint,
            health: Health::default(),
            requests,
            turn: AtomicUsize::new(0),
            under_way: AtomicUsize::new(0),
            streams: OnceLock::new(),
            dialing,
            runtime,
        }
    }

    pub(crate) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    pub(crate) fn url(&self) -> &Arc<str> {
        self.endpoint.url()
    }

    /// How many requests it has not answered yet, or streams that it has not begun.
    pub(crate) fn under_way(&self) -> usize {
        self.under_way.load(Ordering::Relaxed)
    }

    /// Whether it may be tried again now, having failed before: by one request, and on a connection
    /// that is there. If there is none it is made meanwhile, and no request waits for it.
    pub(crate) fn may_be_tried(&self, lane: Lane, now: Duration) -> bool {
        if self.health.again_at() > now {
            return false;
        }
        match self.line(lane).readiness() {
            Readiness::Open => self.health.is_my_turn(now),
            Readiness::Dialling => {
                self.health.look_again(now + LOOK_AGAIN_AFTER);
                false
            }
            Readiness::Failed => {
                self.health.failed(now);
                false
            }
        }
    }

    /// Sends what `send` makes to this very member.
    pub(crate) async fn send<T, S, F>(
        &self,
        lane: Lane,
        patience: Patience,
        send: S,
    ) -> Result<T, Failure>
    where
        S: Fn(Channel, Duration) -> F,
        F: Future<Output = Result<T, Status>>,
    {
        let _counted = Counted::new(&self.under_way);
        match (&self.dialing.session, &self.dialing.token) {
            (Some(session), _) => self.send_as(session, lane, patience, &send).await,
            (None, Some(token)) => {
                self.deliver(lane, Some(token), patience, &send).await.map_err(old)
            }
            (None, None) => self.send_as_shown(lane, patience, &send).await.map_err(nobody),
        }
    }

    fn line(&self, lane: Lane) -> &Line {
        match lane {
            Lane::Requests => match &*self.requests {
                [line] => line,
                lines => &lines[self.turn.fetch_add(1, Ordering::Relaxed) % lines.len()],
            },
            Lane::Streams => self
                .streams
                .get_or_init(|| Line::new(&self.endpoint, &self.dialing, lane, &self.runtime)),
        }
    }

    /// One attempt, or two if the first found a connection that was at its end.
    ///
    /// Such a connection says nothing of the member, which may be the only one.
    async fn deliver<T, S, F>(
        &self,
        lane: Lane,
        token: Option<&HeaderValue>,
        patience: Patience,
        send: &S,
    ) -> Result<T, Failure>
    where
        S: Fn(Channel, Duration) -> F,
        F: Future<Output = Result<T, Status>>,
    {
        let line = self.line(lane);
        let deadline = Instant::now() + patience.in_all;
        let failure = match self.attempt(line, token, patience, deadline, send).await {
            Err(failure) if failure.is_stale() => failure,
            result => return result,
        };
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(failure);
        }
        self.attempt(line, token, patience.within(left), deadline, send).await
    }

    async fn attempt<T, S, F>(
        &self,
        line: &Line,
        token: Option<&HeaderValue>,
        patience: Patience,
        deadline: Instant,
        send: &S,
    ) -> Result<T, Failure>
    where
        S: Fn(Channel, Duration) -> F,
        F: Future<Output = Result<T, Status>>,
    {
        let Patience { until_sent, answer, .. } = patience;
        let place = match line.place_now() {
            Some(place) => place,
            None => match timeout(until_sent, line.place()).await {
                Ok(Ok(place)) => place,
                Ok(Err(dial)) => return Err(from_dial(&dial)),
                Err(_) => return Err(no_connection(until_sent)),
            },
        };
        let Dialing { limits, hooks, .. } = &self.dialing;
        let exchange = hooks.exchange.clone();
        let channel = Channel::new(place, token.cloned(), self.endpoint.clone(), *limits, exchange);
        // What the server said while it was dialled does not count.
        let sent = Instant::now();
        // Its future, and with it the request, is gone when this is done.
        match timeout_at(deadline.min(sent + answer), send(channel, answer)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(status)) => Err(classify(status)),
            Err(_) => {
                line.doubt(sent);
                Err(no_answer(answer))
            }
        }
    }
}

/// Counts one for as long as it lives, however that ends.
struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::Relaxed);
        Self(count)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A request with a token that is not ours to refresh.
fn old(failure: Failure) -> Failure {
    match failure.kind {
        ErrorKind::InvalidAuthToken => failure.fix(
            "a token of Config::token is never refreshed: make a client with a new one, or give a user",
        ),
        _ => failure,
    }
}

/// A request with no user, where one is needed.
fn nobody(failure: Failure) -> Failure {
    match failure.kind {
        ErrorKind::InvalidAuthToken => failure.fix("give a user with Config::user"),
        _ => failure,
    }
}
