//! The identities of a whole fleet.

use std::path::Path;
use std::time::Duration;

#[cfg(feature = "read")]
mod again;
#[cfg(feature = "read")]
pub(crate) mod chain;
#[cfg(feature = "read")]
mod directory;
mod files;
#[cfg(feature = "read")]
mod recover;
mod write;

#[cfg(feature = "read")]
pub use directory::{
    AddOptions, Due, ExtendError, FleetDirectory, FleetLoadError, PairState, Reason, Renewal,
    RenewalOptions, RevocationFiles, RevokeError, Role, StoredIdentity,
};
pub use files::{FleetFiles, IdentityFiles, MemberFiles};
#[cfg(feature = "read")]
pub use recover::Recovery;
pub use write::{AUTHORITY_KEY_FILE, WriteOptions};

use crate::disk::{Access, Draft};
use crate::issue::name::{self, NameError};
use crate::{Authority, HostError, Identity, IssueError, KeyKind, Leaf, WriteError};

/// What every certificate of a member names, before the member's own hosts.
///
/// A fleet on one machine needs `127.0.0.1` even where its URLs say otherwise, since that is where
/// its members dial from (see [`Leaf::peer`]); and on any machine an operator dials `localhost`.
pub const LOOPBACK_HOSTS: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// The common name of [`Fleet::client`].
///
/// Not `root`: with authentication on, the common name is the user, and a test that expects to be
/// turned away would be let in. Whoever wants that issues `Leaf::client("root")`.
pub const CLIENT_COMMON_NAME: &str = "client";

/// The common name of the one certificate that members share in [`Layout::Shared`].
pub const SHARED_COMMON_NAME: &str = "server";

/// Who has which certificate.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Layout {
    /// Each member has one certificate for its clients and one for its peers, with its own hosts
    /// and its name as the common name. What a fleet on several machines should have.
    #[default]
    PerMember,
    /// All members have the same certificate, for clients and peers alike, with the hosts of all:
    /// what tutorials do on one machine.
    Shared,
}

/// An authority, the identities of all members, and one client or more.
///
/// [`FleetFiles`] shows how they are laid out on disk.
#[derive(Debug)]
pub struct Fleet {
    authority: Authority,
    client: Identity,
    /// Other clients, by name.
    more_clients: Vec<(String, Identity)>,
    /// The members' names; never empty.
    names: Vec<String>,
    members: Members,
}

#[derive(Debug)]
enum Members {
    /// Server and peer of each, in the order of the names.
    PerMember(Vec<(Identity, Identity)>),
    Shared(Identity),
}

/// One member of a [`Fleet`], and its identities.
#[derive(Clone, Copy, Debug)]
pub struct Member<'a> {
    name: &'a str,
    server: &'a Identity,
    peer: &'a Identity,
}

impl Fleet {
    /// A fleet of these members, one certificate each for clients and peers, all on this machine:
    /// they name [`LOOPBACK_HOSTS`] and no other. [`Fleet::builder`] knows more.
    ///
    /// # Errors
    ///
    /// As [`FleetBuilder::build`].
    pub fn generate<N: Into<String>>(
        names: impl IntoIterator<Item = N>,
    ) -> Result<Self, FleetError> {
        Self::builder().members(names).build()
    }

    /// A fleet to be described.
    pub fn builder() -> FleetBuilder {
        FleetBuilder::default()
    }

    /// Who signed everything in the fleet.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// A client of the fleet, called [`CLIENT_COMMON_NAME`].
    pub fn client(&self) -> &Identity {
        &self.client
    }

    /// The clients that were named with [`FleetBuilder::client`], in that order.
    pub fn more_clients(&self) -> impl Iterator<Item = (&str, &Identity)> {
        self.more_clients.iter().map(|(name, identity)| (name.as_str(), identity))
    }

    /// Who has which certificate.
    pub fn layout(&self) -> Layout {
        match self.members {
            Members::PerMember(_) => Layout::PerMember,
            Members::Shared(_) => Layout::Shared,
        }
    }

