//! Why a request failed, and whether it may have happened all the same.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::kv::{Keys, Pending};

/// A result with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What made a request fail, to be matched on.
///
/// Those before [`Compacted`](Self::Compacted) are found out by the client; those from it on are
/// what servers say, by the texts of etcd's `api/v3rpc/rpctypes/error.go`. Some of the latter may
/// come from the client all the same: [`InvalidRequest`](Self::InvalidRequest) if no server would
/// take it, [`RequestTooLarge`](Self::RequestTooLarge) if it is larger than
/// [`Config::max_request_bytes`](crate::Config::max_request_bytes), [`Unavailable`](Self::Unavailable)
/// if a server takes no more requests, and [`Unsupported`](Self::Unsupported) where this etcd's answer
/// could not be relied on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// An endpoint, a certificate or an option that cannot work; nothing was sent.
    InvalidConfig,
    /// No connection: nothing listens, nothing answers in time, or it is not an etcd.
    Connect,
    /// No trust: one side did not accept the other's certificate, or they share no TLS.
    Tls,
    /// The connection ended before the answer came.
    ConnectionLost,
    /// No answer within the time given to the request.
    DeadlineExceeded,
    /// The answer makes no sense, or is larger than
    /// [`Config::max_response_bytes`](crate::Config::max_response_bytes).
    Protocol,
    /// A snapshot ended too early, or is not what its digest says. Ask for another.
    DamagedSnapshot,
    /// The code of a transaction gave it up: [`Error::aborted`].
    Aborted,
    /// A file here could not be written; the reason is the [`source`](std::error::Error::source).
    Io,
    /// The lease that this needed was lost while it was kept: of a session, the session is over.
    LeaseLost,
    /// One of your own layers, of [`Config::layer`](crate::Config::layer), did not let it pass or
    /// ended it; its error is the [`source`](std::error::Error::source).
    Layer,
    /// A lock or an office that this needed is not, or no longer, held; nothing was changed.
    NotHeld,
    /// As many are at a double barrier as it is for, or those of its last round have not all left.
    BarrierFull,

    /// The revision asked for is older than what the store still knows.
    Compacted,
    /// The revision asked for is yet to come.
    FutureRevision,
    /// The cluster has no leader.
    NoLeader,
    /// The leader changed while the request was under way.
    LeaderChanged,
    /// The cluster did not agree in the time that the server gives a request.
    Timeout,
    /// The server is stopping, or it does not serve this now.
    Unavailable,
    /// A request that needs a key that exists was for one that does not.
    KeyNotFound,
    /// The lease is not, or no longer, there.
    LeaseNotFound,
    /// There is a lease of that number.
    LeaseExists,
    /// The cluster has no such member.
    MemberNotFound,
    /// The cluster has a member with that number, or one of those peer URLs.
    MemberExists,
    /// Changing the members now would risk the quorum: too few of them are started, or they have
    /// not been connected for the five seconds that etcd asks for
    /// (`server/etcdserver/server.go`, `HealthInterval`). Nothing was changed.
    UnhealthyCluster,
    /// The learner has not yet caught up with the leader enough to vote.
    LearnerNotReady,
    /// What should become a voter is one.
    NotLearner,
    /// The cluster has as many learners as its `--max-learners` allows, by default one.
    TooManyLearners,
    /// Only the leader can do this, and the member that was asked is not.
    NotLeader,
    /// A downgrade is under way already.
    DowngradeInProgress,
    /// There is no downgrade that could be cancelled.
    NoDowngrade,
    /// Wrong user or password.
    AuthFailed,
    /// The request has no user, or the server does not take its token.
    InvalidAuthToken,
    /// The cluster does not ask who anybody is, so there is nothing to be authenticated for.
    AuthNotEnabled,
    /// Authentication cannot be enabled: there is no user `root` with the role `root`.
    NoRoot,
    /// There is a user of that name.
    UserExists,
    /// There is no user of that name.
    UserNotFound,
    /// There is a role of that name.
    RoleExists,
    /// There is no role of that name.
    RoleNotFound,
    /// What should be taken back was not granted: a role, or a permission for just those keys.
    NotGranted,
    /// The user may not do this.
    PermissionDenied,
    /// The store has reached its quota and takes no writes.
    NoSpace,
    /// Larger than [`Config::max_request_bytes`](crate::Config::max_request_bytes), and then not sent, or
    /// than the server's `--max-request-bytes`.
    RequestTooLarge,
    /// The server has too much to do.
    TooManyRequests,
    /// A request that etcd can never fulfil.
    InvalidRequest,
    /// The member that was asked is a learner, which answers few requests.
    NotSupportedForLearner,
    /// The stores of the members differ.
    Corrupt,
    /// This etcd does not know the request; the text says which version does.
    Unsupported,
    /// Anything else; the text has the code and the message, which is also
    /// [`Error::server_message`].
    Other,
}

