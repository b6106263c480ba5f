//! Writing a whole fleet for real hosts.

use std::path::{Path, PathBuf};

use super::{Fleet, FleetFiles, Members};
use crate::disk::Access;
use crate::disk::stage::{Durability, Lock, Stage};
use crate::{IdentityFiles, WriteError};

/// The name of the file with the authority's key, where it is written at all.
pub const AUTHORITY_KEY_FILE: &str = "ca.key";

/// How [`Fleet::write_with`] writes.
///
/// As it is made, it does what [`Fleet::write`] does: no key of the authority, nothing overwritten,
/// nothing synced.
///
/// ```
/// use tercet_pki::{Durability, Fleet, WriteOptions};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let scratch = tempfile::tempdir()?;
/// # let (dir, safe) = (scratch.path().join("pki"), scratch.path().join("safe"));
/// let fleet = Fleet::builder().member("infra1", ["10.0.0.1"]).build()?;
/// let options = WriteOptions::default().authority_key_in(&safe).durability(Durability::Synced);
/// fleet.write_with(&dir, &options)?;
/// assert!(safe.join("ca.key").exists());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "options do nothing until a fleet is written with them"]
pub struct WriteOptions {
    authority_key_in: Option<PathBuf>,
    overwrite: bool,
    durability: Durability,
}

impl WriteOptions {
    /// Writes the authority's key as well: `ca.key`, 0600, into a directory that is made (0700) if
    /// there is none. Who has it can join the fleet: it belongs on no member.
    pub fn authority_key_in(mut self, directory: impl Into<PathBuf>) -> Self {
        self.authority_key_in = Some(directory.into());
        self
    }

    /// Writes over what is there, keys included. Files of other names are left alone.
    pub fn overwrite(mut self) -> Self {
        self.overwrite = true;
        self
    }

    /// Whether to wait for the disk.
    pub fn durability(mut self, durability: Durability) -> Self {
        self.durability = durability;
        self
    }

    /// Where the authority's key goes, if it is written.
    #[must_use]
    pub fn authority_key_file(&self) -> Option<PathBuf> {
        self.authority_key_in.as_ref().map(|directory| directory.join(AUTHORITY_KEY_FILE))
    }
}

impl Fleet {
    /// Writes the fleet into `dir`, as [`FleetFiles`] lays it out, so that a kill at any moment
    /// can be made good: everything is written beside its place, the authority's certificate last,
    /// and then moved. Whoever finds that certificate beside its place knows that all is there,
    /// and moves the rest (with the feature `read`, this function and
    /// [`Fleet::load`](crate::Fleet::load) do).
    ///
    /// # Errors
    ///
    /// [`WriteError::Exists`] if a file is there and was not to be overwritten: then nothing was
    /// changed. [`WriteError::Busy`] if another process is at work in `dir`, [`WriteError::Io`] if
    /// the file system refuses.
    pub fn write_with(
        &self,
        dir: impl AsRef<Path>,
        options: &WriteOptions,
    ) -> Result<FleetFiles, WriteError> {
        let dir = dir.as_ref();
        let files = self.files(dir);
        let mut stage = Stage::new(options.durability);
        stage.directory(dir)?;
        let _lock = Lock::take(dir)?;
        let key_file = options.authority_key_file();
        #[cfg(feature = "read")]
        super::recover::recover(dir, key_file.as_deref(), options.durability)?;
        if let (Some(key_file), Some(directory)) = (&key_file, &options.authority_key_in) {
            stage.directory(directory)?;
            let key = self.authority.key_pem();
            stage.add(key_file, Access::Owner, key.as_bytes(), options.overwrite)?;
        }
        for (files, identity) in self.pairs(&files) {
            if let Some(directory) = files.key.parent() {
                stage.directory(directory)?;
            }
            stage.add_pair(files, identity, options.overwrite)?;
        }
        // Last: it says that all is there.
        let authority = self.authority.certificate_pem().as_bytes();
        stage.add(&files.ca, Access::Anyone, authority, options.overwrite)?;
        stage.publish()?;
        Ok(files)
    }

    /// Every identity and its place, each place once.
    fn pairs<'a>(&'a self, files: &'a FleetFiles) -> Vec<(&'a IdentityFiles, &'a crate::Identity)> {
        let mut pairs = vec![(&files.client, &self.client)];
        let more = self.more_clients.iter().map(|(_, identity)| identity);
        pairs.extend(files.more_clients.iter().zip(more));
        match &self.members {
            Members::PerMember(identities) => {
                for (own, files) in identities.iter().zip(&files.members) {
                    pairs.push((&files.server, &own.server));
                    pairs.push((&files.peer, &own.peer));
                    if let (Some(outgoing), Some(files)) = (&own.outgoing, &files.outgoing) {
                        pairs.push((&files.server, &outgoing.server));
                        pairs.push((&files.peer, &outgoing.peer));
                    }
                }
            }
            // The files of the first member are those of all.
            Members::Shared(identity) => {
                pairs.extend(files.members.first().map(|files| (&files.server, identity)));
            }
        }
        pairs
    }
}

#[cfg(test)]
mod tests;
