//! What everyone in a fleet has: where a rotation begins, and begins again.

use std::path::PathBuf;

use crate::fleet::chain;
use crate::read::{self, CertificateDetails, ReadError};
use crate::{FleetDirectory, IdentityFiles, Role, SHARED_COMMON_NAME, StoredIdentity};

/// What all members and clients of a fleet have, as it was found: a rotation is planned from this
/// alone, so that it can go on after whatever stopped it.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Holdings {
    /// The members.
    pub members: Vec<Holder>,
    /// The clients that are known. One that is not will be locked out at the end.
    pub clients: Vec<Holder>,
}

/// What a member or a client has. Files may be shared with others: the same path is the same file.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Holder {
    /// Its name.
    pub name: String,
    /// Its files of authorities: `--trusted-ca-file`, `--peer-trusted-ca-file`, `--cacert`. None
    /// where it asks nobody for a certificate, such as a member that only shows its own: that one
    /// needs no restart.
    pub trusted: Vec<Trusted>,
    /// Its identities.
    pub identities: Vec<Held>,
    /// The names of the authorities that a running member asks clients for, in DER, as a handshake
    /// shows them: what it read when it started (etcd never reads that file again). `None` where
    /// nobody has asked; then it is taken for what its files say, and the conditions of the
    /// [`Phase`](super::Phase)s tell what is to be asked.
    pub in_memory: Option<Vec<Vec<u8>>>,
}

/// A file of authorities.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Trusted {
    /// Where it is.
    pub path: PathBuf,
    /// What is in it.
    pub authorities: Vec<CertificateDetails>,
}

/// An identity that is in use.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Held {
    /// Where it is.
    pub files: IdentityFiles,
    /// The certificates of its file, the leaf first.
    pub chain: Vec<CertificateDetails>,
}

impl Holdings {
    /// Adds a member.
    #[must_use]
    pub fn member(mut self, member: Holder) -> Self {
        self.members.push(member);
        self
    }

    /// Adds a client.
    #[must_use]
    pub fn client(mut self, client: Holder) -> Self {
        self.clients.push(client);
        self
    }

    /// Everyone.
    pub fn holders(&self) -> impl Iterator<Item = &Holder> {
        self.members.iter().chain(&self.clients)
    }

    pub(super) fn holders_mut(&mut self) -> impl Iterator<Item = &mut Holder> {
        self.members.iter_mut().chain(&mut self.clients)
    }
}

impl FleetDirectory {
    /// What everyone in this fleet has, by its directory: the members and clients whose
    /// certificates are the fleet's, each with `ca.crt`. In [`Layout::Shared`](crate::Layout) one
    /// holder called [`SHARED_COMMON_NAME`] stands for all members.
    ///
    /// What members that run have in memory is not in a directory. Where it is known, say so with
    /// [`Holder::shows`]; where not, see to it that each phase's `before` is true: whoever was
    /// stopped between writing `ca.crt` and the restarts is not told of the restarts again.
    #[must_use]
    pub fn holdings(&self) -> Holdings {
        let mut holdings = Holdings::default();
        let trusted = Trusted {
            path: self.directory().join("ca.crt"),
            authorities: self.authorities().to_vec(),
        };
        let known = self.identities().iter().filter(|one| one.state.can_be_renewed());
        for StoredIdentity { role, name, files, chain, .. } in known {
            let holders = match role {
                Role::Client => &mut holdings.clients,
                _ => &mut holdings.members,
            };
            let name = name.as_deref().unwrap_or(SHARED_COMMON_NAME);
            let held = Held { files: files.clone(), chain: chain.clone() };
            match holders.iter_mut().find(|holder| holder.name == name) {
                Some(holder) => holder.identities.push(held),
                None => holders.push(Holder {
                    trusted: vec![trusted.clone()],
                    identities: vec![held],
                    ..Holder::new(name)
                }),
            }
        }
        holdings
    }
}

impl Holder {
    /// Someone who has nothing yet.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), trusted: Vec::new(), identities: Vec::new(), in_memory: None }
    }

    /// Adds a file of authorities, as it is in PEM.
    ///
    /// # Errors
    ///
    /// A [`ReadError`] if it holds none.
    pub fn trusts(mut self, path: impl Into<PathBuf>, pem: &[u8]) -> Result<Self, ReadError> {
        self.trusted.push(Trusted { path: path.into(), authorities: read::certificates(pem)? });
        Ok(self)
    }

    /// Adds an identity, with its certificate's file as it is in PEM.
    ///
    /// # Errors
    ///
    /// A [`ReadError`] if it holds none.
    pub fn holds(mut self, files: IdentityFiles, pem: &[u8]) -> Result<Self, ReadError> {
        self.identities.push(Held { files, chain: read::certificates(pem)? });
        Ok(self)
    }

    /// Says which authorities the running member asks clients for.
    #[must_use]
    pub fn shows(mut self, names: impl IntoIterator<Item = Vec<u8>>) -> Self {
        self.in_memory = Some(names.into_iter().collect());
        self
    }

    /// Whether what it runs with has this authority, as far as is known.
    pub(super) fn has_in_memory(&self, authority: &CertificateDetails) -> bool {
        match &self.in_memory {
            Some(names) => names.contains(&authority.subject.der),
            None => self.trusted.iter().all(|trusted| trusted.has(authority)),
        }
    }
}

impl Held {
    /// Whether its certificate leads to this authority, over those that follow it in the file: by
    /// names and signatures alone.
    #[must_use]
    pub fn leads_to(&self, authority: &CertificateDetails) -> bool {
        chain::leads_to(&self.chain, authority)
    }
}

impl Trusted {
    pub(super) fn has(&self, authority: &CertificateDetails) -> bool {
        self.authorities.iter().any(|one| one.certificate == authority.certificate)
    }
}
