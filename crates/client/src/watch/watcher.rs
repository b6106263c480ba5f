//! A watch that runs.

use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use tokio::sync::mpsc;
use tonic::metadata::MetadataValue;
use tonic::{Request, Status, Streaming};

use crate::client::Client;
use crate::error::{Error, ErrorKind, Failure, Fate, Result};
use crate::from_wire::FromWire;
use crate::generated::etcdserverpb as pb;
use crate::generated::etcdserverpb::watch_client::WatchClient;
use crate::transport::call::{Lane, Operation};
use crate::transport::channel::Channel;
use crate::transport::classify::{classify, own};
use crate::transport::rejection;
use crate::watch::request::{Watch, WatchResponse};

pub(crate) const WATCH: Operation = Operation::read("watch");

/// A watch that runs; dropping it ends it at the server too.
///
/// It lives on one connection to one member, and ends with an error when that does: at once when
/// the member ends, after some twenty seconds when it or the network falls silent, and after some
/// election timeouts when the member knows no leader. It does not resume by itself yet: make
/// another that starts one after the revision of the last event.
///
/// All watchers of a client on one member share a connection. With TLS, etcd before it had
/// `--max-concurrent-streams` (3.4.25 and 3.5.8) allows 250 of them: one more is not confirmed
/// until another is dropped. One that is not read holds back its own events, at the server, and not
/// those of others.
#[derive(Debug)]
pub struct Watcher {
    responses: Streaming<pb::WatchResponse>,
    /// Kept since the end of the requests would end the watch.
    _requests: mpsc::Sender<pb::WatchRequest>,
    endpoint: String,
    created_revision: i64,
    /// What came together with the confirmation, or instead of it.
    first: Option<pb::WatchResponse>,
    done: bool,
}

impl Watcher {
    /// The next events; `None` after an error.
    ///
    /// Cancel safe: what was not returned is returned by the next call.
    ///
    /// # Errors
    ///
    /// Once, and then the watch is over:
    /// [`Compacted`](ErrorKind::Compacted) if it started before what the store still knows, with
    /// [`compact_revision`](Error::compact_revision); [`ConnectionLost`](ErrorKind::ConnectionLost)
    /// if the member went away; [`NoLeader`](ErrorKind::NoLeader) if it was left without a leader,
    /// and so without news; any other that the server gives as the reason.
    pub async fn next(&mut self) -> Option<Result<WatchResponse>> {
        while !self.done {
            let response = match self.first.take() {
                Some(first) => first,
                None => match self.responses.message().await {
                    Ok(Some(response)) => response,
                    Ok(None) => return self.end(ended()),
                    Err(status) => return self.end(classify(status).into()),
                },
            };
            if let Some(refusal) = Refusal::of(&response) {
                return self.end(refusal);
            }
            // Progress, and the confirmation.
            if !response.events.is_empty() {
                return Some(Ok(WatchResponse::from_wire(response)));
            }
        }
        None
    }

    /// The member that it runs on.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// The store's revision when the watch began: what happened after it is told.
    #[must_use]
    pub fn created_revision(&self) -> i64 {
        self.created_revision
    }

    pub(crate) fn new(started: Started, endpoint: &str) -> Result<Self> {
        if let Some(refusal) = Refusal::of(&started.first) {
            return Err(refusal.into_error(endpoint));
        }
        Ok(Self {
            responses: started.responses,
            _requests: started.requests,
            endpoint: endpoint.to_owned(),
            created_revision: started.first.header.unwrap_or_default().revision,
            first: Some(started.first),
            done: false,
        })
    }

    fn end(&mut self, refusal: Refusal) -> Option<Result<WatchResponse>> {
        self.done = true;
        Some(Err(refusal.into_error(&self.endpoint)))
    }
}

impl Client {
    /// Watches keys, until the [`Watcher`] is dropped.
    ///
    /// When this returns the watch is in place: no later change is missed.
    ///
    /// ```no_run
    /// # async fn run(client: tercet_client::Client) -> tercet_client::Result<()> {
    /// use tercet_client::Watch;
    ///
    /// let mut changes = client.watch(Watch::prefix("jobs/")).await?;
    /// while let Some(change) = changes.next().await {
    ///     for event in change?.events() {
    ///         println!("{:?}", event.kv());
    ///     }
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// If no endpoint confirms the watch in time, or if the server refuses it: for one, because it
    /// knows no leader.
    pub async fn watch(&self, watch: impl Into<Watch>) -> Result<Watcher> {
        let watch = watch.into();
        watch.check()?;
        let create = watch.into_wire();
        let begin = |channel, _| start(channel, create.clone());
        let (started, endpoint) = self.caller.call(WATCH, Lane::Streams, begin).await?;
        Watcher::new(started, &endpoint)
    }
}

