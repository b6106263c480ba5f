//! The three proxies that etcd has.

use std::fmt;
use std::str::FromStr;

/// One of etcd's own proxies.
///
/// | word | command | passes on | TLS | versions |
/// |---|---|---|---|---|
/// | `gateway` | `etcd gateway start` | bytes | ends at the members | all |
/// | `grpc-proxy` | `etcd grpc-proxy start` | the third API | ends at the proxy | all |
/// | `v2` | `etcd --proxy on` | HTTP: the second API, and `/v3` in JSON | ends at the proxy | until 3.5 |
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProxyKind {
    /// It passes connections on as they are, to one member after the other. Clients verify the
    /// member behind it by the gateway's own address, so every member's certificate has to name
    /// that; and whoever sees one member's certificate through it may see another's next time.
    Gateway,
    /// It answers for the members: shared watches and leases, and a cache of serializable reads. To
    /// members it shows a certificate without a common name, or it does not start.
    GrpcProxy,
    /// It passes requests of HTTP on. The one proxy that the security guide speaks of.
    V2,
}

impl ProxyKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Gateway, Self::GrpcProxy, Self::V2];

    /// Whether its clients' TLS ends at the proxy, which then needs identities of its own.
    #[must_use]
    pub const fn terminates_tls(self) -> bool {
        !matches!(self, Self::Gateway)
    }

    /// Whether a client of the third API gets through.
    #[must_use]
    pub const fn speaks_grpc(self) -> bool {
        !matches!(self, Self::V2)
    }

    /// What it logs once it listens, in all its versions.
    pub(crate) const fn ready_line(self) -> &'static str {
        match self {
            Self::Gateway => "ready to proxy client requests",
            Self::GrpcProxy => "started gRPC proxy",
            Self::V2 => "v2 proxy started listening on client requests",
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::GrpcProxy => "grpc-proxy",
            Self::V2 => "v2",
        }
    }
}

impl fmt::Display for ProxyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

impl FromStr for ProxyKind {
    type Err = ParseProxyKindError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = Self::ALL.into_iter().find(|kind| kind.word() == text);
        found.ok_or_else(|| ParseProxyKindError { text: text.to_owned() })
    }
}

/// A word that names no proxy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is no proxy: use gateway, grpc-proxy or v2")]
pub struct ParseProxyKindError {
    text: String,
}
