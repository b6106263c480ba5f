//! Who writes what is watched.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tercet_client::{Client, Op, Txn};
use tokio::task::JoinSet;

use crate::checker::Change;

/// Below which all is written.
pub(crate) const PREFIX: &str = "w/";

/// Several that write, each its own keys, as fast as the fleet takes it.
pub(crate) struct Scribes {
    tasks: JoinSet<Vec<Acknowledged>>,
    stop: Arc<AtomicBool>,
    changes: Arc<AtomicUsize>,
}

/// A write that was acknowledged: its revision, and what it wrote, `None` for a deletion.
pub(crate) struct Acknowledged {
    pub(crate) revision: i64,
    pub(crate) writes: Vec<(String, Option<String>)>,
}

impl Scribes {
    /// So many, with as many keys in each transaction.
    pub(crate) fn start(clients: Vec<Client>, keys: usize) -> Self {
        let (stop, changes) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let mut tasks = JoinSet::new();
        for (scribe, client) in clients.into_iter().enumerate() {
            let (stop, changes) = (stop.clone(), changes.clone());
            tasks.spawn(async move {
                let mut acknowledged = Vec::new();
                for round in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let writes = page(scribe, round, keys);
                    let ops = writes.iter().map(|(key, value)| match value {
                        Some(value) => Op::put(key.clone(), value.clone()),
                        None => Op::delete(key.clone()),
                    });
                    let ops: Vec<_> = ops.collect();
                    if let Ok(answer) = client.txn(Txn::when([]).then(ops)).await {
                        changes.fetch_add(writes.len(), Ordering::Relaxed);
                        acknowledged.push(Acknowledged { revision: answer.revision(), writes });
                    }
                }
                acknowledged
            });
        }
        Self { tasks, stop, changes }
    }

    /// How many changes were acknowledged so far.
    pub(crate) fn changes(&self) -> usize {
        self.changes.load(Ordering::Relaxed)
    }

    pub(crate) async fn wait_for(&self, changes: usize) {
        while self.changes() < changes {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    }

    /// What was acknowledged in all.
    pub(crate) async fn stop(mut self) -> Vec<Acknowledged> {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Vec::new();
        while let Some(acknowledged) = self.tasks.join_next().await {
            all.extend(acknowledged.expect("no panic"));
        }
        all
    }
}

/// What one writes in one round: one key, or several at once, and now and then one is deleted.
fn page(scribe: usize, round: usize, keys: usize) -> Vec<(String, Option<String>)> {
    let keys = if round.is_multiple_of(4) { 1 } else { keys };
    (0..keys)
        .map(|nth| {
            let key = format!("{PREFIX}{scribe}/{:02}", (round + nth) % (2 * keys + 3));
            let is_deletion = (round + nth).is_multiple_of(7);
            (key, (!is_deletion).then(|| format!("{scribe} {round} {nth}")))
        })
        .collect()
}

/// Asserts that all that was acknowledged is in what happened. Deletions of what was not there are
/// no changes.
pub(crate) fn check_acknowledged(all: &[Acknowledged], happened: &[Change]) {
    let mut writes = 0;
    for Acknowledged { revision, writes: expected } in all {
        let begin = happened.partition_point(|change| change.revision < *revision);
        let end = happened.partition_point(|change| change.revision <= *revision);
        for (key, value) in expected {
            let found = happened[begin..end].iter().find(|change| change.key == key.as_bytes());
            match (found, value) {
                (Some(change), _) => {
                    assert_eq!(change.value.as_deref(), value.as_deref().map(str::as_bytes));
                    writes += 1;
                }
                (None, None) => {}
                (None, Some(_)) => panic!("{key} of revision {revision} was acknowledged"),
            }
        }
    }
    assert!(writes > 0);
}