/// A stream on which the server has said its first word.
pub(crate) struct Started {
    responses: Streaming<pb::WatchResponse>,
    requests: mpsc::Sender<pb::WatchRequest>,
    first: pb::WatchResponse,
}

/// Opens a stream with one watch on it.
pub(crate) async fn start(channel: Channel, create: pb::WatchRequest) -> Result<Started, Status> {
    // tonic returns the stream only with the server's headers, which etcd sends with its first
    // response: the request must be there before, or both wait for ever.
    let (requests, queue) = mpsc::channel(1);
    if requests.try_send(create).is_err() {
        return Err(own(ErrorKind::Protocol, "a new queue is full"));
    }
    let mut request = Request::new(Queue(queue));
    // A member without a leader has no news, and would be silent for ever. So told, it refuses the
    // stream, and ends it when it loses the leader (`api/v3rpc/interceptor.go`).
    request.metadata_mut().insert("hasleader", MetadataValue::from_static("true"));
    let mut responses = WatchClient::new(channel)
        .max_decoding_message_size(usize::MAX)
        .watch(request)
        .await?
        .into_inner();
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

/// The requests of a stream, as the type that tonic takes.
struct Queue(mpsc::Receiver<pb::WatchRequest>);

impl Stream for Queue {
    type Item = pb::WatchRequest;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(cx)
    }
}

/// Why a watch is over.
struct Refusal {
    failure: Failure,
    compacted_at: Option<i64>,
}

impl Refusal {
    /// etcd refuses within the stream and not by a status (`server/etcdserver/api/v3rpc/watch.go`).
    fn of(response: &pb::WatchResponse) -> Option<Self> {
        if !response.canceled {
            return None;
        }
        if response.compact_revision != 0 {
            let what = format!(
                "the start is compacted away: the store knows revision {} and later",
                response.compact_revision
            );
            let failure = Failure::new(ErrorKind::Compacted, Fate::Refused, what)
                .fix("read the keys, then watch from the revision of that answer and one more");
            return Some(Self { failure, compacted_at: Some(response.compact_revision) });
        }
        let reason = response.cancel_reason.as_str();
        let text = plain_reason(reason);
        let (kind, fate) = rejection::meaning(text).unwrap_or((ErrorKind::Other, Fate::Refused));
        let what = match text {
            "" => "the server ended the watch and gave no reason".to_owned(),
            text => format!("the server ended the watch: {text}"),
        };
        let failure = Failure::new(kind, fate, what);
        Some(if reason.is_empty() { failure } else { failure.said(reason) }.into())
    }

    fn into_error(self, endpoint: &str) -> Error {
        let error = WATCH.failed(self.failure, endpoint);
        match self.compacted_at {
            Some(revision) => error.compacted_at(revision),
            None => error,
        }
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self { failure, compacted_at: None }
    }
}

/// Of a permission denied, and the like, gRPC's own wording is told.
fn plain_reason(reason: &str) -> &str {
    reason.rsplit_once("desc = ").map_or(reason, |(_, text)| text)
}

fn is_about_the_user(reason: &str) -> bool {
    let kind = rejection::meaning(plain_reason(reason)).map(|(kind, _)| kind);
    matches!(kind, Some(ErrorKind::InvalidAuthToken | ErrorKind::PermissionDenied))
}

fn ended() -> Refusal {
    let what = "the server ended the stream";
    Failure::new(ErrorKind::ConnectionLost, Fate::Refused, what).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(compact_revision: i64, reason: &str) -> Option<Error> {
        let response = pb::WatchResponse {
            canceled: true,
            compact_revision,
            cancel_reason: reason.to_owned(),
            ..Default::default()
        };
        Refusal::of(&response).map(|refusal| refusal.into_error("https://a:1"))
    }

    #[test]
    fn refusals_come_within_the_stream() {
        assert!(Refusal::of(&pb::WatchResponse::default()).is_none());

        let error = refusal(17, "etcdserver: mvcc: required revision has been compacted").unwrap();
        assert_eq!((error.kind(), error.compact_revision()), (ErrorKind::Compacted, Some(17)));
        insta::assert_snapshot!(error, @"watch at https://a:1: the start is compacted away: the store knows revision 17 and later; read the keys, then watch from the revision of that answer and one more");

        let error =
            refusal(0, "rpc error: code = PermissionDenied desc = etcdserver: permission denied")
                .unwrap();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        insta::assert_snapshot!(refusal(0, "").unwrap(), @"watch at https://a:1: the server ended the watch and gave no reason");
    }
}
