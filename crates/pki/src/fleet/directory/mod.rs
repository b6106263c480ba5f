//! A fleet that is in a directory already.

use std::fs;
use std::path::{Path, PathBuf};

use crate::disk::stage::{Durability, Lock};
use crate::read::{self, CertificateDetails, ExtendedKeyUsage, ReadError};
use crate::{Authority, Fleet, IdentityFiles, Layout, LoadError, OutgoingFiles, WriteError};

use super::recover::{self, Recovery, read_if_there};
use super::{AUTHORITY_KEY_FILE, chain};

mod extend;
mod renew;
mod revoke;

pub use extend::{AddOptions, ExtendError};
pub use renew::{Due, Reason, Renewal, RenewalOptions};
pub use revoke::{RevocationFiles, RevokeError};

/// A fleet in a directory, as its files say it is: laid out as [`FleetFiles`](crate::FleetFiles)
/// has it, by whomever.
///
/// Files of other names, and certificates that the fleet's authority did not sign, are left alone.
/// Without the authority's key, it can be looked at, but not extended or renewed.
///
/// ```
/// use tercet_pki::{Fleet, RenewalOptions, WriteOptions};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let scratch = tempfile::tempdir()?;
/// # let dir = scratch.path().join("pki");
/// let fleet = Fleet::builder().member("infra1", ["10.0.0.1"]).build()?;
/// fleet.write_with(&dir, &WriteOptions::default().authority_key_in(&dir))?;
///
/// let mut fleet = Fleet::load(&dir)?;
/// fleet.add_member("infra2", ["10.0.0.2"])?;
/// fleet.add_client("alice")?;
/// let renewal = fleet.renewal(&RenewalOptions::all(), std::time::SystemTime::now().into())?;
/// assert_eq!(renewal.due().len(), 6);
/// fleet.renew(&renewal)?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct FleetDirectory {
    directory: PathBuf,
    layout: Layout,
    authorities: Vec<CertificateDetails>,
    authority: Option<Authority>,
    authority_key: PathBuf,
    identities: Vec<StoredIdentity>,
}

/// What an identity in a directory is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Role {
    /// A member to its clients.
    Server,
    /// A member to its peers.
    Peer,
    /// A member to its own client port, through the gateway, where that is another than
    /// [`Server`](Self::Server).
    ServerOutgoing,
    /// A member to peers that it dials, where that is another than [`Peer`](Self::Peer).
    PeerOutgoing,
    /// All members to everyone, in [`Layout::Shared`].
    Shared,
    /// A client.
    Client,
}

/// A certificate and its key, as they are in a directory.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StoredIdentity {
    /// What it is for.
    pub role: Role,
    /// Whose it is, by the names of the files: a member or a client. `None` for the certificate
    /// that all members share, which does not say who they are.
    pub name: Option<String>,
    /// Where it is.
    pub files: IdentityFiles,
    /// The certificates of its file, the leaf first. Empty if they could not be read.
    pub chain: Vec<CertificateDetails>,
    /// Whether it can be used.
    pub state: PairState,
}

/// Whether a pair of files is an identity of the fleet.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PairState {
    /// It is.
    Sound,
    /// Both files are missing.
    Missing,
    /// The certificate is missing.
    CertificateMissing,
    /// The key is missing.
    KeyMissing,
    /// The certificate's file is not one, and why.
    Unreadable(String),
    /// Key and certificate do not belong together.
    Mismatched,
    /// None of the fleet's authorities signed it. It is somebody else's, and left alone.
    Stranger,
}

impl Fleet {
    /// The fleet in `dir`, with the authority's key if `dir/ca.key` is there.
    ///
    /// # Errors
    ///
    /// As [`FleetDirectory::load`].
    pub fn load(dir: impl AsRef<Path>) -> Result<FleetDirectory, FleetLoadError> {
        let dir = dir.as_ref();
        FleetDirectory::load(dir, dir.join(AUTHORITY_KEY_FILE))
    }
}

