//! More members and clients for a fleet in a directory.

use std::time::Duration;

use time::OffsetDateTime;

use crate::disk::stage::{Durability, Lock, Stage};
use crate::issue::{name, reissue};
use crate::{
    Authority, FleetDirectory, FleetLoadError, Host, HostError, IdentityFiles, IssueError, Key,
    KeyError, KeyKind, LEAF_LIFETIME, LOOPBACK_HOSTS, Layout, Leaf, NameError, PairState, Reissue,
    Role, StoredIdentity, WriteError,
};

use super::recover;

/// What a new member or client has that the others have not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use = "options do nothing until something is added with them"]
pub struct AddOptions {
    key: Option<KeyKind>,
    lifetime: Option<Duration>,
}

impl AddOptions {
    /// The kind of its keys, instead of that of the certificate of a member that was issued last.
    pub fn key(mut self, kind: KeyKind) -> Self {
        self.key = Some(kind);
        self
    }

    /// How long its certificates are valid, instead of as long as that of the member is.
    pub fn valid_for(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }
}

impl FleetDirectory {
    /// Adds a member, with keys of the kind and certificates of the lifetime that the fleet's
    /// members have: [`add_member_with`](Self::add_member_with) without options.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn add_member<H: Into<String>>(
        &mut self,
        name: &str,
        hosts: impl IntoIterator<Item = H>,
    ) -> Result<Vec<IdentityFiles>, ExtendError> {
        self.add_member_with(name, hosts, &AddOptions::default())
    }

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
    pub fn add_member_with<H: Into<String>>(
        &mut self,
        name: &str,
        hosts: impl IntoIterator<Item = H>,
        options: &AddOptions,
    ) -> Result<Vec<IdentityFiles>, ExtendError> {
        name::members([name])?;
        let hosts: Vec<String> = hosts.into_iter().map(Into::into).collect();
        for host in &hosts {
            host.parse::<Host>()?;
        }
        let _lock = self.lock()?;
        match self.layout {
            Layout::PerMember => self.add_own(name, &hosts, options),
            Layout::Shared => self.add_shared(&hosts, options),
        }
    }

    /// Adds a client: [`add_client_with`](Self::add_client_with) without options.
    ///
    /// # Errors
    ///
    /// As for [`add_member_with`](Self::add_member_with).
    pub fn add_client(&mut self, name: &str) -> Result<IdentityFiles, ExtendError> {
        self.add_client_with(name, &AddOptions::default())
    }

    /// Adds a client: `NAME.crt` and `NAME.key`, with `name` as the common name, which is the user
    /// where etcd's authentication is on.
    ///
    /// # Errors
    ///
    /// As for [`add_member_with`](Self::add_member_with).
    pub fn add_client_with(
        &mut self,
        name: &str,
        options: &AddOptions,
    ) -> Result<IdentityFiles, ExtendError> {
        name::clients([name])?;
        let files = IdentityFiles::named(&self.directory, name);
        let _lock = self.lock()?;
        let leaf = self.as_others(Leaf::client(name), options);
        let identity = self.signer()?.issue(&leaf)?;
        self.write([(&files, &identity)], false)?;
        Ok(files)
    }

    /// As the options say, or the newest certificate of a member.
    fn as_others(&self, leaf: Leaf, options: &AddOptions) -> Leaf {
        let newest = self
            .identities
            .iter()
            .filter(|one| one.state == PairState::Sound && one.role != Role::Client)
            .filter_map(|one| one.chain.first())
            .max_by_key(|leaf| leaf.not_before);
        let kind = newest.map(|leaf| reissue::kind(&leaf.public_key));
        let lifetime = newest.map(reissue::lifetime);
        leaf.key(options.key.or(kind).unwrap_or_default())
            .valid_for(options.lifetime.or(lifetime).unwrap_or(LEAF_LIFETIME))
    }

    /// The authority, if it can sign something that is of use.
    pub(super) fn signer(&self) -> Result<&Authority, ExtendError> {
        let authority = self.with_key()?;
        let now = OffsetDateTime::now_utc();
        let own = self.authorities.iter().find(|one| one.certificate == *authority.certificate());
        if let Some(begin) = own.map(|own| own.not_before).filter(|begin| *begin > now) {
            let common_name = authority.common_name().to_owned();
            return Err(ExtendError::AuthorityBegins { common_name, begin, now });
        }
        // What ends within a day has no time left for being handed out.
        let end = self.authority_end(authority);
        if end < now + time::Duration::DAY {
            let common_name = authority.common_name().to_owned();
            return Err(ExtendError::AuthorityEnds { common_name, end: end.date() });
        }
        Ok(authority)
    }

    pub(super) fn with_key(&self) -> Result<&Authority, ExtendError> {
        self.authority.as_ref().ok_or_else(|| ExtendError::NoAuthorityKey {
            certificate: self.directory.join("ca.crt"),
            key: self.authority_key.clone(),
        })
    }

    pub(super) fn authority_end(&self, authority: &Authority) -> OffsetDateTime {
        let own = self.authorities.iter().find(|one| one.certificate == *authority.certificate());
        own.map_or(OffsetDateTime::UNIX_EPOCH, |own| own.not_after)
    }

    /// Keeps others out, and makes good what one of them may have left.
    /// The authority may be another's by now as well.
    pub(super) fn lock(&mut self) -> Result<Lock, ExtendError> {
        let lock = Lock::take(&self.directory)?;
        recover::recover(&self.directory, Some(&self.authority_key), Durability::Synced)?;
        self.look_at_all()?;
        Ok(lock)
    }

    /// Writes pairs, each in two steps that a kill cannot part for long, and looks again.
    fn write<'a>(
        &mut self,
        pairs: impl IntoIterator<Item = (&'a IdentityFiles, &'a crate::Identity)>,
        overwrite: bool,
    ) -> Result<(), WriteError> {
        put(pairs, overwrite)?;
        self.look()
    }

    fn add_own(
        &mut self,
        name: &str,
        hosts: &[String],
        options: &AddOptions,
    ) -> Result<Vec<IdentityFiles>, ExtendError> {
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
            let leaf = self.as_others(leaf.hosts(LOOPBACK_HOSTS).hosts(hosts), options);
            made.push((IdentityFiles::named(&dir, stem), self.signer()?.issue(&leaf)?));
        }
        if made.is_empty() {
            return Err(ExtendError::Exists { name: name.to_owned() });
        }
        self.write(made.iter().map(|(files, identity)| (files, identity)), false)?;
        Ok(made.into_iter().map(|(files, _)| files).collect())
    }

    fn add_shared(
        &mut self,
        hosts: &[String],
        options: &AddOptions,
    ) -> Result<Vec<IdentityFiles>, ExtendError> {
        let Some(shared) = self.identity(Role::Shared, None) else { return Ok(Vec::new()) };
        let StoredIdentity { files, chain, state, .. } = shared;
        let (PairState::Sound, Some(leaf)) = (state, chain.first()) else {
            let (files, state) = (files.clone(), state.clone());
            return Err(ExtendError::Damaged { files, state });
        };
        let names = leaf.names.clone().unwrap_or_default();
        let mut reissue = Reissue::default();
        if let Some(kind) = options.key {
            reissue = reissue.key(Key::generate(kind).map_err(IssueError::from)?);
        }
        if let Some(lifetime) = options.lifetime {
            reissue = reissue.lifetime(lifetime);
        }
        let mut missing = false;
        for host in LOOPBACK_HOSTS.into_iter().chain(hosts.iter().map(String::as_str)) {
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

/// Writes pairs, each in two steps that a kill cannot part for long.
pub(super) fn put<'a>(
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
    stage.publish()
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
    /// The authority's certificate is not valid yet. A clock that was set back would replace good
    /// certificates by some that have long expired.
    #[error(
        "the authority {common_name:?} is valid from {begin} on, and here it is {now}: nothing is \
         signed until this machine's clock is right"
    )]
    AuthorityBegins {
        /// The authority's common name.
        common_name: String,
        /// When it begins.
        begin: OffsetDateTime,
        /// The time here.
        now: OffsetDateTime,
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
        "{} and {} are no sound pair ({state}); {}",
        files.certificate.display(),
        files.key.display(),
        state.remedy()
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
    /// The directory is no longer that of a fleet.
    #[error(transparent)]
    Load(#[from] FleetLoadError),
    /// A file could not be written.
    #[error(transparent)]
    Write(#[from] WriteError),
}
