//! What lies between one watch's stream and its reader.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio::sync::mpsc::UnboundedSender;

use crate::error::{Error, ErrorKind, Failure, Fate, Result};
use crate::watch::WATCH;
use crate::watch::request::Limits;
use crate::watch::response::{Event, WatchResponse};
use crate::watch::trunk::Command;

/// The trunk's end: what is put in here the reader gets.
#[derive(Debug)]
pub(super) struct Feed(Arc<Shared>);

/// What a trunk and a reader share of one watch.
///
/// A lock and a queue, and not a channel: the reader sees the bytes that wait, and when the watch is
/// confirmed, moved and ended, and it costs one allocation for the whole life of the watch.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) key: u64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    queue: VecDeque<WatchResponse>,
    events: usize,
    bytes: usize,
    limits: Limits,
    created_revision: Option<i64>,
    endpoint: Arc<str>,
    /// Whether it is on a stream now.
    in_place: bool,
    /// The trunk waits until the reader has caught up.
    paused: bool,
    end: Option<Error>,
    /// Nothing comes any more once the queue is empty and `end` is told.
    ended: bool,
    dropped: bool,
    waker: Option<Waker>,
    /// Whose watch it is.
    trunk: UnboundedSender<Command>,
}

/// What is known of the reader after something was put into its queue.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Room {
    Some,
    /// Take the watch from the server, until it is [`Command::Drained`].
    None,
}

impl Feed {
    pub(super) fn new(key: u64, limits: Limits, trunk: UnboundedSender<Command>) -> Self {
        Self(Arc::new(Shared {
            key,
            state: Mutex::new(State {
                queue: VecDeque::new(),
                events: 0,
                bytes: 0,
                limits,
                created_revision: None,
                endpoint: Arc::from(""),
                in_place: false,
                paused: false,
                end: None,
                ended: false,
                dropped: false,
                waker: None,
                trunk,
            }),
        }))
    }

    pub(super) fn shared(&self) -> Arc<Shared> {
        self.0.clone()
    }

    /// The server has confirmed it; `revision` is its own, and `None` if it was confirmed before.
    pub(super) fn confirm(&self, revision: Option<i64>, endpoint: &Arc<str>) {
        let mut state = self.0.lock();
        state.created_revision = state.created_revision.or(revision);
        state.endpoint = endpoint.clone();
        state.in_place = true;
        state.wake();
    }

    /// It is on no stream any more.
    pub(super) fn lost(&self) {
        self.0.lock().in_place = false;
    }

    pub(super) fn push(&self, response: WatchResponse) -> Room {
        let mut state = self.0.lock();
        let is_progress = response.is_progress();
        if is_progress && state.queue.back().is_some_and(WatchResponse::is_progress) {
            // Of two the later says all: progress alone never fills the queue.
            state.queue.pop_back();
        }
        let (events, bytes) = size(&response);
        state.events += events;
        state.bytes += bytes;
        state.queue.push_back(response);
        let full = state.events > state.limits.events || state.bytes > state.limits.bytes;
        if full {
            state.paused = true;
            state.in_place = false;
        }
        state.wake();
        if full { Room::None } else { Room::Some }
    }

    pub(super) fn is_dropped(&self) -> bool {
        self.0.lock().dropped
    }

    /// Ends it, after what is queued.
    pub(super) fn end(&self, error: Error) {
        self.0.lock().end(error);
    }

    /// Another trunk has it from now on; `false` if its reader is gone.
    pub(super) fn moved(&self, trunk: &UnboundedSender<Command>) -> bool {
        let mut state = self.0.lock();
        state.trunk = trunk.clone();
        !state.dropped
    }
}

impl Drop for Feed {
    /// With its trunk, which ends before its watches only if the runtime does.
    fn drop(&mut self) {
        let mut state = self.0.lock();
        if !state.ended && !state.dropped {
            let what = "the runtime that the client belongs to has ended";
            let failure = Failure::new(ErrorKind::ConnectionLost, Fate::Refused, what);
            let endpoint = state.endpoint.clone();
            state.end(WATCH.failed(failure, &endpoint));
        }
    }
}

impl Shared {
    /// Waits until the watch is in place for the first time, or is over.
    pub(super) fn poll_created(&self, context: &mut Context<'_>) -> Poll<Result<()>> {
        let mut state = self.lock();
        if state.created_revision.is_some() {
            return Poll::Ready(Ok(()));
        }
        match state.end.take() {
            Some(error) => Poll::Ready(Err(error)),
            None => state.wait(context),
        }
    }

    pub(super) fn poll_next(
        &self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<WatchResponse>>> {
        let mut state = self.lock();
        if let Some(response) = state.queue.pop_front() {
            let (events, bytes) = size(&response);
            state.events -= events;
            state.bytes -= bytes;
            let Limits { events, bytes } = state.limits;
            if state.paused && state.events <= events / 2 && state.bytes <= bytes / 2 {
                state.paused = false;
                state.tell(Command::Drained(self.key));
            }
            return Poll::Ready(Some(Ok(response)));
        }
        match state.end.take() {
            Some(error) => Poll::Ready(Some(Err(error))),
            None if state.ended => Poll::Ready(None),
            None => state.wait(context),
        }
    }

    /// The reader is gone.
    pub(super) fn leave(&self) {
        let mut state = self.lock();
        state.dropped = true;
        state.queue = VecDeque::new();
        state.tell(Command::Drop(self.key));
    }

    pub(super) fn tell(&self, command: Command) {
        self.lock().tell(command);
    }

    pub(super) fn created_revision(&self) -> i64 {
        self.lock().created_revision.unwrap_or_default()
    }

    pub(super) fn endpoint(&self) -> Arc<str> {
        self.lock().endpoint.clone()
    }

    pub(super) fn is_over(&self) -> bool {
        self.lock().ended
    }

    pub(super) fn is_in_place(&self) -> bool {
        self.lock().in_place
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn end(&mut self, error: Error) {
        if !self.ended {
            self.ended = true;
            self.in_place = false;
            self.end = Some(error);
            self.wake();
        }
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    fn wait<T>(&mut self, context: &Context<'_>) -> Poll<T> {
        match &mut self.waker {
            Some(waker) => waker.clone_from(context.waker()),
            None => self.waker = Some(context.waker().clone()),
        }
        Poll::Pending
    }

    /// A trunk that is gone has ended the watch.
    fn tell(&self, command: Command) {
        let _ = self.trunk.send(command);
    }
}

/// Events and bytes, as they count against the limits.
fn size(response: &WatchResponse) -> (usize, usize) {
    let bytes = |event: &Event| {
        let kv = event.kv();
        let before = event.prev_kv().map_or(0, |kv| kv.key().len() + kv.value().len());
        kv.key().len() + kv.value().len() + before
    };
    (response.events().len(), response.events().iter().map(bytes).sum())
}
