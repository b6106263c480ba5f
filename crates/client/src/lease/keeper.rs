//! Keeps all leases of a client alive, by one task and one stream.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use tokio::sync::Notify;
use tokio::time::Sleep;

use crate::error::{ErrorKind, Result};
use crate::generated::etcdserverpb as pb;
use crate::lease::id::LeaseId;
use crate::lease::kept::Kept;
use crate::lease::lost::LeaseLostReason;
use crate::lease::responses::seconds;
use crate::lease::stream::KeepAlives;
use crate::lease::table::Table;
use crate::observe::Hooks;
use crate::transport::call::Caller;

/// A stream that is silent for a sixth of the shortest time to live is left for another member's,
/// so that there are four tries before a lease is lost.
const SILENCES: u32 = 6;
/// Silence that means nothing: a member that is busy, or waits for a new leader's first word.
const LEAST_SILENCE: Duration = Duration::from_millis(250);
/// However long leases live.
const MOST_SILENCE: Duration = Duration::from_secs(5);
/// A dial with TLS may come first.
const LEAST_OPENING: Duration = Duration::from_millis(500);
/// Before the next stream, when one was not opened or never answered.
const FIRST_PAUSE: Duration = Duration::from_millis(25);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// What keeps a client's leases alive.
///
/// Its task runs while there are any.
#[derive(Debug)]
pub(crate) struct Keeper {
    state: Mutex<State>,
    /// Something has changed that the task should look at.
    wake: Notify,
    hooks: Hooks,
}

#[derive(Debug)]
struct State {
    table: Table,
    running: bool,
}

impl Keeper {
    pub(crate) fn new(hooks: Hooks) -> Self {
        let state = State { table: Table::new(Instant::now()), running: false };
        Self { state: Mutex::new(state), wake: Notify::new(), hooks }
    }

    /// Keeps a lease that is known to have been alive at `since`.
    pub(super) fn keep(
        self: &Arc<Self>,
        caller: &Arc<Caller>,
        id: LeaseId,
        ttl: Duration,
        since: Instant,
    ) -> Arc<Kept> {
        self.start(caller, |table| table.keep(id.into(), ttl, since))
    }

    /// Keeps a lease of which a server must first say that there is one.
    pub(super) fn adopt(self: &Arc<Self>, caller: &Arc<Caller>, id: LeaseId) -> Arc<Kept> {
        let now = Instant::now();
        self.start(caller, |table| table.adopt(id.into(), now, now + caller.timeout()))
    }

    /// One holder less.
    pub(super) fn release(&self, kept: &Arc<Kept>) {
        self.state().table.release(kept);
        self.wake.notify_one();
    }

    /// It is revoked, whoever holds it.
    pub(super) fn revoked(&self, id: LeaseId) {
        self.change(|state| state.table.lose(id.into(), LeaseLostReason::Revoked));
        self.wake.notify_one();
    }

    fn start(
        self: &Arc<Self>,
        caller: &Arc<Caller>,
        add: impl FnOnce(&mut Table) -> Arc<Kept>,
    ) -> Arc<Kept> {
        let mut state = self.state();
        let kept = add(&mut state.table);
        if std::mem::replace(&mut state.running, true) {
            self.wake.notify_one();
        } else {
            tokio::spawn(Task::new(self.clone(), caller.clone()).run());
        }
        kept
    }

    /// Does this, and tells of what is lost by it: without the lock, since whoever is told may drop
    /// leases.
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state();
        let result = change(&mut state);
        let lost = state.table.take_lost();
        drop(state);
        for lost in lost {
            self.hooks.lease_lost(&lost);
        }
        result
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The one that keeps them.
struct Task {
    keeper: Arc<Keeper>,
    caller: Arc<Caller>,
    link: Link,
    /// To be sent as soon as there is a stream.
    waiting: Vec<i64>,
    /// What was sent on the stream and is not answered, in its order, in which the answers come.
    open: VecDeque<i64>,
    /// When the stream last answered, or was last asked after it had answered all.
    heard: Instant,
    /// Streams in a row that brought nothing.
    fruitless: u32,
    timer: Pin<Box<Sleep>>,
    /// There was nothing left to keep.
    done: bool,
}

enum Link {
    /// None, and none before then.
    Closed(Instant),
    Opening(Pin<Box<dyn Future<Output = Result<Box<KeepAlives>>> + Send>>),
    Open(Box<KeepAlives>),
}

enum Event {
    /// Time went by, or what is to be done has changed.
    Woken,
    Opened(Result<Box<KeepAlives>>),
    Answered(Result<pb::LeaseKeepAliveResponse>),
}

impl Task {
    fn new(keeper: Arc<Keeper>, caller: Arc<Caller>) -> Self {
        let now = Instant::now();
        Self {
            keeper,
            caller,
            link: Link::Closed(now),
            waiting: Vec::new(),
            open: VecDeque::new(),
            heard: now,
            fruitless: 0,
            timer: Box::pin(tokio::time::sleep(Duration::ZERO)),
            done: false,
        }
    }

    async fn run(mut self) {
        while let Some(until) = self.work() {
            match self.event(until).await {
                Event::Woken => {}
                Event::Opened(Ok(opened)) => self.opened(opened),
                Event::Answered(Ok(answer)) => {
                    self.heard = Instant::now();
                    self.fruitless = 0;
                    // The first, unless a proxy answers as it likes.
                    if let Some(at) = self.open.iter().position(|&id| id == answer.id) {
                        self.open.remove(at);
                    }
                    self.keeper
                        .change(|state| state.table.answered(answer.id, seconds(answer.ttl)));
                }
                Event::Opened(Err(error)) | Event::Answered(Err(error)) => {
                    match (error.kind(), self.open.pop_front()) {
                        (ErrorKind::PermissionDenied, Some(id)) => {
                            self.refused(id, &error.to_string());
                        }
                        _ => self.close(error.to_string()),
                    }
                }
            }
        }
    }