impl FleetDirectory {
    /// The fleet in `dir`, with the authority's key if `authority_key` is there. Nothing is
    /// changed.
    ///
    /// # Errors
    ///
    /// [`FleetLoadError::NoAuthority`] if there is no `ca.crt`, [`FleetLoadError::Certificates`] if there is
    /// no certificate in it, [`FleetLoadError::AuthorityKey`] and [`FleetLoadError::ForeignKey`] for a key
    /// that is none, or another's. Damaged pairs are no error: see [`PairState`].
    pub fn load(
        dir: impl Into<PathBuf>,
        authority_key: impl Into<PathBuf>,
    ) -> Result<Self, FleetLoadError> {
        let mut fleet = Self {
            directory: dir.into(),
            layout: Layout::PerMember,
            authorities: Vec::new(),
            authority: None,
            authority_key: authority_key.into(),
            identities: Vec::new(),
        };
        fleet.look_at_all()?;
        Ok(fleet)
    }

    /// The fleet in `dir`, to be looked at: no key of an authority is read, whatever is there.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load), of what is not about that key.
    pub fn load_without_key(dir: impl Into<PathBuf>) -> Result<Self, FleetLoadError> {
        let directory: PathBuf = dir.into();
        let mut fleet = Self {
            authority_key: directory.join(AUTHORITY_KEY_FILE),
            directory,
            layout: Layout::PerMember,
            authorities: Vec::new(),
            authority: None,
            identities: Vec::new(),
        };
        fleet.look_at_authorities()?;
        fleet.look()?;
        Ok(fleet)
    }

    /// Looks at everything, the authorities as well.
    fn look_at_all(&mut self) -> Result<(), FleetLoadError> {
        self.look_at_authorities()?;
        self.authority = load_authority(&self.authorities, &self.authority_key)?;
        Ok(self.look()?)
    }

    fn look_at_authorities(&mut self) -> Result<(), FleetLoadError> {
        let path = self.directory.join("ca.crt");
        let contents = read_if_there(&path)?;
        let contents =
            contents.ok_or_else(|| FleetLoadError::NoAuthority { path: path.clone() })?;
        self.authorities = read::certificates(&contents)
            .map_err(|source| FleetLoadError::Certificates { path, source })?;
        Ok(())
    }

    /// Makes good what a kill left half done, here or in a directory that holds no fleet yet:
    /// every pair is then wholly the old one or wholly the new one, and nothing else is left.
    ///
    /// # Errors
    ///
    /// [`WriteError::Busy`] if the other process is still at it, [`WriteError::Io`].
    pub fn recover(
        dir: impl AsRef<Path>,
        authority_key: impl AsRef<Path>,
    ) -> Result<Recovery, WriteError> {
        let dir = dir.as_ref();
        if !dir.is_dir() {
            return Ok(Recovery::default());
        }
        let _lock = Lock::take(dir)?;
        recover::recover(dir, Some(authority_key.as_ref()), Durability::Synced)
    }

    /// The directory.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Who has which certificate, by the names of the files. A directory without members counts
    /// as [`Layout::PerMember`].
    #[must_use]
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// The authorities of `ca.crt`: more than one while the fleet changes from one to another.
    #[must_use]
    pub fn authorities(&self) -> &[CertificateDetails] {
        &self.authorities
    }

    /// The authority that signs, if its key was found.
    #[must_use]
    pub fn authority(&self) -> Option<&Authority> {
        self.authority.as_ref()
    }

    /// All identities: clients first, then members, by name; the server's before the peer's.
    #[must_use]
    pub fn identities(&self) -> &[StoredIdentity] {
        &self.identities
    }

    /// The names of the members. None in [`Layout::Shared`]: their one certificate names hosts.
    pub fn member_names(&self) -> impl Iterator<Item = &str> {
        self.identities
            .iter()
            .filter(|identity| identity.role == Role::Server)
            .filter_map(|identity| identity.name.as_deref())
    }