    /// The members, in the order they were named.
    pub fn members(&self) -> impl Iterator<Item = Member<'_>> {
        self.names.iter().enumerate().map(|(index, name)| {
            let (server, peer) = match &self.members {
                Members::PerMember(identities) => {
                    let (server, peer) = &identities[index];
                    (server, peer)
                }
                Members::Shared(identity) => (identity, identity),
            };
            Member { name, server, peer }
        })
    }

    /// The member called `name`.
    pub fn member(&self, name: &str) -> Option<Member<'_>> {
        self.members().find(|member| member.name == name)
    }

    /// Issues one more identity: another client, or one that is wrong.
    ///
    /// # Errors
    ///
    /// As [`Authority::issue`].
    pub fn issue(&self, leaf: &Leaf) -> Result<Identity, IssueError> {
        self.authority.issue(leaf)
    }

    /// Where [`Fleet::write`] writes, without writing.
    pub fn files(&self, dir: impl AsRef<Path>) -> FleetFiles {
        let names = self.names.iter().map(String::as_str);
        let clients = self.more_clients.iter().map(|(name, _)| name);
        let mut files = FleetFiles::of_checked(dir.as_ref(), self.layout(), names);
        files.more_clients = clients.map(|name| IdentityFiles::named(dir.as_ref(), name)).collect();
        files
    }

    /// Writes everything but the authority's key into `dir`, as [`FleetFiles`] lays it out:
    /// certificates 0644, keys 0600, directories that are made 0700.
    ///
    /// # Errors
    ///
    /// [`WriteError::Exists`] if any of the files is there, [`WriteError::Io`] if the file system
    /// refuses. Either way everything that was written before is removed again.
    pub fn write(&self, dir: impl AsRef<Path>) -> Result<FleetFiles, WriteError> {
        let dir = dir.as_ref();
        let files = self.files(dir);
        let mut draft = Draft::default();
        draft.directory(dir)?;
        draft.file(&files.ca, Access::Anyone, self.authority.certificate_pem())?;
        self.client.draft(&mut draft, &files.client)?;
        for ((_, client), files) in self.more_clients.iter().zip(&files.more_clients) {
            client.draft(&mut draft, files)?;
        }
        for (member, files) in self.members().zip(&files.members) {
            match &self.members {
                Members::PerMember(_) => {
                    draft.directory(&dir.join(member.name))?;
                    member.server.draft(&mut draft, &files.server)?;
                    member.peer.draft(&mut draft, &files.peer)?;
                }
                Members::Shared(identity) => {
                    identity.draft(&mut draft, &files.server)?;
                    // The files of the first member are those of all.
                    break;
                }
            }
        }
        draft.keep();
        Ok(files)
    }
}

impl<'a> Member<'a> {
    /// The member's name.
    pub fn name(&self) -> &'a str {
        self.name
    }

    /// What it shows to clients, and to itself through the gateway.
    pub fn server(&self) -> &'a Identity {
        self.server
    }

    /// What it shows to other members. In [`Layout::Shared`], the same as
    /// [`server`](Self::server).
    pub fn peer(&self) -> &'a Identity {
        self.peer
    }
}

/// A [`Fleet`] to be.
///
/// ```
/// use tercet_pki::{Fleet, Layout};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let fleet = Fleet::builder()
///     .layout(Layout::Shared)
///     .member("infra1", ["10.0.0.1", "infra1.example.com"])
///     .member("infra2", ["10.0.0.2"])
///     .build()?;
/// assert_eq!(fleet.members().count(), 2);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Default)]
#[must_use = "a fleet is made by `build`"]
pub struct FleetBuilder {
    layout: Layout,
    authority: Option<Authority>,
    /// Names, and hosts besides the loopback's.
    members: Vec<(String, Vec<String>)>,
    /// Besides the one called [`CLIENT_COMMON_NAME`].
    clients: Vec<String>,
    key: KeyKind,
    lifetime: Option<Duration>,
}

impl FleetBuilder {
    /// Who has which certificate; [`Layout::PerMember`] unless said.
    pub fn layout(mut self, layout: Layout) -> Self {
        self.layout = layout;
        self
    }

    /// Who signs; a new authority unless said.
    pub fn authority(mut self, authority: Authority) -> Self {
        self.authority = Some(authority);
        self
    }

    /// Adds a member whose certificates name these hosts besides [`LOOPBACK_HOSTS`]: all those in
    /// its URLs, and the addresses it dials its peers from.
    pub fn member<H: Into<String>>(
        mut self,
        name: impl Into<String>,
        hosts: impl IntoIterator<Item = H>,
    ) -> Self {
        self.members.push((name.into(), hosts.into_iter().map(Into::into).collect()));
        self
    }

    /// Adds members that are on this machine alone.
    pub fn members<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Self {
        self.members.extend(names.into_iter().map(|name| (name.into(), Vec::new())));
        self
    }

