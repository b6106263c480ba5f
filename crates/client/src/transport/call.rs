//! One request, over as many endpoints as it takes and may take.

mod as_user;
mod attempts;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tonic::Status;
use tonic::transport;

use self::attempts::Attempts;
use crate::config::{Checked, Dialing, LONGEST};
use crate::error::{Error, ErrorKind, Failure, Fate, Outcome, Result};
use crate::transport::channel::Channel;
use crate::transport::classify::{classify, no_answer, no_connection};
use crate::transport::connections::Connections;
use crate::transport::dial::Connector;
use crate::transport::endpoint::Endpoint;
use crate::transport::picker::Picker;
use crate::transport::wire::HangUp;

/// etcd ends connections that ping more often than every 5 s, or that ping with no request under
/// way (`server/embed/etcd.go`, `DefaultGRPCKeepAliveMinTime`, `PermitWithoutStream`).
const PING_EVERY: Duration = Duration::from_secs(10);
/// A server that leaves a ping unanswered for this long is gone.
const PING_PATIENCE: Duration = Duration::from_secs(10);
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
    /// The first etcd that has it, where not every one that we know does.
    since: Option<&'static str>,
    /// Whether it takes as long as the store is large.
    long: bool,
}

impl Operation {
    pub(crate) const fn read(name: &'static str) -> Self {
        Self { name, read: true, since: None, long: false }
    }

    pub(crate) const fn write(name: &'static str) -> Self {
        Self { read: false, ..Self::read(name) }
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
            Fate::Unknown if !self.read => Outcome::Unknown,
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
            Fate::Unknown if !self.read => Outcome::Unknown,
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
}

/// One endpoint and its connections.
pub(crate) struct Member {
    endpoint: Arc<Endpoint>,
    requests: Line,
    /// Apart from the requests: a large answer would hold up the events (etcd issue 15402).
    streams: OnceLock<Line>,
    dialing: Dialing,
}

/// One connection, made when it is needed and again when it was lost.
struct Line {
    channel: Channel,
    hang_up: HangUp,
    connections: Connections,
}

/// On which of an endpoint's connections.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Lane {
    Requests,
    Streams,
}

impl Lane {
    /// How much a server may send ahead of who reads it: on one stream, and on the connection.
    fn windows_bytes(self) -> (u32, u32) {
        match self {
            // A range of thousands of keys should not wait for window updates; with hyper's 2 MiB
            // and 5 MiB it does. Every answer is read as it comes, so none holds up another.
            Self::Requests => (8 << 20, 16 << 20),
            // A watcher that nobody reads keeps its window full: the connection's, the largest
            // that there is (RFC 9113, 6.9.1), has room for two thousand of them.
            Self::Streams => (1 << 20, (1 << 31) - 1),
        }
    }
}

impl Caller {
    /// Must be called within the runtime that will do the work: each connection has a task there.
    pub(crate) fn new(config: Checked) -> Self {
        let members: Vec<_> = config
            .endpoints
            .into_iter()
            .map(|endpoint| Member::new(endpoint, config.dialing.clone()))
            .collect();
        let picker = Mutex::new(Picker::new(members.len()));
        Self { members, picker, dialing: config.dialing, timeout: config.request_timeout }
    }

    pub(crate) fn urls(&self) -> impl Iterator<Item = &str> {
        self.members.iter().map(|member| member.endpoint.url())
    }

    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    pub(crate) fn dialing(&self) -> &Dialing {
        &self.dialing
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
    ) -> Result<(T, &str)>
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
                        return Ok((answer, member.endpoint.url()));
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
        if let Some(index) = self.members.iter().position(|member| member.endpoint.url() == url) {
            self.picker().failed(index, Instant::now());
        }
    }

    fn picker(&self) -> MutexGuard<'_, Picker> {
        self.picker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Member {
    pub(crate) fn new(endpoint: Endpoint, dialing: Dialing) -> Self {
        let endpoint = Arc::new(endpoint);
        let requests = Line::new(&endpoint, &dialing, Lane::Requests);
        Self { endpoint, requests, streams: OnceLock::new(), dialing }
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
            Lane::Streams => {
                self.streams.get_or_init(|| Line::new(&self.endpoint, &self.dialing, lane))
            }
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
        channel: &Channel,
        patience: Duration,
        send: &S,
    ) -> Result<T, Failure>
    where
        S: Fn(Channel, Duration) -> F,
        F: Future<Output = Result<T, Status>>,
    {
        let begin = Instant::now();
        let failure = match self.attempt(line, channel, patience, send).await {
            Err(failure) if failure.is_stale() => failure,
            result => return result,
        };
        let left = patience.saturating_sub(begin.elapsed());
        if left.is_zero() { Err(failure) } else { self.attempt(line, channel, left, send).await }
    }

    async fn attempt<T, S, F>(
        &self,
        line: &Line,
        channel: &Channel,
        patience: Duration,
        send: &S,
    ) -> Result<T, Failure>
    where
        S: Fn(Channel, Duration) -> F,
        F: Future<Output = Result<T, Status>>,
    {
        let begin = line.connections.now();
        // Its future, and with it the request, is gone when this is done.
        let result = tokio::time::timeout(patience, send(channel.clone(), patience)).await;
        match result {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(status)) => Err(self.hung_up(line, classify(status, self.dialing.is_mutual()))),
            Err(_) if line.connections.none_since(begin) => Err(no_connection(patience)),
            Err(_) => Err(no_answer(patience)),
        }
    }

    /// A lost connection on which the server never said a word is most often a wrong scheme.
    fn hung_up(&self, line: &Line, failure: Failure) -> Failure {
        if failure.kind != ErrorKind::ConnectionLost || !line.hang_up.is_last() {
            return failure;
        }
        let fix = (!self.endpoint.is_https())
            .then_some("does it speak TLS? then write https:// in the endpoint");
        let what = "the server hung up before it said a word".to_owned();
        Failure { kind: ErrorKind::Connect, what, fix, ..failure }
    }
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let urls: Vec<_> = self.urls().collect();
        f.debug_struct("Caller").field("endpoints", &urls).field("dialing", &self.dialing).finish()
    }
}

impl Line {
    fn new(endpoint: &Arc<Endpoint>, dialing: &Dialing, lane: Lane) -> Self {
        let (hang_up, connections) = (HangUp::default(), Connections::default());
        let connector =
            Connector::new(endpoint.clone(), dialing.clone(), hang_up.clone(), connections.clone());
        let (stream_bytes, connection_bytes) = lane.windows_bytes();
        // If any crate of a build asks for tonic's TLS, tonic refuses an https URI without it, after
        // our connector has dialled. So it dials an http one, and only the origin, which becomes
        // the scheme and authority of the requests, is https.
        let channel = transport::Channel::builder(endpoint.plain_uri().clone())
            .origin(endpoint.uri().clone())
            .http2_keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(PING_PATIENCE)
            .keep_alive_while_idle(false)
            .initial_stream_window_size(stream_bytes)
            .initial_connection_window_size(connection_bytes)
            .connect_with_connector_lazy(connector);
        Self { channel: Channel::new(channel), hang_up, connections }
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
