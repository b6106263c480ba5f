//! Looking at a run, without changing anything.

use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::error::RunsError;
use super::found::{
    Listing, NotOurs, NotOursReason, ProcessState, Run, RunOwner, RunProcess, RunState,
};
use crate::process::{
    Condition, IdsMean, Machine, Naming, Recorded, RunProcessKind, Spawned, StartTime, Unreadable,
    look, naming, owner_in_name, read,
};

/// A directory that certainly is a run of this user, seen from where its process ids mean something.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) path: PathBuf,
    /// The record, to be locked.
    file: File,
    recorded: Recorded,
    /// The machine was started anew since: all of its processes are gone.
    rebooted: bool,
    /// Its discovery, which is a run within it, of the same owner.
    within: Vec<Recorded>,
}

/// A process of a run, and how to be sure of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) spawned: Spawned,
    /// None when it is known by what it was told.
    pub(super) start: Option<StartTime>,
    pub(super) state: ProcessState,
}

pub(super) fn list(parent: &Path) -> Result<Listing, RunsError> {
    let (candidates, not_ours) = candidates(parent)?;
    let mut listing = Listing { runs: Vec::new(), not_ours };
    for candidate in candidates {
        // Only for this moment, and beside others who only look.
        let free = candidate.file.try_lock_shared().is_ok();
        let seen = candidate.owner_is_running();
        if free {
            let _ = candidate.file.unlock();
        }
        match seen {
            Ok(owner) => listing.runs.push(candidate.run(free, owner)),
            Err(error) => {
                let (path, reason) = (candidate.path.clone(), NotOursReason::OwnerUnknown(error));
                listing.not_ours.push(NotOurs { path, reason });
            }
        }
    }
    Ok(listing)
}

/// The runs in `parent` that can be judged, oldest first, and what only looks like one.
pub(super) fn candidates(parent: &Path) -> Result<(Vec<Candidate>, Vec<NotOurs>), RunsError> {
    let failed = |source| RunsError::List { path: parent.to_owned(), source };
    // As their records have it.
    let parent = parent.canonicalize().map_err(failed)?;
    let (mut candidates, mut not_ours) = (Vec::new(), Vec::new());
    for entry in std::fs::read_dir(&parent).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let Some(owner) = entry.file_name().to_str().and_then(owner_in_name) else { continue };
        let path = entry.path();
        match Candidate::open(&path, owner) {
            Ok(candidate) => candidates.push(candidate),
            // It has gone since it was listed.
            Err(_)
                if path.symlink_metadata().is_err_and(|e| e.kind() == io::ErrorKind::NotFound) => {}
            Err(reason) => not_ours.push(NotOurs { path, reason }),
        }
    }
    candidates.sort_by(|a, b| (a.recorded.began, &a.path).cmp(&(b.recorded.began, &b.path)));
    not_ours.sort_by(|a, b| a.path.cmp(&b.path));
    Ok((candidates, not_ours))
}

impl Candidate {
    fn open(path: &Path, owner: u32) -> Result<Self, NotOursReason> {
        let uid = rustix::process::geteuid().as_raw();
        let metadata = path.symlink_metadata().map_err(NotOursReason::NotSeen)?;
        if metadata.is_symlink() {
            return Err(NotOursReason::SymbolicLink);
        }
        if !metadata.is_dir() {
            return Err(NotOursReason::NotADirectory);
        }
        if metadata.uid() != uid {
            return Err(NotOursReason::OtherUser { uid: metadata.uid() });
        }
        if metadata.mode() & 0o077 != 0 {
            return Err(NotOursReason::OpenToOthers { mode: metadata.mode() & 0o7777 });
        }
        let (file, recorded) = read(path, uid).map_err(reason)?;
        if recorded.directory.to_string_lossy() != path.to_string_lossy() {
            return Err(NotOursReason::Moved { original: recorded.directory });
        }
        if recorded.owner != owner {
            return Err(NotOursReason::InvalidRecord);
        }
        let rebooted = match recorded.machine.ids_mean(&Machine::here()) {
            IdsMean::TheSame => false,
            IdsMean::Nothing => true,
            IdsMean::Unknown => return Err(NotOursReason::Elsewhere),
        };
        let within = within(path, uid, &recorded);
        Ok(Self { path: path.to_owned(), file, recorded, rebooted, within })
    }

