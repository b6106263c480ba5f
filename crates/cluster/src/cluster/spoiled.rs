//! Which files of a fleet are wrong on purpose.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The files that are wrong on purpose. Each is so in one way at a time: putting back what was there
/// before would else bring back what another had put there.
#[derive(Debug, Default)]
pub(crate) struct Spoiled(Mutex<Vec<PathBuf>>);

impl Spoiled {
    /// Notes that `path` is about to be; false when it is already.
    pub(crate) fn begin(&self, path: &Path) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = !all.iter().any(|known| known == path);
        if is_new {
            all.push(path.to_owned());
        }
        is_new
    }

    /// Notes that `path` is as it was.
    pub(crate) fn end(&self, path: &Path) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).retain(|known| known != path);
    }

    /// One that is, if any is.
    pub(crate) fn any(&self) -> Option<PathBuf> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).first().cloned()
    }
}
