//! A steady load of writes, and what became of each of them.

use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tercet_client::{Client, Range};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

mod history;
mod way;

pub use history::{Answer, Fault, Found, History, Read, Write};
pub use way::Dial;
use way::{Resolved, Way};

/// How many keys are read at once when a load is verified.
const PAGE: u32 = 5_000;

/// Every so many writes of a writer, one that was acknowledged is read back at once.
const READ_EVERY: u64 = 8;

/// How a load writes.
#[derive(Clone, Debug)]
#[must_use]
pub struct LoadOptions {
    writers: usize,
    every: Duration,
    under_way: usize,
    prefix: String,
    reader: Option<Client>,
}

impl Default for LoadOptions {
    /// Four writers, each with a write every 20 ms, and 200 under way at most.
    fn default() -> Self {
        Self {
            writers: 4,
            every: Duration::from_millis(20),
            under_way: 200,
            prefix: "load/".to_owned(),
            reader: None,
        }
    }
}

impl LoadOptions {
    /// How many writers.
    pub fn writers(mut self, writers: usize) -> Self {
        self.writers = writers;
        self
    }

    /// How long after a write each writer begins the next, whether that is answered or not.
    pub fn every(mut self, every: Duration) -> Self {
        self.every = every;
        self
    }

    /// How many writes each writer may have under way: those that a leader takes with it stay
    /// unanswered until their time is up, and the others go on.
    pub fn under_way(mut self, writes: usize) -> Self {
        self.under_way = writes;
        self
    }

    /// Through what is read, where it is not what is written through: a client of more patience.
    pub fn reader(mut self, client: &Client) -> Self {
        self.reader = Some(client.clone());
        self
    }

    /// What the keys begin with, which must be the load's own: for two loads at once.
    pub fn prefix(mut self, prefix: impl Into<String>) -> Self {
        self.prefix = prefix.into();
        self
    }
}

/// Writers at work, until [`stop`](Self::stop) or drop.
///
/// Each writes keys that are never written again, at a steady rate and without waiting for the
/// answer of the one before: so the time between two acknowledgements says for how long the fleet
/// took no writes, and not for how long one request was stuck. Some are read back as soon as they
/// are acknowledged, perhaps from another member: a read that does not show them is a fault.
#[derive(Debug)]
pub struct Load {
    writers: JoinSet<()>,
    shared: Arc<Shared>,
    stop: watch::Sender<bool>,
    options: LoadOptions,
}

#[derive(Debug)]
struct Shared {
    begin: Instant,
    writes: Mutex<Vec<Write>>,
    reads: Mutex<Vec<Read>>,
    unread: Mutex<Vec<String>>,
    resolved: Resolved,
    counts: watch::Sender<Counts>,
}

/// What became of the writes so far.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    acknowledged: usize,
    failed: usize,
}

impl Load {
    /// Starts writing through `client`, and returns when every writer's first write was
    /// acknowledged.
    ///
    /// # Panics
    ///
    /// When nothing is acknowledged in a minute.
    pub async fn start(client: &Client, options: LoadOptions) -> Self {
        let clients = vec![client.clone(); options.writers];
        Self::over(clients, options).await
    }

    /// The same with a writer for each of these clients, which need not be alike.
    ///
    /// # Panics
    ///
    /// When nothing is acknowledged in a minute.
    pub async fn over(clients: Vec<Client>, options: LoadOptions) -> Self {
        Self::by(clients.into_iter().map(Way::Client).collect(), options).await
    }

    /// The same with a writer for each of these, which makes a client for every single write: all
    /// the time somebody connects who has never been there, and has no session to go on with.
    ///
    /// # Panics
    ///
    /// When nothing is acknowledged in a minute.
    pub async fn dialling(configs: Vec<Dial>, options: LoadOptions) -> Self {
        Self::by(configs.into_iter().map(Way::Dial).collect(), options).await
    }

    /// The same with guarded writes: what is unknown at first is resolved, and counts as what that
    /// says.
    ///
    /// # Panics
    ///
    /// When nothing is acknowledged in a minute.
    pub async fn guarded(client: &Client, options: LoadOptions) -> Self {
        let guarded = client.guarded(format!("guards-of-{}", options.prefix));
        Self::by(vec![Way::Guarded(guarded); options.writers], options).await
    }

    async fn by(ways: Vec<Way>, options: LoadOptions) -> Self {
        let options = LoadOptions { writers: ways.len(), ..options };
        for (writer, way) in ways.iter().enumerate() {
            let client = way.client().await.expect("what a client can be made of");
            let first = client.put(format!("{}{writer}", options.prefix), "first");
            let first = tokio::time::timeout(crate::PATIENCE, first).await;
            first.expect("it ends by itself").expect("a fleet that takes writes");
        }
        let shared = Arc::new(Shared {
            begin: Instant::now(),
            writes: Mutex::default(),
            reads: Mutex::default(),
            unread: Mutex::default(),
            resolved: Resolved::default(),
            counts: watch::Sender::default(),
        });
        let stop = watch::Sender::new(false);
        let mut writers = JoinSet::new();
        for (writer, way) in ways.into_iter().enumerate() {
            let writer = Writer { writer, way, options: options.clone(), shared: shared.clone() };
            writers.spawn(writer.run(stop.subscribe()));
        }
        Self { writers, shared, stop, options }
    }

