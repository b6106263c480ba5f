//! Why there is no etcd.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::{ProbeError, UnsupportedVersion, Version};

/// Why no etcd was found or got.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LocateError {
    /// The file that the caller or `TERCET_ETCD` named cannot be used. Nothing else was tried: it
    /// was named on purpose.
    #[error("{asked_by} names {path}, which cannot be used as etcd", path = path.display())]
    Unusable {
        /// Who named it: `the request`, or `TERCET_ETCD`.
        asked_by: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: ProbeError,
    },
    /// No etcd of this version can be used.
    #[error(transparent)]
    Unsupported(#[from] UnsupportedVersion),
    /// It is in none of the places, or what is there is not what was asked for.
    #[error("{0}")]
    NotFound(NotFound),
    /// The cache cannot be written. No other source would help.
    #[error("cannot {action} {path}", path = path.display())]
    Cache {
        /// What was to be done, to follow "cannot".
        action: &'static str,
        /// With what.
        path: PathBuf,
        /// Why it cannot be done.
        #[source]
        source: io::Error,
    },
    /// There is no place for a cache: neither `TERCET_CACHE_DIR` nor a home directory is known.
    #[error("there is no directory for the cache: set TERCET_CACHE_DIR")]
    NoCache,
}

/// The places that were tried for an etcd, and what happened at each.
#[derive(Debug)]
pub struct NotFound {
    version: Option<Version>,
    attempts: Vec<Attempt>,
    by_hand: Option<ByHand>,
}

/// One place that was tried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    place: String,
    sha256: Option<String>,
    outcome: String,
}

/// What to get on another machine.
#[derive(Clone, Debug)]
pub(super) struct ByHand {
    pub(super) url: String,
    pub(super) sha256: String,
}

impl NotFound {
    pub(super) fn new(
        version: Option<Version>,
        attempts: Vec<Attempt>,
        by_hand: Option<ByHand>,
    ) -> Self {
        Self { version, attempts, by_hand }
    }

    /// The version that was asked for, or nothing when any would have done.
    #[must_use]
    pub fn version(&self) -> Option<Version> {
        self.version
    }

    /// The places, in the order in which they were tried.
    #[must_use]
    pub fn attempts(&self) -> &[Attempt] {
        &self.attempts
    }
}

impl fmt::Display for NotFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.version {
            Some(version) => {
                write!(f, "no etcd {version} (a version that is asked for is never replaced)")?;
            }
            None => write!(f, "no etcd")?,
        }
        write!(f, "; tried:")?;
        for attempt in &self.attempts {
            write!(f, "\n  {attempt}")?;
        }
        let Some(ByHand { url, sha256 }) = &self.by_hand else {
            return write!(f, "\nto bring one by hand: TERCET_ETCD=/path/to/etcd");
        };
        write!(f, "\nto bring it by hand, get this file on a machine that can:")?;
        write!(f, "\n  {url}\n  (sha256 {sha256})")?;
        write!(f, "\nthen unpack it and set TERCET_ETCD=/path/to/etcd,")?;
        write!(
            f,
            "\nor put it into a directory, packed, and set TERCET_ETCD_MIRRORS=file:///directory"
        )
    }
}

impl Attempt {
    pub(super) fn new(place: impl Into<String>, outcome: impl Into<String>) -> Self {
        Self { place: place.into(), sha256: None, outcome: outcome.into() }
    }

    /// Where: a variable, a directory, an address or a package.
    #[must_use]
    pub fn place(&self) -> &str {
        &self.place
    }

    /// The sha256 that a file from there must have, when that is known beforehand.
    #[must_use]
    pub fn sha256(&self) -> Option<&str> {
        self.sha256.as_deref()
    }

    /// What happened there.
    #[must_use]
    pub fn outcome(&self) -> &str {
        &self.outcome
    }

    pub(super) fn expecting(self, sha256: &str) -> Self {
        Self { sha256: Some(sha256.to_owned()), ..self }
    }

    /// Without the path of an address, for a line that names several.
    pub(super) fn in_short(&self) -> String {
        let place = match self.place.split_once("//") {
            Some((scheme, rest)) if scheme != "file:" => rest.split('/').next().unwrap_or(rest),
            _ => &self.place,
        };
        format!("{place}: {}", self.outcome)
    }
}

impl fmt::Display for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.outcome)?;
        match &self.sha256 {
            Some(sha256) => write!(f, " (sha256 {sha256})"),
            None => Ok(()),
        }
    }
}

/// An error and its causes in one line, for what is one of many and has no source.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |error| error.source());
    causes.fold(error.to_string(), |line, cause| format!("{line}: {cause}"))
}
