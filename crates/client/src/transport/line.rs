//! One connection to an endpoint, made when it is needed and again when it was lost.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::Instant;

use crate::config::Dialing;
use crate::transport::connection::{Connection, Place, Windows};
use crate::transport::dial::{DialError, dial};
use crate::transport::endpoint::Endpoint;

/// On which of an endpoint's connections.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Lane {
    Requests,
    Streams,
}

impl Lane {
    fn windows(self) -> Windows {
        match self {
            // A range of thousands of keys should not wait for window updates; with the 64 KiB of
            // HTTP/2 it does. Every answer is read as it comes, so none holds up another.
            Self::Requests => Windows { stream_bytes: 8 << 20, connection_bytes: 16 << 20 },
            // A stream that nobody reads, as a range's may be, keeps its window full: the
            // connection's, the largest that there is (RFC 9113, 6.9.1), has room for two thousand.
            Self::Streams => Windows { stream_bytes: 1 << 20, connection_bytes: (1 << 31) - 1 },
        }
    }
}

/// Whether a line could take a request now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Readiness {
    Open,
    Dialling,
    /// The last dial has failed, and nobody has heard of it yet.
    Failed,
}

/// A connection that is there when somebody wants it.
///
/// However many want one, one dial is made for all of them. It goes on when they lose patience, to
/// its own deadline, so that impatient requests get a connection in the end.
pub(crate) struct Line {
    endpoint: Arc<Endpoint>,
    dialing: Dialing,
    lane: Lane,
    runtime: Handle,
    state: Mutex<State>,
}

enum State {
    Closed,
    Dialling(Dial),
    Open(Arc<Connection>),
}

type Dialled = Option<Result<Arc<Connection>, DialError>>;

/// A dial that is under way or done; it ends with its owner.
struct Dial {
    result: watch::Receiver<Dialled>,
    task: AbortHandle,
}

impl Drop for Dial {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Line {
    pub(crate) fn new(
        endpoint: &Arc<Endpoint>,
        dialing: &Dialing,
        lane: Lane,
        runtime: &Handle,
    ) -> Self {
        Self {
            endpoint: endpoint.clone(),
            dialing: dialing.clone(),
            lane,
            runtime: runtime.clone(),
            state: Mutex::new(State::Closed),
        }
    }

    /// A place for one request, if there is one now.
    pub(crate) fn place_now(&self) -> Option<Place> {
        self.connection_now().ok()?.place_now()
    }

    /// A place for one request, when there is a connection and the server allows one more.
    ///
    /// Cancel safe: a dial that began goes on.
    pub(crate) async fn place(&self) -> Result<Place, DialError> {
        let connection = match self.connection_now() {
            Ok(connection) => connection,
            Err(mut dialled) => match dialled.wait_for(Option::is_some).await.as_deref() {
                Ok(Some(Ok(connection))) => connection.clone(),
                Ok(Some(Err(error))) => return Err(error.clone()),
                Ok(None) | Err(_) => return Err(DialError::ended()),
            },
        };
        Ok(connection.place().await)
    }

    /// Whether there is a connection; a dial begins if there is none, and nobody has to wait for it.
    pub(crate) fn readiness(&self) -> Readiness {
        let mut state = self.state();
        if let State::Dialling(dial) = &*state
            && matches!(&*dial.result.borrow(), Some(Err(_)))
        {
            *state = State::Closed;
            return Readiness::Failed;
        }
        drop(state);
        if self.connection_now().is_ok() { Readiness::Open } else { Readiness::Dialling }
    }

    /// A request got no answer in time. If nothing at all was heard since it was sent, the next gets
    /// another connection: who knows what became of this one.
    pub(crate) fn doubt(&self, sent: Instant) {
        let mut state = self.state();
        state.settle();
        if let State::Open(connection) = &*state {
            connection.doubt(sent);
        }
    }

    /// The connection, or where it will be.
    fn connection_now(&self) -> Result<Arc<Connection>, watch::Receiver<Dialled>> {
        let mut state = self.state();
        state.settle();
        match &*state {
            State::Dialling(dial) => return Err(dial.result.clone()),
            State::Open(connection) if connection.is_open() => return Ok(connection.clone()),
            State::Open(_) | State::Closed => {}
        }
        let dial = self.dial();
        let result = dial.result.clone();
        *state = State::Dialling(dial);
        Err(result)
    }

    fn dial(&self) -> Dial {
        let (sender, result) = watch::channel(None);
        let (endpoint, dialing) = (self.endpoint.clone(), self.dialing.clone());
        let windows = self.lane.windows();
        let task = self.runtime.spawn(async move {
            let started = Instant::now();
            let dialled = dial(&endpoint, &dialing, windows).await;
            if let Err(error) = &dialled {
                dialing.hooks.connect_failed(endpoint.url(), started.elapsed(), error);
            }
            // If nobody is left who could want it, it ends here.
            let _ = sender.send(Some(dialled.map(Arc::new)));
        });
        Dial { result, task: task.abort_handle() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes what a dial that is done has come to.
    fn settle(&mut self) {
        if let Self::Dialling(dial) = self {
            let result = dial.result.borrow().clone();
            if let Some(result) = result {
                *self = result.map_or(Self::Closed, Self::Open);
            }
        }
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { endpoint, lane, .. } = self;
        f.debug_struct("Line")
            .field("url", endpoint.url())
            .field("lane", lane)
            .finish_non_exhaustive()
    }
}
