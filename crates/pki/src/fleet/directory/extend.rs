//! More members and clients for a fleet in a directory.

use time::OffsetDateTime;

use crate::disk::stage::{Durability, Lock, Stage};
use crate::issue::name;
use crate::{
    Authority, FleetDirectory, Host, HostError, IdentityFiles, IssueError, KeyError,
    LOOPBACK_HOSTS, Layout, Leaf, NameError, PairState, Reissue, Role, StoredIdentity, WriteError,
};

use super::recover;

impl FleetDirectory {
    /// Adds a member: its two identities, or in [`Layout::Shared`] one certificate for all with
    /// its hosts added to those it had. The loopback's names are added as for every member.
    ///
    /// Killed in between, it is run again: what is there already is left as it is, and what is
    /// missing is made. Returns what was written; the other members need none of it.
    ///
    /// # Errors
    ///
    /// [`ExtendError::NoAuthorityKey`]; [`ExtendError::Name`] and [`ExtendError::Host`] for what
    /// cannot be a member; [`ExtendError::Exists`] if the member is there and whole;
    /// [`ExtendError::Damaged`] if one of its pairs needs to be renewed or removed first.
    pub fn add_member<H: Into<String>>(
        &mut self,
        name: &str,
        hosts: impl IntoIterator<Item = H>,
    ) -> Result<Vec<IdentityFiles>, ExtendError> {
        name::members([name])?;
        let hosts: Vec<String> = hosts.into_iter().map(Into::into).collect();
        for host in &hosts {
            host.parse::<Host>()?;
        }
        let _lock = self.lock()?;
        match self.layout {
            Layout::PerMember => self.add_own(name, &hosts),
            Layout::Shared => self.add_shared(&hosts),
        }
    }

    /// Adds a client: `NAME.crt` and `NAME.key`, with `name` as the common name, which is the user
    /// where etcd's authentication is on.
    ///
    /// # Errors
    ///
    /// As for [`add_member`](Self::add_member).
    pub fn add_client(&mut self, name: &str) -> Result<IdentityFiles, ExtendError> {
        name::clients([name])?;
        let files = IdentityFiles::named(&self.directory, name);
        let _lock = self.lock()?;
        let identity = self.signer()?.issue(&Leaf::client(name))?;
        self.write([(&files, &identity)], false)?;
        Ok(files)
    }

    /// The authority, if it can sign something that is of use.
    pub(super) fn signer(&self) -> Result<&Authority, ExtendError> {
        let authority = self.authority.as_ref().ok_or_else(|| ExtendError::NoAuthorityKey {
            certificate: self.directory.join("ca.crt"),
            key: self.authority_key.clone(),
        })?;
        // What ends within a day has no time left for being handed out.
        let end = self.authority_end(authority);
        if end < OffsetDateTime::now_utc() + time::Duration::DAY {
            let common_name = authority.common_name().to_owned();
            return Err(ExtendError::AuthorityEnds { common_name, end: end.date() });
        }
        Ok(authority)
    }

    pub(super) fn authority_end(&self, authority: &Authority) -> OffsetDateTime {
        let own = self.authorities.iter().find(|one| one.certificate == *authority.certificate());
        own.map_or(OffsetDateTime::UNIX_EPOCH, |own| own.not_after)
    }

    /// Keeps others out, and makes good what one of them may have left.
    pub(super) fn lock(&mut self) -> Result<Lock, WriteError> {
        let lock = Lock::take(&self.directory)?;
        recover::recover(&self.directory, Some(&self.authority_key), Durability::Synced)?;
        self.look()?;
        Ok(lock)
    }

