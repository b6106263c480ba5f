//! Why runs were not found, or not swept.

use std::io;
use std::path::PathBuf;

/// Why there is no list of runs.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunsError {
    /// The directory of their directories cannot be listed.
    #[error("cannot look for runs in {}", path.display())]
    List {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}

/// Why a stale run was not, or not wholly, cleared. The next sweep tries again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SweepError {
    /// It is not known what runs on it.
    #[error("cannot tell which processes run on it")]
    Processes(#[source] io::Error),
    /// One of its processes does not go.
    #[error("process {pid} ({name}) does not go")]
    Stays {
        /// Its id.
        pid: u32,
        /// What it is.
        name: String,
        /// Why not.
        source: io::Error,
    },
    /// Its directory cannot be removed.
    #[error("cannot remove {}", path.display())]
    Remove {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
}
