//! What a request is sent on: a place on a connection, and as whom it goes.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::client::ResponseFuture;
use h2::{RecvStream, SendStream};
use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue, Method, Request, Response, Version, header};
use http_body::{Body as _, Frame};
use tonic::body::Body;
use tonic::client::GrpcService;

use crate::intercept::{Exchange, Outgoing};
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
    /// Through which layers it goes, if any.
    exchange: Option<Exchange>,
}

impl Channel {
    pub(crate) fn new(
        place: Place,
        token: Option<HeaderValue>,
        endpoint: Arc<Endpoint>,
        exchange: Option<Exchange>,
    ) -> Self {
        Self { place: Some(place), token, endpoint, exchange }
    }

    /// The head of a request for `path`, with what it has of its own.
    fn head<T>(&self, mut request: Request<T>) -> (Request<()>, T) {
        let path = request.uri().path_and_query().cloned();
        *request.uri_mut() = self.endpoint.uri_of(path.unwrap_or(PathAndQuery::from_static("/")));
        *request.method_mut() = Method::POST;
        *request.version_mut() = Version::HTTP_2;
        let headers = request.headers_mut();
        headers.insert(header::USER_AGENT, USER_AGENT);
        if let Some(token) = &self.token {
            headers.insert(TOKEN, token.clone());
        }
        let (parts, body) = request.into_parts();
        (Request::from_parts(parts, ()), body)
    }
}

impl GrpcService<Body> for Channel {
    type ResponseBody = Answer;
    type Error = Ended;
    type Future = Outgoing;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (head, body) = self.head(request);
        let Some(place) = self.place.take() else { return Outgoing::Direct(Sending(None)) };
        match &self.exchange {
            None => Outgoing::Direct(Sending::new(place, head, body)),
            Some(exchange) => exchange.begin(head, body, place, self.endpoint.clone()),
        }
    }
}

/// A request until the head of its answer.
pub(crate) struct Sending(Option<(Place, Step)>);

impl Sending {
    pub(crate) fn new(place: Place, head: Request<()>, body: Body) -> Self {
        Self(Some((place, Step::Begin { head, body })))
    }
}

enum Step {
    Begin { head: Request<()>, body: Body },
    Sent(ResponseFuture),
}

impl Future for Sending {
    type Output = Result<Response<Answer>, Ended>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some((mut place, step)) = self.0.take() else {
            // One request was sent on it, and another would need a place of its own.
            return Poll::Ready(Err(Ended::Unsent(h2::Reason::REFUSED_STREAM.into())));
        };
        let mut response = match step {
            Step::Begin { head, body } => send(&mut place, head, body, cx)?,
            Step::Sent(response) => response,
        };
        match Pin::new(&mut response).poll(cx) {
            Poll::Pending => {
                self.0 = Some((place, Step::Sent(response)));
                Poll::Pending
            }
            Poll::Ready(Ok(response)) => {
                Poll::Ready(Ok(response.map(|stream| Answer { stream, place: Some(place) })))
            }
            Poll::Ready(Err(error)) => Poll::Ready(Err(place.ended(error))),
        }
    }
}

/// Sends what there is of the request, and leaves the rest to a task.
///
/// What is all there at once, as with every request of one message, goes out as one write.
fn send(
    place: &mut Place,
    head: Request<()>,
    mut body: Body,
    cx: &mut Context<'_>,
) -> Result<ResponseFuture, Ended> {
    let first = poll_data(&mut body, cx)?;
    let second = match &first {
        Poll::Ready(Some(_)) => poll_data(&mut body, cx)?,
        Poll::Ready(None) => Poll::Ready(None),
        Poll::Pending => Poll::Pending,
    };
    let is_whole = matches!(second, Poll::Ready(None));
    let (response, mut stream) = match first {
        Poll::Ready(Some(data)) => {
            let (response, mut stream) = place.open(head, false)?;
            stream.send_data(data, is_whole).map_err(|error| place.ended(error))?;
            (response, stream)
        }
        Poll::Ready(None) => place.open(head, true)?,
        Poll::Pending => place.open(head, false)?,
    };
    if let Poll::Ready(Some(data)) = second {
        stream.send_data(data, false).map_err(|error| place.ended(error))?;
    }
    if !is_whole {
        place.owns(tokio::spawn(pipe(body, stream)).abort_handle());
    }
    Ok(response)
}

/// The next bytes of a request; a client has no trailers.
fn poll_data(body: &mut Body, cx: &mut Context<'_>) -> Result<Poll<Option<Bytes>>, Ended> {
    match Pin::new(body).poll_frame(cx) {
        Poll::Pending => Ok(Poll::Pending),
        Poll::Ready(None) => Ok(Poll::Ready(None)),
        Poll::Ready(Some(Err(status))) => Err(Ended::Request(status)),
        Poll::Ready(Some(Ok(frame))) => Ok(Poll::Ready(frame.into_data().ok())),
    }
}

/// Sends what is yet to come of a request, as the server makes room for it.
async fn pipe(mut body: Body, mut stream: SendStream<Bytes>) {
    loop {
        let next = poll_fn(|cx| match stream.poll_reset(cx) {
            Poll::Ready(_) => Poll::Ready(Err(())),
            Poll::Pending => poll_data(&mut body, cx).map_err(drop)?.map(Ok),
        });
        let Ok(next) = next.await else {
            return;
        };
        let Some(mut data) = next else {
            // What it is told of is the receiver's to know.
            let _ = stream.send_data(Bytes::new(), true);
            return;
        };
        while !data.is_empty() {
            stream.reserve_capacity(data.len());
            let Some(Ok(room)) = poll_fn(|cx| stream.poll_capacity(cx)).await else {
                return;
            };
            if stream.send_data(data.split_to(room.min(data.len())), false).is_err() {
                return;
            }
        }
    }
}

/// The answer to a request, as it comes; its place is given back at the end.
#[derive(Debug)]
pub(crate) struct Answer {
    stream: RecvStream,
    place: Option<Place>,
}

impl Answer {
    fn ended(&mut self, error: h2::Error) -> Ended {
        match self.place.take() {
            Some(place) => place.ended(error),
            None => Ended::Stream(error),
        }
    }
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = Ended;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Ended>>> {
        let this = &mut *self;
        match ready!(this.stream.poll_data(cx)) {
            Some(Ok(data)) => {
                // Whoever reads this has it: there is room for as much again. It fails only for more
                // than was taken.
                let _ = this.stream.flow_control().release_capacity(data.len());
                return Poll::Ready(Some(Ok(Frame::data(data))));
            }
            Some(Err(error)) => return Poll::Ready(Some(Err(this.ended(error)))),
            None => {}
        }
        let trailers = ready!(this.stream.poll_trailers(cx));
        Poll::Ready(match trailers {
            Ok(trailers) => {
                this.place = None;
                trailers.map(|trailers| Ok(Frame::trailers(trailers)))
            }
            Err(error) => Some(Err(this.ended(error))),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.stream.is_end_stream()
    }
}
