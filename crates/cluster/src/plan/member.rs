//! One member of a plan.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use tercet_pki::{IdentityFiles, MemberFiles};

use super::address::Address;
use super::configuration::ConfigurationFile;
use super::joining::DiscoveryService;
use super::security::Protection;
use crate::binary::Release;

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
    pub(super) release: Release,
    pub(super) entry: Entry,
    pub(super) extra: Vec<(String, String)>,
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
        Self { name: name.into(), address, release, entry, extra: Vec::new() }
    }

    /// How it comes in, if it has no data yet.
    pub fn entry(mut self, entry: Entry) -> Self {
        self.entry = entry;
        self
    }

    /// Where it is from now on.
    pub const fn address(mut self, address: Address) -> Self {
        self.address = address;
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

    /// Where it is.
    #[must_use]
    pub const fn planned_address(&self) -> Address {
        self.address
    }

    /// What runs it.
    #[must_use]
    pub const fn planned_release(&self) -> Release {
        self.release
    }
}

/// One member of a [`Plan`](super::Plan), decided in full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberPlan {
    pub(super) spec: MemberSpec,
    pub(super) client_url: String,
    pub(super) peer_url: String,
    pub(super) http_url: Option<String>,
    pub(super) directory: PathBuf,
    pub(super) data_directory: PathBuf,
    pub(super) log: PathBuf,
    pub(super) files: MemberFiles,
    pub(super) clients: Protection,
    pub(super) peers: Protection,
    pub(super) arguments: Vec<OsString>,
    pub(super) environment: Vec<(OsString, OsString)>,
    pub(super) configuration_file: Option<ConfigurationFile>,
}

impl MemberPlan {
    /// What it was planned from.
    #[must_use]
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

    /// Where it answers clients.
    #[must_use]
    pub fn client_url(&self) -> &str {
        &self.client_url
    }

    /// Where it answers the other members.
    #[must_use]
    pub fn peer_url(&self) -> &str {
        &self.peer_url
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
