//! A port of the network.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};

/// How long to do without new connections when the process may open no more files: until one is
/// closed, accepting would fail at once each time.
const PAUSE: Duration = Duration::from_millis(10);

/// A port that is listened at until it is [ended](Self::end).
#[derive(Debug)]
pub(super) struct Listening {
    listener: RefCell<Option<TcpListener>>,
    waker: RefCell<Option<Waker>>,
}

impl Listening {
    /// Gives `each` connection away.
    pub(super) fn begin(
        listener: std::net::TcpListener,
        each: impl Fn(TcpStream) + 'static,
    ) -> io::Result<Rc<Self>> {
        let listener = TcpListener::from_std(listener)?;
        let this =
            Rc::new(Self { listener: RefCell::new(Some(listener)), waker: RefCell::default() });
        let listening = Rc::clone(&this);
        tokio::task::spawn_local(async move {
            while let Some(accepted) = poll_fn(|context| listening.poll(context)).await {
                match accepted {
                    Ok(stream) => each(stream),
                    Err(_) => tokio::time::sleep(PAUSE).await,
                }
            }
        });
        Ok(this)
    }

    /// Closes the port, at once. Connections that were accepted stay.
    pub(super) fn end(&self) {
        drop(self.listener.take());
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    fn poll(&self, context: &mut Context<'_>) -> Poll<Option<io::Result<TcpStream>>> {
        self.waker.replace(Some(context.waker().clone()));
        match &*self.listener.borrow() {
            Some(listener) => {
                listener.poll_accept(context).map(|accepted| Some(accepted.map(|(it, _)| it)))
            }
            None => Poll::Ready(None),
        }
    }
}
