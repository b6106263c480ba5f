//! How the members of a new fleet find each other.

use std::path::{Path, PathBuf};

use tercet_pki::IdentityFiles;
use tercet_pki::etcd::Flag;

use super::error::PlanError;
use super::security::Security;
use super::spec::Spec;
use crate::binary::Release;

/// How the members of a new fleet find each other.
///
/// A member that comes to a fleet that runs already is another matter: the fleet is told of it
/// first ([`Entry::Joiner`](super::Entry::Joiner)).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Joining {
    /// Each is told of all (`--initial-cluster`).
    #[default]
    Static,
    /// Each is told of another etcd, where they enter themselves and wait until all have. That etcd
    /// is a small fleet of its own, of the same version, which is started before and belongs to the
    /// fleet.
    ///
    /// etcd has two protocols for it: one over `/v2/keys` until 3.5, and one over the third API from
    /// 3.6 on. In the older one a member names one endpoint and shows no certificate, whatever the
    /// fleet's security; in the newer one it names all and shows one where the fleet asks for one.
    Discovery {
        /// How many members the discovery's own fleet has: 1 to 9.
        members: usize,
    },
    /// The same through a discovery that runs already, where the number of members was entered.
    Through(DiscoveryService),
}

/// A discovery that runs, as a member is told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DiscoveryService {
    /// Over `/v2/keys` (`--discovery`): for members until 3.6.
    V2 {
        /// Where this fleet's entries are, such as `https://10.0.0.9:2379/v2/keys/fleets/TOKEN`. The
        /// number of members is in `_config/size` below it.
        url: String,
        /// The authority of the certificate that it shows; none where the machine trusts it anyway.
        ///
        /// etcd has no setting for it. Go on Linux takes the file in `SSL_CERT_FILE` in the place of
        /// those of the machine (`crypto/x509/root_unix.go`), and on other systems none.
        ca: Option<PathBuf>,
    },
    /// Over the third API (`--discovery-endpoints`, `--discovery-token`): for members from 3.6 on.
    V3 {
        /// The URLs of its members.
        endpoints: Vec<String>,
        /// Which of its fleets this one is. The number of members is in
        /// `/_etcd/registry/TOKEN/_config/size`.
        token: String,
        /// The authority of the certificates that it shows; none where the machine trusts it anyway.
        ca: Option<PathBuf>,
        /// What is shown to it; none where it asks for nothing.
        client: Option<IdentityFiles>,
    },
}

/// Where below `/v2/keys` the entries of a discovery of ours are.
const V2_DIRECTORY: &str = "tercet";

impl DiscoveryService {
    /// Where `token`'s entries are in the one whose member is at `endpoint`.
    pub(crate) fn v2(endpoint: &str, token: &str, ca: Option<PathBuf>) -> Self {
        Self::V2 { url: format!("{endpoint}/v2/keys/{V2_DIRECTORY}/{token}"), ca }
    }

    /// Whether links to it are encrypted.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        match self {
            Self::V2 { url, .. } => url.starts_with("https:"),
            Self::V3 { endpoints, .. } => endpoints.iter().any(|url| url.starts_with("https:")),
        }
    }

    /// Where it is.
    pub(super) fn hosts(&self) -> Vec<&str> {
        let urls = match self {
            Self::V2 { url, .. } => std::slice::from_ref(url),
            Self::V3 { endpoints, .. } => endpoints,
        };
        urls.iter().filter_map(|url| host(url)).collect()
    }

    /// The files that members are told of it by.
    pub(crate) fn files(&self) -> impl Iterator<Item = &Path> {
        let (ca, client) = match self {
            Self::V2 { ca, .. } => (ca, None),
            Self::V3 { ca, client, .. } => (ca, client.as_ref()),
        };
        let pair = client.into_iter().flat_map(|pair| [&pair.certificate, &pair.key]);
        ca.iter().chain(pair).map(PathBuf::as_path)
    }

    /// Refuses what no etcd could be told.
    pub(super) fn check(&self) -> Result<(), PlanError> {
        let refused = |because| Err(PlanError::Discovery { because });
        let is_url = |url: &str| {
            let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
            let host = rest.and_then(|rest| rest.split(['/', ':']).next());
            let is_plain = !url.chars().any(|c| c.is_control() || c.is_whitespace() || c == ',');
            is_plain && host.is_some_and(|host| !host.is_empty())
        };
        match self {
            Self::V2 { url, .. } if !is_url(url) => refused("its URL is not one of http or https"),
            Self::V2 { ca: Some(_), .. } if self.is_secure() && !cfg!(target_os = "linux") => {
                refused(
                    "over /v2/keys, a member can be told of its authority on Linux only: use etcd 3.6, or have the machine trust it",
                )
            }
            Self::V3 { endpoints, .. } if endpoints.is_empty() => refused("it has no endpoint"),
            Self::V3 { endpoints, .. } if !endpoints.iter().all(|url| is_url(url)) => {
                refused("an endpoint is not a URL of http or https")
            }
            Self::V3 { token, .. } if token.is_empty() || token.contains(['/', '\0']) => {
                refused("its token is empty, or has a slash in it")
            }
            Self::V2 { .. } | Self::V3 { .. } => Ok(()),
        }
    }
}

