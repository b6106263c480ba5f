//! What stands between clients and a fleet: etcd's own proxies.

mod arguments;
mod kind;

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use tercet_pki::IdentityFiles;

use super::error::PlanError;
use super::fleet::Plan;
use super::security::Protection;
use crate::binary::Release;

pub use self::kind::{ParseProxyKindError, ProxyKind};

/// What one proxy is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProxySpec {
    /// Its own name, which is also that of its directory.
    pub(crate) name: String,
    pub(crate) kind: ProxyKind,
    /// Where its clients come.
    pub(crate) address: SocketAddr,
    /// What runs it.
    pub(crate) release: Release,
    /// The members that it begins with.
    pub(crate) members: Vec<Upstream>,
}

/// A member, as a proxy is told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Upstream {
    pub(crate) name: String,
    pub(crate) client_url: String,
    pub(crate) peer_url: String,
}

/// One proxy, decided in full.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyPlan {
    spec: ProxySpec,
    endpoint: String,
    directory: PathBuf,
    files: ProxyFiles,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
}

/// The identities of a proxy: its own, and no member's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProxyFiles {
    /// What it shows to its clients; none where it shows nothing, or what it has made itself. A
    /// gateway never shows anything: clients see the members through it.
    pub server: Option<IdentityFiles>,
    /// What it shows to members: to their client ports, or with [`ProxyKind::V2`] to their peer
    /// ports, where it asks who the members are. None where it needs nothing.
    pub client: Option<IdentityFiles>,
}

impl Plan {
    /// The plan of a proxy.
    ///
    /// # Errors
    ///
    /// [`PlanError`] where this fleet, or this version of etcd, can have none of the kind.
    pub(crate) fn proxy(&self, spec: ProxySpec) -> Result<ProxyPlan, PlanError> {
        let refused = |because: String| Err(PlanError::Proxy { kind: spec.kind, because });
        if spec.kind == ProxyKind::V2 && !self.spec().has_v2() {
            let because = "it is for the second API, which the members do not answer: start the fleet with Spec::v2";
            return refused(because.to_owned());
        }
        if spec.kind == ProxyKind::V2
            && let Some(because) = self.not_by_v2()
        {
            return refused(because.to_owned());
        }
        if spec.kind.terminates_tls()
            && self.security().clients() == Protection::Server
            && !cfg!(target_os = "linux")
        {
            let because =
                "where clients show no certificate, it can be told whom to trust on Linux only";
            return refused(because.to_owned());
        }
        let directory = self.directory().join("proxies").join(&spec.name);
        let mut proxy = ProxyPlan {
            endpoint: format!("{}://{}", self.security().clients().scheme(), spec.address),
            files: self.proxy_files(spec.kind, &directory),
            directory,
            arguments: Vec::new(),
            environment: Vec::new(),
            spec,
        };
        proxy.arguments = arguments::of(&proxy, self)?;
        proxy.environment = arguments::environment(&proxy, self);
        Ok(proxy)
    }

    /// What of this fleet etcd's oldest proxy knows nothing of (`etcdmain/etcd.go`, `startProxy`).
    fn not_by_v2(&self) -> Option<&'static str> {
        let options = self.spec().tls_options();
        if self.spec().has_http_port() {
            return Some(
                "it goes to the clients' ports, which answer gRPC alone: start the fleet without a port for HTTP",
            );
        }
        let chosen = options.min().is_some() || options.max().is_some();
        (chosen || !options.suites().is_empty())
            .then_some("it would take any version of TLS and any cipher suite, unlike the members")
    }

    fn proxy_files(&self, kind: ProxyKind, directory: &Path) -> ProxyFiles {
        if !kind.terminates_tls() {
            return ProxyFiles::default();
        }
        let pair = |stem: &str| {
            let file = |ending: &str| directory.join(format!("{stem}.{ending}"));
            IdentityFiles::at(file("crt"), file("key"))
        };
        let clients = self.security().clients().has_certificates();
        let shows = match kind {
            // From 3.5 on it looks for a common name in its certificate also where it has none, and
            // ends with "open : no such file or directory" (client/pkg/transport/listener.go,
            // `ClientConfig`). Members that ask for no certificate do not mind one.
            ProxyKind::Gateway | ProxyKind::GrpcProxy => clients,
            ProxyKind::V2 => self.security().peers() == Protection::Mutual,
        };
        ProxyFiles {
            server: clients.then(|| pair("server")),
            client: shows.then(|| pair("client")),
        }
    }
}

impl ProxyPlan {
    /// Its name, such as `gateway-1`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.spec.name
    }

    /// Which of them it is.
    #[must_use]
    pub const fn kind(&self) -> ProxyKind {
        self.spec.kind
    }

    /// The URL where its clients come.
    #[must_use]
    pub fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Its own directory, which holds its identities, its data and its log.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Where it keeps what it has to keep (`--data-dir`); a gateway has nothing.
    #[must_use]
    pub fn data_directory(&self) -> PathBuf {
        self.directory.join("data")
    }

    /// Where all that it prints goes.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.directory.join("etcd.log")
    }

    /// Where its certificates and keys are.
    #[must_use]
    pub const fn files(&self) -> &ProxyFiles {
        &self.files
    }

    /// What etcd is called with, without the program itself.
    #[must_use]
    pub fn arguments(&self) -> &[OsString] {
        &self.arguments
    }

    /// The whole environment that it runs in.
    #[must_use]
    pub fn environment(&self) -> &[(OsString, OsString)] {
        &self.environment
    }
}

#[cfg(test)]
mod tests;
