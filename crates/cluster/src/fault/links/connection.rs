//! One connection, from its dialler's first byte to its end.

use std::cell::RefCell;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use socket2::SockRef;
use tokio::net::TcpStream;

use super::link::{Link, LinkTraffic};
use super::network::Network;
use super::policy::End;
use super::pump::{Fate, Pump};
use super::request::Greeting;
use super::setup::{Setup, Waited};

/// A connection between two ends. The network can abort it between any two polls of its task, since
/// both live on one thread.
#[derive(Debug)]
pub(super) struct Connection {
    dialler: End,
    destination: End,
    /// From the dialler to the destination.
    pub(super) there: Rc<Link>,
    pub(super) back: Rc<Link>,
    /// The dialler's socket, until it is closed.
    pub(super) near: RefCell<Option<TcpStream>>,
    /// The destination's, from when it is connected until it is closed.
    far: RefCell<Option<TcpStream>>,
    waker: RefCell<Option<Waker>>,
}

impl Connection {
    pub(super) fn new(
        network: &Network,
        near: TcpStream,
        dialler: End,
        destination: End,
    ) -> Rc<Self> {
        // Without it, only slower.
        let _ = near.set_nodelay(true);
        Rc::new(Self {
            dialler,
            destination,
            there: network.link(dialler, destination),
            back: network.link(destination, dialler),
            near: RefCell::new(Some(near)),
            far: RefCell::default(),
            waker: RefCell::default(),
        })
    }

    /// Whether bytes from `from` to `to` are its, or would be.
    pub(super) fn is_between(&self, from: End, to: End) -> bool {
        let ends = (self.dialler, self.destination);
        ends == (from, to) || ends == (to, from)
    }

    pub(super) fn has_end(&self, end: End) -> bool {
        self.dialler == end || self.destination == end
    }

    /// Whether it has been made, and is not closed.
    pub(super) fn is_open(&self) -> bool {
        self.far.borrow().is_some()
    }

    /// Whether it has neither been made nor given up.
    fn is_waiting(&self) -> bool {
        self.near.borrow().is_some() && !self.is_open()
    }

    /// Adds itself to what `from` has dialled at `to`, if it is one of those.
    pub(super) fn count(&self, from: End, to: End, traffic: &mut LinkTraffic) {
        if (self.dialler, self.destination) == (from, to) {
            traffic.open_connections += u64::from(self.is_open());
            traffic.waiting_connections += u64::from(self.is_waiting());
        }
    }

    /// Closes both sockets with RST, at once.
    pub(super) fn abort(&self) {
        self.there.count(|traffic| {
            traffic.aborted_connections += u64::from(self.is_open());
            traffic.refused_connections += u64::from(self.is_waiting());
        });
        self.reset();
        self.wake();
    }

    /// Lets its task look at its links again.
    pub(super) fn wake(&self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    pub(super) fn will_be_polled_by(&self, context: &Context<'_>) {
        let waker = self.waker.take().filter(|waker| waker.will_wake(context.waker()));
        self.waker.replace(Some(waker.unwrap_or_else(|| context.waker().clone())));
    }

    fn reset(&self) {
        for socket in [self.near.take(), self.far.take()].into_iter().flatten() {
            // If the kernel does not want to, the other end sees an orderly end instead.
            let _ = SockRef::from(&socket).set_linger(Some(std::time::Duration::ZERO));
        }
    }

    fn close(&self) {
        drop(self.near.take());
        drop(self.far.take());
    }
}

/// Carries a connection that has to go to `real`, from when it is known whose it is to its end. With
/// a greeting, the dialler is told when it is made.
pub(super) async fn carry(
    network: Rc<Network>,
    connection: Rc<Connection>,
    real: SocketAddr,
    greeting: Option<Greeting>,
) {
    let entry = Entry { number: network.enter(&connection), network: &network };
    let early = greeting.as_ref().map(|greeting| greeting.early.clone()).unwrap_or_default();
    let mut setup = Setup::new(&connection, real, early);
    let waited = poll_fn(|context| setup.poll(context)).await;
    let early = setup.into_early();
    match waited {
        Waited::Made(far) => {
            let _ = far.set_nodelay(true);
            if greeting.is_some_and(|_| !tell(&connection, Greeting::MADE)) {
                return connection.reset();
            }
            connection.far.replace(Some(far));
            pass(&network, &connection, early).await;
        }
        Waited::Refused => {
            // Nobody listens there. A client's forwarder can say so by RST only.
            if greeting.is_some_and(|_| tell(&connection, Greeting::NOBODY)) {
                connection.close();
            } else {
                connection.reset();
            }
        }
        Waited::Reset => connection.abort(),
        Waited::GivenUp => connection.close(),
    }
    drop(entry);
}

/// Carries bytes in both directions, until both have ended or either was reset.
async fn pass(network: &Network, connection: &Connection, early: Vec<u8>) {
    let mut there = Pump::new(Rc::clone(&connection.there));
    let mut back = Pump::new(Rc::clone(&connection.back));
    there.begin_with(early);
    poll_fn(|context| {
        connection.will_be_polled_by(context);
        let (mut near, mut far) = (connection.near.borrow_mut(), connection.far.borrow_mut());
        let (Some(near), Some(far)) = (near.as_mut(), far.as_mut()) else {
            // Aborted.
            return Poll::Ready(Fate::Reset);
        };
        let scratch = &mut network.scratch().borrow_mut()[..];
        loop {
            let fates =
                [there.poll(context, near, far, scratch), back.poll(context, far, near, scratch)];
            if fates.contains(&Fate::Reset) {
                return Poll::Ready(Fate::Reset);
            }
            if fates == [Fate::Ended; 2] {
                return Poll::Ready(Fate::Ended);
            }
            // Who takes no more bytes is dead, which the other end has to be told.
            let news =
                [there.sink_died() && back.source_died(), back.sink_died() && there.source_died()];
            if news == [false; 2] {
                return Poll::Pending;
            }
        }
    })
    .await
    .settle(connection);
}

impl Fate {
    fn settle(self, connection: &Connection) {
        match self {
            Self::Reset => connection.reset(),
            Self::Ended | Self::Open => connection.close(),
        }
    }
}

/// Sends a short answer to the dialler. It has sent a few hundred bytes and got none, so there is
/// room for it in the kernel.
fn tell(connection: &Connection, answer: &str) -> bool {
    let near = connection.near.borrow();
    near.as_ref().is_some_and(|near| {
        SockRef::from(near).send(answer.as_bytes()).is_ok_and(|sent| sent == answer.len())
    })
}

/// A connection's entry in the network's book, for as long as its task lives.
struct Entry<'a> {
    network: &'a Network,
    number: u64,
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        self.network.leave(self.number);
    }
}
