//! A connection, and as whom a request goes over it.

use std::task::{Context, Poll};

use http::{HeaderName, HeaderValue, Request};
use tonic::body::Body;
use tonic::transport;
use tower_service::Service;

/// Where etcd looks for a token first (`api/v3rpc/rpctypes/metadatafields.go`,
/// `TokenFieldNameGRPC`).
const TOKEN: HeaderName = HeaderName::from_static("token");

/// What every request is sent on: it adds the token to each, streams too.
///
/// It takes the place of tonic's, so that no request can be made that forgets the token.
#[derive(Debug, Clone)]
pub(crate) struct Channel {
    transport: transport::Channel,
    token: Option<HeaderValue>,
}

impl Channel {
    /// One on which nobody is named, but by a certificate.
    pub(crate) fn new(transport: transport::Channel) -> Self {
        Self { transport, token: None }
    }

    /// The same connection, for requests with this token.
    pub(crate) fn with_token(&self, token: Option<&HeaderValue>) -> Self {
        Self { transport: self.transport.clone(), token: token.cloned() }
    }
}

impl Service<Request<Body>> for Channel {
    type Response = <transport::Channel as Service<Request<Body>>>::Response;
    type Error = <transport::Channel as Service<Request<Body>>>::Error;
    type Future = <transport::Channel as Service<Request<Body>>>::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.transport.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        if let Some(token) = &self.token {
            request.headers_mut().insert(TOKEN, token.clone());
        }
        self.transport.call(request)
    }
}