    /// For how long it has been at work: marks for [`LoadReport::longest_pause_in`].
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.shared.begin.elapsed()
    }

    /// How many writes were acknowledged so far.
    #[must_use]
    pub fn acknowledged(&self) -> usize {
        self.shared.counts.borrow().acknowledged
    }

    /// Waits until `more` further writes were acknowledged.
    ///
    /// # Panics
    ///
    /// When they are not in a minute.
    pub async fn acknowledges(&self, more: usize) {
        self.counts("acknowledged", more, |counts| counts.acknowledged).await;
    }

    /// Waits until `more` further writes failed, whether they may have happened or not.
    ///
    /// # Panics
    ///
    /// When they do not in a minute.
    pub async fn fails(&self, more: usize) {
        self.counts("failed", more, |counts| counts.failed).await;
    }

    async fn counts(&self, what: &str, more: usize, count: fn(&Counts) -> usize) {
        let goal = count(&self.shared.counts.borrow()) + more;
        let mut counts = self.shared.counts.subscribe();
        let waiting = counts.wait_for(|counts| count(counts) >= goal);
        let told = tokio::time::timeout(crate::PATIENCE, waiting).await;
        let reached = count(&self.shared.counts.borrow());
        assert!(told.is_ok(), "{reached} writes {what} and not {goal}");
    }

    /// Stops writing, waits for the answers that are under way, and says what became of all.
    ///
    /// # Panics
    ///
    /// When a writer has.
    pub async fn stop(mut self) -> LoadReport {
        let elapsed = self.elapsed();
        self.stop.send_replace(true);
        while let Some(ended) = self.writers.join_next().await {
            ended.expect("a writer does not panic");
        }
        let writes = take(&self.shared.writes);
        LoadReport {
            history: History::new(writes).with_reads(take(&self.shared.reads)),
            writers: self.options.writers,
            prefix: self.options.prefix,
            elapsed,
            unread: take(&self.shared.unread),
            resolved: {
                let Resolved { applied, not_applied, undecidable } = &self.shared.resolved;
                [applied, not_applied, undecidable].map(|count| count.load(Ordering::Relaxed))
            },
        }
    }
}

fn take<T>(all: &Mutex<Vec<T>>) -> Vec<T> {
    std::mem::take(&mut all.lock().unwrap_or_else(PoisonError::into_inner))
}

fn push<T>(all: &Mutex<Vec<T>>, one: T) {
    all.lock().unwrap_or_else(PoisonError::into_inner).push(one);
}

struct Writer {
    writer: usize,
    way: Way,
    options: LoadOptions,
    shared: Arc<Shared>,
}

impl Writer {
    async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut ticks = tokio::time::interval(self.options.every);
        // After a time without a free place: as steadily as before, and not all at once.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let places = Arc::new(Semaphore::new(self.options.under_way));
        let mut under_way = JoinSet::new();
        for number in 0_u64.. {
            let next = async {
                ticks.tick().await;
                places.clone().acquire_owned().await
            };
            let place = tokio::select! {
                place = next => place,
                _ = stop.wait_for(|&stop| stop) => break,
            };
            let key = format!("{}{}/{number:08}", self.options.prefix, self.writer);
            let write = self.write(key.clone(), number.to_string());
            let (reader, shared) = (self.reader(), self.shared.clone());
            under_way.spawn(async move {
                let acknowledged = write.await;
                if let Some(revision) = acknowledged.filter(|_| number % READ_EVERY == 0) {
                    match reader.read(key, revision).await {
                        Ok(read) => push(&shared.reads, read),
                        // Nobody can do more than ask again until time is up.
                        Err(error) if error.is_timeout() => {}
                        Err(error) => push(&shared.unread, error.to_string()),
                    }
                }
                drop(place);
            });
            while let Some(ended) = under_way.try_join_next() {
                ended.expect("a write does not panic: it would be counted nowhere");
            }
        }
        while let Some(ended) = under_way.join_next().await {
            ended.expect("a write does not panic: it would be counted nowhere");
        }
    }

    fn reader(&self) -> Way {
        self.options.reader.clone().map_or_else(|| self.way.clone(), Way::Client)
    }

    /// Returns the revision, if it was acknowledged.
    fn write(
        &self,
        key: String,
        value: String,
    ) -> impl Future<Output = Option<i64>> + Send + 'static {
        let (way, shared, writer) = (self.way.clone(), self.shared.clone(), self.writer);
        async move {
            let begun = shared.begin.elapsed();
            let answer = way.write(key.clone(), value.clone(), &shared.resolved).await;
            let ended = shared.begin.elapsed();
            let acknowledged = match answer {
                Answer::Acknowledged { revision } => Some(revision),
                _ => None,
            };
            let write = Write { writer, key, value, begun, ended, answer };
            push(&shared.writes, write);
            shared.counts.send_modify(|counts| match acknowledged {
                Some(_) => counts.acknowledged += 1,
                None => counts.failed += 1,
            });
            acknowledged
        }
    }
}

