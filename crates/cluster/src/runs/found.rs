//! What is found where runs are looked for.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::time::SystemTime;

use crate::process::RunProcessKind;

/// What is in a directory of runs.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Listing {
    /// The runs of this user, oldest first.
    pub runs: Vec<Run>,
    /// What is called like a run and is none that can be judged; it is never touched.
    pub not_ours: Vec<NotOurs>,
}

/// A fleet that runs or ran.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Run {
    /// Where its files are.
    pub directory: PathBuf,
    /// Whose it is.
    pub owner: RunOwner,
    /// When it began.
    pub began: SystemTime,
    /// What it is now.
    pub state: RunState,
    /// Whether its files are to be kept.
    pub kept: bool,
    /// What was spawned for it, the latest of each name, in the order in which they came: members,
    /// proxies, its watchdog, and those of its discovery as `discovery/NAME`. Then what runs on its
    /// data without being recorded.
    pub processes: Vec<RunProcess>,
}

/// The process that started a run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunOwner {
    /// Its id.
    pub pid: u32,
    /// The beginning of its command line.
    pub command: String,
    /// Whether it lives: whether a process of this id is the same one still.
    pub is_running: bool,
}

/// What a run is at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RunState {
    /// Its owner lives, or its lock is held: it is nobody else's.
    Live,
    /// Its owner is gone, and it is left over.
    Stale,
    /// Its owner is gone, and its files were to be kept.
    Kept,
}

impl fmt::Display for RunState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Live => "live",
            Self::Stale => "stale",
            Self::Kept => "kept",
        })
    }
}

/// A process that was spawned for a run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunProcess {
    /// What it is.
    pub kind: RunProcessKind,
    /// The member's or proxy's name.
    pub name: String,
    /// Its id, which may be another's by now if it is [gone](ProcessState::Gone).
    pub pid: u32,
    /// The version of its etcd.
    pub etcd: Option<String>,
    /// Where clients find it.
    pub client_url: Option<String>,
    /// What it does.
    pub state: ProcessState,
}

/// What a process of a run does at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProcessState {
    /// It runs.
    Running,
    /// It was stopped by a signal, and not continued.
    Paused,
    /// It has ended.
    Gone,
    /// This cannot be seen from here.
    Unknown,
}

impl fmt::Display for ProcessState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Gone => "gone",
            Self::Unknown => "unknown",
        })
    }
}

/// What is called like a run, and is left alone.
#[derive(Debug)]
#[non_exhaustive]
pub struct NotOurs {
    /// Where it is.
    pub path: PathBuf,
    /// Why it is none that can be judged.
    pub reason: NotOursReason,
}

/// Why something that is called like a run is none that can be judged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotOursReason {
    /// It leads elsewhere.
    #[error("it is a symbolic link")]
    SymbolicLink,
    /// It is a file.
    #[error("it is no directory")]
    NotADirectory,
    /// Somebody else has made it.
    #[error("it belongs to user {uid}")]
    OtherUser {
        /// Whom.
        uid: u32,
    },
    /// Others may write into it, or read: runs have theirs for themselves.
    #[error("others may enter it (its mode is {mode:o}, and a run's is 700)")]
    OpenToOthers {
        /// Its permissions.
        mode: u32,
    },
    /// It does not say what it is: it is not a run's, or of an older Tercet, or is just being made or
    /// removed.
    #[error("it has no record (run.jsonl)")]
    NoRecord,
    /// It does not say what it is in a file of this user's alone.
    #[error("its record (run.jsonl) is not a file of this user's alone")]
    ForeignRecord,
    /// The record cannot be read.
    #[error("its record (run.jsonl) cannot be read")]
    Unreadable(#[source] io::Error),
    /// The record is not understood.
    #[error("its record (run.jsonl) is not understood")]
    InvalidRecord,
    /// The record is of a newer Tercet.
    #[error("its record (run.jsonl) has format {format}, which another version of Tercet knows")]
    OtherFormat {
        /// The format's number.
        format: u64,
    },
    /// The record is another directory's.
    #[error("it was moved or copied: its record is that of {}", original.display())]
    Moved {
        /// Where it was.
        original: PathBuf,
    },
    /// Its processes cannot be seen from here.
    #[error("it is of another machine or container: its processes cannot be seen from here")]
    Elsewhere,
    /// It cannot be said whether its owner lives.
    #[error("its owner cannot be looked at")]
    OwnerUnknown(#[source] io::Error),
    /// It cannot be looked at.
    #[error("it cannot be looked at")]
    NotSeen(#[source] io::Error),
}
