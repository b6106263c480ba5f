//! What is compared.

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
}

/// The length of every value.
pub(crate) const VALUE_BYTES: usize = 256;

/// How many keys a range has, and over how many keys writes and reads go.
pub(crate) const RANGE_KEYS: usize = 10_000;

impl Row {
    /// All of them, in the order of the table.
    pub(crate) const ALL: [Self; 8] = [
        Self::Put { at_a_time: 1 },
        Self::Put { at_a_time: 64 },
        Self::Put { at_a_time: 256 },
        Self::Get { at_a_time: 1, serializable: false },
        Self::Get { at_a_time: 64, serializable: false },
        Self::Get { at_a_time: 1, serializable: true },
        Self::Get { at_a_time: 64, serializable: true },
        Self::Range,
    ];

    /// How many requests are on their way at once.
    pub(crate) fn at_a_time(self) -> usize {
        match self {
            Self::Put { at_a_time } | Self::Get { at_a_time, .. } => at_a_time,
            Self::Range => 1,
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
