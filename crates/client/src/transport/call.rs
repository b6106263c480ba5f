//! One request, over as many endpoints as it takes and may take.

mod attempts;

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tonic::Status;
use tracing::Instrument as _;

use self::attempts::Attempts;
use crate::config::{self, Balance, Checked, Dialing, LONGEST};
use crate::error::{Error, ErrorKind, Failure, Fate, Outcome, Result};
use crate::observe::{Hooks, Record};
use crate::random::unique;
use crate::transport::channel::Channel;
use crate::transport::endpoint::Endpoint;
pub(crate) use crate::transport::line::Lane;
pub(crate) use crate::transport::member::Member;
use crate::transport::member::Patience;
use crate::transport::picker::Picker;
use crate::transport::sync::AutoSync;

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
    /// Whether the server does several things for it, of which some may be done when one is refused.
    compound: bool,
    /// Whether it is agreed upon by the members as a write is, and may be sent again all the same.
    agreed: bool,
}

impl Operation {
    pub(crate) const fn read(name: &'static str) -> Self {
        Self {
            name,
            read: true,
            changes: false,
            since: None,
            long: false,
            compound: false,
            agreed: false,
        }
    }

    pub(crate) const fn write(name: &'static str) -> Self {
        Self { read: false, changes: true, ..Self::read(name) }
    }

    /// One that changes something, and of which twice is the same as once.
    pub(crate) const fn repeatable(name: &'static str) -> Self {
        Self { changes: true, ..Self::read(name).agreed() }
    }

    /// The same, which the members agree upon: what is lost on its way with a leader is sent again
    /// before etcd says so.
    pub(crate) const fn agreed(self) -> Self {
        Self { agreed: true, ..self }
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

    /// The same, of which a part may be done when the server says no.
    pub(crate) const fn compound(self) -> Self {
        Self { compound: true, ..self }
    }

    /// How long it may take in all, with a client that has this timeout.
    pub(crate) fn timeout(self, usual: Duration) -> Duration {
        if self.long { LONGEST } else { usual }
    }

    /// An error of this operation, of no endpoint in particular.
    pub(crate) fn failed_anywhere(self, failure: Failure) -> Error {
        let outcome = self.outcome(&failure);
        Error::new(self.name, failure, outcome)
    }

    /// An error of this operation, at one endpoint.
    pub(crate) fn failed(self, mut failure: Failure, endpoint: &str) -> Error {
        if let (ErrorKind::Unsupported, Some(version)) = (failure.kind, self.since) {
            failure.what.push_str(", which came with etcd ");
            failure.what.push_str(version);
        }
        let outcome = self.outcome(&failure);
        Error::new(self.name, failure, outcome).at(endpoint)
    }

    fn outcome(self, failure: &Failure) -> Outcome {
        match failure.fate {
            Fate::Unknown if self.changes => Outcome::Unknown,
            Fate::Refused if self.compound && !leaves_nothing(failure) => Outcome::Unknown,
            _ => Outcome::NotApplied,
        }
    }
}

/// The endpoints of a client, and what is known of them.
pub(crate) struct Caller {
    /// They may be replaced while requests are under way, which end where they began.
    members: RwLock<Arc<[Arc<Member>]>>,
    picker: Picker,
    /// Which of them is asked for the first token.
    home: usize,
    /// From when its clock counts.
    made: Instant,
    dialing: Dialing,
    timeout: Duration,
    /// Whose tasks its connections are.
    runtime: Handle,
    _auto_sync: Option<AutoSync>,
}

impl Caller {
    /// Must be called within the runtime that will do the work: each connection has a task there.
    pub(crate) fn new(config: Checked) -> Arc<Self> {
        let auto_sync = config.auto_sync;
        Arc::new_cyclic(|this| {
            Self::with(config, auto_sync.map(|every| AutoSync::begin(this, every)))
        })
    }

    fn with(config: Checked, auto_sync: Option<AutoSync>) -> Self {
        let runtime = Handle::current();
        let member = |endpoint| Member::new(endpoint, config.dialing.clone(), runtime.clone());
        let members = config.endpoints.into_iter().map(member).map(Arc::new).collect();
        #[expect(clippy::cast_possible_truncation, reason = "any number is as good as another")]
        let home = match config.balance {
            Balance::LeastRequests => unique() as usize,
            Balance::InOrder => 0,
        };
        let picker = Picker::new(config.balance, home);
        Self {
            members: RwLock::new(members),
            picker,
            home,
            made: Instant::now(),
            dialing: config.dialing,
            timeout: config.request_timeout,
            runtime,
            _auto_sync: auto_sync,
        }
    }

