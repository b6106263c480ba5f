//! The network between the members of one fleet, and between them and their clients, whose links can
//! be broken one by one and in one direction, on an unmodified etcd, with TLS from end to end.
//!
//! Each member tells the others of an address that exists nowhere, and has our proxy in its
//! environment, so it dials its peers by `CONNECT`. The proxy knows who dials by the credential and
//! whom by the address, and carries bytes that it cannot read. Clients come through a forwarder of
//! their own for each port of each member.
//!
//! All of it lives on one thread with a runtime of its own, so that nothing that the network is told
//! happens between two bytes: no locks, and an order is carried out when it is answered.
//!
//! - [`policy`]: what a link does. Its table is the promise.
//! - [`network`]: who is there, which faults are in force, and what a change of them does at once.
//! - [`listen`], [`request`]: who comes, and where to.
//! - [`setup`], [`connection`], [`pump`]: a connection while it waits, and what it carries.
//! - [`handle`]: how other threads talk to it.

mod connection;
mod detour;
mod handle;
mod link;
mod listen;
mod network;
mod policy;
mod pump;
mod request;
mod setup;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::LocalSet;

use self::handle::{Handle, Order, PATIENCE, Place};
use self::network::Network;
use super::FaultError;
use crate::plan::{Linked, Slot, Token};

pub use self::detour::Detour;
pub(crate) use self::handle::{Fault, InForce};
pub use self::link::LinkTraffic;
pub(crate) use self::policy::End;
pub use self::policy::{Carriage, LinkPolicy};

/// Where all members tell that they listen for peers, at an address of their own.
const PEER_PORT: u16 = 2380;

/// The networks that RFC 5737 keeps for documentation. Nothing is routed there, so nothing is sent
/// to a stranger should a member dial without the proxy.
const NOWHERE: [[u8; 3]; 3] = [[192, 0, 2], [198, 51, 100], [203, 0, 113]];

/// How many addresses of each are a host's: neither the network's own nor that for all.
const HOSTS: usize = 254;

/// A member's real ports.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Real {
    /// Where it listens for clients.
    pub(crate) client: SocketAddr,
    /// Where it listens for its peers.
    pub(crate) peer: SocketAddr,
    /// Where it listens for what is HTTP and not gRPC, where that is another port.
    pub(crate) http: Option<SocketAddr>,
}

/// The network of one fleet. Dropping it closes all of its sockets and ends its thread; it needs no
/// runtime, and does not care about the caller's.
pub(crate) struct Links {
    handle: Handle,
    proxy: SocketAddr,
    /// How many places were ever given away: none is used twice.
    places: AtomicUsize,
    thread: Option<JoinHandle<()>>,
    /// Says when the thread is past everything it does.
    ended: std::sync::Mutex<Receiver<()>>,
}

impl Links {
    /// A network with nobody on it.
    ///
    /// # Errors
    ///
    /// When the machine has no port, thread or random bytes for it.
    pub(crate) fn start() -> io::Result<Self> {
        let listener = listener()?;
        let proxy = listener.local_addr()?;
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
        let (orders, received) = unbounded_channel();
        let (running, ended) = sync_channel(0);
        let thread = std::thread::Builder::new().name("tercet-links".into()).spawn(move || {
            run(&runtime, listener, received);
            drop(runtime);
            // By `drop`, since `let _` would leave it outside of the thread.
            drop::<SyncSender<()>>(running);
        })?;
        Ok(Self {
            handle: Handle(orders),
            proxy,
            places: AtomicUsize::new(0),
            thread: Some(thread),
            ended: std::sync::Mutex::new(ended),
        })
    }