    /// Writes pairs, each in two steps that a kill cannot part for long, and looks again.
    pub(super) fn write<'a>(
        &mut self,
        pairs: impl IntoIterator<Item = (&'a IdentityFiles, &'a crate::Identity)>,
        overwrite: bool,
    ) -> Result<(), WriteError> {
        let mut stage = Stage::new(Durability::Synced);
        for (files, identity) in pairs {
            if let Some(directory) = files.key.parent() {
                stage.directory(directory)?;
            }
            stage.add_pair(files, identity, overwrite)?;
        }
        stage.publish()?;
        self.look()
    }

    fn add_own(&mut self, name: &str, hosts: &[String]) -> Result<Vec<IdentityFiles>, ExtendError> {
        let dir = self.directory.join(name);
        let mut made = Vec::new();
        for (role, leaf, stem) in
            [(Role::Server, Leaf::server(name), "server"), (Role::Peer, Leaf::peer(name), "peer")]
        {
            let state = self.identity(role, Some(name)).map(|identity| &identity.state);
            match state {
                None | Some(PairState::Missing) => {}
                Some(PairState::Sound) => continue,
                Some(state) => {
                    let files = IdentityFiles::named(&dir, stem);
                    return Err(ExtendError::Damaged { files, state: state.clone() });
                }
            }
            let leaf = leaf.hosts(LOOPBACK_HOSTS).hosts(hosts);
            made.push((IdentityFiles::named(&dir, stem), self.signer()?.issue(&leaf)?));
        }
        if made.is_empty() {
            return Err(ExtendError::Exists { name: name.to_owned() });
        }
        self.write(made.iter().map(|(files, identity)| (files, identity)), false)?;
        Ok(made.into_iter().map(|(files, _)| files).collect())
    }

    fn add_shared(&mut self, hosts: &[String]) -> Result<Vec<IdentityFiles>, ExtendError> {
        let Some(shared) = self.identity(Role::Shared, None) else { return Ok(Vec::new()) };
        let StoredIdentity { files, chain, state, .. } = shared;
        let (PairState::Sound, Some(leaf)) = (state, chain.first()) else {
            let (files, state) = (files.clone(), state.clone());
            return Err(ExtendError::Damaged { files, state });
        };
        let names = leaf.names.clone().unwrap_or_default();
        let mut reissue = Reissue::default();
        let mut missing = false;
        for host in hosts {
            let host = host.parse()?;
            let is_there = match &host {
                Host::Ip(ip) => names.ip.contains(ip),
                Host::Dns(name) => names.dns.iter().any(|one| one.eq_ignore_ascii_case(name)),
            };
            if !is_there {
                missing = true;
                reissue = reissue.host(host);
            }
        }
        // It was here before, or shares the hosts of another.
        if !missing {
            return Ok(Vec::new());
        }
        let files = files.clone();
        let identity = self.signer()?.reissue(leaf, &reissue)?;
        self.write([(&files, &identity)], true)?;
        Ok(vec![files])
    }
}

/// Why a fleet could not be extended or renewed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExtendError {
    /// The authority's key is not there.
    #[error(
        "nothing can be signed: the key of {} is not in {}; give the path where it is kept",
        certificate.display(),
        key.display()
    )]
    NoAuthorityKey {
        /// The authority's certificate.
        certificate: std::path::PathBuf,
        /// Where its key was looked for.
        key: std::path::PathBuf,
    },
    /// The authority's own certificate has ended, or ends within a day: leaves would end with it.
    #[error(
        "the authority {common_name:?} ends on {end}: change to a new one first \
         (a rotation by bundle or by cross-signing)"
    )]
    AuthorityEnds {
        /// The authority's common name.
        common_name: String,
        /// The day it ends.
        end: time::Date,
    },
    /// The member or client cannot be called so.
    #[error("the name cannot be used")]
    Name(#[from] NameError),
    /// A host is none.
    #[error("a host cannot be used")]
    Host(#[from] HostError),
    /// The member is there, and whole.
    #[error("member {name:?} is there already; to give it a new certificate, renew it")]
    Exists {
        /// Its name.
        name: String,
    },
    /// A pair of files is not what it should be.
    #[error(
        "{} and {} are no sound pair ({state}); renew them, or take them away",
        files.certificate.display(),
        files.key.display()
    )]
    Damaged {
        /// The pair.
        files: IdentityFiles,
        /// What it is.
        state: PairState,
    },
    /// The pair is not as it was when the renewal was planned.
    #[error("{} has changed since the renewal was planned: plan it again", path.display())]
    Changed {
        /// Its certificate.
        path: std::path::PathBuf,
    },
    /// A key that was to be kept cannot be used.
    #[error("the key in {} cannot be kept", path.display())]
    Key {
        /// Where it is.
        path: std::path::PathBuf,
        /// Why not.
        source: KeyError,
    },
    /// A certificate could not be issued.
    #[error("a certificate could not be issued")]
    Issue(#[from] IssueError),
    /// A file could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}
