//! What is to be done, and what must be true before and after.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::disk::Access;
use crate::disk::stage::{self, Durability, Lock, Stage};
use crate::fleet::chain;
use crate::read::CertificateDetails;
use crate::{Identity, IdentityFiles, WriteError};

use super::Holdings;

/// One phase of a rotation: after it, the fleet can stay as it is for as long as it likes.
///
/// Within a phase the order is free: at no moment does anyone refuse anyone, whichever of its
/// changes are made, and whichever members have restarted. (A pair of files changes in two steps;
/// a handshake between them fails, and whoever dialled tries again.)
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Phase {
    /// What it does.
    pub step: Step,
    /// What must be true before it begins. Where one of them is about what a member has in memory
    /// and does not hold, restart that member.
    pub before: Vec<Condition>,
    /// The files that change.
    pub changes: Vec<Change>,
    /// The members that must restart then, since etcd reads its authorities only when it starts:
    /// one at a time, each ready again before the next goes down. Whoever leads hands that over
    /// first (`etcdctl move-leader`), or writes stand still for an election. Clients must be
    /// restarted by whoever runs them.
    pub restarts: Vec<String>,
    /// What is true when it is done.
    pub after: Vec<Condition>,
}

/// What a phase does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Step {
    /// Everyone trusts the old and the new authority.
    TrustBoth,
    /// Members get new certificates.
    RenewMembers,
    /// Clients get new certificates.
    RenewClients,
    /// Everyone trusts the new authority only.
    TrustNew,
    /// Cross certificates, of no use any more, leave the chains.
    DropCross,
}

/// One file, or one pair of files, that changes.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Change {
    /// A file of authorities.
    Authorities {
        /// Where it is.
        path: PathBuf,
        /// Whose it is.
        holders: Vec<String>,
        /// What is to be in it.
        pem: String,
    },
    /// An identity: a key and its chain.
    Identity {
        /// Where it is.
        files: IdentityFiles,
        /// Whose it is.
        holders: Vec<String>,
        /// The new one.
        identity: Identity,
    },
    /// What follows a certificate in its file; the certificate and the key stay.
    Chain {
        /// Where it is.
        path: PathBuf,
        /// Whose it is.
        holders: Vec<String>,
        /// What is to be in it.
        pem: String,
    },
}

/// Something that can be checked on a fleet.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Condition {
    /// This one has the authority in memory: a member shows its name to whoever connects.
    Trusts {
        /// Who.
        holder: String,
        /// Whom.
        authority: CertificateDetails,
    },
    /// This one has the authority in memory no more.
    Distrusts {
        /// Who.
        holder: String,
        /// Whom.
        authority: CertificateDetails,
    },
    /// The certificate in this file leads to the authority.
    LeadsTo {
        /// The file.
        path: PathBuf,
        /// The authority.
        authority: CertificateDetails,
    },
}

impl Change {
    /// The files that it changes, in that order.
    #[must_use]
    pub fn paths(&self) -> Vec<&Path> {
        match self {
            Self::Authorities { path, .. } | Self::Chain { path, .. } => vec![path],
            Self::Identity { files, .. } => vec![&files.key, &files.certificate],
        }
    }

    /// Whose files they are.
    #[must_use]
    pub fn holders(&self) -> &[String] {
        match self {
            Self::Authorities { holders, .. }
            | Self::Chain { holders, .. }
            | Self::Identity { holders, .. } => holders,
        }
    }

    /// Makes the change here, over what is there. Readers see the old file or the new one; what a
    /// kill leaves half done, [`FleetDirectory::recover`](crate::FleetDirectory::recover) ends.
    ///
    /// # Errors
    ///
    /// [`WriteError::Busy`], [`WriteError::Io`].
    pub fn write(&self) -> Result<(), WriteError> {
        self.write_with(Durability::Synced)
    }

    /// The same, with or without waiting for the disk: of a fleet that ends with its directory, a
    /// power cut leaves nothing to go on with. Between the new key and the new certificate then lie
    /// some microseconds instead of the milliseconds of a disk.
    ///
    /// # Errors
    ///
    /// As [`write`](Self::write).
    pub fn write_with(&self, durability: Durability) -> Result<(), WriteError> {
        let paths = self.paths();
        let _locks = paths.first().map(|path| Lock::take_for(path)).transpose()?;
        for path in paths {
            stage::clear(path)?;
        }
        let mut stage = Stage::new(durability);
        match self {
            Self::Authorities { path, pem, .. } | Self::Chain { path, pem, .. } => {
                stage.add(path, Access::Anyone, pem.as_bytes(), true)?;
            }
            Self::Identity { files, identity, .. } => stage.add_pair(files, identity, true)?,
        }
        stage.publish()
    }
}

impl Condition {
    /// Whether it holds; `None` where it is about what a member has in memory, and nobody has
    /// [asked](super::Holder::shows).
    #[must_use]
    pub fn holds(&self, holdings: &Holdings) -> Option<bool> {
        let in_memory = |name: &str, authority: &CertificateDetails| {
            if let Some(member) = holdings.members.iter().find(|member| member.name == name) {
                let names = member.in_memory.as_ref()?;
                return Some(names.contains(&authority.subject.der));
            }
            // Clients read their files whenever they start, and nobody can look inside of them.
            let client = holdings.clients.iter().find(|client| client.name == name)?;
            Some(client.trusted.iter().any(|trusted| trusted.has(authority)))
        };
        match self {
            Self::Trusts { holder, authority } => in_memory(holder, authority),
            Self::Distrusts { holder, authority } => {
                in_memory(holder, authority).map(|trusts| !trusts)
            }
            Self::LeadsTo { path, authority } => {
                let mut held = holdings
                    .holders()
                    .flat_map(|holder| &holder.identities)
                    .filter(|held| held.files.certificate == *path)
                    .peekable();
                Some(
                    held.peek().is_some()
                        && held.all(|held| chain::leads_to(&held.chain, authority)),
                )
            }
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TrustBoth => "trust the old and the new authority",
            Self::RenewMembers => "give the members new certificates",
            Self::RenewClients => "give the clients new certificates",
            Self::TrustNew => "trust the new authority only",
            Self::DropCross => "take the cross certificate out of the chains",
        })
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Authorities { path, .. } => write!(f, "authorities in {}", path.display())?,
            Self::Identity { files, .. } => {
                write!(f, "{}, then {}", files.key.display(), files.certificate.display())?;
            }
            Self::Chain { path, .. } => write!(f, "the chain in {}", path.display())?,
        }
        write!(f, " ({})", self.holders().join(", "))
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Trusts { holder, authority } => {
                write!(f, "{holder} has {} among its authorities", authority.subject.text)
            }
            Self::Distrusts { holder, authority } => {
                write!(f, "{holder} has {} no more among its authorities", authority.subject.text)
            }
            Self::LeadsTo { path, authority } => {
                write!(f, "{} leads to {}", path.display(), authority.subject.text)
            }
        }
    }
}

/// The phase in a line, then a line for each change, restart and condition.
impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.step)?;
        for condition in &self.before {
            write!(f, "\n  first:   {condition}")?;
        }
        for change in &self.changes {
            write!(f, "\n  write:   {change}")?;
        }
        if !self.restarts.is_empty() {
            write!(f, "\n  restart: {}, one after the other", self.restarts.join(", "))?;
        }
        for condition in &self.after {
            write!(f, "\n  then:    {condition}")?;
        }
        Ok(())
    }
}
