//! One member of a plan.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use tercet_pki::{IdentityFiles, MemberFiles};

use super::address::Address;
use super::configuration::ConfigurationFile;
use super::environment::Environment;
use super::host::MemberHost;
use super::joining::DiscoveryService;
use super::security::Protection;
use crate::binary::Release;
use tercet_pki::doctor::Port;

/// What one member is to be: all that a [`Plan`](super::Plan) needs to know of it beside what is
/// the same for the whole fleet.
///
/// A member that runs is changed by planning it anew from its own spec:
/// `plan.member(member.spec().clone().release(newer))`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a spec does nothing until it is planned"]
pub struct MemberSpec {
    pub(super) name: String,
    pub(super) address: Address,
    /// Where its ports are on another host than this one, which are nobody's to hold.
    pub(super) host: Option<MemberHost>,
    pub(super) release: Release,
    pub(super) entry: Entry,
    pub(super) extra: Vec<(String, String)>,
    /// Whom it trusts among clients and among peers, where that is not the fleet's authority.
    pub(super) trusts: [Option<PathBuf>; 2],
}

/// How a member comes into its fleet, the first time that it runs. Later, etcd goes by its data.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Entry {
    /// All members of a new fleet know of each other (`--initial-cluster-state=new`).
    Founder {
        /// `NAME=URL` of each founder, with commas between them.
        initial_cluster: String,
    },
    /// The fleet runs, and has been told of it before (`--initial-cluster-state=existing`).
    Joiner {
        /// `NAME=URL` of each member that the fleet then has, itself among them.
        initial_cluster: String,
    },
    /// All members of a new fleet enter themselves there, and wait until all have.
    Discovery {
        /// Where.
        service: DiscoveryService,
    },
    /// It is in its fleet: its data say all that has to be known.
    Settled,
}

impl MemberSpec {
    /// A member called `name` at `address`, run by `release`, that comes into its fleet by `entry`.
    pub fn new(name: impl Into<String>, address: Address, release: Release, entry: Entry) -> Self {
        Self {
            name: name.into(),
            address,
            host: None,
            release,
            entry,
            extra: Vec::new(),
            trusts: [None, None],
        }
    }

    /// How it comes in, if it has no data yet.
    pub fn entry(mut self, entry: Entry) -> Self {
        self.entry = entry;
        self
    }

    /// A member on a host of its own, which has its name.
    pub fn on(host: MemberHost, release: Release, entry: Entry) -> Self {
        let (name, address) = (host.member().to_owned(), host.address());
        Self { host: Some(host), ..Self::new(name, address, release, entry) }
    }

    /// Where it is from now on, on this machine.
    pub fn address(mut self, address: Address) -> Self {
        self.address = address;
        self.host = None;
        self
    }

    /// On which host it is from now on. The name stays its own.
    pub fn moved_to(mut self, host: MemberHost) -> Self {
        self.address = host.address();
        self.host = Some(host);
        self
    }

    /// What runs it from now on. It has been in its fleet by then.
    pub fn release(mut self, release: Release) -> Self {
        if self.release != release && matches!(self.entry, Entry::Discovery { .. }) {
            // Another version may not have the words for it, and needs none.
            self.entry = Entry::Settled;
        }
        self.release = release;
        self
    }

    /// One more flag, written without dashes, in the place of what is planned otherwise.
    pub fn flag(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let name = name.into();
        self.extra.retain(|(known, _)| *known != name);
        self.extra.push((name, value.into()));
        self
    }

    /// Takes a [`flag`](Self::flag) back.
    pub fn without_flag(mut self, name: &str) -> Self {
        self.extra.retain(|(known, _)| known != name);
        self
    }

    /// Whether it was given this [`flag`](Self::flag).
    #[must_use]
    pub fn has_flag(&self, name: &str) -> bool {
        self.extra.iter().any(|(known, _)| known == name)
    }

    /// Whom it trusts on this port from now on, in the place of the fleet's authority; or that again.
    pub(crate) fn trusting(mut self, port: Port, authority: Option<PathBuf>) -> Self {
        self.trusts[place(port)] = authority;
        self
    }

    /// Whom it trusts on this port, where that is not the fleet's authority.
    pub(super) fn trusted(&self, port: Port) -> Option<&Path> {
        self.trusts[place(port)].as_deref()
    }

    /// Whether this is the same member with other flags, or the very same.
    pub(crate) fn differs_in_flags_only(&self, other: &Self) -> bool {
        *other == Self { extra: other.extra.clone(), ..self.clone() }
    }

    /// Where it is.
    #[must_use]
    pub const fn planned_address(&self) -> Address {
        self.address
    }

    /// The host that it is on; none where that is this machine, with ports that are held for it.
    #[must_use]
    pub const fn planned_host(&self) -> Option<&MemberHost> {
        self.host.as_ref()
    }

    /// What runs it.
    #[must_use]
    pub const fn planned_release(&self) -> Release {
        self.release
    }

    /// Whatever its certificates must name, but for this machine.
    pub(super) fn hosts(&self) -> impl Iterator<Item = String> {
        let names = self.host.iter().flat_map(MemberHost::dns_names).cloned();
        self.address.hosts().map(|host| host.to_string()).chain(names)
    }

    /// The URL by which clients find it.
    pub(super) fn client_url(&self, protection: Protection) -> String {
        let linked = self.address.linked.map(|linked| linked.client);
        self.advertised(protection, linked.unwrap_or(self.address.client))
    }