/// What became of a load. Printed, it is a line of figures.
#[derive(Clone, Debug)]
pub struct LoadReport {
    history: History,
    writers: usize,
    prefix: String,
    elapsed: Duration,
    unread: Vec<String>,
    resolved: [usize; 3],
}

impl LoadReport {
    /// Every write.
    #[must_use]
    pub fn history(&self) -> &History {
        &self.history
    }

    /// How many writes were acknowledged.
    #[must_use]
    pub fn acknowledged(&self) -> usize {
        self.history.counts().0
    }

    /// How many provably did not happen.
    #[must_use]
    pub fn not_applied(&self) -> usize {
        self.history.counts().1
    }

    /// Of how many nobody knows.
    #[must_use]
    pub fn unknown(&self) -> usize {
        self.history.counts().2
    }

    /// Why reads failed that could have been asked again, since their time was not up.
    #[must_use]
    pub fn unread(&self) -> &[String] {
        &self.unread
    }

    /// Of guarded writes whose outcome was unknown at first: how many were applied, were not, and
    /// stay unknown.
    #[must_use]
    pub fn resolved(&self) -> [usize; 3] {
        self.resolved
    }

    /// The longest time between two acknowledgements to anyone.
    #[must_use]
    pub fn longest_pause(&self) -> Duration {
        self.longest_pause_in(Duration::ZERO, self.elapsed)
    }

    /// The same, of a part of its time: see [`Load::elapsed`].
    #[must_use]
    pub fn longest_pause_in(&self, from: Duration, to: Duration) -> Duration {
        self.history.longest_pause(None, from, to)
    }

    /// The longest time between two acknowledgements to one and the same writer.
    #[must_use]
    pub fn longest_pause_of_a_writer(&self) -> Duration {
        let pause = |writer| self.history.longest_pause(Some(writer), Duration::ZERO, self.elapsed);
        (0..self.writers).map(pause).max().unwrap_or_default()
    }

    /// What the store has against it: see [`History::faults`].
    ///
    /// # Errors
    ///
    /// The client's own.
    pub async fn faults(&self, client: &Client) -> tercet_client::Result<Vec<Fault>> {
        Ok(self.history.faults(&self.found(client).await?))
    }

    /// Reads everything back, and asserts that no acknowledged write was lost or not shown to who
    /// read it meanwhile, that none happened that was reported as not applied, and that none happened
    /// twice.
    ///
    /// # Panics
    ///
    /// With the first of what is wrong, when something is, or when the fleet cannot be read.
    pub async fn verify(&self, client: &Client) {
        let faults = self.faults(client).await.expect("a fleet that answers reads");
        assert!(!self.history.reads().is_empty(), "nothing was read meanwhile: {self}");
        let first: Vec<_> = faults.iter().take(10).map(ToString::to_string).collect();
        assert!(faults.is_empty(), "{self}\n{} faults:\n  {}", faults.len(), first.join("\n  "));
    }

    async fn found(&self, client: &Client) -> tercet_client::Result<Vec<Found>> {
        let mut found = Vec::new();
        for writer in 0..self.writers {
            let begin = format!("{}{writer}/", self.prefix);
            // The byte after the slash.
            let end = format!("{}{writer}0", self.prefix);
            let mut from = begin.into_bytes();
            loop {
                let page = Range::between(from.clone(), end.clone()).limit(PAGE);
                let page = client.range(page).await?;
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                found.extend(page.kvs().iter().map(|kv| Found {
                    key: text(kv.key()),
                    value: text(kv.value()),
                    version: kv.version(),
                    mod_revision: kv.mod_revision(),
                }));
                let Some(last) = page.kvs().last().filter(|_| page.more()) else { break };
                from = [last.key(), b"\0"].concat();
            }
        }
        Ok(found)
    }
}

impl fmt::Display for LoadReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (acknowledged, not_applied, unknown) = self.history.counts();
        write!(
            f,
            "{acknowledged} writes acknowledged, {not_applied} not applied, {unknown} unknown, by \
             {} writers in {:.1} s; longest pause {} ms, of one writer {} ms",
            self.writers,
            self.elapsed.as_secs_f64(),
            self.longest_pause().as_millis(),
            self.longest_pause_of_a_writer().as_millis(),
        )
    }
}
