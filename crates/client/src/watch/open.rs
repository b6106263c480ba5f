//! Opening a stream of watches.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::Stream;
use tokio::sync::mpsc;
use tonic::metadata::MetadataValue;
use tonic::{Request, Status, Streaming};

use crate::client::Client;
use crate::error::{ErrorKind, Result};
use crate::generated::etcdserverpb as pb;
use crate::generated::etcdserverpb::watch_client::WatchClient;
use crate::transport::call::{Caller, Lane};
use crate::transport::channel::Channel;
use crate::transport::classify::own;
use crate::watch::WATCH;
use crate::watch::refusal::{is_about_the_user, plain_reason};

/// A stream on which the server has said its first word.
pub(super) struct Started {
    pub(super) responses: Streaming<pb::WatchResponse>,
    /// The end of the requests would end the watches.
    pub(super) requests: mpsc::UnboundedSender<pb::WatchRequest>,
    /// About the first of the requests.
    pub(super) first: pb::WatchResponse,
}

/// Opens a stream with these watches on it, at some member.
pub(super) async fn open(
    caller: Arc<Caller>,
    creates: Vec<pb::WatchRequest>,
) -> Result<(Started, Arc<str>)> {
    let begin = |channel, _| start(channel, &creates);
    caller.call(WATCH, Lane::Streams, begin).await
}

fn start(
    channel: Channel,
    creates: &[pb::WatchRequest],
) -> impl Future<Output = Result<Started, Status>> + use<> {
    // tonic returns the stream only with the server's headers, which etcd sends with its first
    // response: the requests must be there before, or both wait for ever.
    let (requests, queue) = mpsc::unbounded_channel();
    for create in creates {
        // Its receiver is here.
        let _ = requests.send(create.clone());
    }
    async move {
        let mut request = Request::new(Queue(queue));
        // A member without a leader has no news, and would be silent for ever. So told, it refuses
        // the stream, and ends it when it loses the leader (`api/v3rpc/interceptor.go`).
        request.metadata_mut().insert("hasleader", MetadataValue::from_static("true"));
        let mut responses = WatchClient::new(channel).watch(request).await?.into_inner();
        match responses.message().await? {
            // Said within the stream, and not of it: who asks again with another token must know.
            Some(first) if first.canceled && is_about_the_user(&first.cancel_reason) => {
                Err(Status::permission_denied(plain_reason(&first.cancel_reason)))
            }
            Some(first) => Ok(Started { responses, requests, first }),
            None => {
                let what = "the server ended the stream before it confirmed the watch";
                Err(own(ErrorKind::ConnectionLost, what))
            }
        }
    }
}

/// Whether the member at the other end answers a request for progress only after all events before.
///
/// Older ones answer out of turn: what they say may be ahead of events that are yet to come
/// (`server/etcdserver/api/v3rpc/watch.go`; `RequestProgressAll` came with 3.4.25 and 3.5.8).
/// `None` if it does not say its version.
pub(super) async fn tells_progress_in_turn(client: Client, endpoint: Arc<str>) -> Option<bool> {
    let status = client.status(&*endpoint).await.ok()?;
    is_in_turn(status.version())
}

fn is_in_turn(version: &str) -> Option<bool> {
    let mut numbers = version.split(['.', '-', '+']).map(|number| number.parse::<u32>());
    let mut next = || numbers.next()?.ok();
    let version = (next()?, next()?, next()?);
    Some(match version {
        (3, 4, patch) => patch >= 25,
        (3, 5, patch) => patch >= 8,
        newer => newer >= (3, 6, 0),
    })
}

/// The requests of a stream, as the type that tonic takes.
struct Queue(mpsc::UnboundedReceiver<pb::WatchRequest>);

impl Stream for Queue {
    type Item = pb::WatchRequest;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whose_progress_is_to_be_believed() {
        let known = |version| is_in_turn(version).unwrap();
        assert!(!known("3.4.24") && known("3.4.25"));
        assert!(!known("3.5.7") && known("3.5.8") && known("3.5.30"));
        assert!(known("3.6.0-rc.1") && known("3.7.1") && known("4.0.0"));
        assert!(!known("3.3.27"));
        assert_eq!(is_in_turn(""), None);
        assert_eq!(is_in_turn("devel"), None);
    }
}