    /// The URL by which the other members find it.
    pub(super) fn peer_url(&self, protection: Protection) -> String {
        let linked = self.address.linked.map(|linked| linked.peer);
        self.advertised(protection, linked.unwrap_or(self.address.peer))
    }

    fn advertised(&self, protection: Protection, address: SocketAddr) -> String {
        match self.host.as_ref().and_then(MemberHost::advertised) {
            Some(name) => format!("{}://{name}:{}", protection.scheme(), address.port()),
            None => listening(protection, address),
        }
    }
}

/// Where what is said of a port is kept.
const fn place(port: Port) -> usize {
    match port {
        Port::Client => 0,
        Port::Peer => 1,
    }
}

/// The URL of where a member listens, which etcd wants to be an address (`embed/config.go`,
/// `checkBindURLs`).
pub(super) fn listening(protection: Protection, address: SocketAddr) -> String {
    format!("{}://{address}", protection.scheme())
}

/// One member of a [`Plan`](super::Plan), decided in full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberPlan {
    pub(super) spec: MemberSpec,
    pub(super) client_url: String,
    pub(super) client_listens: String,
    pub(super) peer_url: String,
    pub(super) peer_listens: String,
    pub(super) http_url: Option<String>,
    pub(super) http_listens: Option<String>,
    pub(super) directory: PathBuf,
    pub(super) data_directory: PathBuf,
    pub(super) log: PathBuf,
    pub(super) files: MemberFiles,
    pub(super) clients: Protection,
    pub(super) peers: Protection,
    pub(super) arguments: Vec<OsString>,
    pub(super) environment: Environment,
    pub(super) configuration_file: Option<ConfigurationFile>,
}

impl MemberPlan {
    /// What it was planned from.
    pub const fn spec(&self) -> &MemberSpec {
        &self.spec
    }

    /// Its name (`--name`).
    #[must_use]
    pub fn name(&self) -> &str {
        &self.spec.name
    }

    /// What runs it.
    #[must_use]
    pub const fn release(&self) -> Release {
        self.spec.release
    }

    /// Where it answers clients: what it tells them, by name or by address.
    #[must_use]
    pub fn client_url(&self) -> &str {
        &self.client_url
    }

    /// Where it answers the other members: what it tells them, by name or by address.
    #[must_use]
    pub fn peer_url(&self) -> &str {
        &self.peer_url
    }

    /// Where it is itself, for the fleet's own questions: no link to it can be broken.
    pub(crate) fn direct_client_url(&self) -> &str {
        if self.is_linked() { &self.client_listens } else { &self.client_url }
    }

    /// As [`direct_client_url`](Self::direct_client_url), where the others come.
    pub(crate) fn direct_peer_url(&self) -> &str {
        if self.is_linked() { &self.peer_listens } else { &self.peer_url }
    }

    /// As [`direct_client_url`](Self::direct_client_url), for what is HTTP and not gRPC.
    pub(crate) fn direct_http_url(&self) -> &str {
        self.http_listens.as_deref().unwrap_or_else(|| self.direct_client_url())
    }

    /// Whether others reach it by links that can be broken.
    const fn is_linked(&self) -> bool {
        self.spec.address.linked.is_some()
    }

    /// What is run on this machine before the etcd and its flags; see [`MemberHost::entrance`].
    #[must_use]
    pub fn entrance(&self) -> &[OsString] {
        self.spec.host.as_ref().map(MemberHost::entrance_words).unwrap_or_default()
    }

    /// Where it answers what is HTTP and not gRPC, where that is another port.
    #[must_use]
    pub fn http_url(&self) -> Option<&str> {
        self.http_url.as_deref()
    }

    /// Its own directory, which holds its data and its log.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Where it keeps its data (`--data-dir`).
    #[must_use]
    pub fn data_directory(&self) -> &Path {
        &self.data_directory
    }

    /// Where all that it prints goes.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Where its certificates and keys are; which of them are used is the fleet's
    /// [`Security`](super::Security): see [`server_files`](Self::server_files) and
    /// [`peer_files`](Self::peer_files).
    #[must_use]
    pub const fn files(&self) -> &MemberFiles {
        &self.files
    }

    /// What it shows to clients; none where it shows nothing, or what etcd has made itself.
    #[must_use]
    pub fn server_files(&self) -> Option<&IdentityFiles> {
        self.clients.has_certificates().then_some(&self.files.server)
    }

    /// What it shows to the other members; none where it shows nothing, or what etcd has made
    /// itself.
    #[must_use]
    pub fn peer_files(&self) -> Option<&IdentityFiles> {
        self.peers.has_certificates().then_some(&self.files.peer)
    }

    /// What etcd is called with, without the program itself.
    #[must_use]
    pub fn arguments(&self) -> &[OsString] {
        &self.arguments
    }

    /// The file that it reads its settings from, where it is told them so.
    #[must_use]
    pub const fn configuration_file(&self) -> Option<&ConfigurationFile> {
        self.configuration_file.as_ref()
    }

    /// The whole environment that it runs in. Nothing is inherited: an option given both by flag
    /// and by an `ETCD_*` variable is fatal to etcd (`pkg/flags/flag.go`).
    #[must_use]
    pub fn environment(&self) -> &[(OsString, OsString)] {
        &self.environment
    }
}
