//! How others talk to the thread that the network lives on.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;

use super::link::LinkTraffic;
use super::policy::{End, LinkPolicy};
use crate::fault::FaultError;
use crate::plan::{Slot, Token};

/// How long the network may take to do what it was told. It never waits for anything itself, so this
/// is only for a machine that stands still.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// What the network is told to do.
#[derive(Debug)]
pub(super) enum Order {
    Add(Place, SyncSender<io::Result<()>>),
    /// A member is found here as well, and is really there.
    Found(Slot, (SocketAddr, SocketAddr), SyncSender<()>),
    Remove(Slot, SyncSender<()>),
    Impose(Vec<(End, End)>, LinkPolicy, SyncSender<Number>),
    Heal(Number, SyncSender<()>),
    HealAll(SyncSender<()>),
    InForce(SyncSender<Vec<InForce>>),
    Traffic(End, End, SyncSender<LinkTraffic>),
    Stop,
}

/// A member's place, with the listeners that are its forwarders.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) slot: Slot,
    pub(super) token: Token,
    /// Where the others dial it, and where that really is.
    pub(super) peer: (SocketAddr, SocketAddr),
    /// The forwarders, and where each leads to.
    pub(super) forwarders: Vec<(TcpListener, SocketAddr)>,
}

/// Which fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Number(pub(super) u64);

/// One link of one fault that is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InForce {
    pub(crate) from: End,
    pub(crate) to: End,
    pub(crate) policy: LinkPolicy,
}

/// The way to the thread. Works in any thread, with a runtime and without.
#[derive(Clone, Debug)]
pub(super) struct Handle(pub(super) UnboundedSender<Order>);

impl Handle {
    /// Gives an order and waits until it is done.
    pub(super) fn ask<T>(
        &self,
        order: impl FnOnce(SyncSender<T>) -> Order,
    ) -> Result<T, FaultError> {
        let (done, answer) = sync_channel(1);
        self.0.send(order(done)).map_err(|_| FaultError::NetworkGone)?;
        answer.recv_timeout(PATIENCE).map_err(|_| FaultError::NetworkGone)
    }
}

/// A fault that is in force until this is dropped. When `drop` returns, it no longer is, and the
/// connections that it has damaged are aborted.
///
/// Takes back what it did and nothing else: other faults on the same links stay in force. Outlives
/// the network without harm.
#[derive(Debug)]
#[must_use = "the fault is healed as soon as this is dropped"]
pub(crate) struct Fault {
    pub(super) number: Number,
    pub(super) handle: Handle,
}

impl Drop for Fault {
    fn drop(&mut self) {
        // A network that is gone has no links to heal.
        let _ = self.handle.ask(|done| Order::Heal(self.number, done));
    }
}