    /// Adds a client besides the one called [`CLIENT_COMMON_NAME`]: `NAME.crt` and `NAME.key`.
    /// Where etcd's authentication is on, its name is the user.
    pub fn client(mut self, name: impl Into<String>) -> Self {
        self.clients.push(name.into());
        self
    }

    /// The kind of all keys, of the authority's too if it is made here; [`KeyKind::P256`] unless
    /// said.
    pub fn key(mut self, kind: KeyKind) -> Self {
        self.key = kind;
        self
    }

    /// How long all leaves are valid, instead of [`LEAF_LIFETIME`](crate::LEAF_LIFETIME).
    pub fn valid_for(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }

    /// Makes the keys and signs the certificates.
    ///
    /// # Errors
    ///
    /// [`FleetError::Name`] if a member's name cannot be one, or two have the same, and
    /// [`FleetError::Client`] for a client's;
    /// [`FleetError::Host`] if a host is none; [`FleetError::NoMembers`];
    /// [`FleetError::Issue`] if the machine has no random bytes.
    pub fn build(self) -> Result<Fleet, FleetError> {
        let Self { layout, authority, members, clients, key, lifetime } = self;
        if members.is_empty() {
            return Err(FleetError::NoMembers);
        }
        name::members(members.iter().map(|(name, _)| name.as_str()))?;
        let all_clients = clients.iter().map(String::as_str).chain([CLIENT_COMMON_NAME]);
        name::clients(all_clients).map_err(FleetError::Client)?;
        let authority = match authority {
            Some(authority) => authority,
            None => {
                Authority::builder("tercet CA").key(key).generate().map_err(FleetError::Issue)?
            }
        };
        let finished = |leaf: Leaf| match lifetime {
            Some(lifetime) => leaf.key(key).valid_for(lifetime),
            None => leaf.key(key),
        };
        let client = finished(Leaf::client(CLIENT_COMMON_NAME));
        let client = authority.issue(&client).map_err(FleetError::Issue)?;
        let more_clients = clients
            .into_iter()
            .map(|name| {
                let identity = authority.issue(&finished(Leaf::client(&name)));
                identity.map(|identity| (name, identity)).map_err(FleetError::Issue)
            })
            .collect::<Result<_, FleetError>>()?;

        let issue = |leaf: Leaf, hosts: &[String], member: &str| {
            let leaf = finished(leaf.hosts(LOOPBACK_HOSTS).hosts(hosts));
            authority.issue(&leaf).map_err(|error| FleetError::of_member(member, error))
        };
        let identities = match layout {
            Layout::PerMember => Members::PerMember(
                members
                    .iter()
                    .map(|(name, hosts)| {
                        let server = issue(Leaf::server(name), hosts, name)?;
                        let peer = issue(Leaf::peer(name), hosts, name)?;
                        Ok((server, peer))
                    })
                    .collect::<Result<_, FleetError>>()?,
            ),
            Layout::Shared => {
                // A host that is none is told with its member, so they are read one by one.
                for (name, hosts) in &members {
                    Leaf::peer(name)
                        .hosts(hosts)
                        .parsed_hosts()
                        .map_err(|source| FleetError::Host { member: name.clone(), source })?;
                }
                let hosts: Vec<_> = members.iter().flat_map(|(_, hosts)| hosts).cloned().collect();
                let leaf = Leaf::peer(SHARED_COMMON_NAME);
                Members::Shared(issue(leaf, &hosts, SHARED_COMMON_NAME)?)
            }
        };
        let names = members.into_iter().map(|(name, _)| name).collect();
        Ok(Fleet { authority, client, more_clients, names, members: identities })
    }
}

/// Why there is no fleet.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FleetError {
    /// Nobody is in it.
    #[error("a fleet has at least one member: add one with `.member(name, hosts)`")]
    NoMembers,
    /// A member's name cannot be used.
    #[error("a member's name cannot be used")]
    Name(#[from] NameError),
    /// A client's name cannot be used.
    #[error("a client's name cannot be used")]
    Client(#[source] NameError),
    /// A member's host cannot be used.
    #[error("a host of member {member:?} cannot be used")]
    Host {
        /// Whose.
        member: String,
        /// Why.
        source: HostError,
    },
    /// A certificate could not be issued.
    #[error("a certificate of the fleet could not be issued")]
    Issue(#[source] IssueError),
}

impl FleetError {
    fn of_member(member: &str, error: IssueError) -> Self {
        match error {
            IssueError::Host(source) => Self::Host { member: member.to_owned(), source },
            other => Self::Issue(other),
        }
    }
}

#[cfg(test)]
mod tests;
