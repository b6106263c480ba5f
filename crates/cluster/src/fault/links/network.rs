//! Who is on the network, which faults are in force, and what a change of them does at once.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::ops::ControlFlow;
use std::rc::Rc;
use std::sync::mpsc::SyncSender;

use super::connection::{Connection, carry};
use super::handle::{InForce, Number, Order, Place};
use super::link::{Link, LinkTraffic};
use super::listen::Listening;
use super::policy::{Carriage, End, LinkPolicy};
use super::request;
use crate::plan::Slot;

/// What is read at once, by one connection at a time: all of them share the buffer, for what is read
/// is passed on before another one reads.
const SCRATCH: usize = 64 * 1024;

/// All that the thread knows. Nothing here waits.
#[derive(Debug)]
pub(super) struct Network {
    places: RefCell<BTreeMap<Slot, Known>>,
    /// Who dials, by the header that says so.
    credentials: RefCell<HashMap<String, End>>,
    /// Who is dialled, and where that really is.
    addresses: RefCell<HashMap<SocketAddr, (End, SocketAddr)>>,
    links: RefCell<HashMap<(End, End), Rc<Link>>>,
    faults: RefCell<BTreeMap<Number, Imposed>>,
    connections: RefCell<BTreeMap<u64, Rc<Connection>>>,
    last_number: Cell<u64>,
    scratch: RefCell<Box<[u8]>>,
}

/// One fault: on which links, and what it does to them.
type Imposed = (Vec<(End, End)>, LinkPolicy);

/// What there is of one member.
#[derive(Debug)]
struct Known {
    credential: String,
    forwarders: Vec<Rc<Listening>>,
}

impl Network {
    pub(super) fn new() -> Rc<Self> {
        Rc::new(Self {
            places: RefCell::default(),
            credentials: RefCell::default(),
            addresses: RefCell::default(),
            links: RefCell::default(),
            faults: RefCell::default(),
            connections: RefCell::default(),
            last_number: Cell::new(0),
            scratch: RefCell::new(vec![0; SCRATCH].into_boxed_slice()),
        })
    }

    /// Listens for those who dial members.
    pub(super) fn serve(self: &Rc<Self>, listener: TcpListener) -> io::Result<()> {
        let network = Rc::clone(self);
        Listening::begin(listener, move |dialler| {
            tokio::task::spawn_local(request::serve(Rc::clone(&network), dialler));
        })?;
        Ok(())
    }

    pub(super) fn obey(self: &Rc<Self>, order: Order) -> ControlFlow<()> {
        match order {
            Order::Add(place, done) => tell(&done, self.add(place)),
            Order::Found(slot, (peer, real), done) => {
                self.addresses.borrow_mut().insert(peer, (End::Member(slot), real));
                let _ = done.send(());
            }
            Order::Remove(slot, done) => {
                self.remove(slot);
                tell(&done, ());
            }
            Order::Impose(links, policy, done) => {
                let number = self.impose(links, policy);
                if done.send(number).is_err() {
                    // There is no guard to take it back.
                    self.heal(number);
                }
            }
            Order::Heal(number, done) => {
                self.heal(number);
                tell(&done, ());
            }
            Order::HealAll(done) => {
                self.heal_all();
                tell(&done, ());
            }
            Order::InForce(answer) => tell(&answer, self.in_force()),
            Order::Traffic(from, to, answer) => tell(&answer, self.traffic(from, to)),
            Order::Stop => return ControlFlow::Break(()),
        }
        ControlFlow::Continue(())
    }

    /// Who dials with this credential.
    pub(super) fn dialler(&self, credential: &str) -> Option<End> {
        self.credentials.borrow().get(credential).copied()
    }

    /// Who is dialled at this address, and where that really is.
    pub(super) fn destination(&self, address: SocketAddr) -> Option<(End, SocketAddr)> {
        self.addresses.borrow().get(&address).copied()
    }

    pub(super) fn link(&self, from: End, to: End) -> Rc<Link> {
        let mut links = self.links.borrow_mut();
        Rc::clone(links.entry((from, to)).or_insert_with(|| Rc::new(Link::new(from, to))))
    }

    /// Makes a connection known, so that faults find it.
    pub(super) fn enter(&self, connection: &Rc<Connection>) -> u64 {
        let number = self.next_number();
        self.connections.borrow_mut().insert(number, Rc::clone(connection));
        number
    }