    /// The identity of a name and role.
    #[must_use]
    pub fn identity(&self, role: Role, name: Option<&str>) -> Option<&StoredIdentity> {
        self.identities
            .iter()
            .find(|identity| identity.role == role && identity.name.as_deref() == name)
    }

    /// Looks at the directory again.
    fn look(&mut self) -> Result<(), WriteError> {
        let (mut clients, mut members) = (Vec::new(), Vec::new());
        let dir = &self.directory;
        let failed = |source| WriteError::io("read the directory", dir, source);
        for entry in fs::read_dir(dir).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            // A name that is no text is none of ours.
            let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
            if name.starts_with('.') {
                continue;
            }
            if path.is_dir() {
                members.extend(self.member(name, &path)?);
            } else if let Some(stem) = name.strip_suffix(".crt") {
                clients.extend(self.client(stem)?);
            }
        }
        let shared = IdentityFiles::named(dir, "server");
        self.layout = Layout::PerMember;
        if shared.certificate.exists() || shared.key.exists() {
            self.layout = Layout::Shared;
            members = vec![self.pair(Role::Shared, None, shared)?];
        }
        clients.sort_by(|one, other| one.name.cmp(&other.name));
        // Stable: the server's stays before the peer's.
        members.sort_by(|one, other| one.name.cmp(&other.name));
        clients.append(&mut members);
        self.identities = clients;
        Ok(())
    }

    /// The identities of a member, if the directory has any file of the two that all have.
    fn member(&self, name: &str, dir: &Path) -> Result<Vec<StoredIdentity>, WriteError> {
        let name = Some(name.to_owned());
        let server = IdentityFiles::named(dir, "server");
        let peer = IdentityFiles::named(dir, "peer");
        let server = self.pair(Role::Server, name.clone(), server)?;
        let peer = self.pair(Role::Peer, name.clone(), peer)?;
        let mut all = vec![server, peer];
        if all.iter().all(|pair| pair.state == PairState::Missing) {
            return Ok(Vec::new());
        }
        let outgoing = OutgoingFiles::named(dir);
        for (role, files) in
            [(Role::ServerOutgoing, outgoing.server), (Role::PeerOutgoing, outgoing.peer)]
        {
            let pair = self.pair(role, name.clone(), files)?;
            all.extend((pair.state != PairState::Missing).then_some(pair));
        }
        Ok(all)
    }

    /// A client, if the certificate is one's: the fleet's authority signed it for that.
    fn client(&self, stem: &str) -> Result<Option<StoredIdentity>, WriteError> {
        if matches!(stem, "ca" | "server") {
            return Ok(None);
        }
        let files = IdentityFiles::named(&self.directory, stem);
        let pair = self.pair(Role::Client, Some(stem.to_owned()), files)?;
        let is_client = pair.chain.first().is_some_and(|leaf| {
            let usages = leaf.extended_key_usages.as_deref().unwrap_or_default();
            usages.contains(&ExtendedKeyUsage::ClientAuth)
                && !usages.contains(&ExtendedKeyUsage::ServerAuth)
        });
        let ours = !matches!(pair.state, PairState::Stranger | PairState::Unreadable(_));
        Ok((is_client && ours).then_some(pair))
    }

    fn pair(
        &self,
        role: Role,
        name: Option<String>,
        files: IdentityFiles,
    ) -> Result<StoredIdentity, WriteError> {
        let certificate = read_if_there(&files.certificate)?;
        let key = read_if_there(&files.key)?;
        let (mut chain, mut unreadable) = (Vec::new(), None);
        if let Some(contents) = &certificate {
            match read::certificates(contents) {
                Ok(certificates) => chain = certificates,
                Err(error) => unreadable = Some(error.to_string()),
            }
        }
        let state = match (unreadable, chain.first(), key) {
            (Some(why), ..) => PairState::Unreadable(why),
            (None, None, None) => PairState::Missing,
            (None, None, Some(_)) => PairState::CertificateMissing,
            (None, Some(_), _) if !chain::is_accepted(&chain, &self.authorities) => {
                PairState::Stranger
            }
            (None, Some(_), None) => PairState::KeyMissing,
            (None, Some(leaf), Some(key)) if chain::is_key_of(&key, leaf) => PairState::Sound,
            (None, Some(_), Some(_)) => PairState::Mismatched,
        };
        Ok(StoredIdentity { role, name, files, chain, state })
    }
}

