//! A connection that is not made yet.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep};

use super::connection::Connection;
use super::policy::Carriage;

/// How much of what a dialler says before it is connected is kept: the first flight of TLS, with
/// room. It has to wait with the rest.
const EARLY: usize = 16 * 1024;

/// How the wait for a connection ended.
#[derive(Debug)]
pub(super) enum Waited {
    /// It is made: the destination's socket.
    Made(TcpStream),
    /// Nobody listens at the destination.
    Refused,
    /// A fault refuses it.
    Reset,
    /// The dialler has closed its own.
    GivenUp,
}

/// A connection that waits until both of its links let it through, then for a round trip on them,
/// and then for its destination. While it does, the dialler may give up at any moment.
pub(super) struct Setup<'a> {
    connection: &'a Connection,
    real: SocketAddr,
    early: Vec<u8>,
    /// Of the links, when the journey was last looked at.
    generations: (u64, u64),
    /// Since when the links let it through.
    begun: Option<Instant>,
    journey: Option<Pin<Box<Sleep>>>,
    dial: Option<Pin<Box<dyn Future<Output = io::Result<TcpStream>>>>>,
}

impl<'a> Setup<'a> {
    pub(super) const fn new(connection: &'a Connection, real: SocketAddr, early: Vec<u8>) -> Self {
        Self {
            connection,
            real,
            early,
            generations: (0, 0),
            begun: None,
            journey: None,
            dial: None,
        }
    }

    /// What the dialler has said meanwhile.
    pub(super) fn into_early(self) -> Vec<u8> {
        self.early
    }

    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Waited> {
        self.connection.will_be_polled_by(context);
        if self.dialler_has_gone(context) {
            return Poll::Ready(Waited::GivenUp);
        }
        let (there, back) = (&self.connection.there, &self.connection.back);
        match there.carriage().max(back.carriage()) {
            Carriage::Pass => {}
            Carriage::Hold | Carriage::Drop => {
                (self.begun, self.journey, self.dial) = (None, None, None);
                return Poll::Pending;
            }
            Carriage::Reset => return Poll::Ready(Waited::Reset),
        }
        ready!(self.travel(context));
        let real = self.real;
        let dial = self.dial.get_or_insert_with(|| Box::pin(TcpStream::connect(real)));
        Poll::Ready(match ready!(dial.as_mut().poll(context)) {
            // Linux connects a port that nobody listens at to itself, if it happens to be the one
            // that it has chosen for the dialler.
            Ok(far) if far.local_addr().ok() != Some(real) => Waited::Made(far),
            Ok(_) | Err(_) => Waited::Refused,
        })
    }

    /// The way there and back.
    fn travel(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let (there, back) = (&self.connection.there, &self.connection.back);
        let generations = (there.generation(), back.generation());
        if self.begun.is_none() || self.generations != generations {
            self.generations = generations;
            let latency = there.latency() + back.latency();
            self.journey = (!latency.is_zero()).then(|| {
                let begun = *self.begun.get_or_insert_with(Instant::now);
                Box::pin(tokio::time::sleep_until(begun + latency))
            });
            self.begun.get_or_insert_with(Instant::now);
        }
        match &mut self.journey {
            Some(journey) => journey.as_mut().poll(context),
            None => Poll::Ready(()),
        }
    }

    /// Whether the dialler's socket is closed, by itself or by us. Before there is anything that it
    /// could be at the end of, an end is one.
    fn dialler_has_gone(&mut self, context: &mut Context<'_>) -> bool {
        let mut near = self.connection.near.borrow_mut();
        let Some(near) = near.as_mut() else { return true };
        let mut room = [0; 2048];
        while self.early.len() < EARLY {
            let mut buffer = ReadBuf::new(&mut room);
            match Pin::new(&mut *near).poll_read(context, &mut buffer) {
                Poll::Pending => return false,
                Poll::Ready(Ok(())) if !buffer.filled().is_empty() => {
                    self.early.extend_from_slice(buffer.filled());
                }
                Poll::Ready(_) => return true,
            }
        }
        false
    }
}