    /// Locks it until it is dropped; false when somebody has it locked.
    pub(super) fn lock(&self) -> io::Result<bool> {
        match self.file.try_lock() {
            Ok(()) => Ok(true),
            Err(TryLockError::WouldBlock) => Ok(false),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Whether it is where it was when it was opened: another sweep may have removed it.
    pub(super) fn is_there(&self) -> bool {
        let record = self.path.join(crate::process::RECORD).symlink_metadata();
        let same =
            |a: std::fs::Metadata, b: std::fs::Metadata| (a.dev(), a.ino()) == (b.dev(), b.ino());
        record.is_ok_and(|record| self.file.metadata().is_ok_and(|ours| same(record, ours)))
    }

    /// Whether the owner lives. One that is dead and was not reaped does not.
    pub(super) fn owner_is_running(&self) -> io::Result<bool> {
        if self.rebooted {
            return Ok(false);
        }
        Ok(look(self.recorded.owner)?.is_some_and(|seen| {
            seen.condition != Condition::Ended && seen.start.is_same(self.recorded.owner_start)
        }))
    }

    pub(super) const fn is_kept(&self) -> bool {
        self.recorded.kept
    }

    /// What it is, if its lock is free or not and its owner lives or not.
    pub(super) fn run(&self, lock_is_free: bool, owner_is_running: bool) -> Run {
        let state = match (lock_is_free && !owner_is_running, self.recorded.kept) {
            (false, _) => RunState::Live,
            (true, false) => RunState::Stale,
            (true, true) => RunState::Kept,
        };
        let mut processes: Vec<RunProcess> = Vec::new();
        for known in self.recorded() {
            let process = known.described();
            match processes.iter_mut().find(|one| one.name == process.name) {
                // It was spawned anew.
                Some(earlier) => *earlier = process,
                None => processes.push(process),
            }
        }
        let unrecorded = self.unrecorded().unwrap_or_default();
        processes.extend(unrecorded.iter().map(Known::described));
        Run {
            directory: self.path.clone(),
            owner: RunOwner {
                pid: self.recorded.owner,
                command: self.recorded.command.clone(),
                is_running: owner_is_running,
            },
            began: self.recorded.began,
            state,
            kept: self.recorded.kept,
            processes,
        }
    }

    /// All processes that were ever recorded.
    pub(super) fn recorded(&self) -> Vec<Known> {
        let own = self.recorded.processes.iter().map(|(spawned, start)| (spawned.clone(), *start));
        let within = self.within.iter().flat_map(|run| &run.processes).map(|(spawned, start)| {
            let name = format!("discovery/{}", spawned.name);
            (Spawned { name, ..spawned.clone() }, *start)
        });
        let known = |(spawned, start): (Spawned, StartTime)| {
            let state = if self.rebooted { ProcessState::Gone } else { state(spawned.pid, start) };
            Known { spawned, start: Some(start), state }
        };
        within.chain(own).map(known).collect()
    }

    /// The processes that run on it and are not recorded: their owner died before it could.
    pub(super) fn unrecorded(&self) -> io::Result<Vec<Known>> {
        let recorded = self.recorded();
        let alive = |pid: u32| {
            recorded.iter().any(|one| one.spawned.pid == pid && one.state != ProcessState::Gone)
        };
        let mut found = naming(&self.path)?;
        for run in &self.within {
            found.extend(naming(&run.directory)?);
        }
        found.sort_by_key(|(pid, _)| *pid);
        found.dedup_by_key(|(pid, _)| *pid);
        found.retain(|(pid, _)| !alive(*pid));
        Ok(found.into_iter().filter_map(|(pid, naming)| of_naming(pid, naming)).collect())
    }

    /// Whether the process `pid` still runs on it.
    pub(super) fn is_named_by(&self, pid: u32) -> bool {
        let all = std::iter::once(&self.path).chain(self.within.iter().map(|run| &run.directory));
        all.into_iter().any(|directory| {
            naming(directory).is_ok_and(|found| found.iter().any(|(one, _)| *one == pid))
        })
    }
}

impl Drop for Candidate {
    fn drop(&mut self) {
        // Closing it is not enough while a child that another thread has just forked has it as well.
        let _ = self.file.unlock();
    }
}

/// A process that names a directory, unless it has ended.
fn of_naming(pid: u32, naming: Naming) -> Option<Known> {
    let seen = look(pid).ok().flatten()?;
    let (kind, name) = match naming {
        Naming::Member => (RunProcessKind::Member, format!("unrecorded {pid}")),
        Naming::Watchdog => (RunProcessKind::Watchdog, RunProcessKind::Watchdog.word().to_owned()),
    };
    let spawned = Spawned { kind, name, pid, etcd: None, url: None };
    Some(Known { spawned, start: None, state: of_condition(seen.condition) })
        .filter(|known| known.state != ProcessState::Gone)
}

/// What the process does that had this id from this time on.
fn state(pid: u32, start: StartTime) -> ProcessState {
    match look(pid) {
        Ok(Some(seen)) if seen.start.is_same(start) => of_condition(seen.condition),
        Ok(_) => ProcessState::Gone,
        Err(_) => ProcessState::Unknown,
    }
}

const fn of_condition(condition: Condition) -> ProcessState {
    match condition {
        Condition::Runs => ProcessState::Running,
        Condition::Paused => ProcessState::Paused,
        Condition::Ended => ProcessState::Gone,
    }
}

impl Known {
    fn described(&self) -> RunProcess {
        let Spawned { kind, name, pid, etcd, url } = self.spawned.clone();
        RunProcess { kind, name, pid, etcd, client_url: url, state: self.state }
    }
}

/// The runs in the directory of a run that are of the same owner.
fn within(path: &Path, uid: u32, outer: &Recorded) -> Vec<Recorded> {
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    let named = entries.filter(|entry| {
        entry.file_name().to_str().and_then(owner_in_name) == Some(outer.owner)
            && entry.file_type().is_ok_and(|kind| kind.is_dir())
    });
    let recorded = named.filter_map(|entry| {
        let (_, recorded) = read(&entry.path(), uid).ok()?;
        let is_its = recorded.directory == entry.path()
            && recorded.machine == outer.machine
            && recorded.owner_start == outer.owner_start;
        is_its.then_some(recorded)
    });
    recorded.collect()
}

fn reason(unreadable: Unreadable) -> NotOursReason {
    match unreadable {
        Unreadable::Missing => NotOursReason::NoRecord,
        Unreadable::Io(error) => NotOursReason::Unreadable(error),
        Unreadable::Foreign => NotOursReason::ForeignRecord,
        Unreadable::Format(format) => NotOursReason::OtherFormat { format },
        Unreadable::Invalid => NotOursReason::InvalidRecord,
    }
}