    /// A new place on it, for a member that listens at `real`. Its forwarders listen when this
    /// returns, whether the member does or not.
    ///
    /// # Errors
    ///
    /// When the machine has no port for a forwarder, or all addresses were given away.
    pub(crate) fn add(&self, real: Real) -> io::Result<Linked> {
        let slot = self
            .places
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
                peer_address(used).map(|_| used + 1)
            })
            .map_err(|used| {
                io::Error::other(format!(
                    "a fleet's network has {used} places, and all were used: start another fleet"
                ))
            })?;
        let (slot, peer) = (Slot(slot), peer_address(slot).unwrap_or(self.proxy));
        let token = token()?;
        let client = listener()?;
        let client_address = client.local_addr()?;
        let mut forwarders = vec![(client, real.client)];
        let mut http = None;
        if let Some(real) = real.http {
            let listener = listener()?;
            http = Some(listener.local_addr()?);
            forwarders.push((listener, real));
        }
        let place = Place { slot, token, peer: (peer, real.peer), forwarders };
        self.handle.ask(|done| Order::Add(place, done)).map_err(io::Error::other)??;
        Ok(Linked { slot, client: client_address, peer, http, proxy: self.proxy, token })
    }

    /// Has the member's peers find it also where it is about to be, at `real`; returns the address for
    /// it. They find it where it was as well, since they may dial that until they have heard.
    pub(crate) fn move_peer(
        &self,
        linked: &Linked,
        real: SocketAddr,
    ) -> Result<SocketAddr, FaultError> {
        // On the host that its certificates name.
        let peer = SocketAddr::new(linked.peer.ip(), real.port());
        self.handle.ask(|done| Order::Found(linked.slot, (peer, real), done))?;
        Ok(peer)
    }

    /// Closes its forwarders, aborts all its connections, and forgets it; what is dialled at its
    /// address is refused. Nothing if it is not there.
    pub(crate) fn remove(&self, slot: Slot) {
        // A network that is gone has forgotten everybody.
        let _ = self.handle.ask(|done| Order::Remove(slot, done));
    }

    /// Brings `policy` into force on each of `links`, from the first of each to the second, on top
    /// of what is in force already. When this returns, it is.
    ///
    /// # Errors
    ///
    /// [`FaultError::NetworkGone`].
    pub(crate) fn impose(
        &self,
        links: impl Into<Vec<(End, End)>>,
        policy: LinkPolicy,
    ) -> Result<Fault, FaultError> {
        let links = links.into();
        let number = self.handle.ask(|done| Order::Impose(links, policy, done))?;
        Ok(Fault { number, handle: self.handle.clone() })
    }

    /// Takes back all faults, whoever has their guards; what those take back later is nothing.
    pub(crate) fn heal_all(&self) {
        // A network that is gone has no links to heal.
        let _ = self.handle.ask(Order::HealAll);
    }

    /// What is in force, the oldest first.
    pub(crate) fn in_force(&self) -> Vec<InForce> {
        self.handle.ask(Order::InForce).unwrap_or_default()
    }

    /// What went from one end to the other since the network began.
    pub(crate) fn traffic(&self, from: End, to: End) -> LinkTraffic {
        self.handle.ask(|answer| Order::Traffic(from, to, answer)).unwrap_or_default()
    }
}

impl Drop for Links {
    fn drop(&mut self) {
        let _ = self.handle.0.send(Order::Stop);
        let ended = self.ended.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
        // It never waits, so this is at once; but on a machine that stands still, a thread that is
        // left to itself is better than a test that never ends.
        if ended.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Disconnected)
            && let Some(thread) = self.thread.take()
        {
            // It panicked if this is an error, and is gone as well.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Links").field("proxy", &self.proxy).finish_non_exhaustive()
    }
}

/// The life of the network.
fn run(
    runtime: &tokio::runtime::Runtime,
    listener: TcpListener,
    mut orders: UnboundedReceiver<Order>,
) {
    let tasks = LocalSet::new();
    tasks.block_on(runtime, async {
        let network = Network::new();
        if network.serve(listener).is_err() {
            return;
        }
        while let Some(order) = orders.recv().await {
            if network.obey(order).is_break() {
                return;
            }
        }
    });
}

fn listener() -> io::Result<TcpListener> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

fn token() -> io::Result<Token> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(Token(u128::from_ne_bytes(bytes)))
}

/// The address of a place, while there are some.
fn peer_address(place: usize) -> Option<SocketAddr> {
    let [a, b, c] = *NOWHERE.get(place / HOSTS)?;
    let host = u8::try_from(place % HOSTS + 1).ok()?;
    Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::new(a, b, c, host)), PEER_PORT))
}
