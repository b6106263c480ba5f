//! One request, over as many endpoints as it takes and may take.

mod as_user;
mod attempts;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use http::HeaderValue;
use tokio::runtime::Handle;
use tokio::time::timeout_at;
use tonic::Status;

use self::attempts::Attempts;
use crate::config::{Checked, Dialing, LONGEST};
use crate::error::{Error, ErrorKind, Failure, Fate, Outcome, Result};
use crate::transport::channel::Channel;
use crate::transport::classify::{classify, from_dial, no_answer, no_connection};
use crate::transport::endpoint::Endpoint;
pub(crate) use crate::transport::line::Lane;
use crate::transport::line::Line;
use crate::transport::picker::Picker;

/// Between two rounds of a read over all endpoints, growing to the second.
const FIRST_PAUSE: Duration = Duration::from_millis(25);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// What one kind of request may do.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Operation {
    /// As errors call it.
    pub(crate) name: &'static str,
    /// Whether sending it twice is the same as once.
    pub(crate) read: bool,
    /// Whether it changes something.
    pub(crate) changes: bool,
    /// The first etcd that has it, where not every one that we know does.
    since: Option<&'static str>,
    /// Whether it takes as long as the store is large.
    long: bool,
}

impl Operation {
    pub(crate) const fn read(name: &'static str) -> Self {
        Self { name, read: true, changes: false, since: None, long: false }
    }

    pub(crate) const fn write(name: &'static str) -> Self {
        Self { read: false, changes: true, ..Self::read(name) }
    }

    /// One that changes something, and of which twice is the same as once.
    pub(crate) const fn repeatable(name: &'static str) -> Self {
        Self { changes: true, ..Self::read(name) }
    }

    /// The same, which came with this version.
    pub(crate) const fn since(self, version: &'static str) -> Self {
        Self { since: Some(version), ..self }
    }

    /// The same, for which the client's timeout would be too short: it goes on while the member
    /// answers pings.
    pub(crate) const fn long(self) -> Self {
        Self { long: true, ..self }
    }

    /// How long it may take in all, with a client that has this timeout.
    pub(crate) fn timeout(self, usual: Duration) -> Duration {
        if self.long { LONGEST } else { usual }
    }

    /// An error of this operation, of no endpoint in particular.
    pub(crate) fn failed_anywhere(self, failure: Failure) -> Error {
        let outcome = match failure.fate {
            Fate::Unknown if self.changes => Outcome::Unknown,
            _ => Outcome::NotApplied,
        };
        Error::new(self.name, failure, outcome)
    }

    /// An error of this operation, at one endpoint.
    pub(crate) fn failed(self, mut failure: Failure, endpoint: &str) -> Error {
        if let (ErrorKind::Unsupported, Some(version)) = (failure.kind, self.since) {
            failure.what.push_str(", which came with etcd ");
            failure.what.push_str(version);
        }
        let outcome = match failure.fate {
            Fate::Unknown if self.changes => Outcome::Unknown,
            _ => Outcome::NotApplied,
        };
        Error::new(self.name, failure, outcome).at(endpoint)
    }
}

/// The endpoints of a client, and what is known of them.
pub(crate) struct Caller {
    members: Vec<Member>,
    picker: Mutex<Picker>,
    dialing: Dialing,
    timeout: Duration,
    /// Whose tasks its connections are.
    runtime: Handle,
}

/// One endpoint and its connections.
pub(crate) struct Member {
    endpoint: Arc<Endpoint>,
    requests: Line,
    /// Apart from the requests: a large answer would hold up the events (etcd issue 15402).
    streams: OnceLock<Line>,
    dialing: Dialing,
    runtime: Handle,
}

impl Caller {
    /// Must be called within the runtime that will do the work: each connection has a task there.
    pub(crate) fn new(config: Checked) -> Self {
        let runtime = Handle::current();
        let members: Vec<_> = config
            .endpoints
            .into_iter()
            .map(|endpoint| Member::new(endpoint, config.dialing.clone(), runtime.clone()))
            .collect();
        let picker = Mutex::new(Picker::new(members.len()));
        Self { members, picker, dialing: config.dialing, timeout: config.request_timeout, runtime }
    }

    pub(crate) fn urls(&self) -> impl Iterator<Item = &str> {
        self.members.iter().map(|member| &**member.endpoint.url())
    }

    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    pub(crate) fn dialing(&self) -> &Dialing {
        &self.dialing
    }

    /// An endpoint that is not the client's, with connections of its own.
    pub(crate) fn stranger(&self, endpoint: Endpoint) -> Member {
        Member::new(endpoint, self.dialing.clone(), self.runtime.clone())
    }

