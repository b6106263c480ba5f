//! What became of the writes of a load, and whether the store agrees.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::time::Duration;

/// One write of a load: a key that nothing else writes, and that is written once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Write {
    /// Who wrote it, counted from 0.
    pub writer: usize,
    /// The key.
    pub key: String,
    /// The value.
    pub value: String,
    /// When it was sent, after the beginning of the load.
    pub begun: Duration,
    /// When its answer came.
    pub ended: Duration,
    /// What the client was told.
    pub answer: Answer,
}

/// What the client was told of a write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It happened, and made this revision.
    Acknowledged {
        /// The store's revision.
        revision: i64,
    },
    /// It did not happen and never will, and why.
    NotApplied {
        /// The error's text.
        error: String,
    },
    /// Nobody knows, and why.
    Unknown {
        /// The error's text.
        error: String,
    },
}

/// A key of the load as the store has it in the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The key.
    pub key: String,
    /// Its value.
    pub value: String,
    /// How often it was written.
    pub version: i64,
    /// The revision of the last time.
    pub mod_revision: i64,
}

/// What a client read while the load was at work: a key whose write had been acknowledged before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Read {
    /// The key.
    pub key: String,
    /// The revision at which it was acknowledged.
    pub acknowledged: i64,
    /// The revision at which it was shown; `None` if there was no such key.
    pub shown: Option<i64>,
    /// The store's revision, as the answer said it.
    pub store: i64,
}

/// What the store says against what the client was told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A write that was acknowledged is not there.
    Lost {
        /// The key.
        key: String,
        /// The revision that was acknowledged.
        revision: i64,
    },
    /// A write that was reported as not applied is there.
    Applied {
        /// The key.
        key: String,
        /// What was reported.
        error: String,
    },
    /// It was sent once and written more often.
    Repeated {
        /// The key.
        key: String,
        /// How often.
        version: i64,
    },
    /// It has another value than what was written, or another revision than was acknowledged.
    Altered {
        /// The key.
        key: String,
        /// What is wrong with it.
        what: String,
    },
    /// A write that began after another was acknowledged has the lesser revision.
    Disordered {
        /// The later one.
        key: String,
        /// Its revision.
        revision: i64,
        /// A revision that was acknowledged before it began.
        before: i64,
    },
    /// A read that began after a write was acknowledged did not show it.
    Stale {
        /// The key.
        key: String,
        /// What was acknowledged.
        revision: i64,
        /// The revision of the store that the read was answered from.
        store: i64,
    },
    /// Nobody wrote this key.
    Strange {
        /// The key.
        key: String,
    },
}

/// All writes of a load, in the order of their ends.
#[derive(Clone, Debug, Default)]
pub struct History {
    writes: Vec<Write>,
    reads: Vec<Read>,
}

impl History {
    /// The history of these writes.
    #[must_use]
    pub fn new(mut writes: Vec<Write>) -> Self {
        writes.sort_by_key(|write| write.ended);
        Self { writes, reads: Vec::new() }
    }

    /// With what was read meanwhile.
    #[must_use]
    pub fn with_reads(mut self, reads: Vec<Read>) -> Self {
        self.reads = reads;
        self
    }

    /// What was read and answered.
    #[must_use]
    pub fn reads(&self) -> &[Read] {
        &self.reads
    }

    /// The writes, in the order of their ends.
    #[must_use]
    pub fn writes(&self) -> &[Write] {
        &self.writes
    }

    /// How many were acknowledged, not applied, and unknown.
    #[must_use]
    pub fn counts(&self) -> (usize, usize, usize) {
        self.writes.iter().fold((0, 0, 0), |(yes, no, unknown), write| match write.answer {
            Answer::Acknowledged { .. } => (yes + 1, no, unknown),
            Answer::NotApplied { .. } => (yes, no + 1, unknown),
            Answer::Unknown { .. } => (yes, no, unknown + 1),
        })
    }

    /// The longest time from `from` to `to` in which nothing was acknowledged, to any writer or to
    /// this one; the times before the first acknowledgement and after the last one count as well.
    #[must_use]
    pub fn longest_pause(&self, writer: Option<usize>, from: Duration, to: Duration) -> Duration {
        let mut last = from;
        let mut longest = Duration::ZERO;
        let acknowledged = self.writes.iter().filter(|write| {
            matches!(write.answer, Answer::Acknowledged { .. })
                && writer.is_none_or(|writer| writer == write.writer)
        });
        for write in acknowledged.filter(|write| (from..to).contains(&write.ended)) {
            longest = longest.max(write.ended.saturating_sub(last));
            last = write.ended;
        }
        longest.max(to.saturating_sub(last))
    }

