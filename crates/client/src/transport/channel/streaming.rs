//! Streams, which tonic reads and writes.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use h2::client::ResponseFuture;
use h2::{RecvStream, SendStream};
use http::uri::PathAndQuery;
use http::{Request, Response};
use http_body::{Body as _, Frame};
use prost::Message;
use tonic::body::Body;
use tonic::client::{Grpc, GrpcService};
use tonic::{Status, Streaming};

use super::Channel;
use crate::intercept::Outgoing;
use crate::transport::codec::Codec;
use crate::transport::connection::Place;
use crate::transport::ended::Ended;

impl Channel {
    /// One message there, and any number back.
    pub(crate) async fn server_streaming<M, A>(
        &mut self,
        request: tonic::Request<M>,
        path: &'static str,
    ) -> Result<tonic::Response<Streaming<A>>, Status>
    where
        M: Message + 'static,
        A: Message + Default + 'static,
    {
        let path = PathAndQuery::from_static(path);
        self.grpc().server_streaming(request, path, Codec::default()).await
    }

    /// Any number of messages both ways.
    pub(crate) async fn streaming<S, M, A>(
        &mut self,
        request: tonic::Request<S>,
        path: &'static str,
    ) -> Result<tonic::Response<Streaming<A>>, Status>
    where
        S: Stream<Item = M> + Send + 'static,
        M: Message + 'static,
        A: Message + Default + 'static,
    {
        let path = PathAndQuery::from_static(path);
        self.grpc().streaming(request, path, Codec::default()).await
    }

    pub(super) fn grpc(&mut self) -> Grpc<&mut Self> {
        let limits = self.limits;
        Grpc::new(self)
            .max_encoding_message_size(limits.request_bytes)
            .max_decoding_message_size(limits.response_bytes)
    }
}

impl GrpcService<Body> for &mut Channel {
    type ResponseBody = Answer;
    type Error = Ended;
    type Future = Outgoing;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (parts, body) = request.into_parts();
        let path = parts.uri.path_and_query().cloned();
        let path = path.unwrap_or(PathAndQuery::from_static("/"));
        let head = self.head(path, parts.headers);
        let Some(place) = self.place.take() else {
            return Outgoing::Direct(Sending(None));
        };
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

#[expect(
    clippy::large_enum_variant,
    reason = "it is part of a future; a box would cost an allocation for each stream"
)]
enum Step {
    Begin { head: Request<()>, body: Body },
    Sent(ResponseFuture),
}

impl Future for Sending {
    type Output = Result<Response<Answer>, Ended>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some((mut place, step)) = self.0.take() else {
            // See `Channel::take`.
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
