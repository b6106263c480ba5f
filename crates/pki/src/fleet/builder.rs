//! Describing a fleet that is to be.

use std::time::Duration;

use super::{
    CLIENT_COMMON_NAME, Fleet, LOOPBACK_HOSTS, Layout, Members, Outgoing, Own, SHARED_COMMON_NAME,
};
use crate::issue::name::{self, NameError};
use crate::{Authority, HostError, Identity, IssueError, KeyKind, Leaf};

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
    client_hosts: Vec<String>,
    peer_common_name: Option<String>,
    separate_outgoing: bool,
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

    /// Hosts that the certificates of all clients name: for `--client-cert-allowed-hostname`.
    pub fn client_hosts<H: Into<String>>(mut self, hosts: impl IntoIterator<Item = H>) -> Self {
        self.client_hosts.extend(hosts.into_iter().map(Into::into));
        self
    }

    /// The common name of every member's certificate for its peers, instead of the member's own:
    /// for `--peer-cert-allowed-cn`, which is one name before etcd 3.5.15.
    pub fn peer_common_name(mut self, name: impl Into<String>) -> Self {
        self.peer_common_name = Some(name.into());
        self
    }

    /// Two more certificates for each member, which it shows where it is the one who dials
    /// (`--client-cert-file`, `--peer-client-cert-file`, from etcd 3.5 on). The others then are for
    /// serverAuth alone, and these for clientAuth alone. Not in [`Layout::Shared`], which is about
    /// having one.
    pub fn separate_outgoing(mut self) -> Self {
        self.separate_outgoing = true;
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
    /// [`FleetError::Host`] if a host is none, and [`FleetError::ClientHost`] for a client's;
    /// [`FleetError::NoMembers`]; [`FleetError::SharedOutgoing`] for separate certificates in
    /// [`Layout::Shared`];
    /// [`FleetError::Issue`] if the machine has no random bytes.
    pub fn build(self) -> Result<Fleet, FleetError> {
        let Self { layout, authority, members, clients, .. } = &self;
        if members.is_empty() {
            return Err(FleetError::NoMembers);
        }
        if self.separate_outgoing && *layout == Layout::Shared {
            return Err(FleetError::SharedOutgoing);
        }
        name::members(members.iter().map(|(name, _)| name.as_str()))?;
        let all_clients = clients.iter().map(String::as_str).chain([CLIENT_COMMON_NAME]);
        name::clients(all_clients).map_err(FleetError::Client)?;
        let authority = match authority {
            Some(authority) => authority.clone(),
            None => {
                let builder = Authority::builder("tercet CA").key(self.key);
                builder.generate().map_err(FleetError::Issue)?
            }
        };
        let client = self.client_of(&authority, CLIENT_COMMON_NAME)?;
        let more_clients = clients
            .iter()
            .map(|name| Ok((name.clone(), self.client_of(&authority, name)?)))
            .collect::<Result<_, FleetError>>()?;
        let identities = match layout {
            Layout::PerMember => Members::PerMember(
                members
                    .iter()
                    .map(|(name, hosts)| self.own(&authority, name, hosts))
                    .collect::<Result<_, FleetError>>()?,
            ),
            Layout::Shared => {
                // A host that is none is told with its member, so they are read one by one.
                for (name, hosts) in members {
                    Leaf::peer(name)
                        .hosts(hosts)
                        .parsed_hosts()
                        .map_err(|source| FleetError::Host { member: name.clone(), source })?;
                }
                let hosts: Vec<_> = members.iter().flat_map(|(_, hosts)| hosts).cloned().collect();
                let leaf = Leaf::peer(self.peer_name(SHARED_COMMON_NAME));
                Members::Shared(self.issue(&authority, leaf, &hosts, SHARED_COMMON_NAME)?)
            }
        };
        let names = self.members.into_iter().map(|(name, _)| name).collect();
        Ok(Fleet { authority, client, more_clients, names, members: identities })
    }

    /// What one member has for itself.
    fn own(&self, authority: &Authority, name: &str, hosts: &[String]) -> Result<Own, FleetError> {
        let issue = |leaf: Leaf| self.issue(authority, leaf, hosts, name);
        let (server, peer) = (Leaf::server(name), Leaf::peer(self.peer_name(name)));
        if !self.separate_outgoing {
            return Ok(Own { server: issue(server)?, peer: issue(peer)?, outgoing: None });
        }
        let outgoing = Outgoing {
            server: issue(Leaf::client(name))?,
            peer: issue(Leaf::client(self.peer_name(name)))?,
        };
        Ok(Own {
            // Nothing is wrong with these: it is others that dial.
            server: issue(server.server_only())?,
            peer: issue(peer.server_only())?,
            outgoing: Some(outgoing),
        })
    }

    /// The common name for peers, which by itself is `name`.
    fn peer_name<'a>(&'a self, name: &'a str) -> &'a str {
        self.peer_common_name.as_deref().unwrap_or(name)
    }

    fn issue(
        &self,
        authority: &Authority,
        leaf: Leaf,
        hosts: &[String],
        member: &str,
    ) -> Result<Identity, FleetError> {
        let leaf = self.finished(leaf.hosts(LOOPBACK_HOSTS).hosts(hosts));
        authority.issue(&leaf).map_err(|error| FleetError::of_member(member, error))
    }

    fn client_of(&self, authority: &Authority, name: &str) -> Result<Identity, FleetError> {
        let leaf = self.finished(Leaf::client(name).hosts(&self.client_hosts));
        authority.issue(&leaf).map_err(|error| match error {
            IssueError::Host(source) => FleetError::ClientHost(source),
            other => FleetError::Issue(other),
        })
    }

    fn finished(&self, leaf: Leaf) -> Leaf {
        let leaf = leaf.key(self.key);
        match self.lifetime {
            Some(lifetime) => leaf.valid_for(lifetime),
            None => leaf,
        }
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
    /// A client's host cannot be used.
    #[error("a host of the clients cannot be used")]
    ClientHost(#[source] HostError),
    /// One certificate for all, and separate ones for who dials.
    #[error(
        "members that share one certificate have no separate ones to dial with: give each its own"
    )]
    SharedOutgoing,
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
