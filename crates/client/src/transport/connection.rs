//! One HTTP/2 connection to a member, and the task that drives it.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use bytes::Bytes;
use h2::client::{Builder, ResponseFuture, SendRequest};
use tokio::sync::Semaphore;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout_at};

use crate::observe::Lifetime;
use crate::transport::ended::Ended;
use crate::transport::keep_alive::{Heard, KeepAlive, Pings};
use crate::transport::wire::{Stream, Wire};

/// How much a server may send ahead of who reads it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Windows {
    pub(crate) stream_bytes: u32,
    pub(crate) connection_bytes: u32,
}

/// A connection whose server has said its first word. Whoever shares it keeps it open.
#[derive(Debug)]
pub(crate) struct Connection {
    requests: SendRequest<Bytes>,
    state: Arc<State>,
}

/// What the connection, its task and its bytes know of each other.
#[derive(Debug)]
pub(crate) struct State {
    heard: Heard,
    /// For how many more streams the server allows.
    room: Semaphore,
    /// What ended the connection before the server's first word.
    mute: Mutex<Option<io::Error>>,
    spoken: AtomicBool,
    /// It takes no more requests.
    retired: AtomicBool,
    /// A ping was not answered.
    silent: AtomicBool,
}

impl State {
    pub(crate) fn new() -> Self {
        Self {
            heard: Heard::new(),
            room: Semaphore::new(0),
            mute: Mutex::default(),
            spoken: AtomicBool::new(false),
            retired: AtomicBool::new(false),
            silent: AtomicBool::new(false),
        }
    }

    /// The server said something.
    pub(crate) fn hear(&self) {
        self.heard.now();
        // Every read comes here: look before writing to what others read.
        if !self.has_spoken() {
            self.spoken.store(true, Ordering::Release);
        }
    }

    pub(crate) fn has_spoken(&self) -> bool {
        self.spoken.load(Ordering::Acquire)
    }

    /// It will say nothing, because of this. HTTP/2 would keep no more than its text.
    pub(crate) fn end_mute(&self, error: io::Error) {
        self.mute.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }

    pub(crate) fn mute(&self) -> Option<io::Error> {
        self.mute.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Connection {
    /// Begins HTTP/2 on it, and waits for the server's first word, which every HTTP/2 server says
    /// unasked: its settings (RFC 9113, 3.4). So whatever is no etcd, or hangs, is found out before
    /// there is a request that it might have taken, and how many streams it allows is known.
    ///
    /// # Errors
    ///
    /// Why it said none; `TimedOut` if it did not by the deadline.
    ///
    /// What `told` gives is kept until its end.
    pub(crate) async fn begin(
        stream: Stream,
        windows: Windows,
        pings: Pings,
        deadline: Instant,
        told: impl FnOnce() -> Lifetime,
    ) -> io::Result<Self> {
        let state = Arc::new(State::new());
        let wire = Wire::new(stream, state.clone());
        let begun = Builder::new()
            .enable_push(false)
            .initial_window_size(windows.stream_bytes)
            .initial_connection_window_size(windows.connection_bytes)
            // Requests whose time is up: their answers still come for a moment, and h2 takes more
            // than a few of these, of streams that it remembers no more, for an attack.
            .max_concurrent_reset_streams(1024)
            .handshake(wire)
            .await;
        let ended = |error: h2::Error| {
            state.mute().unwrap_or_else(|| match error.into_io() {
                Some(error) => error,
                None => io::Error::from(io::ErrorKind::InvalidData),
            })
        };
        let (requests, mut connection) = begun.map_err(ended)?;
        let first_word = poll_fn(|cx| match Pin::new(&mut connection).poll(cx) {
            Poll::Ready(Ok(())) => Poll::Ready(Err(None)),
            Poll::Ready(Err(error)) => Poll::Ready(Err(Some(error))),
            Poll::Pending if state.has_spoken() => Poll::Ready(Ok(())),
            Poll::Pending => Poll::Pending,
        });
        match timeout_at(deadline, first_word).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                let eof = || io::Error::from(io::ErrorKind::UnexpectedEof);
                return Err(error.map_or_else(|| state.mute().unwrap_or_else(eof), ended));
            }
            Err(_) => return Err(io::Error::from(io::ErrorKind::TimedOut)),
        }
        let streams = connection.max_concurrent_send_streams().min(Semaphore::MAX_PERMITS);
        state.room.add_permits(streams);
        let keep_alive = connection.ping_pong().map(|ping_pong| KeepAlive::new(ping_pong, pings));
        tokio::spawn(drive(connection, keep_alive, state.clone(), streams, told()));
        Ok(Self { requests, state })
    }

