//! The watches that share a stream, and the task that keeps them on one.

mod backoff;
mod line;

use std::collections::{HashMap, VecDeque};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::sync::{mpsc, oneshot};
use tokio::time::Sleep;

use self::backoff::Backoff;
use self::line::{Line, News};
use crate::error::{Error, Result};
use crate::generated::etcdserverpb as pb;
use crate::watch::feed::Room;
use crate::watch::flow::{Flow, Place};
use crate::watch::hub::{Hub, Load};
use crate::watch::open::{Started, open};
use crate::watch::refusal::{self, Refusal};

/// How often a server may say no to a watch that was in place before it is believed.
///
/// etcd 3.4 and 3.5 say that permission is denied also where users or roles were changed since the
/// token was given, and while somebody changes them that can happen again.
const DENIALS: u32 = 3;

/// How many responses are taken before others have a turn on the thread.
const TURN: usize = 64;

/// What a trunk is told.
#[derive(Debug)]
pub(super) enum Command {
    Add(u64, Box<Flow>),
    /// Its reader is gone.
    Drop(u64),
    /// Its reader has caught up.
    Drained(u64),
    /// Its reader asks how far it is.
    Progress(u64, oneshot::Sender<Result<()>>),
}

/// Watches that share a stream, wherever that is now.
pub(super) struct Trunk {
    hub: Hub,
    load: Arc<Load>,
    /// Whose stream this one takes the place of for what is new, once it is open.
    after: Option<Arc<Load>>,
    commands: mpsc::UnboundedReceiver<Command>,
    /// Each in a box: a table has up to twice as many places as it has watches.
    flows: HashMap<u64, Box<Flow>>,
    /// Those that are nowhere, and some that no longer are.
    waiting: VecDeque<u64>,
    /// Who asked how far its watch is and could not be answered yet.
    asking: Vec<(u64, oneshot::Sender<Result<()>>)>,
    link: Link,
    last_id: i64,
    backoff: Backoff,
    /// What answers gives watches its own numbers and confirms them in its own order, as etcd's gRPC
    /// proxy does: so one at a time.
    one_at_a_time: bool,
}

enum Link {
    /// Until then at least.
    Down(Option<Pin<Box<Sleep>>>),
    Opening(Opening, Creates),
    Open(Box<Line>),
}

type Opening = Pin<Box<dyn Future<Output = Result<(Started, Arc<str>)>> + Send>>;

/// The numbers that watches were given on a stream, and whose they are, in the order of their
/// requests.
type Creates = VecDeque<(i64, u64)>;

impl Trunk {
    pub(super) fn new(
        hub: Hub,
        commands: mpsc::UnboundedReceiver<Command>,
        load: Arc<Load>,
        after: Option<Arc<Load>>,
    ) -> Self {
        Self {
            hub,
            load,
            after,
            commands,
            flows: HashMap::new(),
            waiting: VecDeque::new(),
            asking: Vec::new(),
            link: Link::Down(None),
            last_id: 0,
            backoff: Backoff::default(),
            one_at_a_time: false,
        }
    }

    /// Goes on until there is no watch.
    pub(super) async fn run(mut self) {
        poll_fn(|context| self.poll(context)).await;
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            while let Poll::Ready(Some(command)) = self.commands.poll_recv(context) {
                self.obey(command);
            }
            if self.flows.is_empty() {
                if self.hub.may_end(&self.load) {
                    return Poll::Ready(());
                }
                // One is on its way.
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            ready!(self.step(context));
        }
    }

    /// Something of the stream, if there is anything.
    fn step(&mut self, context: &mut Context<'_>) -> Poll<()> {
        match &mut self.link {
            Link::Down(pause) => {
                if self.waiting.is_empty() {
                    return Poll::Pending;
                }
                if let Some(pause) = pause {
                    ready!(pause.as_mut().poll(context));
                }
                self.open();
            }
            Link::Opening(future, _) => {
                let result = ready!(future.as_mut().poll(context));
                let Link::Opening(_, creates) = self.take_link() else { return Poll::Ready(()) };
                match result {
                    Ok((started, endpoint)) => self.opened(started, endpoint, creates),
                    Err(error) => self.not_opened(error, creates),
                }
            }
            Link::Open(_) => {
                self.place();
                for _ in 0..TURN {
                    let Link::Open(line) = &mut self.link else { return Poll::Ready(()) };
                    match ready!(line.poll(context)) {
                        News::Response(response) => self.receive(response),
                        News::Version => self.ask(),
                        News::Tick => self.tick(),
                        News::End => self.down(),
                    }
                }
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
        }
        Poll::Ready(())
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Add(_, flow) if flow.feed.is_dropped() => self.load.sub(),
            Command::Add(key, flow) => {
                self.flows.insert(key, flow);
                self.waiting.push_back(key);
            }
            Command::Drop(key) => {
                let place = self.remove(key).map(|flow| flow.place);
                if let (Some(Place::On(id)), Link::Open(line)) = (place, &mut self.link) {
                    line.cancel(id);
                }
            }
            Command::Drained(key) => {
                if let Some(flow) = self.flows.get_mut(&key)
                    && flow.place == Place::Paused
                {
                    flow.place = Place::Waiting;
                    self.waiting.push_back(key);
                }
            }
            // Of one that is not here the asker finds out that nobody will answer.
            Command::Progress(key, answer) if self.flows.contains_key(&key) => {
                // Without a stream they would gather.
                self.asking.retain(|(_, asker)| !asker.is_closed());
                self.asking.push((key, answer));
                self.ask();
            }
            Command::Progress(..) => {}
        }
    }

