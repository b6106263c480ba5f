//! How many of the events that one write makes have come, and when.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::Failure;
use crate::histogram::Histogram;

/// Longer than any write takes that is ever delivered.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where all watchers of a client say that they have an event.
#[derive(Debug)]
pub(crate) struct Tally {
    expected: u64,
    come: AtomicU64,
    all: Notify,
    written: Mutex<Instant>,
    histogram: Arc<Histogram>,
}

impl Tally {
    /// Of writes each of which makes so many events.
    pub(crate) fn new(expected: usize, histogram: Arc<Histogram>) -> Arc<Self> {
        Arc::new(Self {
            expected: expected as u64,
            come: AtomicU64::new(0),
            all: Notify::new(),
            written: Mutex::new(Instant::now()),
            histogram,
        })
    }

    /// A write begins.
    pub(crate) fn begin(&self) {
        self.come.store(0, Ordering::SeqCst);
        *self.written.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// A watcher has so many events.
    pub(crate) fn came(&self, events: usize) {
        if events == 0 {
            return;
        }
        let written = *self.written.lock().unwrap_or_else(PoisonError::into_inner);
        self.histogram.add(written.elapsed());
        let events = events as u64;
        if self.come.fetch_add(events, Ordering::SeqCst) + events == self.expected {
            self.all.notify_one();
        }
    }

    /// Waits until every watcher has the write.
    pub(crate) async fn all_came(&self) -> Result<(), Failure> {
        if tokio::time::timeout(PATIENCE, self.all.notified()).await.is_err() {
            let come = self.come.load(Ordering::SeqCst);
            return Err(format!("of {} events, {come} came", self.expected).into());
        }
        Ok(())
    }
}
