//! The sweep at a start.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::sweep::{Sweep, sweep};
use crate::process::owner_in_name;

/// Sweeps `parent` in the background, once in the life of this process. What was to be kept is kept.
///
/// Nobody waits for it and nobody is told of it: whatever it cannot clear, `cargo xtask sweep` says why.
/// A process that ends meanwhile leaves the rest to the next one.
pub(crate) fn sweep_once(parent: &Path) {
    static SWEPT: Mutex<Option<HashSet<PathBuf>>> = Mutex::new(None);
    // The directory of a discovery is in that of its fleet, and nobody else's.
    let is_of_a_run = parent.file_name().and_then(|name| name.to_str()).and_then(owner_in_name);
    let mut swept = SWEPT.lock().unwrap_or_else(PoisonError::into_inner);
    if is_of_a_run.is_some() || !swept.get_or_insert_default().insert(parent.to_owned()) {
        return;
    }
    let parent = parent.to_owned();
    // It starts without, should there be no more threads.
    let _ = std::thread::Builder::new()
        .name("tercet-sweep".to_owned())
        .spawn(move || sweep(&parent, Sweep::default()));
}
