//! Who leads, as it changes.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;

use super::Leader;
use crate::client::Client;
use crate::coordination::claim::{Pauses, passes};
use crate::error::{ErrorKind, Result};
use crate::kv::{KeyValue, Range};
use crate::watch::{Event, Watch, WatchResponse, Watcher};

/// Who leads, as it changes: see [`Election::observe`](crate::Election::observe). It is a [`Stream`],
/// too.
///
/// It watches all who campaign, and so misses nobody, however short a time he leads. It goes on after
/// a lost connection or member, from where it was. Only when the store has meanwhile forgotten what
/// happened since, it begins again with who leads then.
///
/// While nobody waits for it, nothing is asked but what was under way.
#[must_use = "dropping it ends the watch"]
pub struct Leaders {
    prefix: Bytes,
    state: State,
}

enum State {
    Idle(Box<Looker>),
    /// Never locked: it makes `Leaders` what may be shared between threads.
    Looking(Mutex<Looking>),
    Over,
}

type Looking = Pin<Box<dyn Future<Output = (Box<Looker>, Result<Leader>)> + Send>>;

impl Leaders {
    pub(super) fn new(client: Client, prefix: Bytes) -> Self {
        let state = State::Idle(Box::new(Looker::new(client, prefix.clone())));
        Self { prefix, state }
    }

    /// The next leader, or what the leader says next.
    ///
    /// While the cluster cannot be reached it waits. It is `None` only after an error.
    ///
    /// Cancel safe: what was not returned is returned by the next call.
    ///
    /// # Errors
    ///
    /// Once, and then it is over: if the cluster refuses, for one because the user may not read below
    /// the name.
    pub async fn next(&mut self) -> Option<Result<Leader>> {
        poll_fn(|context| self.poll_leader(context)).await
    }

    fn poll_leader(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Leader>>> {
        let mut looking = match std::mem::replace(&mut self.state, State::Over) {
            State::Over => return Poll::Ready(None),
            State::Idle(looker) => Mutex::new(Box::pin(looker.next()) as Looking),
            State::Looking(looking) => looking,
        };
        let future = looking.get_mut().unwrap_or_else(PoisonError::into_inner);
        let Poll::Ready((looker, found)) = future.as_mut().poll(context) else {
            self.state = State::Looking(looking);
            return Poll::Pending;
        };
        if found.is_ok() {
            self.state = State::Idle(looker);
        }
        Poll::Ready(Some(found))
    }
}

impl Stream for Leaders {
    type Item = Result<Leader>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_leader(context)
    }
}

impl fmt::Debug for Leaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Leaders").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

/// What finds the leaders out.
struct Looker {
    client: Client,
    prefix: Bytes,
    watcher: Option<Watcher>,
    /// What was told of is of this revision at the latest; 0 before the first reading.
    revision: i64,
    race: Race,
    /// Found out and not yet told.
    found: VecDeque<Leader>,
}

impl Looker {
    fn new(client: Client, prefix: Bytes) -> Self {
        let (watcher, race, found) = (None, Race::default(), VecDeque::new());
        Self { client, prefix, watcher, revision: 0, race, found }
    }

    /// The next one, and itself for the one after it.
    async fn next(mut self: Box<Self>) -> (Box<Self>, Result<Leader>) {
        let mut pauses = Pauses::new();
        loop {
            if let Some(leader) = self.found.pop_front() {
                return (self, Ok(leader));
            }
            match self.look().await {
                Ok(()) => pauses = Pauses::new(),
                Err(error) if error.kind() == ErrorKind::Compacted => {
                    self.watcher = None;
                    self.revision = 0;
                }
                Err(error) if passes(&error) => {
                    self.watcher = None;
                    pauses.next().await;
                }
                Err(error) => return (self, Err(error.during("observe"))),
            }
        }
    }

    async fn look(&mut self) -> Result<()> {
        if self.revision == 0 {
            let range = self.client.range(Range::prefix(self.prefix.clone())).await?;
            self.revision = range.revision();
            self.found.extend(self.race.begin(range.into_kvs()));
            return Ok(());
        }
        let Some(watcher) = &mut self.watcher else {
            let from = Watch::prefix(self.prefix.clone()).start_revision(self.revision + 1);
            self.watcher = Some(self.client.watch(from).await?);
            return Ok(());
        };
        match watcher.next().await {
            Some(response) => {
                let response = response?;
                if let Some(last) = response.events().last() {
                    self.revision = last.kv().mod_revision();
                }
                self.found.extend(self.race.go_on(response));
            }
            None => self.watcher = None,
        }
        Ok(())
    }
}

