//! Making good what a kill left half done. Nothing is remembered anywhere: the names of the files
//! beside their places say how far it was (see [`crate::disk::stage`]), and their contents whether
//! to go on.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::WriteError;
use crate::disk::stage::{self, Beside, Durability, Staged};
use crate::read::{self, CertificateDetails};

use super::chain;

/// What was found half done in a fleet's directory, and how it was ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recovery {
    /// Files that were whole and are in their places now.
    pub finished: Vec<PathBuf>,
    /// Files that were not: what they were to become is as it was before.
    pub discarded: Vec<PathBuf>,
}

impl Recovery {
    /// Whether there was nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.finished.is_empty() && self.discarded.is_empty()
    }
}

/// Finishes what was whole, and takes back the rest. The caller has the directory's lock.
pub(super) fn recover(
    dir: &Path,
    authority_key: Option<&Path>,
    durability: Durability,
) -> Result<Recovery, WriteError> {
    let mut work = Work { durability, recovery: Recovery::default() };
    let (parts, whole): (Vec<_>, Vec<_>) = find(dir, authority_key)?
        .into_iter()
        .partition(|staged| matches!(staged.kind, Beside::Part));
    for part in parts {
        work.discard(&part)?;
    }
    let authorities = dir.join("ca.crt");
    if whole.iter().any(|staged| staged.path == authorities) {
        // A whole fleet, or a new list of authorities: it was the last to be written, so that
        // all is there; and it is the last to be moved, so that this is known until the end.
        let (last, others): (Vec<_>, Vec<_>) =
            whole.into_iter().partition(|staged| staged.path == authorities);
        for staged in others.iter().chain(&last) {
            work.finish(staged)?;
        }
    } else if let Some(authorities) = read_if_there(&authorities)? {
        // A list that is broken accepts nothing.
        work.pairs(&whole, &read::certificates(&authorities).unwrap_or_default())?;
    } else {
        // A fleet that was not all there yet.
        for staged in whole.iter().rev() {
            work.discard(staged)?;
            if let Some(directory) = staged.path.parent().filter(|directory| *directory != dir) {
                stage::discard_directory(directory);
            }
        }
    }
    Ok(work.recovery)
}

struct Work {
    durability: Durability,
    recovery: Recovery,
}

impl Work {
    /// Pairs that were being added or renewed, each by itself.
    fn pairs(
        &mut self,
        whole: &[Staged],
        authorities: &[CertificateDetails],
    ) -> Result<(), WriteError> {
        for staged in whole.iter().filter(|staged| !is_certificate(&staged.path)) {
            let certificate = staged.path.with_extension("crt");
            if !whole.iter().any(|other| other.path == certificate) {
                // The certificate is written second.
                self.discard(staged)?;
            }
        }
        for staged in whole.iter().filter(|staged| is_certificate(&staged.path)) {
            let chain = read_if_there(&staged.kind.of(&staged.path))?.unwrap_or_default();
            let chain = read::certificates(&chain).unwrap_or_default();
            let place = staged.path.with_extension("key");
            let key = whole.iter().find(|other| other.path == place);
            let at = key.map_or_else(|| place.clone(), |key| key.kind.of(&place));
            let fits = match (chain.first(), read_if_there(&at)?) {
                (Some(leaf), Some(key)) => chain::is_key_of(&key, leaf),
                _ => false,
            };
            // The key is moved first. Once it is, there is no way back; before, a certificate of
            // another authority is the start of a whole new fleet, which was not all there.
            if fits && (key.is_none() || chain::is_accepted(&chain, authorities)) {
                for staged in key.into_iter().chain([staged]) {
                    self.finish(staged)?;
                }
            } else {
                for staged in [staged].into_iter().chain(key) {
                    self.discard(staged)?;
                }
            }
        }
        Ok(())
    }

    fn finish(&mut self, staged: &Staged) -> Result<(), WriteError> {
        stage::publish(staged, self.durability)?;
        self.recovery.finished.push(staged.path.clone());
        Ok(())
    }

    fn discard(&mut self, staged: &Staged) -> Result<(), WriteError> {
        stage::discard(staged)?;
        self.recovery.discarded.push(staged.path.clone());
        Ok(())
    }
}

fn is_certificate(path: &Path) -> bool {
    has_end(path, "crt")
}

fn has_end(path: &Path, end: &str) -> bool {
    path.extension().is_some_and(|extension| extension == end)
}

/// Our files beside their places: in the directory, in those below it, and beside the authority's
/// key. Keys come before their certificates.
fn find(dir: &Path, authority_key: Option<&Path>) -> Result<Vec<Staged>, WriteError> {
    let mut found = Vec::new();
    let mut look = |dir: &Path, directories: Option<&mut Vec<PathBuf>>| {
        let failed = |source| WriteError::io("read the directory", dir, source);
        let mut directories = directories;
        for entry in fs::read_dir(dir).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let path = entry.path();
            match Beside::read(&path) {
                Some((kind, path))
                    // Revocation lists as well: they are made again, and not finished.
                    if ["crt", "key", "crl", "der"].into_iter().any(|end| has_end(&path, end)) =>
                {
                    found.push(Staged { kind, path });
                }
                _ => {
                    if let Some(directories) = &mut directories
                        // A member's may be a link to where it is mounted, say.
                        && path.is_dir()
                    {
                        directories.push(path);
                    }
                }
            }
        }
        Ok::<(), WriteError>(())
    };
    let mut directories = Vec::new();
    look(dir, Some(&mut directories))?;
    // Links may lead to one directory twice, or back to the fleet's.
    let real = |path: &Path| path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let mut seen = HashSet::from([real(dir)]);
    for directory in directories {
        if seen.insert(real(&directory)) {
            look(&directory, None)?;
        }
    }
    if let Some(key) = authority_key.filter(|key| key.parent() != Some(dir)) {
        for kind in [Beside::Part, Beside::New, Beside::Next] {
            if kind.of(key).exists() {
                found.push(Staged { kind, path: key.to_owned() });
            }
        }
    }
    found.sort_by(|one, other| {
        let rank = |staged: &Staged| (is_certificate(&staged.path), staged.path.clone());
        rank(one).cmp(&rank(other))
    });
    Ok(found)
}

/// What is in a file; `None` if there is none.
pub(super) fn read_if_there(
    path: &Path,
) -> Result<Option<zeroize::Zeroizing<Vec<u8>>>, WriteError> {
    match fs::read(path) {
        Ok(contents) => Ok(Some(zeroize::Zeroizing::new(contents))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(WriteError::io("read", path, source)),
    }
}