    /// The configured member at `endpoint`.
    pub(crate) fn member(&self, endpoint: &Endpoint) -> Option<&Member> {
        self.members.iter().find(|member| member.endpoint.is_same(endpoint))
    }

    /// Sends what `send` makes until it is answered, or may not be sent again, or time is up.
    ///
    /// What was provably never sent goes to the next endpoint. Where a server may have acted, only
    /// a read does. A round that reached no server at all is the last: waiting for one to come is
    /// the caller's to decide.
    pub(crate) async fn call<T, S, F>(
        &self,
        operation: Operation,
        lane: Lane,
        send: S,
    ) -> Result<(T, Arc<str>)>
    where
        S: Fn(Channel, Duration) -> F,
        F: Future<Output = Result<T, Status>>,
    {
        let mut attempts = Attempts::new(operation, operation.timeout(self.timeout));
        let mut pause = FIRST_PAUSE;
        loop {
            let mut reached = false;
            let order = self.picker().order(Instant::now());
            for (step, &index) in order.iter().enumerate() {
                let last = step + 1 == order.len();
                let Some(patience) = attempts.patience(last) else {
                    return Err(attempts.out_of_time());
                };
                let member = &self.members[index];
                let failure = match member.send(lane, patience, &send).await {
                    Ok(answer) => {
                        self.picker().succeeded(index);
                        return Ok((answer, member.endpoint.url().clone()));
                    }
                    Err(failure) => failure,
                };
                if blames_endpoint(&failure) {
                    self.picker().failed(index, Instant::now());
                }
                reached |= is_heard(&failure);
                let again = may_go_on(&failure, operation.read);
                attempts.record(failure, member.endpoint.url());
                if !again {
                    return Err(attempts.into_error());
                }
            }
            if !reached {
                return Err(attempts.into_error());
            }
            tokio::time::sleep(pause.min(attempts.left())).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Says that a stream which [`call`](Self::call) opened at this endpoint ended there, so that
    /// the others are asked first.
    pub(crate) fn distrust(&self, url: &str) {
        if let Some(index) = self.members.iter().position(|member| **member.endpoint.url() == *url)
        {
            self.picker().failed(index, Instant::now());
        }
    }

    fn picker(&self) -> MutexGuard<'_, Picker> {
        self.picker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Member {
    fn new(endpoint: Endpoint, dialing: Dialing, runtime: Handle) -> Self {
        let endpoint = Arc::new(endpoint);
        let requests = Line::new(&endpoint, &dialing, Lane::Requests, &runtime);
        Self { endpoint, requests, streams: OnceLock::new(), dialing, runtime }
    }

    /// Sends what `send` makes to this member.
    pub(crate) async fn send<T, S, F>(
        &self,
        lane: Lane,
        patience: Duration,
        send: S,
    ) -> Result<T, Failure>
    where
        S: Fn(Channel, Duration) -> F,
        F: Future<Output = Result<T, Status>>,
    {
        let line = match lane {
            Lane::Requests => &self.requests,
            Lane::Streams => self
                .streams
                .get_or_init(|| Line::new(&self.endpoint, &self.dialing, lane, &self.runtime)),
        };
        match &self.dialing.session {
            Some(session) => self.send_as(session, line, lane, patience, &send).await,
            None => self.send_as_shown(line, patience, &send).await.map_err(nobody),
        }
    }

    /// One attempt, or two if the first found a connection that was at its end.
    ///
    /// Such a connection says nothing of the member, which may be the only one.
    async fn deliver<T, S, F>(
        &self,
        line: &Line,
        token: Option<&HeaderValue>,
        patience: Duration,
        send: &S,
    ) -> Result<T, Failure>
    where
        S: Fn(Channel, Duration) -> F,
        F: Future<Output = Result<T, Status>>,
    {
        let deadline = tokio::time::Instant::now() + patience;
        let failure = match self.attempt(line, token, patience, deadline, send).await {
            Err(failure) if failure.is_stale() => failure,
            result => return result,
        };
        let left = deadline.saturating_duration_since(tokio::time::Instant::now());
        if left.is_zero() {
            return Err(failure);
        }
        self.attempt(line, token, left, deadline, send).await
    }

    async fn attempt<T, S, F>(
        &self,
        line: &Line,
        token: Option<&HeaderValue>,
        patience: Duration,
        deadline: tokio::time::Instant,
        send: &S,
    ) -> Result<T, Failure>
    where
        S: Fn(Channel, Duration) -> F,
        F: Future<Output = Result<T, Status>>,
    {
        let place = match line.place_now() {
            Some(place) => place,
            None => match timeout_at(deadline, line.place()).await {
                Ok(Ok(place)) => place,
                Ok(Err(dial)) => return Err(from_dial(&dial)),
                Err(_) => return Err(no_connection(patience)),
            },
        };
        let channel = Channel::new(place, token.cloned(), self.endpoint.clone());
        // Its future, and with it the request, is gone when this is done.
        match timeout_at(deadline, send(channel, patience)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(status)) => Err(classify(status)),
            Err(_) => Err(no_answer(patience)),
        }
    }
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let urls: Vec<_> = self.urls().collect();
        f.debug_struct("Caller").field("endpoints", &urls).field("dialing", &self.dialing).finish()
    }
}

/// Whether the endpoint, and not the request or the cluster, is why it failed.
fn blames_endpoint(failure: &Failure) -> bool {
    failure.fate == Fate::NeverSent
        || matches!(
            failure.kind,
            ErrorKind::ConnectionLost
                | ErrorKind::Connect
                | ErrorKind::DeadlineExceeded
                | ErrorKind::Unavailable
                | ErrorKind::NoLeader
                | ErrorKind::NotLeader
        )
        || wrong_member(failure)
}

/// Whether something there answers, so that asking again later may help.
fn is_heard(failure: &Failure) -> bool {
    let silent = failure.fate == Fate::NeverSent && failure.message.is_none()
        || failure.kind == ErrorKind::Connect;
    !silent && !wrong_member(failure)
}

/// Another member would answer this.
fn wrong_member(failure: &Failure) -> bool {
    failure.kind == ErrorKind::NotSupportedForLearner
}

/// Whether the next endpoint may be asked the same.
fn may_go_on(failure: &Failure, read: bool) -> bool {
    failure.fate == Fate::NeverSent || wrong_member(failure) || (read && passes(failure))
}

/// Whether it may be otherwise at another member, or later.
fn passes(failure: &Failure) -> bool {
    matches!(
        failure.kind,
        ErrorKind::Connect
            | ErrorKind::ConnectionLost
            | ErrorKind::DeadlineExceeded
            | ErrorKind::NoLeader
            | ErrorKind::NotLeader
            | ErrorKind::LeaderChanged
            | ErrorKind::Timeout
            | ErrorKind::Unavailable
    )
}

/// A request with no user, where one is needed.
fn nobody(failure: Failure) -> Failure {
    match failure.kind {
        ErrorKind::InvalidAuthToken => failure.fix("give a user with Config::user"),
        _ => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GET: Operation = Operation::read("get");
    const PUT: Operation = Operation::write("put");

    fn failure(kind: ErrorKind, fate: Fate) -> Failure {
        Failure::new(kind, fate, "x")
    }

    #[test]
    fn what_was_never_sent_goes_on() {
        let never = failure(ErrorKind::Tls, Fate::NeverSent);
        assert!(may_go_on(&never, true) && may_go_on(&never, false));
    }

    #[test]
    fn a_write_that_may_have_been_sent_does_not() {
        for kind in [ErrorKind::ConnectionLost, ErrorKind::Timeout, ErrorKind::LeaderChanged] {
            let unknown = failure(kind, Fate::Unknown);
            assert!(!may_go_on(&unknown, false), "{kind:?}");
            assert!(may_go_on(&unknown, true), "{kind:?}");
            assert_eq!(PUT.failed(unknown, "e").outcome(), Outcome::Unknown);
            assert_eq!(
                GET.failed(failure(kind, Fate::Unknown), "e").outcome(),
                Outcome::NotApplied
            );
        }
    }

    #[test]
    fn a_no_is_a_no_everywhere() {
        let refused = failure(ErrorKind::PermissionDenied, Fate::Refused);
        assert!(!may_go_on(&refused, true) && !may_go_on(&refused, false));
        assert!(!blames_endpoint(&refused));
    }

    #[test]
    fn what_a_server_lacks_is_named_with_the_version_that_has_it() {
        let lacks = || Failure::new(ErrorKind::Unsupported, Fate::Refused, "it lacks this");
        let error = Operation::write("downgrade").since("3.5").failed(lacks(), "https://a:1");
        insta::assert_snapshot!(error, @"downgrade at https://a:1: it lacks this, which came with etcd 3.5");
        insta::assert_snapshot!(PUT.failed(lacks(), "https://a:1"), @"put at https://a:1: it lacks this");
    }

    #[test]
    fn a_learner_sends_us_on() {
        let learner = failure(ErrorKind::NotSupportedForLearner, Fate::Refused);
        assert!(may_go_on(&learner, true) && may_go_on(&learner, false));
        assert!(blames_endpoint(&learner));
    }
}