/// All who campaign.
#[derive(Debug, Default)]
struct Race {
    /// By when they began, the leader first.
    candidates: BTreeMap<(i64, Bytes), KeyValue>,
    began: HashMap<Bytes, i64>,
    /// Of which leader what was last told: when it began, and when it said so.
    told: Option<(i64, i64)>,
}

impl Race {
    /// As it stands.
    fn begin(&mut self, kvs: Vec<KeyValue>) -> Option<Leader> {
        self.candidates.clear();
        self.began.clear();
        for kv in kvs {
            self.put(kv);
        }
        self.tell()
    }

    /// What happens next.
    fn go_on(&mut self, response: WatchResponse) -> Vec<Leader> {
        let mut found = Vec::new();
        let mut events = response.into_events().into_iter().peekable();
        while let Some(event) = events.next() {
            let revision = event.kv().mod_revision();
            match event {
                Event::Put { kv, .. } => self.put(kv),
                Event::Delete { kv, .. } => self.delete(&kv.key_bytes()),
            }
            // What is of one revision happened at once.
            if events.peek().is_none_or(|next| next.kv().mod_revision() != revision) {
                found.extend(self.tell());
            }
        }
        found
    }

    fn put(&mut self, kv: KeyValue) {
        let (key, began) = (kv.key_bytes(), kv.create_revision());
        if self.began.get(&key).is_some_and(|&before| before != began) {
            self.delete(&key);
        }
        self.began.insert(key.clone(), began);
        self.candidates.insert((began, key), kv);
    }

    fn delete(&mut self, key: &Bytes) {
        if let Some(began) = self.began.remove(key) {
            self.candidates.remove(&(began, key.clone()));
        }
    }

    /// The leader, if it is another one or says something else than was told last.
    fn tell(&mut self) -> Option<Leader> {
        let (&(began, _), kv) = self.candidates.first_key_value()?;
        let now = Some((began, kv.mod_revision()));
        (std::mem::replace(&mut self.told, now) != now).then(|| Leader(kv.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::from_wire::FromWire as _;
    use crate::generated::mvccpb;

    fn kv(key: &'static str, value: &'static str, create: i64, revision: i64) -> mvccpb::KeyValue {
        mvccpb::KeyValue {
            key: key.into(),
            value: value.into(),
            create_revision: create,
            mod_revision: revision,
            ..Default::default()
        }
    }

    fn put(kv: mvccpb::KeyValue) -> mvccpb::Event {
        mvccpb::Event { kv: Some(kv), ..Default::default() }
    }

    fn delete(key: &'static str, revision: i64) -> mvccpb::Event {
        let r#type = mvccpb::event::EventType::Delete.into();
        mvccpb::Event { r#type, kv: Some(kv(key, "", 0, revision)), ..Default::default() }
    }

    fn told(race: &mut Race, events: Vec<mvccpb::Event>) -> Vec<String> {
        let leaders = race.go_on(WatchResponse::of(0, events).unwrap());
        leaders.iter().map(|leader| leader.value_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn each_leader_and_each_word_is_told_once() {
        let mut race = Race::default();
        let first = race.begin(vec![KeyValue::from_wire(kv("e/a", "a", 5, 5))]).unwrap();
        assert_eq!((first.value(), first.fence().token()), (&b"a"[..], 5));

        // Two more candidates, a word of the leader's, and two who led for a moment only.
        let events = vec![
            put(kv("e/b", "b", 6, 6)),
            put(kv("e/c", "c", 7, 7)),
            put(kv("e/a", "a2", 5, 8)),
            delete("e/a", 9),
            delete("e/b", 10),
        ];
        assert_eq!(told(&mut race, events), ["a2", "b", "c"]);
        // Another who only waits.
        assert!(told(&mut race, vec![put(kv("e/d", "d", 11, 11)), delete("e/d", 12)]).is_empty());
        // Nobody, and then the same key anew.
        let events = vec![delete("e/c", 13), put(kv("e/c", "c", 14, 14))];
        assert_eq!(told(&mut race, events), ["c"]);
    }

    #[test]
    fn what_happened_at_once_is_told_as_one() {
        let mut race = Race::default();
        race.begin(vec![KeyValue::from_wire(kv("e/a", "a", 5, 5))]);
        let events = vec![delete("e/a", 6), put(kv("e/b", "b", 6, 6)), delete("e/b", 7)];
        assert_eq!(told(&mut race, events), ["b"]);
    }

    #[test]
    fn what_was_told_before_a_new_beginning_is_not_told_again() {
        let mut race = Race::default();
        let all = || vec![KeyValue::from_wire(kv("e/a", "a", 5, 5))];
        assert!(race.begin(all()).is_some());
        assert!(race.begin(all()).is_none());
    }
}