    /// The endpoints as they are now.
    pub(crate) fn members(&self) -> Arc<[Arc<Member>]> {
        self.members.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    pub(crate) fn hooks(&self) -> &Hooks {
        &self.dialing.hooks
    }

    pub(crate) fn dialing(&self) -> &Dialing {
        &self.dialing
    }

    /// An endpoint that is not the client's, with connections of its own.
    pub(crate) fn stranger(&self, endpoint: Endpoint) -> Member {
        Member::new(endpoint, self.dialing.clone(), self.runtime.clone())
    }

    /// The client's member that is meant, with all that the client was told of it.
    pub(crate) fn member(&self, endpoint: &config::Endpoint) -> Option<Arc<Member>> {
        self.members().iter().find(|member| endpoint.is(member.endpoint())).cloned()
    }

    /// Takes these endpoints for its own, with what is known of those that it had already.
    pub(crate) fn replace(&self, endpoints: Vec<Endpoint>) {
        let mut members = self.members.write().unwrap_or_else(PoisonError::into_inner);
        let had = members.clone();
        let keep = |endpoint: Endpoint| {
            let same = had.iter().find(|member| member.endpoint().is_same(&endpoint));
            same.cloned().unwrap_or_else(|| Arc::new(self.stranger(endpoint)))
        };
        *members = endpoints.into_iter().map(keep).collect();
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
        let mut record = Record::new(&self.dialing.hooks, operation.name);
        let span = record.span();
        let result = self.go_on(operation, lane, send, &mut record).instrument(span).await;
        record.ended(&result);
        result
    }

    async fn go_on<T, S, F>(
        &self,
        operation: Operation,
        lane: Lane,
        send: S,
        record: &mut Record<'_>,
    ) -> Result<(T, Arc<str>)>
    where
        S: Fn(Channel, Duration) -> F,
        F: Future<Output = Result<T, Status>>,
    {
        let mut attempts = Attempts::new(operation, self.timeout);
        let mut pause = FIRST_PAUSE;
        loop {
            let members = self.members();
            let mut reached = false;
            let mut index = self.first(&members, lane);
            // Only when the first has failed.
            let mut rest = Vec::new();
            for step in 0..members.len() {
                match step {
                    0 => {}
                    1 => {
                        let others = Picker::rest(index, members.len(), |at| &members[at].health);
                        index = others[0];
                        rest = others;
                    }
                    step => index = rest[step - 1],
                }
                let last = step + 1 == members.len();
                let Some(patience) = attempts.patience(last) else {
                    return Err(attempts.out_of_time());
                };
                let member = &members[index];
                record.asks(member.url());
                let failure = match member.send(lane, patience, &send).await {
                    Ok(answer) => {
                        member.health.succeeded();
                        self.picker.succeeded(index);
                        return Ok((answer, member.url().clone()));
                    }
                    Err(failure) => failure,
                };
                record.attempt_failed(&failure);
                if blames_endpoint(&failure) {
                    member.health.failed(self.made.elapsed());
                } else {
                    // It said no, and so it works.
                    member.health.succeeded();
                }
                reached |= is_heard(&failure);
                let again = may_go_on(&failure, operation.read);
                attempts.record(failure, member.url());
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

    /// Sends what `send` makes to this member, one of the client's or not, and asks no other.
    pub(crate) async fn call_at<T, S, F>(
        &self,
        operation: Operation,
        member: &Member,
        lane: Lane,
        patience: Duration,
        send: S,
    ) -> Result<T>
    where
        S: Fn(Channel, Duration) -> F,
        F: Future<Output = Result<T, Status>>,
    {
        let mut record = Record::new(&self.dialing.hooks, operation.name);
        let span = record.span();
        let url = member.url();
        record.asks(url);
        let patience =
            Patience { in_all: patience, until_sent: patience.min(self.timeout), answer: patience };
        let result = member.send(lane, patience, send).instrument(span).await.map_err(|failure| {
            record.attempt_failed(&failure);
            operation.failed(failure, url)
        });
        record.ended(&result);
        result
    }

    /// Says that a stream which [`call`](Self::call) opened at this endpoint ended there, so that
    /// the others are asked first.
    pub(crate) fn distrust(&self, url: &str) {
        if let Some(member) = self.members().iter().find(|member| **member.url() == *url) {
            member.health.failed(self.made.elapsed());
        }
    }

    /// Which of them is asked first.
    fn first(&self, members: &[Arc<Member>], lane: Lane) -> usize {
        if let Some(home) = self.dialing.session.as_ref().and_then(|session| session.home()) {
            let index = match home {
                Some(url) => members.iter().position(|member| *member.url() == url),
                None => Some(self.home % members.len()),
            };
            if let Some(index) = index.filter(|&index| members[index].health.is_good()) {
                return index;
            }
        }
        let may_try = |index: usize| members[index].may_be_tried(lane, self.made.elapsed());
        let under_way = |index: usize| members[index].under_way();
        self.picker.first(lane, members.len(), |index| &members[index].health, under_way, may_try)
    }
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let members = self.members();
        let urls: Vec<_> = members.iter().map(|member| member.url()).collect();
        f.debug_struct("Caller").field("endpoints", &urls).field("dialing", &self.dialing).finish()
    }
}

/// Whether this is said before the first part of a request is done, or when what was done is gone.
fn leaves_nothing(failure: &Failure) -> bool {
    let kinds = [
        ErrorKind::InvalidRequest,
        ErrorKind::RequestTooLarge,
        ErrorKind::Unsupported,
        ErrorKind::AuthFailed,
        ErrorKind::LeaseNotFound,
        // The lease has run out.
        ErrorKind::NotHeld,
    ];
    failure.message.is_none() || kinds.contains(&failure.kind)
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
                // What a member says that is cut off from the others, and others may do better.
                | ErrorKind::Timeout
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
pub(crate) fn passes(failure: &Failure) -> bool {
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