    /// Opens a stream for all that wait.
    fn open(&mut self) {
        let mut creates = Creates::new();
        let mut requests = Vec::new();
        while let Some((id, key, request)) = self.next_create() {
            creates.push_back((id, key));
            requests.push(request);
            if self.one_at_a_time {
                break;
            }
        }
        self.link = if requests.is_empty() {
            Link::Down(None)
        } else {
            Link::Opening(Box::pin(open(self.hub.caller().clone(), requests)), creates)
        };
    }

    /// Puts all that wait on the stream.
    fn place(&mut self) {
        loop {
            let Link::Open(line) = &self.link else { return };
            if self.one_at_a_time && line.is_creating() {
                return;
            }
            let Some((id, key, request)) = self.next_create() else { return };
            let Link::Open(line) = &mut self.link else { return };
            line.create(id, key, request);
        }
    }

    fn next_create(&mut self) -> Option<(i64, u64, pb::WatchRequest)> {
        while let Some(key) = self.waiting.pop_front() {
            if let Some(flow) = self.flows.get_mut(&key)
                && flow.place == Place::Waiting
            {
                // Never the same again: what still comes for an earlier one is of no interest.
                self.last_id += 1;
                flow.place = Place::On(self.last_id);
                return Some((self.last_id, key, flow.request(self.last_id)));
            }
        }
        None
    }

    fn opened(&mut self, started: Started, endpoint: Arc<str>, creates: Creates) {
        self.load.set_stale(false);
        if let Some(after) = self.after.take() {
            after.set_stale(true);
        }
        let (line, first) = Line::new(started, endpoint, creates);
        self.link = Link::Open(Box::new(line));
        self.receive(first);
        if !self.asking.is_empty() {
            self.ask();
        }
    }

    fn not_opened(&mut self, error: Error, creates: Creates) {
        let kind = error.kind();
        let keys: Vec<_> = creates.into_iter().map(|(_, key)| key).collect();
        for &key in &keys {
            self.lost(key);
        }
        if refusal::is_final(kind) && !refusal::is_for_all(kind) {
            // The server has looked at the first, and only at it.
            if let Some(&first) = keys.first() {
                self.deny(first, error);
            }
            return;
        }
        // Who relies on a watch can wait; who asks for one is told.
        let for_all = refusal::is_for_all(kind);
        for key in keys {
            if self.flows.get(&key).is_some_and(|flow| for_all || !flow.is_confirmed()) {
                self.end(key, error.clone());
            }
        }
        self.link = Link::Down(Some(self.backoff.pause()));
    }

    fn receive(&mut self, response: pb::WatchResponse) {
        if response.created {
            return self.created(&response);
        }
        let Link::Open(line) = &mut self.link else { return };
        let revision = response.header.as_ref().map_or(0, |header| header.revision);
        if response.watch_id < 0 {
            line.hurry();
            if !response.canceled && line.tells_progress_in_turn() {
                for key in line.keys() {
                    if let Some(flow) = self.flows.get_mut(&key)
                        && let Some(progress) = flow.progress(revision)
                    {
                        // Progress takes no room.
                        flow.feed.push(progress);
                    }
                }
            }
            return;
        }
        let id = response.watch_id;
        // Of one that is cancelled more may come.
        let Some(key) = line.key(id) else { return };
        let Some(flow) = self.flows.get_mut(&key) else { return };
        if response.canceled {
            let endpoint = line.endpoint().clone();
            if response.compact_revision > 0 {
                // etcd counts it among the stream's until it is told, and as one that never catches
                // up: nobody else there would hear how far he is
                // (`server/storage/mvcc/watcher_group.go`, `chooseAll`; `watchable_store.go`,
                // `progressIfSync`).
                line.cancel(id);
            } else {
                line.forget(id);
            }
            return self.refused(key, Refusal::of(&response), &endpoint);
        }
        let told = if response.events.is_empty() && !response.fragment {
            flow.progress(revision)
        } else {
            flow.events(response)
        };
        if let Some(told) = told
            && flow.feed.push(told) == Room::None
        {
            flow.pause();
            line.cancel(id);
        }
    }