/// Whether a failed request may have changed something.
///
/// There is no third case, so this stays exhaustive: a `match` that has to say what it does with an
/// unknown outcome needs no arm for what cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// It changed nothing, and never will: sending it again is safe.
    NotApplied,
    /// It may have been applied, and may still be. A later read that shows it tells; one that does
    /// not proves nothing. Where that matters write by [`Guarded`](crate::Guarded), whose errors can
    /// be [resolved](Error::resolve).
    Unknown,
}

/// Why a request failed.
///
/// Its text says which operation, where, what happened and, where that is known, what would mend
/// it. The cause underneath, if there is one, is only in [`source`](std::error::Error::source), and clones
/// share it.
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Debug, Clone)]
struct Inner {
    operation: &'static str,
    failure: Failure,
    endpoint: Option<String>,
    outcome: Outcome,
    before: Vec<(String, String)>,
    elapsed: Option<Duration>,
    compact_revision: Option<i64>,
    keys: Vec<Keys>,
    pending: Option<Pending>,
}

/// One attempt's end, before it is known which request it ends.
///
/// It can be cloned, since one may answer for several requests.
#[derive(Debug, Clone)]
pub(crate) struct Failure {
    pub(crate) kind: ErrorKind,
    pub(crate) fate: Fate,
    /// In plain words.
    pub(crate) what: String,
    pub(crate) fix: Option<&'static str>,
    /// What the server said, word for word.
    pub(crate) message: Option<String>,
    pub(crate) source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

/// How far one attempt came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// No server has processed it, nor will.
    NeverSent,
    /// A server said no.
    Refused,
    /// It may have been processed.
    Unknown,
}

impl Error {
    /// What made the request fail.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.0.failure.kind
    }

    /// Whether the request may have changed something. A read never does.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        self.0.outcome
    }

    /// What was asked for, as the text of the error begins: `put`, `lease grant`. There are few, so it
    /// may be a label.
    #[must_use]
    pub fn operation(&self) -> &'static str {
        self.0.operation
    }

    /// The endpoint that was asked last.
    #[must_use]
    pub fn endpoint(&self) -> Option<&str> {
        self.0.endpoint.as_deref()
    }

    /// Of a watch that began before what the store still knows: the first revision that it knows.
    #[must_use]
    pub fn compact_revision(&self) -> Option<i64> {
        self.0.compact_revision
    }

    /// What the server said, word for word, if it was a server that refused.
    ///
    /// For what no [`ErrorKind`] tells, as with [`ErrorKind::Other`]: these texts are etcd's and
    /// may change with its version.
    #[must_use]
    pub fn server_message(&self) -> Option<&str> {
        self.0.failure.message.as_deref()
    }

    /// The keys that the write which failed was about: of a put its key, of a deletion what it was to
    /// delete, of a transaction those that either of its branches writes. Other requests have none.
    #[must_use]
    pub fn keys(&self) -> &[Keys] {
        &self.0.keys
    }

    /// The first of [`keys`](Self::keys), or where they begin.
    #[must_use]
    pub fn key(&self) -> Option<&[u8]> {
        self.0.keys.first().map(Keys::start)
    }

    /// Whether there was no connection that could be used: nothing listens or answers there, no
    /// trust, or no etcd at the other end. It is [`ErrorKind::Connect`] or [`ErrorKind::Tls`].
    #[must_use]
    pub fn is_connect(&self) -> bool {
        matches!(self.kind(), ErrorKind::Connect | ErrorKind::Tls)
    }

    /// Whether time ran out, here or at the server.
    #[must_use]
    pub fn is_timeout(&self) -> bool {
        matches!(self.kind(), ErrorKind::DeadlineExceeded | ErrorKind::Timeout)
    }

    /// What happened, in plain words, without the operation and the endpoint.
    pub(crate) fn what(&self) -> &str {
        &self.0.failure.what
    }

    pub(crate) fn config(what: impl Into<String>) -> Self {
        let failure = Failure::new(ErrorKind::InvalidConfig, Fate::NeverSent, what);
        Self::new("connect", failure, Outcome::NotApplied)
    }

    pub(crate) fn new(operation: &'static str, failure: Failure, outcome: Outcome) -> Self {
        Self(Box::new(Inner {
            operation,
            failure,
            endpoint: None,
            outcome,
            before: Vec::new(),
            elapsed: None,
            compact_revision: None,
            keys: Vec::new(),
            pending: None,
        }))
    }

    /// The same, said of another operation.
    pub(crate) fn during(mut self, operation: &'static str) -> Self {
        self.0.operation = operation;
        self
    }

    /// The same, said of a write of these keys.
    pub(crate) fn about(mut self, keys: Vec<Keys>) -> Self {
        self.0.keys = keys;
        self
    }

    /// The same of a write that had a guard.
    pub(crate) fn resolvable(mut self, pending: Pending) -> Self {
        self.0.pending = Some(pending);
        self
    }

    /// What is needed to find out whether it was applied.
    pub(crate) fn pending(&self) -> Option<&Pending> {
        self.0.pending.as_ref()
    }

    pub(crate) fn at(mut self, endpoint: &str) -> Self {
        self.0.endpoint = Some(endpoint.to_owned());
        self
    }

    /// What became of the attempts before the last: endpoint and text.
    pub(crate) fn after(mut self, before: Vec<(String, String)>, elapsed: Duration) -> Self {
        self.0.before = before;
        self.0.elapsed = Some(elapsed);
        self
    }

    pub(crate) fn compacted_at(mut self, revision: i64) -> Self {
        self.0.compact_revision = Some(revision);
        self
    }

    pub(crate) fn caused_by(
        mut self,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        self.0.failure.source = Some(source.into().into());
        self
    }
}