    /// Each error's text that was told, with how often.
    #[must_use]
    pub fn errors(&self) -> BTreeMap<&str, usize> {
        let mut errors = BTreeMap::new();
        for write in &self.writes {
            if let Answer::NotApplied { error } | Answer::Unknown { error } = &write.answer {
                *errors.entry(error.as_str()).or_default() += 1;
            }
        }
        errors
    }

    /// What the store, which has `found` in the end, says against this history. What is unknown may
    /// be there or not, but not twice.
    #[must_use]
    pub fn faults(&self, found: &[Found]) -> Vec<Fault> {
        let mut left: HashMap<_, _> = found.iter().map(|one| (one.key.as_str(), one)).collect();
        let mut faults = Vec::new();
        for write in &self.writes {
            let key = || write.key.clone();
            match (left.remove(write.key.as_str()), &write.answer) {
                (None, Answer::Acknowledged { revision }) => {
                    faults.push(Fault::Lost { key: key(), revision: *revision });
                }
                (None, _) => {}
                (Some(_), Answer::NotApplied { error }) => {
                    faults.push(Fault::Applied { key: key(), error: error.clone() });
                }
                (Some(found), answer) => faults.extend(altered(write, found, answer)),
            }
        }
        let strange = left.into_keys().map(|key| Fault::Strange { key: key.to_owned() });
        faults.extend(strange);
        faults.extend(self.disordered());
        faults.extend(self.stale());
        faults
    }

    /// Reads that are linearizable, and did not show what had been acknowledged before they began.
    fn stale(&self) -> impl Iterator<Item = Fault> {
        let stale =
            |read: &&Read| read.shown != Some(read.acknowledged) || read.store < read.acknowledged;
        self.reads.iter().filter(stale).map(|read| Fault::Stale {
            key: read.key.clone(),
            revision: read.acknowledged,
            store: read.store,
        })
    }

    /// Writes whose revision is less than one that was acknowledged before they began.
    fn disordered(&self) -> Vec<Fault> {
        let acknowledged = || {
            self.writes.iter().filter_map(|write| match write.answer {
                Answer::Acknowledged { revision } => Some((write, revision)),
                _ => None,
            })
        };
        let mut by_begin: Vec<_> = acknowledged().collect();
        by_begin.sort_by_key(|(write, _)| write.begun);
        let mut ended = acknowledged().peekable();
        let mut before = 0;
        let mut faults = Vec::new();
        for (write, revision) in by_begin {
            while let Some((_, earlier)) = ended.next_if(|(one, _)| one.ended < write.begun) {
                before = before.max(earlier);
            }
            if revision <= before {
                faults.push(Fault::Disordered { key: write.key.clone(), revision, before });
            }
        }
        faults
    }
}

/// What is wrong with a write that is there, and rightly or perhaps so.
fn altered(write: &Write, found: &Found, answer: &Answer) -> Option<Fault> {
    let key = write.key.clone();
    if found.version != 1 {
        return Some(Fault::Repeated { key, version: found.version });
    }
    if found.value != write.value {
        let what = format!("it has {:?} and not {:?}", found.value, write.value);
        return Some(Fault::Altered { key, what });
    }
    match answer {
        Answer::Acknowledged { revision } if *revision != found.mod_revision => {
            let what = format!("written at {} and not at {revision}", found.mod_revision);
            Some(Fault::Altered { key, what })
        }
        _ => None,
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost { key, revision } => {
                write!(f, "{key} was acknowledged at revision {revision}, and is lost")
            }
            Self::Applied { key, error } => {
                write!(f, "{key} was reported as not applied ({error}), and is there")
            }
            Self::Repeated { key, version } => {
                write!(f, "{key} was sent once and written {version} times")
            }
            Self::Altered { key, what } => write!(f, "{key} is not as it was written: {what}"),
            Self::Disordered { key, revision, before } => write!(
                f,
                "{key} has revision {revision}, and began after {before} was acknowledged"
            ),
            Self::Stale { key, revision, store } => write!(
                f,
                "{key} was acknowledged at revision {revision}, and a later read at {store} did not \
                 show it"
            ),
            Self::Strange { key } => write!(f, "nobody wrote {key}"),
        }
    }
}
