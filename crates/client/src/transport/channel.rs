//! What a request is sent on: a place on a connection, and as whom it goes.

mod streaming;
mod unary;

use std::sync::Arc;

use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Version, header};

pub(crate) use self::streaming::{Answer, Sending};
use crate::config::Limits;
use crate::intercept::Exchange;
use crate::transport::connection::Place;
use crate::transport::ended::Ended;
use crate::transport::endpoint::Endpoint;

/// Where etcd looks for a token first (`api/v3rpc/rpctypes/metadatafields.go`,
/// `TokenFieldNameGRPC`).
const TOKEN: HeaderName = HeaderName::from_static("token");

/// Who we are, to whoever reads a server's log.
const USER_AGENT: HeaderValue =
    HeaderValue::from_static(concat!("tercet-client/", env!("CARGO_PKG_VERSION")));

/// What one request is sent on: it adds the token to it, streams too.
///
/// It takes the place of tonic's, so that no request can be made that forgets the token.
#[derive(Debug)]
pub(crate) struct Channel {
    place: Option<Place>,
    token: Option<HeaderValue>,
    endpoint: Arc<Endpoint>,
    limits: Limits,
    /// Through which layers it goes, if any.
    exchange: Option<Exchange>,
}

impl Channel {
    pub(crate) fn new(
        place: Place,
        token: Option<HeaderValue>,
        endpoint: Arc<Endpoint>,
        limits: Limits,
        exchange: Option<Exchange>,
    ) -> Self {
        Self { place: Some(place), token, endpoint, limits, exchange }
    }

    /// The head of a request for this path, with what it has of its own.
    fn head(&self, path: PathAndQuery, mut headers: HeaderMap) -> Request<()> {
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        headers.insert(header::USER_AGENT, USER_AGENT);
        if let Some(token) = &self.token {
            headers.insert(TOKEN, token.clone());
        }
        let mut request = Request::new(());
        *request.uri_mut() = self.endpoint.uri_of(path);
        *request.method_mut() = Method::POST;
        *request.version_mut() = Version::HTTP_2;
        *request.headers_mut() = headers;
        request
    }

    /// Its place: the next request needs one of its own.
    fn take(&mut self) -> Result<Place, Ended> {
        self.place.take().ok_or_else(|| Ended::Unsent(h2::Reason::REFUSED_STREAM.into()))
    }
}