impl Failure {
    pub(crate) fn new(kind: ErrorKind, fate: Fate, what: impl Into<String>) -> Self {
        Self { kind, fate, what: what.into(), fix: None, message: None, source: None }
    }

    pub(crate) fn fix(mut self, fix: &'static str) -> Self {
        self.fix = Some(fix);
        self
    }

    pub(crate) fn said(mut self, message: &str) -> Self {
        self.message = Some(message.to_owned());
        self
    }

    /// Whether the connection was found to be at its end, with nothing sent on it.
    pub(crate) fn is_stale(&self) -> bool {
        self.fate == Fate::NeverSent
            && matches!(self.kind, ErrorKind::ConnectionLost | ErrorKind::Unavailable)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &*self.0;
        f.write_str(inner.operation)?;
        if let Some(endpoint) = &inner.endpoint {
            write!(f, " at {endpoint}")?;
        }
        write!(f, ": {}", inner.failure.what)?;
        if let Some(fix) = inner.failure.fix {
            write!(f, "; {fix}")?;
        }
        if inner.outcome == Outcome::Unknown {
            f.write_str("; it may have been applied or not: ")?;
            f.write_str(match inner.pending {
                Some(_) => "Error::resolve finds out",
                None => "read before you send it again",
            })?;
        }
        if !inner.before.is_empty() {
            f.write_str(" (before that")?;
            for (endpoint, what) in &inner.before {
                write!(f, ", {endpoint}: {what}")?;
            }
            f.write_str(")")?;
        }
        if let (Some(elapsed), ErrorKind::DeadlineExceeded) = (inner.elapsed, inner.failure.kind) {
            write!(f, " [gave up after {elapsed:.1?}]")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What `unwrap` and `?` in a test print: the text first, then what a machine would ask.
        f.debug_struct("Error")
            .field("text", &self.to_string())
            .field("kind", &self.0.failure.kind)
            .field("outcome", &self.0.outcome)
            .field("keys", &self.0.keys)
            .field("source", &self.0.failure.source)
            .finish()
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.failure.source.as_deref().map(|source| source as &(dyn std::error::Error + 'static))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_where_and_what_mends_it() {
        let failure = Failure::new(
            ErrorKind::Tls,
            Fate::NeverSent,
            "the server requires a client certificate and none was given",
        )
        .fix("give one with Tls::mutual");
        let error = Error::new("get", failure, Outcome::NotApplied).at("https://127.0.0.1:2379");
        insta::assert_snapshot!(error, @"get at https://127.0.0.1:2379: the server requires a client certificate and none was given; give one with Tls::mutual");
        assert!(error.is_connect());
    }

    #[test]
    fn says_that_an_outcome_is_unknown() {
        let failure = Failure::new(
            ErrorKind::ConnectionLost,
            Fate::Unknown,
            "the connection ended before the answer came",
        );
        let error = Error::new("put", failure, Outcome::Unknown).at("https://10.0.0.2:2379").after(
            vec![("https://10.0.0.1:2379".into(), "nothing listens there".into())],
            Duration::from_millis(12),
        );
        insta::assert_snapshot!(error, @"put at https://10.0.0.2:2379: the connection ended before the answer came; it may have been applied or not: read before you send it again (before that, https://10.0.0.1:2379: nothing listens there)");
    }

    #[test]
    fn is_small_and_can_be_sent() {
        fn check<T: Send + Sync + 'static>() {}
        check::<Error>();
        assert_eq!(size_of::<Error>(), size_of::<usize>());
    }
}
