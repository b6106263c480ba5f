//! What runs here, and what runs have left: found by their directories, and cleared if nobody owns them
//! any more.
//!
//! Each fleet has a directory, and in it a record of its owner and its processes, locked for as long as
//! the owner lives. What a dead owner leaves is ended and removed by its watchdog within milliseconds,
//! so there is nothing to sweep unless the watchdog died as well, or the machine.
//!
//! What is swept is what is certainly ours and certainly nobody's: a directory of this user with a valid
//! record, whose lock can be had **and** whose owner is gone, told from others of its process id by its
//! start time and by the start of the machine. Of the processes only those that the record names by id
//! **and** start time, or that run on data in that very directory. Everything else is left alone.
//!
//! ```no_run
//! use tercet_cluster::runs::{self, Sweep};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let parent = std::env::temp_dir();
//! for run in runs::list(&parent)?.runs {
//!     println!("{}: {}", run.directory.display(), run.state);
//! }
//! for swept in runs::sweep(&parent, Sweep::default())? {
//!     println!("{}: {}", swept.run.directory.display(), swept.outcome);
//! }
//! # Ok(())
//! # }
//! ```

mod automatic;
mod error;
mod found;
mod look;
mod sweep;
#[cfg(test)]
mod tests;

use std::path::Path;

pub(crate) use self::automatic::sweep_once;
pub use self::error::{RunsError, SweepError};
pub use self::found::{
    Listing, NotOurs, NotOursReason, ProcessState, Run, RunOwner, RunProcess, RunState,
};
pub use self::sweep::{LeftBecause, Sweep, SweepOutcome, Swept};
pub use crate::process::RunProcessKind;

/// The runs whose directories are in `parent`, oldest first, and what is only called like one.
///
/// It takes some milliseconds, and changes nothing. Where one is swept or ends meanwhile, it is
/// missing or what it was.
///
/// # Errors
///
/// When `parent` cannot be listed.
pub fn list(parent: &Path) -> Result<Listing, RunsError> {
    look::list(parent)
}

/// Ends and removes what is stale in `parent`, and says what became of each run there, oldest first.
///
/// It takes milliseconds for each, but for those whose processes do not go. Several may sweep at once:
/// each run is swept by one of them.
///
/// # Errors
///
/// When `parent` cannot be listed. What goes wrong with one run is its [`SweepOutcome::Failed`], and
/// the others are swept all the same.
pub fn sweep(parent: &Path, options: Sweep) -> Result<Vec<Swept>, RunsError> {
    sweep::sweep(parent, options)
}