/// The host of a URL, an IPv6 address in its brackets.
fn host(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let end = match rest.strip_prefix('[') {
        Some(address) => address.find(']')? + 2,
        None => rest.find(['/', ':']).unwrap_or(rest.len()),
    };
    Some(&rest[..end])
}

/// How the members of a fleet talk to the discovery that is started for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DiscoveryProtocol {
    V2,
    V3,
}

impl DiscoveryProtocol {
    /// What members that `release` runs speak. 3.6 has both, but no `/v2/keys` to speak of.
    pub(crate) fn of(release: Release) -> Self {
        let newer = Flag::named("discovery-endpoints");
        if newer.is_some_and(|flag| flag.is_in(release.version())) { Self::V3 } else { Self::V2 }
    }

    /// The discovery's own fleet.
    pub(crate) fn spec(self, members: usize, of: &Spec) -> Spec {
        let security = match (of.security, self) {
            (Security::Plaintext, _) => Security::Plaintext,
            // Certificates that prove nothing would have members enter themselves anywhere.
            (Security::ServerTls | Security::Auto, _) | (_, Self::V2) => Security::ServerTls,
            (security @ (Security::ClientAuth | Security::Mutual), Self::V3) => security,
        };
        Spec::default()
            .members(members)
            .security(security)
            .timing(of.timing)
            .ready_within(of.ready_limit())
            .v2(self == Self::V2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(service: &DiscoveryService) -> String {
        service.check().unwrap_err().to_string()
    }

    #[test]
    fn what_no_etcd_could_be_told_is_refused() {
        let v2 = |url: &str| DiscoveryService::V2 { url: url.into(), ca: None };
        insta::assert_snapshot!(
            refusal(&v2("10.0.0.9:2379/v2/keys/x")),
            @"the members cannot find each other by this discovery: its URL is not one of http or https"
        );
        for none in ["", "https://", "http:///x", "http://:2379/x", "http://a b/x", "http://a/\0"] {
            assert!(v2(none).check().is_err(), "{none:?}");
        }
        for good in ["https://discovery.example.com/3e86b59982e49066", "http://[::1]:2379/x"] {
            assert_eq!(v2(good).check(), Ok(()));
        }
        let v3 = |endpoints: &[&str], token: &str| DiscoveryService::V3 {
            endpoints: endpoints.iter().copied().map(str::to_owned).collect(),
            token: token.into(),
            ca: None,
            client: None,
        };
        insta::assert_snapshot!(
            refusal(&v3(&[], "x")),
            @"the members cannot find each other by this discovery: it has no endpoint"
        );
        insta::assert_snapshot!(
            refusal(&v3(&["10.0.0.9:2379"], "x")),
            @"the members cannot find each other by this discovery: an endpoint is not a URL of http or https"
        );
        for token in ["", "a/b"] {
            insta::allow_duplicates! {
                insta::assert_snapshot!(
                    refusal(&v3(&["http://10.0.0.9:2379"], token)),
                    @"the members cannot find each other by this discovery: its token is empty, or has a slash in it"
                );
            }
        }
        assert_eq!(v3(&["http://10.0.0.9:2379"], "x").check(), Ok(()));
    }

    #[test]
    fn its_hosts_are_those_of_its_urls() {
        let v2 = DiscoveryService::V2 { url: "https://[fd00::1]:2379/v2/keys/x".into(), ca: None };
        assert_eq!(v2.hosts(), ["[fd00::1]"]);
        let endpoints = ["http://10.0.0.9:2379", "https://a.example.com/"].map(str::to_owned);
        let v3 = DiscoveryService::V3 {
            endpoints: endpoints.to_vec(),
            token: "x".into(),
            ca: None,
            client: None,
        };
        assert_eq!(v3.hosts(), ["10.0.0.9", "a.example.com"]);
    }

    #[test]
    fn the_protocol_follows_the_version_and_the_security_both() {
        let release = |text: &str| Release::of(text.parse().unwrap()).unwrap();
        let of = |text: &str, security| {
            let protocol = DiscoveryProtocol::of(release(text));
            let spec = protocol.spec(3, &Spec::default().security(security));
            (protocol, spec.security, spec.has_v2())
        };
        for (version, security, protocol, expected) in [
            ("3.4.23", Security::Mutual, DiscoveryProtocol::V2, Security::ServerTls),
            ("3.5.30", Security::Plaintext, DiscoveryProtocol::V2, Security::Plaintext),
            ("3.6.14", Security::Mutual, DiscoveryProtocol::V3, Security::Mutual),
            ("3.7.1", Security::ClientAuth, DiscoveryProtocol::V3, Security::ClientAuth),
            ("3.7.1", Security::Auto, DiscoveryProtocol::V3, Security::ServerTls),
        ] {
            let v2 = protocol == DiscoveryProtocol::V2;
            assert_eq!(of(version, security), (protocol, expected, v2), "{version} {security}");
        }
    }
}
