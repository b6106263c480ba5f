//! From what tonic reports to what happened.
//!
//! tonic's codes mean nothing where no server spoke (its `status.rs`). What really happened our own
//! connections know, and is in the chain of sources.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use tonic::{Code, Status};

use crate::error::{ErrorKind, Failure, Fate};
use crate::transport::dial::DialError;
use crate::transport::ended::Ended;
use crate::transport::rejection;

/// Names one attempt's end.
pub(crate) fn classify(status: Status) -> Failure {
    if status.source().is_none() {
        return answered(&status);
    }
    if let Some(own) = find::<Own>(&status) {
        return Failure::new(own.kind, Fate::Unknown, own.what);
    }
    let failure = find::<Ended>(&status).map_or_else(lost, unanswered);
    Failure { source: Cause::of(status, &failure.what), ..failure }
}

/// The end of an attempt whose time ran out.
pub(crate) fn no_answer(patience: std::time::Duration) -> Failure {
    let what = format!("no answer within {patience:.1?}");
    Failure::new(ErrorKind::DeadlineExceeded, Fate::Unknown, what)
}

/// The end of an attempt whose time ran out before there was a connection to send it on.
pub(crate) fn no_connection(patience: std::time::Duration) -> Failure {
    let what = format!("no connection within {patience:.1?}");
    Failure::new(ErrorKind::DeadlineExceeded, Fate::NeverSent, what)
}

/// A status of our own making: no server said it.
pub(crate) fn own(kind: ErrorKind, what: &'static str) -> Status {
    let mut status = Status::unknown(what);
    status.set_source(Arc::new(Own { kind, what }));
    status
}

/// What marks a status as [`own`].
#[derive(Debug)]
struct Own {
    kind: ErrorKind,
    what: &'static str,
}

impl fmt::Display for Own {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.what)
    }
}

impl StdError for Own {}

/// A server, something on the way to it, or tonic in the name of either, gave this status.
fn answered(status: &Status) -> Failure {
    let text = status.message();
    if let Some((kind, fate)) = rejection::meaning(text) {
        let what = rejection::plain(text);
        let failure = Failure { fix: rejection::fix(kind), ..Failure::new(kind, fate, what) };
        return failure.said(text);
    }
    if let Some(failure) = unreadable(status) {
        return failure;
    }
    if is_unknown_request(status) {
        let what = "this etcd does not know the request";
        return Failure::new(ErrorKind::Unsupported, Fate::Refused, what).said(text);
    }
    let (kind, fate) = by_code(status.code());
    if let Some(http) = text.strip_prefix(NO_GRPC) {
        let what = format!("what answered speaks no gRPC: HTTP status {http}");
        return Failure::new(kind, fate, what).fix("is it etcd's client port?");
    }
    let fate = if is_from_etcd(status) { fate } else { Fate::Unknown };
    Failure::new(kind, fate, format!("the server answered {:?}: {text}", status.code())).said(text)
}

/// What tonic says when it makes a status from that of HTTP (its `status.rs`).
const NO_GRPC: &str = "grpc-status header missing, mapped from HTTP status code ";

/// Whether etcd, or the gRPC library under it, gave this status. A proxy between may give any code
/// to what it has passed on and lost.
fn is_from_etcd(status: &Status) -> bool {
    ["etcdserver: ", "auth: "].iter().any(|text| status.message().starts_with(text))
}

/// grpc-go's answer for what this etcd does not have (its `server.go`).
fn is_unknown_request(status: &Status) -> bool {
    let texts = ["unknown service ", "unknown method "];
    status.code() == Code::Unimplemented
        && texts.iter().any(|text| status.message().starts_with(text))
}

/// An answer that tonic cannot read; it says so in the server's name.
fn unreadable(status: &Status) -> Option<Failure> {
    let text = status.message();
    let begins =
        |beginnings: &[&str]| beginnings.iter().any(|beginning| text.starts_with(beginning));
    match status.code() {
        // The stream ended and had no status.
        Code::Unknown if begins(&["protocol error"]) => Some(lost()),
        Code::Internal | Code::OutOfRange | Code::ResourceExhausted | Code::Unimplemented
            if begins(&[
                "protocol error",
                "failed to decode Protobuf",
                "Unexpected EOF decoding",
                "Missing response message",
                "Error, decoded message length",
                "Error decompressing",
                "Content is compressed",
            ]) =>
        {
            let what = format!("the answer cannot be read: {text}");
            Some(Failure::new(ErrorKind::Protocol, Fate::Unknown, what))
        }
        _ => None,
    }
}

