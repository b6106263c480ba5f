//! One stream of keepalives.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use futures_core::Stream;
use tokio::sync::mpsc;
use tonic::metadata::MetadataValue;
use tonic::{Request, Status, Streaming};

use crate::client::timed;
use crate::error::{Error, ErrorKind, Result};
use crate::generated::etcdserverpb as pb;
use crate::generated::etcdserverpb::lease_client::LeaseClient;
use crate::lease::responses::seconds;
use crate::transport::call::{Caller, Lane, Operation};
use crate::transport::channel::Channel;
use crate::transport::classify::{classify, own};

pub(super) const KEEP_ALIVE: Operation = Operation::read("lease keepalive");

/// A stream on which a member has answered at least once.
pub(super) struct KeepAlives {
    requests: mpsc::UnboundedSender<pb::LeaseKeepAliveRequest>,
    responses: Streaming<pb::LeaseKeepAliveResponse>,
    first: Option<pb::LeaseKeepAliveResponse>,
    /// What was sent first, and after when.
    pub(super) sent: Vec<i64>,
    pub(super) begun: Instant,
    pub(super) endpoint: String,
}

impl KeepAlives {
    /// Opens one on some member, and sends these.
    ///
    /// A member that does not answer within `patience` is left for the next.
    pub(super) async fn open(
        caller: &Arc<Caller>,
        ids: Vec<i64>,
        patience: Duration,
    ) -> Result<Self> {
        let send = |channel, left: Duration| {
            let opening = begin(channel, &ids);
            async move {
                let begun = Instant::now();
                match tokio::time::timeout(left.min(patience), opening).await {
                    Ok(opened) => Ok((opened?, begun)),
                    Err(_) => Err(own(ErrorKind::DeadlineExceeded, "no answer to a keepalive")),
                }
            }
        };
        let (((requests, responses, first), begun), endpoint) =
            caller.call(KEEP_ALIVE, Lane::Streams, send).await?;
        let endpoint = endpoint.to_string();
        Ok(Self { requests, responses, first: Some(first), sent: ids, begun, endpoint })
    }

    /// Sends these together.
    pub(super) fn send(&self, ids: &[i64]) {
        for &id in ids {
            // A stream that has ended says so to who reads it.
            let _ = self.requests.send(pb::LeaseKeepAliveRequest { id });
        }
    }

    /// The next answer, or why there is none.
    pub(super) fn poll(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<pb::LeaseKeepAliveResponse>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Ok(first));
        }
        Poll::Ready(match ready!(Pin::new(&mut self.responses).poll_next(context)) {
            Some(Ok(response)) => Ok(response),
            Some(Err(status)) => Err(self.failed(status)),
            None => Err(self.failed(own(ErrorKind::ConnectionLost, "the server ended the stream"))),
        })
    }

    fn failed(&self, status: Status) -> Error {
        KEEP_ALIVE.failed(classify(status), &self.endpoint)
    }
}

/// One keepalive, and the time to live that it is answered with.
///
/// A request like any other: the stream ends with its one message, and there is one answer. That is
/// half the work of a stream that could go on, and holds none of those that watches and kept leases
/// share.
pub(super) async fn renew(caller: &Caller, id: i64) -> Result<(Duration, Arc<str>)> {
    let send = |mut channel: Channel, patience| {
        let request = with_leader(timed(pb::LeaseKeepAliveRequest { id }, patience));
        async move { channel.unary(request, "/etcdserverpb.Lease/LeaseKeepAlive").await }
    };
    let (answer, endpoint) = caller.call(KEEP_ALIVE, Lane::Requests, send).await?;
    let answer: pb::LeaseKeepAliveResponse = answer.into_inner();
    Ok((seconds(answer.ttl), endpoint))
}

type Opened = (
    mpsc::UnboundedSender<pb::LeaseKeepAliveRequest>,
    Streaming<pb::LeaseKeepAliveResponse>,
    pb::LeaseKeepAliveResponse,
);

/// Opens a stream and waits for its first answer.
async fn begin(channel: Channel, ids: &[i64]) -> Result<Opened, Status> {
    // There before the stream is: the server sends its headers with its first answer, and tonic
    // waits for them.
    let (requests, queue) = mpsc::unbounded_channel();
    for &id in ids {
        let _ = requests.send(pb::LeaseKeepAliveRequest { id });
    }
    let request = with_leader(Request::new(Queue(queue)));
    let mut responses = LeaseClient::new(channel).lease_keep_alive(request).await?.into_inner();
    let ended = || own(ErrorKind::ConnectionLost, "the server ended the stream before it answered");
    let first = responses.message().await?.ok_or_else(ended)?;
    Ok((requests, responses, first))
}

/// A member that loses its leader ends the stream, instead of waiting for one
/// (`server/etcdserver/api/v3rpc/interceptor.go`).
fn with_leader<T>(mut request: Request<T>) -> Request<T> {
    request.metadata_mut().insert("hasleader", MetadataValue::from_static("true"));
    request
}

/// The requests of a stream, as the type that tonic takes.
struct Queue(mpsc::UnboundedReceiver<pb::LeaseKeepAliveRequest>);

impl Stream for Queue {
    type Item = pb::LeaseKeepAliveRequest;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(cx)
    }
}