    pub(super) fn leave(&self, number: u64) {
        self.connections.borrow_mut().remove(&number);
    }

    pub(super) const fn scratch(&self) -> &RefCell<Box<[u8]>> {
        &self.scratch
    }

    fn next_number(&self) -> u64 {
        let number = self.last_number.get() + 1;
        self.last_number.set(number);
        number
    }

    fn add(self: &Rc<Self>, place: Place) -> io::Result<()> {
        let end = End::Member(place.slot);
        let mut forwarders: Vec<Rc<Listening>> = Vec::new();
        for (listener, real) in place.forwarders {
            let network = Rc::clone(self);
            let forwarder = Listening::begin(listener, move |client| {
                let network = Rc::clone(&network);
                let connection = Connection::new(&network, client, End::Clients, end);
                tokio::task::spawn_local(carry(network, connection, real, None));
            });
            match forwarder {
                Ok(forwarder) => forwarders.push(forwarder),
                Err(error) => {
                    forwarders.iter().for_each(|forwarder| forwarder.end());
                    return Err(error);
                }
            }
        }
        let credential = request::credential(&place.slot.to_string(), place.token);
        let (peer, real) = place.peer;
        self.credentials.borrow_mut().insert(credential.clone(), end);
        self.addresses.borrow_mut().insert(peer, (end, real));
        self.places.borrow_mut().insert(place.slot, Known { credential, forwarders });
        Ok(())
    }

    fn remove(&self, slot: Slot) {
        let Some(known) = self.places.borrow_mut().remove(&slot) else { return };
        self.credentials.borrow_mut().remove(&known.credential);
        let end = End::Member(slot);
        self.addresses.borrow_mut().retain(|_, (other, _)| *other != end);
        for forwarder in known.forwarders {
            forwarder.end();
        }
        for connection in self.connections.borrow().values() {
            if connection.has_end(end) {
                connection.abort();
            }
        }
    }

    fn impose(&self, links: Vec<(End, End)>, policy: LinkPolicy) -> Number {
        let number = Number(self.next_number());
        let touched = links.iter().copied().collect();
        self.faults.borrow_mut().insert(number, (links, policy));
        self.settle(&touched);
        number
    }

    fn heal(&self, number: Number) {
        let healed = self.faults.borrow_mut().remove(&number);
        if let Some((links, _)) = healed {
            self.settle(&links.into_iter().collect());
        }
    }

    fn heal_all(&self) {
        let healed = std::mem::take(&mut *self.faults.borrow_mut());
        self.settle(&healed.into_values().flat_map(|(links, _)| links).collect());
    }

    fn in_force(&self) -> Vec<InForce> {
        let faults = self.faults.borrow();
        let all = faults.values().flat_map(|(links, policy)| {
            links.iter().map(|(from, to)| InForce { from: *from, to: *to, policy: *policy })
        });
        all.collect()
    }

    fn traffic(&self, from: End, to: End) -> LinkTraffic {
        let mut traffic = self.link(from, to).traffic();
        for connection in self.connections.borrow().values() {
            connection.count(from, to, &mut traffic);
        }
        traffic
    }

    /// Brings the policies of `touched` up to date with the faults, and does to their connections
    /// what that means, at once.
    fn settle(&self, touched: &BTreeSet<(End, End)>) {
        for (from, to) in touched {
            let link = self.link(*from, *to);
            let (before, now) = (link.policy(), self.in_force_on(*from, *to));
            if before == now {
                continue;
            }
            link.change_to(now);
            for connection in self.connections.borrow().values() {
                if !connection.is_between(*from, *to) {
                    continue;
                }
                let damaged = before.carriage == Carriage::Drop
                    && now.carriage != Carriage::Drop
                    && connection.is_open();
                if now.carriage == Carriage::Reset || damaged {
                    connection.abort();
                } else {
                    connection.wake();
                }
            }
        }
    }

    /// All faults on one link together.
    fn in_force_on(&self, from: End, to: End) -> LinkPolicy {
        let faults = self.faults.borrow();
        let on_it = faults.values().flat_map(|(links, policy)| {
            // A link that a fault names twice is no slower for that.
            links.contains(&(from, to)).then_some(*policy)
        });
        on_it.fold(LinkPolicy::PASS, LinkPolicy::and)
    }
}

/// Answers whoever gave the order, if he still waits.
fn tell<T>(to: &SyncSender<T>, answer: T) {
    let _ = to.send(answer);
}
