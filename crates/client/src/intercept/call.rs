//! A request as layers see it, and its answer.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use http::{HeaderName, HeaderValue, Request, Response};
use tonic::body::Body;

use crate::transport::channel::Answer;
use crate::transport::connection::Place;
use crate::transport::endpoint::Endpoint;

/// One request on its way to one endpoint.
///
/// A layer may look at it, add to its metadata, and pass it on or not. What is asked for, keys and
/// values, is not shown, and the user's token is neither shown nor in `Debug`.
pub struct Call {
    pub(super) head: Request<()>,
    pub(super) body: Body,
    pub(super) place: Place,
    pub(super) sent: Sent,
    endpoint: Arc<Endpoint>,
}

impl Call {
    pub(super) fn new(
        head: Request<()>,
        body: Body,
        place: Place,
        endpoint: Arc<Endpoint>,
        sent: Sent,
    ) -> Self {
        Self { head, body, place, sent, endpoint }
    }

    /// The method as gRPC calls it, such as `/etcdserverpb.KV/Put`.
    #[must_use]
    pub fn method(&self) -> &str {
        self.head.uri().path()
    }

    /// The endpoint that it goes to.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        self.endpoint.url()
    }

    /// What its metadata has under this name, if that is text.
    #[must_use]
    pub fn metadata(&self, name: &str) -> Option<&str> {
        self.head.headers().get(name).filter(|value| !value.is_sensitive())?.to_str().ok()
    }

    /// Puts this into its metadata, in the place of what is there under this name. The value is taken
    /// for a secret, and not shown.
    ///
    /// Under `token` etcd looks for who asks (`api/v3rpc/rpctypes/metadatafields.go`).
    ///
    /// # Errors
    ///
    /// If the name is not one of metadata's (lower-case letters, digits, `-`, `_` and `.`), is one of
    /// gRPC's own, or is of binary metadata (`-bin`), and if the value is not printable ASCII.
    pub fn insert_metadata(&mut self, name: &str, value: &str) -> Result<(), InvalidMetadata> {
        let wrong = |why| InvalidMetadata { name: name.to_owned(), why };
        if let Some(why) = unfit(name) {
            return Err(wrong(why));
        }
        let name = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| wrong("it is no name of metadata"))?;
        if !value.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            return Err(wrong("its value is not printable ASCII"));
        }
        let mut value =
            HeaderValue::from_str(value).map_err(|_| wrong("its value is not printable ASCII"))?;
        value.set_sensitive(true);
        self.head.headers_mut().insert(name, value);
        Ok(())
    }
}

/// Why a name is not the user's to set (gRPC over HTTP/2, "Requests").
fn unfit(name: &str) -> Option<&'static str> {
    let own = ["content-type", "te", "user-agent", "connection", "host", "content-length"];
    if name.starts_with("grpc-") || name.starts_with(':') || own.contains(&name) {
        return Some("it is one of gRPC's own");
    }
    if name.ends_with("-bin") {
        return Some("binary metadata cannot be set");
    }
    let fits = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.');
    (name.is_empty() || !name.bytes().all(fits)).then_some("it is no name of metadata")
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call")
            .field("method", &self.method())
            .field("endpoint", &self.endpoint())
            .finish_non_exhaustive()
    }
}

/// The beginning of an answer, with what is yet to come of it.
///
/// A server's refusal is an answer too, and most of them come at its end, where layers do not look.
pub struct Reply {
    pub(super) response: Response<Answer>,
}

impl Reply {
    /// What its metadata has under this name, if that is text.
    #[must_use]
    pub fn metadata(&self, name: &str) -> Option<&str> {
        self.response.headers().get(name)?.to_str().ok()
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply").finish_non_exhaustive()
    }
}

/// Metadata that cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("metadata `{name}`: {why}")]
pub struct InvalidMetadata {
    name: String,
    why: &'static str,
}

/// Whether a call was passed on to its connection, to be known when it is no longer there.
#[derive(Clone, Default)]
pub(super) struct Sent(Arc<AtomicBool>);

impl Sent {
    pub(super) fn set(&self) {
        self.0.store(true, Ordering::Release);
    }

    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_grpcs_own_is_not_the_users() {
        for name in ["grpc-timeout", ":path", "te", "content-type", "a-bin", "", "a b", "A", "ä"] {
            assert!(unfit(name).is_some(), "{name}");
        }
        for name in ["token", "x-request-id", "hasleader", "a.b_c"] {
            assert!(unfit(name).is_none(), "{name}");
        }
    }
}
