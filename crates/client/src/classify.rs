//! From what tonic reports to what happened.
//!
//! tonic's codes cannot be trusted where no server spoke (its `status.rs`): a lost connection is
//! Cancelled or Unknown, its own timeout is Cancelled, and a refused stream is Unknown unless a
//! server is compiled in. What really happened is in the chain of sources.

use std::error::Error as StdError;
use std::fmt;
use std::io;

use tonic::{Code, Status};

use crate::dial::DialError;
use crate::error::{ErrorKind, Failure, Fate};
use crate::{rejection, tls_words, wire};

/// Names one attempt's end; `mutual` is whether a client certificate was shown.
pub(crate) fn classify(status: Status, mutual: bool) -> Failure {
    if status.source().is_none() {
        return answered(&status);
    }
    if let Some(dial) = find_dial(&status) {
        return from_dial(dial);
    }
    let failure = unanswered(&status, mutual);
    Failure { source: Some(Box::new(Cause(status))), ..failure }
}

/// The end of an attempt whose time ran out.
pub(crate) fn no_answer(patience: std::time::Duration) -> Failure {
    let what = format!("no answer within {patience:.1?}");
    Failure::new(ErrorKind::DeadlineExceeded, Fate::Unknown, what)
}

/// A server, or something on the way to it, gave this status.
fn answered(status: &Status) -> Failure {
    let text = status.message();
    if let Some((kind, fate)) = rejection::meaning(text) {
        let plain = text.strip_prefix("etcdserver: ").unwrap_or(text);
        return Failure { fix: rejection::fix(kind), ..Failure::new(kind, fate, plain) };
    }
    let (kind, fate) = match status.code() {
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
        // tonic's own, for a stream that ended without a status.
        Code::Unknown if text.starts_with("protocol error") => {
            (ErrorKind::ConnectionLost, Fate::Unknown)
        }
        Code::Internal => (ErrorKind::Protocol, Fate::Unknown),
        _ => (ErrorKind::Other, Fate::Unknown),
    };
    Failure::new(kind, fate, format!("the server answered {:?}: {text}", status.code()))
}

/// No server spoke: look for what did.
fn unanswered(status: &Status, mutual: bool) -> Failure {
    let mut next = status.source();
    while let Some(error) = next {
        if error.is::<tonic::TimeoutExpired>() {
            let what = "no answer within the time given to the request";
            return Failure::new(ErrorKind::DeadlineExceeded, Fate::Unknown, what);
        }
        if let Some(error) = error.downcast_ref::<h2::Error>() {
            return from_http2(error, mutual);
        }
        if let Some(error) = error.downcast_ref::<hyper::Error>() {
            // hyper says so only of a request that it still held (its `client/dispatch.rs`).
            if error.is_canceled() {
                let what = "the connection ended before the request was sent";
                return Failure::new(ErrorKind::ConnectionLost, Fate::NeverSent, what);
            }
            if error.is_timeout() {
                let what = "the server stopped answering pings";
                return Failure::new(ErrorKind::ConnectionLost, Fate::Unknown, what);
            }
        }
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return from_text(&error.to_string(), mutual);
        }
        next = error.source();
    }
    match status.code() {
        // An answer that could not be decoded.
        Code::Internal => Failure::new(
            ErrorKind::Protocol,
            Fate::Unknown,
            format!("the answer cannot be read: {}", status.message()),
        ),
        _ => lost(),
    }
}

fn find_dial(status: &Status) -> Option<&DialError> {
    let mut next = status.source();
    while let Some(error) = next {
        if let Some(dial) = error.downcast_ref() {
            return Some(dial);
        }
        next = error.source();
    }
    None
}

fn from_dial(dial: &DialError) -> Failure {
    Failure {
        kind: dial.kind,
        fate: Fate::NeverSent,
        what: dial.what.clone(),
        fix: dial.fix,
        source: dial.source.clone().map(|source| Box::new(Shared(source)) as _),
    }
}

fn from_http2(error: &h2::Error, mutual: bool) -> Failure {
    // The one reason that promises that nothing was done (RFC 9113, 8.7).
    if error.reason() == Some(h2::Reason::REFUSED_STREAM) {
        let what = "the server takes no more requests on this connection";
        return Failure::new(ErrorKind::Unavailable, Fate::NeverSent, what);
    }
    match error.get_io() {
        Some(io) => from_text(&io.to_string(), mutual),
        None => lost(),
    }
}

