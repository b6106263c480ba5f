//! Which stream a watch goes on.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc::{self, UnboundedSender};

use crate::client::Client;
use crate::kv::Namespace;
use crate::lease::Keeper;
use crate::transport::call::Caller;
use crate::watch::feed::{Feed, Shared};
use crate::watch::flow::Flow;
use crate::watch::request::Watch;
use crate::watch::trunk::{Command, Trunk};

/// How many watches a stream has before another is opened.
///
/// etcd queues 128 responses for a stream and takes the watches whose responses have no room through
/// its slow path, which looks every 100 ms (`server/storage/mvcc/watchable_store.go`, `chanBufLen`,
/// `watchResyncPeriod`): so that many watches on one stream make one write of all of them slow.
const PER_STREAM: usize = 64;

/// How many streams a client has at most; with more watches each of them has more.
///
/// With TLS, etcd before it had `--max-concurrent-streams` (3.4.20 and 3.5.5) allows 250 on a
/// connection, and they are shared with those of leases.
const MAX_STREAMS: usize = 32;

/// The streams of watches of one client.
///
/// It has no task of its own: each stream has one, which ends with its last watch.
#[derive(Clone)]
pub(crate) struct Hub(Arc<Inner>);

struct Inner {
    caller: Arc<Caller>,
    keys: AtomicU64,
    trunks: Mutex<Vec<Handle>>,
}

/// A trunk as the hub knows it.
#[derive(Clone)]
struct Handle {
    commands: UnboundedSender<Command>,
    load: Arc<Load>,
}

/// What a trunk tells the hub.
#[derive(Debug, Default)]
pub(super) struct Load {
    /// Which trunks came before.
    number: u64,
    /// How many watches it has, or will have.
    watches: AtomicUsize,
    /// The server no longer takes the token that its stream was opened with: what is on the stream
    /// goes on, and nothing new comes there.
    is_stale: AtomicBool,
}

impl Load {
    pub(super) fn set_stale(&self, is_stale: bool) {
        self.is_stale.store(is_stale, Ordering::Relaxed);
    }

    /// A watch less.
    pub(super) fn sub(&self) {
        self.watches.fetch_sub(1, Ordering::Relaxed);
    }

    fn watches(&self) -> usize {
        self.watches.load(Ordering::Relaxed)
    }

    fn is_stale(&self) -> bool {
        self.is_stale.load(Ordering::Relaxed)
    }
}

impl Hub {
    pub(crate) fn new(caller: Arc<Caller>) -> Self {
        Self(Arc::new(Inner { caller, keys: AtomicU64::new(1), trunks: Mutex::default() }))
    }

    pub(super) fn caller(&self) -> &Arc<Caller> {
        &self.0.caller
    }

    /// A client with the same connections, which sees the whole store.
    pub(super) fn client(&self) -> Client {
        Client {
            caller: self.0.caller.clone(),
            namespace: Namespace::default(),
            keeper: Arc::new(Keeper::new(self.caller().hooks().clone())),
            watches: self.clone(),
        }
    }

    /// Begins a watch. Must be called within the client's runtime.
    pub(super) fn start(&self, watch: Watch, namespace: &Namespace) -> Arc<Shared> {
        let mut trunks = self.trunks();
        let trunk = match trunks.iter().filter(|trunk| !trunk.load.is_stale()).min_by_key(load) {
            Some(trunk) if trunk.load.watches() < PER_STREAM => trunk.clone(),
            _ if trunks.len() < MAX_STREAMS => self.spawn(&mut trunks, None),
            Some(trunk) => trunk.clone(),
            // All are stale, and as many as may be: one of them makes itself another stream.
            None => match trunks.iter().min_by_key(load) {
                Some(trunk) => trunk.clone(),
                None => self.spawn(&mut trunks, None),
            },
        };
        let key = self.0.keys.fetch_add(1, Ordering::Relaxed);
        let feed = Feed::new(key, watch.limits(), trunk.commands.clone());
        let shared = feed.shared();
        let flow = Flow::new(feed, watch.into_wire(namespace), namespace.clone());
        trunk.give(Box::new(flow), key);
        shared
    }

    /// Takes a watch that the server refused on this trunk's stream, perhaps for the stream's token:
    /// to a younger one, or back if there may be none.
    pub(super) fn elsewhere(
        &self,
        key: u64,
        flow: Box<Flow>,
        from: &Arc<Load>,
    ) -> Option<Box<Flow>> {
        let mut trunks = self.trunks();
        let younger = trunks.iter().filter(|trunk| {
            let load = &trunk.load;
            load.number > from.number && !load.is_stale() && load.watches() < PER_STREAM
        });
        let trunk = match younger.min_by_key(load) {
            Some(trunk) => trunk.clone(),
            None if trunks.len() < MAX_STREAMS => self.spawn(&mut trunks, Some(from.clone())),
            None => return Some(flow),
        };
        if flow.feed.moved(&trunk.commands) {
            trunk.give(flow, key);
        }
        None
    }

    /// Whether this trunk, which has no watch, may end; it is then given none.
    pub(super) fn may_end(&self, load: &Arc<Load>) -> bool {
        let mut trunks = self.trunks();
        if load.watches() > 0 {
            return false;
        }
        trunks.retain(|trunk| !Arc::ptr_eq(&trunk.load, load));
        true
    }

    /// One more; `after` becomes stale when it has shown that its token is better.
    fn spawn(&self, trunks: &mut Vec<Handle>, after: Option<Arc<Load>>) -> Handle {
        let (sender, commands) = mpsc::unbounded_channel();
        let number = self.0.keys.fetch_add(1, Ordering::Relaxed);
        let load = Arc::new(Load { number, ..Load::default() });
        tokio::spawn(Trunk::new(self.clone(), commands, load.clone(), after).run());
        let handle = Handle { commands: sender, load };
        trunks.push(handle.clone());
        handle
    }

    /// Those whose tasks have not ended with their runtime.
    fn trunks(&self) -> MutexGuard<'_, Vec<Handle>> {
        let mut trunks = self.0.trunks.lock().unwrap_or_else(PoisonError::into_inner);
        trunks.retain(|trunk| !trunk.commands.is_closed());
        trunks
    }
}

impl fmt::Debug for Hub {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub").field("streams", &self.trunks().len()).finish()
    }
}

impl Handle {
    /// With the hub's lock held, so that the trunk does not end meanwhile.
    fn give(&self, flow: Box<Flow>, key: u64) {
        self.load.watches.fetch_add(1, Ordering::Relaxed);
        // If the trunk is gone the runtime is, and the watch ends as it is dropped.
        let _ = self.commands.send(Command::Add(key, flow));
    }
}

fn load(trunk: &&Handle) -> usize {
    trunk.load.watches()
}