    /// Does what is due, and says when the next is; `None` when there is nothing left to keep.
    fn work(&mut self) -> Option<Instant> {
        let now = Instant::now();
        let keeper = self.keeper.clone();
        let idle = keeper.change(|state| {
            let idle = state.table.awaited() == 0;
            state.table.claim(now, &mut self.waiting);
            idle
        });
        let mut state = keeper.state();
        if state.table.is_empty() {
            // Nothing will be answered any more: neither to whom there was, nor instead of whom there
            // will be.
            state.table.unanswered(now);
            state.running = false;
            self.done = true;
            return None;
        }
        let next = state.table.next()?;
        let silence = self.silence(&state.table);
        let awaited = state.table.awaited() > 0;
        drop(state);

        if let Link::Closed(not_before) = self.link {
            if self.waiting.is_empty() {
                return Some(next);
            }
            if now < not_before {
                return Some(next.min(not_before));
            }
            let (caller, ids) = (self.caller.clone(), std::mem::take(&mut self.waiting));
            self.open.extend(&ids);
            let patience = silence.max(LEAST_OPENING);
            let opening =
                async move { KeepAlives::open(&caller, ids, patience).await.map(Box::new) };
            self.link = Link::Opening(Box::pin(opening));
        }
        let Link::Open(stream) = &self.link else { return Some(next) };
        if !self.waiting.is_empty() {
            stream.send(&self.waiting);
            self.open.extend(self.waiting.drain(..));
            if idle {
                self.heard = now;
            }
        }
        if !awaited {
            return Some(next);
        }
        let give_up = self.heard + silence;
        if now >= give_up {
            let text =
                format!("lease keepalive at {}: no answer for {silence:.1?}", stream.endpoint);
            self.close(text);
            return Some(now);
        }
        Some(next.min(give_up))
    }

    fn opened(&mut self, stream: Box<KeepAlives>) {
        let now = Instant::now();
        self.heard = now;
        let mut state = self.keeper.state();
        // By the attempt that succeeded, and those that came later only now.
        state.table.sent(&stream.sent, stream.begun);
        state.table.sent(&self.waiting, now);
        drop(state);
        self.link = Link::Open(stream);
    }

    /// The server ends the stream when one of the leases on it has a key that the user may not write
    /// (`server/etcdserver/v3_server.go`, `checkLeaseRenew`): that one waits, and the others go on at
    /// once. The member is not to blame.
    fn refused(&mut self, id: i64, why: &str) {
        let now = Instant::now();
        self.again_from(now);
        self.keeper.change(|state| {
            state.table.unanswered(now);
            state.table.refused(id, now, why);
        });
    }

    /// Without a stream; the next not before then.
    fn again_from(&mut self, not_before: Instant) {
        self.link = Link::Closed(not_before);
        self.waiting.clear();
        self.open.clear();
    }

    /// Gives up the stream, for one on another member if there is one.
    fn close(&mut self, why: String) {
        let now = Instant::now();
        if let Link::Open(stream) = &self.link {
            self.caller.distrust(&stream.endpoint);
        }
        let pause = (FIRST_PAUSE * 2_u32.pow(self.fruitless.min(5))).min(LONGEST_PAUSE);
        // One that has answered is replaced at once.
        let not_before = if self.fruitless == 0 { now } else { now + pause };
        self.fruitless += 1;
        self.again_from(not_before);
        let mut state = self.keeper.state();
        state.table.trouble(why);
        state.table.unanswered(now);
    }

    /// For how long no answer at all means that none will come. More after each stream that brought
    /// nothing: a slow member is better than none.
    fn silence(&self, table: &Table) -> Duration {
        let shortest = table.shortest().unwrap_or_else(|| self.caller.timeout());
        let silence = (shortest / SILENCES).min(MOST_SILENCE).max(LEAST_SILENCE);
        (silence * 2_u32.pow(self.fruitless.min(4))).min((shortest / 2).max(LEAST_SILENCE))
    }

    async fn event(&mut self, until: Instant) -> Event {
        let Self { keeper, link, timer, .. } = self;
        let mut woken = std::pin::pin!(keeper.wake.notified());
        // One that is early is as good, and costs less than to be set anew for each answer.
        let until = tokio::time::Instant::from_std(until);
        if timer.is_elapsed() || timer.deadline() > until {
            timer.as_mut().reset(until);
        }
        poll_fn(|context| {
            if let Poll::Ready(event) = link.poll(context) {
                return Poll::Ready(event);
            }
            if woken.as_mut().poll(context).is_ready() {
                return Poll::Ready(Event::Woken);
            }
            timer.as_mut().poll(context).map(|()| Event::Woken)
        })
        .await
    }
}

impl Link {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Event> {
        Poll::Ready(match self {
            Self::Closed(_) => return Poll::Pending,
            Self::Opening(opening) => Event::Opened(ready!(opening.as_mut().poll(context))),
            Self::Open(stream) => Event::Answered(ready!(stream.poll(context))),
        })
    }
}

impl Drop for Task {
    /// When the runtime is shut down, or something panicked: nobody keeps them any more.
    fn drop(&mut self) {
        if !self.done {
            self.keeper.change(|state| {
                state.running = false;
                state.table.lose_all(LeaseLostReason::Stopped);
            });
        }
    }
}
