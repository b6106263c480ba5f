//! What a process of a fleet did in place of becoming ready: the same of members and of proxies.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;

use crate::observe::{Refusal, RefusalCause, log_tail, readable};

/// How many lines of a log an error carries: as many as etcd prints when a flag is wrong.
pub(crate) const LOG_TAIL_LINES: usize = 30;

/// How a process ended by itself.
///
/// `Display` goes on after its name: `ended by itself (exit status: 1) after 34.0ms`, and on lines of
/// their own why, its command, and the end of its log.
#[derive(Debug)]
#[non_exhaustive]
pub struct Exit {
    /// Why, if its log says it.
    pub refusals: Vec<Refusal>,
    /// How it ended.
    pub status: ExitStatus,
    /// How long after the wait for it had begun.
    pub elapsed: Duration,
    /// What it was called with, to be pasted into a shell.
    pub command: String,
    /// Where its log was.
    pub log: PathBuf,
    /// The last lines of it.
    pub log_tail: Vec<String>,
}

impl Exit {
    /// Whether it found its port taken.
    pub(crate) fn is_port_taken(&self) -> bool {
        let taken = |refusal: &Refusal| matches!(refusal.cause, RefusalCause::AddressInUse { .. });
        self.refusals.iter().any(taken)
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "ended by itself ({}) after {:.1?}", self.status, self.elapsed)?;
        reasons(f, &self.refusals)?;
        writeln!(f, "  command: {}", self.command)?;
        Log { path: &self.log, lines: &self.log_tail }.fmt(f)
    }
}

/// A wait that was given up for a process that runs.
///
/// `Display` is what comes after the sentence that says so: why, and the end of its log.
#[derive(Debug)]
#[non_exhaustive]
pub struct GivenUp {
    /// Why, as far as the logs say it; the most telling first.
    pub refusals: Vec<Refusal>,
    /// How long was waited.
    pub elapsed: Duration,
    /// Where its log was; with several members, that of the first that was waited for.
    pub log: PathBuf,
    /// The last lines of it.
    pub log_tail: Vec<String>,
}

impl GivenUp {
    pub(crate) fn new(refusals: Vec<Refusal>, elapsed: Duration, log: &Path) -> Self {
        let log_tail = log_tail(log, LOG_TAIL_LINES);
        Self { refusals, elapsed, log: log.to_owned(), log_tail }
    }
}

impl fmt::Display for GivenUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        reasons(f, &self.refusals)?;
        Log { path: &self.log, lines: &self.log_tail }.fmt(f)
    }
}

fn reasons(f: &mut fmt::Formatter<'_>, refusals: &[Refusal]) -> fmt::Result {
    /// What more there is follows from these, mostly; the error has it.
    const SHOWN: usize = 3;
    for refusal in refusals.iter().take(SHOWN) {
        for line in refusal.to_string().lines() {
            writeln!(f, "  {line}")?;
        }
    }
    match refusals.len().saturating_sub(SHOWN) {
        0 => Ok(()),
        more => writeln!(f, "  and {more} more"),
    }
}

/// The end of a log, as a part of an error's text.
pub(crate) struct Log<'a> {
    pub(crate) path: &'a Path,
    pub(crate) lines: &'a [String],
}

impl fmt::Display for Log<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.lines.is_empty() {
            return write!(f, "  its log {} is empty", self.path.display());
        }
        write!(f, "  the end of its log {}:", self.path.display())?;
        self.lines.iter().try_for_each(|line| write!(f, "\n    {}", readable(line)))
    }
}