    /// Whether it takes requests, as far as is known.
    pub(crate) fn is_open(&self) -> bool {
        !self.state.retired.load(Ordering::Acquire)
    }

    /// If nothing was heard since then, it takes no more requests.
    pub(crate) fn doubt(&self, since: Instant) {
        if self.state.heard.last() < since {
            self.state.retired.store(true, Ordering::Release);
        }
    }

    /// A place for one more request; waits while the server allows no more.
    pub(crate) async fn place(self: Arc<Self>) -> Place {
        // It is never closed.
        if let Ok(permit) = self.state.room.acquire().await {
            permit.forget();
        }
        Place { connection: self, pipe: None }
    }

    /// As [`place`](Self::place), if there is one now.
    pub(crate) fn place_now(self: Arc<Self>) -> Option<Place> {
        self.state.room.try_acquire().ok()?.forget();
        Some(Place { connection: self, pipe: None })
    }
}

/// Goes on until the connection ends, which it also does when nobody holds it and no stream is left.
async fn drive(
    mut connection: h2::client::Connection<Wire, Bytes>,
    mut keep_alive: Option<KeepAlive>,
    state: Arc<State>,
    streams: usize,
    _lifetime: Lifetime,
) {
    let is_busy = || state.room.available_permits() < streams;
    poll_fn(|cx| {
        if Pin::new(&mut connection).poll(cx).is_ready() {
            return Poll::Ready(());
        }
        let Some(keep_alive) = &mut keep_alive else {
            return Poll::Pending;
        };
        let gone = keep_alive.poll(cx, &state.heard, is_busy);
        if gone.is_ready() {
            // Its streams hear of the end when it is dropped, and then look here.
            state.silent.store(true, Ordering::Release);
        }
        gone
    })
    .await;
    state.retired.store(true, Ordering::Release);
}

/// What one request holds of a connection from before it is sent until its answer has ended.
#[derive(Debug)]
pub(crate) struct Place {
    connection: Arc<Connection>,
    /// What sends the rest of the request. It ends with the answer, since the server hears that
    /// nobody waits for one only when nothing more can be sent either.
    pipe: Option<AbortHandle>,
}

impl Place {
    /// Opens a stream.
    ///
    /// # Errors
    ///
    /// [`Ended::Unsent`] if the connection is at its end, as the next one then knows.
    pub(crate) fn open(
        &self,
        request: http::Request<()>,
        is_whole: bool,
    ) -> Result<(ResponseFuture, h2::SendStream<Bytes>), Ended> {
        // A clone, since one handle waits until the stream that it opened last is there.
        self.connection.requests.clone().send_request(request, is_whole).map_err(|error| {
            self.retire();
            Ended::Unsent(error)
        })
    }

    /// What sends the rest of the request.
    pub(crate) fn owns(&mut self, pipe: AbortHandle) {
        self.pipe = Some(pipe);
    }

    /// Why the stream ended without a status.
    pub(crate) fn ended(&self, error: h2::Error) -> Ended {
        if error.is_go_away() || error.is_io() {
            self.retire();
        }
        if self.connection.state.silent.load(Ordering::Acquire) {
            return Ended::Silence;
        }
        Ended::Stream(error)
    }

    fn retire(&self) {
        self.connection.state.retired.store(true, Ordering::Release);
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(pipe) = &self.pipe {
            pipe.abort();
        }
        self.connection.state.room.add_permits(1);
    }
}