    fn created(&mut self, response: &pb::WatchResponse) {
        let Link::Open(line) = &mut self.link else { return };
        let Some((id, key)) = line.created() else {
            // Nobody asked for it: what answers is no etcd.
            return self.down();
        };
        if response.watch_id >= 0 && response.watch_id != id {
            self.one_at_a_time = true;
            if line.is_creating() {
                return self.down();
            }
        }
        if response.canceled {
            let endpoint = line.endpoint().clone();
            if refusal::is_about_the_user(&response.cancel_reason) {
                return self.distrusted(key);
            }
            return self.refused(key, Refusal::of(response), &endpoint);
        }
        let id = response.watch_id;
        let Some(flow) = self.flows.get_mut(&key) else {
            return line.cancel(id);
        };
        flow.place = Place::On(id);
        line.confirm(id, key);
        let revision = response.header.as_ref().map_or(0, |header| header.revision);
        let first = flow.created(revision);
        if first.is_none() {
            self.hub.caller().hooks().watch_resumed(line.endpoint());
        }
        flow.feed.confirm(first, line.endpoint());
        if flow.asked {
            // On a stream that is no more.
            match flow.caught_up(revision) {
                // Progress takes no room.
                Some(progress) => drop(flow.feed.push(progress)),
                None => line.ask_soon(),
            }
        }
    }

    /// The server does not let this user watch that; perhaps it no longer takes the token that the
    /// stream was opened with, and a stream with another would do.
    fn distrusted(&mut self, key: u64) {
        let Some(mut flow) = self.flows.remove(&key) else { return };
        flow.lost();
        match self.hub.elsewhere(key, flow, &self.load) {
            None => self.load.sub(),
            Some(flow) => {
                self.flows.insert(key, flow);
                self.down();
                // The first on a stream is what its token is tried with.
                self.waiting.push_front(key);
            }
        }
    }

    /// The server has ended or refused it for another reason than the user.
    fn refused(&mut self, key: u64, refusal: Refusal, endpoint: &str) {
        self.lost(key);
        if refusal::is_final(refusal.kind()) && !refusal.is_about_the_user() {
            self.end(key, refusal.into_error(endpoint));
        } else {
            self.deny(key, refusal.into_error(endpoint));
        }
    }

    /// Ends it, unless it was in place once, and then only if this is said again.
    fn deny(&mut self, key: u64, error: Error) {
        if let Some(flow) = self.flows.get_mut(&key) {
            flow.denials += 1;
            if !flow.is_confirmed() || flow.denials >= DENIALS {
                self.end(key, error);
            }
        }
    }

    fn end(&mut self, key: u64, error: Error) {
        if let Some(flow) = self.remove(key) {
            flow.feed.end(error);
        }
    }

    fn remove(&mut self, key: u64) -> Option<Box<Flow>> {
        let flow = self.flows.remove(&key)?;
        self.load.sub();
        Some(flow)
    }

    fn lost(&mut self, key: u64) {
        if let Some(flow) = self.flows.get_mut(&key) {
            flow.lost();
            self.waiting.push_back(key);
        }
    }

    /// The stream is no more: all that was on it wants another.
    fn down(&mut self) {
        let Link::Open(line) = self.take_link() else { return };
        self.hub.caller().distrust(line.endpoint());
        let here = self.flows.iter().filter(|(_, flow)| matches!(flow.place, Place::On(_)));
        let mut keys: Vec<_> = here.map(|(&key, _)| key).collect();
        keys.sort_unstable();
        for key in keys {
            self.lost(key);
        }
        self.link = Link::Down(self.backoff.after(line.age()));
    }

    fn take_link(&mut self) -> Link {
        std::mem::replace(&mut self.link, Link::Down(None))
    }

    /// Asks for progress for those who want it, if the member's answer can be relied on.
    fn ask(&mut self) {
        let Link::Open(line) = &mut self.link else { return };
        let Some(in_turn) = line.version(&self.hub) else { return };
        let endpoint = line.endpoint().clone();
        // Some have asked on a stream that is no more.
        let mut any = in_turn && self.flows.values().any(|flow| flow.asked);
        for (key, answer) in self.asking.drain(..) {
            if !in_turn {
                let _ = answer.send(Err(Refusal::no_progress().into_error(&endpoint)));
            } else if let Some(flow) = self.flows.get_mut(&key) {
                flow.asked = true;
                line.hurry();
                any = true;
                let _ = answer.send(Ok(()));
            }
        }
        if any {
            line.request_progress(true);
        }
    }

    fn tick(&mut self) {
        let asked = self.flows.values().any(|flow| flow.asked);
        let Link::Open(line) = &mut self.link else { return };
        if line.version(&self.hub) == Some(true) {
            line.request_progress(asked);
        } else {
            line.rest();
        }
    }
}