/// What a code means for a text that nobody knows.
fn by_code(code: Code) -> (ErrorKind, Fate) {
    match code {
        Code::DeadlineExceeded => (ErrorKind::DeadlineExceeded, Fate::Unknown),
        Code::Unavailable => (ErrorKind::Unavailable, Fate::Unknown),
        Code::InvalidArgument => (ErrorKind::InvalidRequest, Fate::Refused),
        Code::PermissionDenied => (ErrorKind::PermissionDenied, Fate::Refused),
        Code::Unauthenticated => (ErrorKind::InvalidAuthToken, Fate::Refused),
        Code::NotFound
        | Code::AlreadyExists
        | Code::FailedPrecondition
        | Code::OutOfRange
        | Code::Unimplemented => (ErrorKind::Other, Fate::Refused),
        Code::Internal => (ErrorKind::Protocol, Fate::Unknown),
        _ => (ErrorKind::Other, Fate::Unknown),
    }
}

/// A request of this size, which is not sent.
pub(crate) fn too_large(bytes: usize, limit: usize) -> Failure {
    unanswered(&Ended::TooLarge { bytes, limit })
}

/// No server spoke.
fn unanswered(ended: &Ended) -> Failure {
    let fate = if ended.is_refused() { Fate::NeverSent } else { Fate::Unknown };
    match ended {
        Ended::Request(status) => {
            Failure::new(ErrorKind::InvalidRequest, Fate::Refused, status.message())
        }
        Ended::TooLarge { .. } => {
            Failure::new(ErrorKind::RequestTooLarge, Fate::Refused, ended.to_string())
                .fix("split it; etcd itself takes 1.5 MiB unless --max-request-bytes says more")
        }
        Ended::AnswerTooLarge { .. } => {
            Failure::new(ErrorKind::Protocol, fate, ended.to_string()).fix("read it in parts")
        }
        Ended::Stream(error) if ended.is_refused() && error.is_reset() => {
            let what = "the server takes no more requests on this connection";
            Failure::new(ErrorKind::Unavailable, fate, what)
        }
        Ended::Stream(_) if ended.is_refused() => {
            let what = "the server ended the connection without looking at the request";
            Failure::new(ErrorKind::ConnectionLost, fate, what)
        }
        // It says no for all endpoints.
        Ended::Layer { sent, .. } => {
            let fate = if *sent { Fate::Unknown } else { Fate::Refused };
            Failure::new(ErrorKind::Layer, fate, ended.to_string())
        }
        ended => Failure::new(ErrorKind::ConnectionLost, fate, ended.to_string()),
    }
}

fn find<E: StdError + 'static>(status: &Status) -> Option<&E> {
    let mut next = status.source();
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

pub(crate) fn from_dial(dial: &DialError) -> Failure {
    Failure {
        kind: dial.kind,
        fate: Fate::NeverSent,
        what: dial.what.clone(),
        fix: dial.fix,
        message: None,
        source: dial.source.clone(),
    }
}

fn lost() -> Failure {
    let what = "the connection ended before the answer came";
    Failure::new(ErrorKind::ConnectionLost, Fate::Unknown, what)
}

/// What a status was made from, without the status, whose own text only repeats it.
#[derive(Debug)]
struct Cause {
    status: Status,
    /// How many of the sources of the status are left out, too.
    left_out: usize,
}

impl Cause {
    /// What is under a failure of which `what` is said already.
    fn of(status: Status, what: &str) -> Option<Arc<dyn StdError + Send + Sync>> {
        let left_out = usize::from(status.source().is_some_and(|it| it.to_string() == what));
        let cause = Self { status, left_out };
        cause.error().is_some().then(|| Arc::new(cause) as _)
    }

    fn error(&self) -> Option<&(dyn StdError + 'static)> {
        let mut error = self.status.source()?;
        for _ in 0..self.left_out {
            error = error.source()?;
        }
        Some(error)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.error() {
            Some(error) => fmt::Display::fmt(error, f),
            None => f.write_str(self.status.message()),
        }
    }
}

impl StdError for Cause {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.error()?.source()
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    fn by_transport(ended: Ended) -> Failure {
        classify(Status::from_error(ended.into()))
    }

    #[test]
    fn a_failed_dial_has_sent_nothing() {
        let dial = DialError::new(ErrorKind::Connect, "nothing listens there")
            .caused_by(io::Error::from(io::ErrorKind::ConnectionRefused));
        let failure = from_dial(&dial);
        assert_eq!((failure.kind, failure.fate), (ErrorKind::Connect, Fate::NeverSent));
        assert_eq!(failure.what, "nothing listens there");
        assert_eq!(failure.source.unwrap().to_string(), "connection refused");
    }

    #[test]
    fn a_reason_alone_promises_nothing() {
        // See `fake` for one that a server gives.
        for reason in [h2::Reason::REFUSED_STREAM, h2::Reason::CANCEL] {
            let failure = by_transport(Ended::Stream(reason.into()));
            assert_eq!((failure.kind, failure.fate), (ErrorKind::ConnectionLost, Fate::Unknown));
        }
        // The control: it has no stream.
        let failure = by_transport(Ended::Unsent(h2::Reason::NO_ERROR.into()));
        assert_eq!((failure.kind, failure.fate), (ErrorKind::ConnectionLost, Fate::NeverSent));
    }

