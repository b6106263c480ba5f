//! Clearing what is stale.

use std::fmt;
use std::path::Path;

use super::error::{RunsError, SweepError};
use super::found::{ProcessState, Run, RunState};
use super::look::{Candidate, Known, candidates};
use crate::process::{Ended, RunProcessKind, end, look, remove};

/// What a sweep clears.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use = "it does nothing until it is given to a sweep"]
pub struct Sweep {
    kept: bool,
    dry_run: bool,
}

impl Sweep {
    /// Whether kept files are removed as well. By default only the processes of such a run are ended,
    /// if there are any: that is what its watchdog would have done.
    pub const fn kept(mut self, kept: bool) -> Self {
        self.kept = kept;
        self
    }

    /// Whether it is only said what would be done.
    pub const fn dry_run(mut self, dry_run: bool) -> Self {
        self.dry_run = dry_run;
        self
    }
}

/// What became of a run.
#[derive(Debug)]
#[non_exhaustive]
pub struct Swept {
    /// What it was before.
    pub run: Run,
    /// What was done, or in a dry run would have been.
    pub outcome: SweepOutcome,
}

/// What was done to a run.
#[derive(Debug)]
#[non_exhaustive]
pub enum SweepOutcome {
    /// Its processes were ended, and its directory removed.
    Removed {
        /// The ids that the processes had.
        ended: Vec<u32>,
    },
    /// Its processes were ended, and its directory kept.
    Ended {
        /// The ids that the processes had.
        ended: Vec<u32>,
    },
    /// Nothing.
    Left(LeftBecause),
    /// Not all of it; a next sweep tries again.
    Failed(SweepError),
}

/// Why nothing was done to a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LeftBecause {
    /// Its owner lives.
    Live,
    /// Its lock is held though its owner is gone: by another sweep, or by a process that its owner has
    /// forked.
    Locked,
    /// Its files are to be kept.
    Kept,
    /// A process that is not recorded runs on its kept files: somebody looks into them.
    InUse {
        /// Which.
        pid: u32,
    },
    /// It was gone before it could be swept.
    Gone,
}

impl fmt::Display for LeftBecause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Live => f.write_str("its owner lives"),
            Self::Locked => f.write_str("it is locked by another process"),
            Self::Kept => f.write_str("its files are to be kept"),
            Self::InUse { pid } => write!(f, "process {pid} uses its kept files"),
            Self::Gone => f.write_str("it is gone"),
        }
    }
}

impl fmt::Display for SweepOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Removed { ended } if ended.is_empty() => f.write_str("removed"),
            Self::Removed { ended } => write!(f, "{} ended, removed", count(ended)),
            Self::Ended { ended } => write!(f, "{} ended, its files are kept", count(ended)),
            Self::Left(because) => write!(f, "left: {because}"),
            Self::Failed(error) => write!(f, "failed: {error}"),
        }
    }
}

fn count(pids: &[u32]) -> String {
    match pids.len() {
        1 => "1 process".to_owned(),
        more => format!("{more} processes"),
    }
}

pub(super) fn sweep(parent: &Path, options: Sweep) -> Result<Vec<Swept>, RunsError> {
    let (candidates, _) = candidates(parent)?;
    Ok(candidates.iter().filter_map(|candidate| of_one(candidate, options)).collect())
}

fn of_one(candidate: &Candidate, options: Sweep) -> Option<Swept> {
    // From here on no other sweep has it, until the candidate is dropped.
    let locked = matches!(candidate.lock(), Ok(true));
    // A look at it that fails is as if it lived.
    let owner_is_running = candidate.owner_is_running().ok()?;
    let run = candidate.run(locked, owner_is_running);
    let outcome = match run.state {
        RunState::Live if owner_is_running => SweepOutcome::Left(LeftBecause::Live),
        RunState::Live => SweepOutcome::Left(LeftBecause::Locked),
        _ if !candidate.is_there() => SweepOutcome::Left(LeftBecause::Gone),
        RunState::Stale | RunState::Kept => {
            clear(candidate, options).unwrap_or_else(SweepOutcome::Failed)
        }
    };
    Some(Swept { run, outcome })
}

/// It is locked, and its owner is gone.
fn clear(candidate: &Candidate, options: Sweep) -> Result<SweepOutcome, SweepError> {
    let remains = candidate.is_kept() && !options.kept;
    if candidate.is_kept() {
        // Whoever runs an etcd on kept files, to look into them, is not ours.
        let others = candidate.unrecorded().map_err(SweepError::Processes)?;
        let others = others.iter().find(|one| one.spawned.kind != RunProcessKind::Watchdog);
        if let (Some(other), false) = (others, remains) {
            return Ok(SweepOutcome::Left(LeftBecause::InUse { pid: other.spawned.pid }));
        }
    }
    let (mut ended, mut tried) = (Vec::new(), Vec::new());
    // What is about to be a member may not name the directory yet, so they are looked for again until
    // there are none. The owner is gone, and cannot spawn any more.
    while let Some(known) = next(candidate, &tried)? {
        let pid = known.spawned.pid;
        tried.push(pid);
        if !options.dry_run {
            let is_it = || match known.start {
                Some(start) => {
                    look(pid).is_ok_and(|seen| seen.is_some_and(|seen| seen.start.is_same(start)))
                }
                None => candidate.is_named_by(pid),
            };
            let name = &known.spawned.name;
            match end(pid, is_it).map_err(|source| SweepError::Stays {
                pid,
                name: name.clone(),
                source,
            })? {
                Ended::Killed => {}
                // It has ended by itself, and another may have its id.
                Ended::WasGone => continue,
            }
        }
        ended.push(pid);
    }
    if remains {
        return Ok(match ended.is_empty() {
            true => SweepOutcome::Left(LeftBecause::Kept),
            false => SweepOutcome::Ended { ended },
        });
    }
    if !options.dry_run {
        let path = &candidate.path;
        remove(path)
            // Its watchdog may just have been removing it as well.
            .or_else(|_| remove(path))
            .map_err(|source| SweepError::Remove { path: path.clone(), source })?;
    }
    Ok(SweepOutcome::Removed { ended })
}

/// The next process to end: members first, and the watchdog when there is nothing left for it to do.
fn next(candidate: &Candidate, tried: &[u32]) -> Result<Option<Known>, SweepError> {
    let mut alive = candidate.recorded();
    if !candidate.is_kept() {
        alive.extend(candidate.unrecorded().map_err(SweepError::Processes)?);
    }
    alive.retain(|known| {
        matches!(known.state, ProcessState::Running | ProcessState::Paused)
            && !tried.contains(&known.spawned.pid)
    });
    alive.sort_by_key(|known| known.spawned.kind == RunProcessKind::Watchdog);
    Ok(alive.into_iter().next())
}
