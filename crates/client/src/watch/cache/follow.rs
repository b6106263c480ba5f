//! The task that keeps a cache as the store is.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, Sleep};

use super::Shared;
use super::snapshot::CacheSnapshot;
use super::waiting::Waiting;
use crate::client::Client;
use crate::error::{Error, ErrorKind, Result};
use crate::random::jittered;
use crate::watch::feed;
use crate::watch::list::list;
use crate::watch::refusal::is_final;
use crate::watch::request::Watch;
use crate::watch::response::{Event, WatchResponse};
use crate::watch::watcher::{Watcher, request_progress};

/// What happened is most often told before anybody has to ask.
const BEFORE_ASKING: Duration = Duration::from_millis(5);
/// How long a member may take to say how far it is, before the keys are read instead.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long a member may say that it has not come further, before the keys are read elsewhere.
const BEHIND: Duration = Duration::from_secs(3);
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// Follows the store for one cache.
pub(super) struct Follower {
    client: Client,
    watch: Watch,
    shared: Arc<Shared>,
    told: watch::Sender<i64>,
    asked: watch::Receiver<Waiting>,
}

/// What there is to do.
enum News {
    Response(Option<Result<WatchResponse>>),
    /// Somebody waits for another revision, or nobody at all.
    Asked(bool),
    /// Whoever waits has waited long enough for the watch.
    Late,
}

type Asking = Pin<Box<dyn Future<Output = ()> + Send>>;

impl Follower {
    pub(super) fn new(
        client: Client,
        watch: Watch,
        shared: Arc<Shared>,
        told: watch::Sender<i64>,
        asked: watch::Receiver<Waiting>,
    ) -> Self {
        Self { client, watch, shared, told, asked }
    }

    /// Goes on until it is dropped, or may no longer read the keys.
    pub(super) async fn run(mut self, mut watcher: Watcher) {
        let mut asking: Option<Asking> = None;
        let mut behind = Box::pin(tokio::time::sleep(BEHIND));
        let mut pause = FIRST_PAUSE;
        loop {
            let wanted = self.asked.borrow_and_update().latest();
            if wanted <= *self.told.borrow() {
                asking = None;
                pause = FIRST_PAUSE;
            } else if asking.is_none() {
                asking = Some(Box::pin(ask(watcher.shared(), BEFORE_ASKING)));
                behind.as_mut().reset(Instant::now() + BEHIND);
            }
            match self.next(&mut watcher, &mut asking, behind.as_mut()).await {
                News::Response(Some(Ok(response))) => {
                    if self.apply(&response) {
                        pause = FIRST_PAUSE;
                        behind.as_mut().reset(Instant::now() + BEHIND);
                    }
                    if response.is_progress() && asking.is_some() {
                        // Of a member that is behind, unless nobody waits any more. It is asked
                        // again, until it is time to ask another.
                        asking = Some(Box::pin(ask(watcher.shared(), jittered(pause))));
                        pause = (pause * 2).min(LONGEST_PAUSE);
                    }
                }
                News::Response(Some(Err(error))) if error.kind() == ErrorKind::Compacted => {
                    asking = None;
                    match self.again().await {
                        Ok(new) => watcher = new,
                        Err(error) => return self.end(error),
                    }
                }
                News::Response(Some(Err(error))) => return self.end(error),
                News::Response(None) | News::Asked(false) => return,
                // Whoever is new need not wait for what has been in vain for others; but one after the
                // other must not put it off each time.
                News::Asked(true) if pause > FIRST_PAUSE => {
                    asking = Some(Box::pin(ask(watcher.shared(), BEFORE_ASKING)));
                    pause = FIRST_PAUSE;
                }
                News::Asked(true) => {}
                News::Late => {
                    // Whatever has happened until then is in this, and is not told again. Should it
                    // fail, or be of a revision before, it is tried again.
                    if let Ok((kvs, revision)) = list(&self.client, &self.watch.keys()).await {
                        self.replace(CacheSnapshot::new(kvs, revision));
                    }
                    asking = Some(Box::pin(tokio::time::sleep(jittered(pause))));
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    behind.as_mut().reset(Instant::now() + BEHIND);
                }
            }
        }
    }

    async fn next(
        &mut self,
        watcher: &mut Watcher,
        asking: &mut Option<Asking>,
        mut behind: Pin<&mut Sleep>,
    ) -> News {
        let mut changed = Box::pin(self.asked.changed());
        poll_fn(|context: &mut Context<'_>| {
            if let Poll::Ready(response) = watcher.poll_next_response(context) {
                return Poll::Ready(News::Response(response));
            }
            if let Poll::Ready(changed) = changed.as_mut().poll(context) {
                return Poll::Ready(News::Asked(changed.is_ok()));
            }
            if let Some(future) = asking
                && future.as_mut().poll(context).is_ready()
            {
                *asking = None;
                return Poll::Ready(News::Late);
            }
            if asking.is_some() && behind.as_mut().poll(context).is_ready() {
                return Poll::Ready(News::Late);
            }
            Poll::Pending
        })
        .await
    }

    /// Says whether it is of a later revision than all before.
    fn apply(&self, response: &WatchResponse) -> bool {
        let last = match response.events().last() {
            Some(event) => event.kv().mod_revision(),
            None => response.revision(),
        };
        let moved = self.shared.write(|data| {
            let known = data.snapshot.revision();
            for event in response.events() {
                match event {
                    // What a listing has shown already.
                    event if event.kv().mod_revision() <= known => {}
                    Event::Put { kv, .. } => data.snapshot.insert(kv),
                    Event::Delete { kv, .. } => data.snapshot.remove(kv.key()),
                }
            }
            let is_new = last > known;
            if is_new {
                data.snapshot.advance(last);
            }
            is_new
        });
        if moved {
            self.told.send_replace(last);
        }
        moved
    }

    fn replace(&self, snapshot: CacheSnapshot) {
        let revision = snapshot.revision();
        let moved = self.shared.write(|data| {
            let is_new = revision > data.snapshot.revision();
            if is_new {
                data.snapshot = snapshot;
            }
            is_new
        });
        if moved {
            self.told.send_replace(revision);
        }
    }

    /// Reads all keys again, as soon as that can be done, and follows them from there.
    async fn again(&self) -> Result<Watcher> {
        let mut pause = FIRST_PAUSE;
        loop {
            let error = match self.list_then_watch().await {
                Ok(watcher) => return Ok(watcher),
                Err(error) => error,
            };
            if is_final(error.kind()) && error.kind() != ErrorKind::Compacted {
                return Err(error);
            }
            tokio::time::sleep(jittered(pause)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn list_then_watch(&self) -> Result<Watcher> {
        let (kvs, revision) = list(&self.client, &self.watch.keys()).await?;
        let watcher = self.client.watch(self.watch.clone().start_revision(revision + 1)).await?;
        self.shared.write(|data| {
            data.relists += 1;
            data.feed = watcher.shared();
        });
        self.replace(CacheSnapshot::new(kvs, revision));
        Ok(watcher)
    }

    fn end(&self, error: Error) {
        self.shared.write(|data| data.end = Some(error));
    }
}

/// Asks how far the watch is after this time, and is done when there should have been an answer.
async fn ask(watch: Arc<feed::Shared>, after: Duration) {
    tokio::time::sleep(after).await;
    if request_progress(&watch).await.is_ok() {
        tokio::time::sleep(PATIENCE).await;
    } else {
        // It may be told all the same.
        tokio::time::sleep(4 * BEFORE_ASKING).await;
    }
}
