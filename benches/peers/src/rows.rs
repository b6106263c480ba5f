//! What is compared.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// One thing to do, over and over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Row {
    /// Writes of [`VALUE_BYTES`] each, so many at a time.
    Put { at_a_time: usize },
    /// Reads of one key.
    Get { at_a_time: usize, serializable: bool },
    /// Reads of all [`RANGE_KEYS`] at once.
    Range,
    /// Events of one key, to so many watches of it, each with a task of its own. For etcd-client all
    /// are on one stream, which is its best, and shared out by the number of the watch.
    Watch { watches: usize },
    /// The same; but of etcd-client's only the one task that reads the stream looks at them.
    WatchByOneReader { watches: usize },
    /// Renews so many leases one after the other, some at a time, each when it is told to.
    Renew { leases: usize, at_a_time: usize },
    /// Keeps so many leases alive, each renewed every third of its time to live: ours by itself, for
    /// etcd-client by tasks that go round them.
    Keep { leases: usize },
}

/// The length of every value.
pub(crate) const VALUE_BYTES: usize = 256;

/// Those that are renewed or kept.
const LEASES: usize = 10_000;

/// For how long a lease is granted that is kept; each third of it, it is renewed.
pub(crate) const KEPT_TTL: Duration = Duration::from_secs(12);

/// For how long a lease is granted that is renewed by hand: longer than the row takes.
pub(crate) const RENEWED_TTL: Duration = Duration::from_secs(600);

/// How many requests make what a row needs ready.
pub(crate) const PREPARED_AT_A_TIME: usize = 64;

/// How many keys a range has, and over how many keys writes and reads go.
pub(crate) const RANGE_KEYS: usize = 10_000;

impl Row {
    /// All of them, in the order of the table.
    pub(crate) const ALL: [Self; 12] = [
        Self::Put { at_a_time: 1 },
        Self::Put { at_a_time: 64 },
        Self::Put { at_a_time: 256 },
        Self::Get { at_a_time: 1, serializable: false },
        Self::Get { at_a_time: 64, serializable: false },
        Self::Get { at_a_time: 1, serializable: true },
        Self::Get { at_a_time: 64, serializable: true },
        Self::Range,
        Self::Watch { watches: 1000 },
        Self::WatchByOneReader { watches: 1000 },
        Self::Renew { leases: LEASES, at_a_time: 64 },
        Self::Keep { leases: LEASES },
    ];

    /// How many requests are on their way at once.
    pub(crate) fn at_a_time(self) -> usize {
        match self {
            Self::Put { at_a_time }
            | Self::Get { at_a_time, .. }
            | Self::Renew { at_a_time, .. } => at_a_time,
            Self::Range
            | Self::Watch { .. }
            | Self::WatchByOneReader { .. }
            | Self::Keep { .. } => 1,
        }
    }

    /// How many watches there are.
    pub(crate) fn watches(self) -> usize {
        match self {
            Self::Watch { watches } | Self::WatchByOneReader { watches } => watches,
            _ => 0,
        }
    }

    /// As it stands in the table.
    pub(crate) fn name(self) -> String {
        match self {
            Self::Put { at_a_time } => format!("put, {at_a_time} at a time"),
            Self::Get { at_a_time, serializable } => {
                let kind = if serializable { "serializable" } else { "linearizable" };
                format!("{kind} get, {at_a_time} at a time")
            }
            Self::Range => format!("range of {RANGE_KEYS} keys"),
            Self::Watch { watches } => format!("events to {watches} watches"),
            Self::WatchByOneReader { watches } => format!("events, {watches} to one reader"),
            Self::Renew { leases, at_a_time } => {
                format!("renew {leases} leases, {at_a_time} at a time")
            }
            Self::Keep { leases } => format!("keep {leases} leases"),
        }
    }
}

/// The key of a number, among those of a range.
pub(crate) fn key(number: usize) -> Vec<u8> {
    format!("{RANGE_PREFIX}{:08}", number % RANGE_KEYS).into_bytes()
}

/// What all keys of a range begin with.
pub(crate) const RANGE_PREFIX: &str = "bench/range/";

/// A value, as long as all are.
pub(crate) fn value() -> Vec<u8> {
    vec![b'v'; VALUE_BYTES]
}