fn load_authority(
    authorities: &[CertificateDetails],
    path: &Path,
) -> Result<Option<Authority>, FleetLoadError> {
    let Some(key) = read_if_there(path)? else { return Ok(None) };
    let found = authorities.iter().find(|authority| chain::is_key_of(&key, authority));
    let own = found.ok_or_else(|| FleetLoadError::ForeignKey { path: path.to_owned() })?;
    let failed = |source| FleetLoadError::AuthorityKey { path: path.to_owned(), source };
    // It has been read as PEM, which is ASCII.
    let key = String::from_utf8_lossy(&key);
    // All of them: of an intermediate, those above it ship with its leaves.
    let mut chain = own.certificate.pem();
    for other in authorities.iter().filter(|other| *other != own) {
        chain.push_str(&other.certificate.pem());
    }
    Authority::from_pem(&chain, &key).map(Some).map_err(failed)
}

impl PairState {
    /// Whether there is a certificate of the fleet, from which the next can be made.
    pub(crate) fn can_be_renewed(&self) -> bool {
        matches!(self, Self::Sound | Self::KeyMissing | Self::Mismatched)
    }

    /// What is to be done about it.
    fn remedy(&self) -> &'static str {
        match self.can_be_renewed() {
            true => "renew them, or take them away",
            false => "take them away, and add the member or client again",
        }
    }
}

impl std::fmt::Display for PairState {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Sound => "sound",
            Self::Missing => "both files are missing",
            Self::CertificateMissing => "the certificate is missing",
            Self::KeyMissing => "the key is missing",
            Self::Unreadable(why) => return write!(f, "the certificate cannot be read: {why}"),
            Self::Mismatched => "the key is another's",
            Self::Stranger => "none of the fleet's authorities signed it",
        })
    }
}

/// Why a directory is no fleet.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FleetLoadError {
    /// There is no list of authorities.
    #[error("no fleet is there: {} is missing", path.display())]
    NoAuthority {
        /// Where it should be.
        path: PathBuf,
    },
    /// The list of authorities is none.
    #[error("{} holds no authorities", path.display())]
    Certificates {
        /// Where it is.
        path: PathBuf,
        /// What is wrong with it.
        source: ReadError,
    },
    /// The authority's key cannot be used.
    #[error("the authority's key in {} cannot be used", path.display())]
    AuthorityKey {
        /// Where it is.
        path: PathBuf,
        /// Why.
        source: LoadError,
    },
    /// The key is of none of the authorities in `ca.crt`.
    #[error(
        "{} is the key of none of the fleet's authorities: give the path of the right one",
        path.display()
    )]
    ForeignKey {
        /// Where it is.
        path: PathBuf,
    },
    /// Files that should hold an identity do not.
    #[error(
        "{} and {} are no sound pair ({state})",
        files.certificate.display(),
        files.key.display()
    )]
    Damaged {
        /// The files.
        files: IdentityFiles,
        /// What they are.
        state: PairState,
    },
    /// No member was named.
    #[error("a fleet has at least one member, and none is named")]
    NoMembers,
    /// A file could not be read.
    #[error(transparent)]
    Write(#[from] WriteError),
}

#[cfg(test)]
mod tests;