    #[test]
    fn silence_leaves_it_open() {
        let failure = by_transport(Ended::Silence);
        assert_eq!((failure.kind, failure.fate), (ErrorKind::ConnectionLost, Fate::Unknown));
        assert_eq!(failure.what, "the server stopped answering pings");
    }

    #[test]
    fn a_server_is_taken_at_its_word() {
        let failure =
            classify(Status::resource_exhausted("etcdserver: mvcc: database space exceeded"));
        assert_eq!((failure.kind, failure.fate), (ErrorKind::NoSpace, Fate::Unknown));
        assert!(failure.source.is_none());
        assert_eq!(failure.message.as_deref(), Some("etcdserver: mvcc: database space exceeded"));
    }

    /// The servers of locks and elections ask the store as a client of their own, whose errors come
    /// with the code Unknown (`server/etcdserver/api/v3lock/lock.go`).
    #[test]
    fn a_token_is_not_taken_under_any_code() {
        let texts = [
            "etcdserver: invalid auth token",
            "etcdserver: user name is empty",
            "etcdserver: revision of auth store is old",
            "auth: invalid auth token",
            "auth: revision in header is old",
        ];
        for text in texts {
            for code in [Code::Unknown, Code::Unauthenticated, Code::InvalidArgument] {
                let failure = classify(Status::new(code, text));
                let found = (failure.kind, failure.fate);
                assert_eq!(found, (ErrorKind::InvalidAuthToken, Fate::Refused), "{text}");
            }
        }
        // The control.
        assert_eq!(classify(Status::unknown("a token")).fate, Fate::Unknown);
    }

    #[test]
    fn a_text_that_is_new_is_kept_with_its_code() {
        let failure = classify(Status::failed_precondition("etcdserver: too blue"));
        assert_eq!((failure.kind, failure.fate), (ErrorKind::Other, Fate::Refused));
        insta::assert_snapshot!(failure.what, @"the server answered FailedPrecondition: etcdserver: too blue");
        assert_eq!(failure.message.as_deref(), Some("etcdserver: too blue"));
    }

    #[test]
    fn a_code_that_is_not_etcds_promises_nothing() {
        let fate = |code, text: &str| classify(Status::new(code, text)).fate;
        assert_eq!(fate(Code::FailedPrecondition, "etcdserver: too blue"), Fate::Refused);
        assert_eq!(fate(Code::FailedPrecondition, "auth: too blue"), Fate::Refused);
        assert_eq!(fate(Code::FailedPrecondition, "upstream is too blue"), Fate::Unknown);
        assert_eq!(fate(Code::PermissionDenied, "RBAC: access denied"), Fate::Unknown);
        assert_eq!(fate(Code::NotFound, "unknown service etcdserverpb.KV"), Fate::Unknown);
    }

    #[test]
    fn an_older_etcd_does_not_know_every_request() {
        let text = "unknown method Downgrade for service etcdserverpb.Maintenance";
        let failure = classify(Status::unimplemented(text));
        assert_eq!((failure.kind, failure.fate), (ErrorKind::Unsupported, Fate::Refused));
        assert_eq!(failure.message.as_deref(), Some(text));
        // The control: the same code from something else.
        let failure = classify(Status::unimplemented("no such route"));
        assert_eq!((failure.kind, failure.fate), (ErrorKind::Other, Fate::Unknown));
    }

    #[test]
    fn what_tonic_says_of_an_answer_is_not_put_in_a_servers_mouth() {
        let by_tonic = |code, text: &str| {
            let failure = classify(Status::new(code, text));
            assert_eq!(failure.message, None, "{text}");
            format!("{:?} {:?}: {}", failure.kind, failure.fate, failure.what)
        };
        let texts = [
            by_tonic(Code::Unimplemented, &format!("{NO_GRPC}404")),
            by_tonic(Code::Unavailable, &format!("{NO_GRPC}502")),
            by_tonic(Code::Internal, "Missing response message."),
            by_tonic(Code::Unknown, "protocol error: missing grpc-status trailer"),
        ];
        insta::assert_snapshot!(texts.join("\n"), @r"
            Other Refused: what answered speaks no gRPC: HTTP status 404
            Unavailable Unknown: what answered speaks no gRPC: HTTP status 502
            Protocol Unknown: the answer cannot be read: Missing response message.
            ConnectionLost Unknown: the connection ended before the answer came
        ");
        let failure = classify(own(ErrorKind::ConnectionLost, "so we say"));
        assert_eq!((failure.kind, failure.what.as_str()), (ErrorKind::ConnectionLost, "so we say"));
    }
}
