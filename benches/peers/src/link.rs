//! What the program that compares and a client's process say to each other: JSON, one a line.

use serde::{Deserialize, Serialize};

use crate::rows::Row;

/// The word by which this program is a client.
pub(crate) const CLIENT: &str = "client";

/// The first line to a client.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Settings {
    pub(crate) peer: String,
    pub(crate) row: Row,
    pub(crate) threads: usize,
    pub(crate) endpoints: Vec<String>,
    pub(crate) tls: Option<Pem>,
}

/// Whom to trust and who one is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Pem {
    pub(crate) authority: String,
    pub(crate) chain: String,
    pub(crate) key: String,
}

/// Every further line: have your turn.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Turn {
    pub(crate) millis: u64,
}

/// What a turn was.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Done {
    pub(crate) operations: u64,
    pub(crate) seconds: f64,
    /// Of the whole process.
    pub(crate) cpu_seconds: f64,
    /// Buckets of [`Histogram`](crate::histogram::Histogram) that are not empty.
    pub(crate) latencies: Vec<(usize, u64)>,
    pub(crate) resident_kib: u64,
    pub(crate) peak_kib: u64,
}