/// Of an I/O error under HTTP/2 only the text is left.
fn from_text(text: &str, mutual: bool) -> Failure {
    // A server that refuses our certificate, or speaks something else, has read no request.
    if let Some(alert) = tls_words::alert_in(text) {
        let (what, fix) = tls_words::refused(alert, mutual);
        return Failure { fix, ..Failure::new(ErrorKind::Tls, Fate::NeverSent, what) };
    }
    if text.contains(wire::SPEAKS_TLS) {
        return Failure::new(ErrorKind::Connect, Fate::NeverSent, wire::SPEAKS_TLS)
            .fix("write https:// in the endpoint");
    }
    if text.contains(wire::SPEAKS_HTTP1) {
        return Failure::new(ErrorKind::Connect, Fate::NeverSent, wire::SPEAKS_HTTP1)
            .fix("is it the client port?");
    }
    // It may only be slow, and the request is in its buffers.
    if text.contains(wire::SILENT) {
        return Failure::new(ErrorKind::Connect, Fate::Unknown, wire::SILENT);
    }
    lost()
}

fn lost() -> Failure {
    let what = "the connection ended before the answer came";
    Failure::new(ErrorKind::ConnectionLost, Fate::Unknown, what)
}

/// What a status was made from, without the status, whose own text only repeats it.
#[derive(Debug)]
struct Cause(Status);

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.source() {
            Some(source) => fmt::Display::fmt(source, f),
            None => f.write_str(self.0.message()),
        }
    }
}

impl StdError for Cause {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source()?.source()
    }
}

/// A cause that several errors have.
#[derive(Debug)]
struct Shared(std::sync::Arc<dyn StdError + Send + Sync>);

impl fmt::Display for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl StdError for Shared {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source()
    }
}

#[cfg(test)]
mod tests {
    use tokio_rustls::rustls::{self, AlertDescription};

    use super::*;

    fn by_transport(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Failure {
        classify(Status::from_error(error.into()), true)
    }

    #[test]
    fn a_failed_dial_has_sent_nothing() {
        let dial = DialError::new(ErrorKind::Connect, "nothing listens there")
            .caused_by(io::Error::from(io::ErrorKind::ConnectionRefused));
        let failure = by_transport(tonic::ConnectError(dial.into()));
        assert_eq!((failure.kind, failure.fate), (ErrorKind::Connect, Fate::NeverSent));
        assert_eq!(failure.what, "nothing listens there");
        assert_eq!(failure.source.unwrap().to_string(), "connection refused");
    }

    #[test]
    fn a_refused_stream_has_done_nothing() {
        let failure = by_transport(h2::Error::from(h2::Reason::REFUSED_STREAM));
        assert_eq!(failure.fate, Fate::NeverSent);
        let failure = by_transport(h2::Error::from(h2::Reason::CANCEL));
        assert_eq!((failure.kind, failure.fate), (ErrorKind::ConnectionLost, Fate::Unknown));
    }

    #[test]
    fn a_lost_connection_leaves_it_open() {
        let failure = by_transport(io::Error::from(io::ErrorKind::ConnectionReset));
        assert_eq!((failure.kind, failure.fate), (ErrorKind::ConnectionLost, Fate::Unknown));
    }

    #[test]
    fn a_late_refusal_of_our_certificate_is_one() {
        let alert = rustls::Error::AlertReceived(AlertDescription::UnknownCA);
        let failure = by_transport(io::Error::new(io::ErrorKind::InvalidData, alert.to_string()));
        assert_eq!((failure.kind, failure.fate), (ErrorKind::Tls, Fate::NeverSent));
    }

    #[test]
    fn a_server_is_taken_at_its_word() {
        let failure =
            classify(Status::resource_exhausted("etcdserver: mvcc: database space exceeded"), true);
        assert_eq!((failure.kind, failure.fate), (ErrorKind::NoSpace, Fate::Refused));
        assert!(failure.source.is_none());
    }

    #[test]
    fn a_text_that_is_new_is_kept_with_its_code() {
        let failure = classify(Status::failed_precondition("etcdserver: too blue"), true);
        assert_eq!((failure.kind, failure.fate), (ErrorKind::Other, Fate::Refused));
        insta::assert_snapshot!(failure.what, @"the server answered FailedPrecondition: etcdserver: too blue");
    }
}
