//! One stream that is open.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use futures_core::Stream;
use tokio::sync::mpsc::UnboundedSender;
use tokio::time::Sleep;
use tonic::Streaming;

use super::Creates;
use crate::generated::etcdserverpb as pb;
use crate::generated::etcdserverpb::watch_request::RequestUnion;
use crate::watch::hub::Hub;
use crate::watch::open::{Started, tells_progress_in_turn};

/// How often all watches of a stream are asked how far they are.
///
/// It moves the revision that a watch resumes from, so that one to whom nothing happens outlives a
/// compaction. One small message; etcd's own, by each watch, comes every ten minutes.
const PROGRESS_EVERY: Duration = Duration::from_secs(60);

/// How soon to ask again when somebody waits: etcd does not answer while one watch of the stream
/// catches up, which it looks after every 100 ms, or begins at what has not happened yet, which may
/// take for ever; so each time twice as long.
const ASK_AGAIN: Duration = Duration::from_millis(100);
const ASK_AGAIN_LATER: Duration = Duration::from_secs(2);

/// One open stream.
pub(super) struct Line {
    responses: Streaming<pb::WatchResponse>,
    requests: UnboundedSender<pb::WatchRequest>,
    endpoint: Arc<str>,
    /// What the server calls the watches that it has confirmed.
    keys: HashMap<i64, u64>,
    /// Those that it has not, in the order in which it will.
    creating: Creates,
    opened: Instant,
    tick: Pin<Box<Sleep>>,
    /// How long to wait for an answer before it is asked again.
    again: Duration,
    version: Version,
}

/// Whether progress that is asked for is told in turn.
enum Version {
    Unknown,
    Asked(Pin<Box<dyn Future<Output = Option<bool>> + Send>>),
    Known(bool),
}

/// What came of a stream.
pub(super) enum News {
    Response(pb::WatchResponse),
    /// It is known whose progress is told in turn.
    Version,
    Tick,
    End,
}

impl Line {
    /// One that was just opened, and the first that it said.
    pub(super) fn new(
        started: Started,
        endpoint: Arc<str>,
        creating: Creates,
    ) -> (Self, pb::WatchResponse) {
        let Started { responses, requests, first } = started;
        let line = Self {
            responses,
            requests,
            endpoint,
            keys: HashMap::with_capacity(creating.len()),
            creating,
            opened: Instant::now(),
            tick: Box::pin(tokio::time::sleep(PROGRESS_EVERY)),
            again: ASK_AGAIN,
            version: Version::Unknown,
        };
        (line, first)
    }

    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<News> {
        if let Poll::Ready(response) = Pin::new(&mut self.responses).poll_next(context) {
            return Poll::Ready(match response {
                Some(Ok(response)) => News::Response(response),
                // Whatever it says: what is final is said of a watch, and not of a stream.
                Some(Err(_)) | None => News::End,
            });
        }
        if let Version::Asked(future) = &mut self.version
            && let Poll::Ready(in_turn) = future.as_mut().poll(context)
        {
            self.version = Version::Known(in_turn.unwrap_or(false));
            return Poll::Ready(News::Version);
        }
        self.tick.as_mut().poll(context).map(|()| News::Tick)
    }

    pub(super) fn create(&mut self, id: i64, key: u64, request: pb::WatchRequest) {
        self.creating.push_back((id, key));
        self.send(request);
    }

    pub(super) fn is_creating(&self) -> bool {
        !self.creating.is_empty()
    }

    /// The server has confirmed or refused one: that which was asked for first.
    pub(super) fn created(&mut self) -> Option<(i64, u64)> {
        self.creating.pop_front()
    }

    pub(super) fn confirm(&mut self, id: i64, key: u64) {
        self.keys.insert(id, key);
    }

    pub(super) fn key(&self, id: i64) -> Option<u64> {
        self.keys.get(&id).copied()
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = u64> {
        self.keys.values().copied()
    }

    /// Ends a watch at the server, unless it is not confirmed yet: then it is done when it is.
    pub(super) fn cancel(&mut self, id: i64) {
        let creating = self.creating.iter().any(|&(creating, _)| creating == id);
        self.keys.remove(&id);
        if !creating {
            let cancel = pb::WatchCancelRequest { watch_id: id };
            self.send(pb::WatchRequest {
                request_union: Some(RequestUnion::CancelRequest(cancel)),
            });
        }
    }

    /// The server has ended it.
    pub(super) fn forget(&mut self, id: i64) {
        self.keys.remove(&id);
    }

    /// Whether progress that was asked for is told in turn, if that is known; otherwise the member
    /// is asked for its version.
    pub(super) fn version(&mut self, hub: &Hub) -> Option<bool> {
        match self.version {
            Version::Known(in_turn) => Some(in_turn),
            Version::Asked(_) => None,
            Version::Unknown => {
                let asked = tells_progress_in_turn(hub.client(), self.endpoint.clone());
                self.version = Version::Asked(Box::pin(asked));
                None
            }
        }
    }

    pub(super) fn tells_progress_in_turn(&self) -> bool {
        matches!(self.version, Version::Known(true))
    }

    /// It has answered, or somebody else asks.
    pub(super) fn hurry(&mut self) {
        self.again = ASK_AGAIN;
    }

    pub(super) fn request_progress(&mut self, again: bool) {
        let progress = RequestUnion::ProgressRequest(pb::WatchProgressRequest {});
        self.send(pb::WatchRequest { request_union: Some(progress) });
        let pause = if again { self.again } else { PROGRESS_EVERY };
        self.again = (self.again * 2).min(ASK_AGAIN_LATER);
        self.tick = Box::pin(tokio::time::sleep(pause));
    }

    /// Somebody waits for an answer, and this stream was not asked.
    pub(super) fn ask_soon(&mut self) {
        self.tick = Box::pin(tokio::time::sleep(ASK_AGAIN));
    }

    /// Until there may be something to ask for.
    pub(super) fn rest(&mut self) {
        self.tick = Box::pin(tokio::time::sleep(PROGRESS_EVERY));
    }

    pub(super) fn endpoint(&self) -> &Arc<str> {
        &self.endpoint
    }

    pub(super) fn age(&self) -> Duration {
        self.opened.elapsed()
    }

    /// A stream whose other end is gone says so by its responses.
    fn send(&self, request: pb::WatchRequest) {
        let _ = self.requests.send(request);
    }
}
