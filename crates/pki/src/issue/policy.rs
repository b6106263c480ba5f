//! What a requester may have.

use std::fmt;
use std::time::Duration;

use rcgen::{DnType, SanType};
use time::OffsetDateTime;

use super::constraints::{check_domain, is_within};
use super::error::IssueError;
use super::leaf::Profile;
use super::name;
use super::signing::{self, Subject};
use super::uri::{self, UriError};
use super::validity::{LEAF_LIFETIME, Validity};
use crate::read::{PublicKey, RequestDetails};
use crate::{
    Authority, Chain, Host, HostError, KeyKind, NameError, Network, NetworkError, Request,
};

/// What a requester may have: what is not allowed here is refused.
///
/// What the certificate is for is the policy's alone, as in [`Leaf`](crate::Leaf): usages that a
/// request asks for are passed over. Of its subject, the common name and the organizations that
/// are allowed are taken, and the rest is left out. To be an authority is always refused.
///
/// See [`Request`] for an example.
#[derive(Clone, Debug)]
#[must_use = "a policy does nothing until an authority signs by it"]
pub struct Policy {
    profile: Profile,
    hosts: Vec<String>,
    suffixes: Vec<String>,
    networks: Vec<String>,
    uris: Vec<String>,
    common_names: Vec<String>,
    any_common_name: bool,
    organizations: Vec<String>,
    keys: Vec<KeyKind>,
    lifetime: Duration,
}

impl Policy {
    /// For what a member shows to its clients; as [`Leaf::server`](crate::Leaf::server).
    pub fn server() -> Self {
        Self::new(Profile::Server)
    }

    /// For what a member shows to other members; as [`Leaf::peer`](crate::Leaf::peer).
    pub fn peer() -> Self {
        Self::new(Profile::Peer)
    }

    /// For who dials a member; as [`Leaf::client`](crate::Leaf::client).
    pub fn client() -> Self {
        Self::new(Profile::Client)
    }

    /// Allows one host: a DNS name or an IP address. A name with a `*` is allowed in this way
    /// alone, since it stands for more than the requester's own.
    pub fn allow_host(mut self, host: impl Into<String>) -> Self {
        self.hosts.push(host.into());
        self
    }

    /// Allows all DNS names below `domain`, and the domain itself.
    pub fn allow_suffix(mut self, domain: impl Into<String>) -> Self {
        self.suffixes.push(domain.into());
        self
    }

    /// Allows all addresses of a network, such as `10.0.0.0/8`.
    pub fn allow_network(mut self, network: impl Into<String>) -> Self {
        self.networks.push(network.into());
        self
    }

    /// Allows one URI.
    pub fn allow_uri(mut self, uri: impl Into<String>) -> Self {
        self.uris.push(uri.into());
        self
    }

    /// Allows one common name. To etcd with authentication turned on, **it is the user**, also of
    /// a server's or a peer's certificate.
    pub fn allow_common_name(mut self, name: impl Into<String>) -> Self {
        self.common_names.push(name.into());
        self
    }

    /// Allows every common name, `root` included: for an etcd without authentication.
    pub fn allow_any_common_name(mut self) -> Self {
        self.any_common_name = true;
        self
    }

    /// Allows one organization. Others are left out of the certificate.
    pub fn allow_organization(mut self, organization: impl Into<String>) -> Self {
        self.organizations.push(organization.into());
        self
    }

    /// Allows keys of these kinds alone. Unless it is said, it is all that are sound and that etcd
    /// accepts: ECDSA on P-256, P-384 and P-521, Ed25519, and RSA with 2048 to 8192 bits (more are
    /// refused by Go: `rsa.Size` in crypto/tls, GODEBUG `tlsmaxrsasize`).
    pub fn allow_keys(mut self, kinds: impl IntoIterator<Item = KeyKind>) -> Self {
        self.keys.extend(kinds);
        self
    }

    /// The longest that a certificate may be valid, and how long it is unless
    /// [`Authority::sign_for`] says less; instead of [`LEAF_LIFETIME`].
    pub fn lifetime(mut self, most: Duration) -> Self {
        self.lifetime = most;
        self
    }

    fn new(profile: Profile) -> Self {
        Self {
            profile,
            hosts: Vec::new(),
            suffixes: Vec::new(),
            networks: Vec::new(),
            uris: Vec::new(),
            common_names: Vec::new(),
            any_common_name: false,
            organizations: Vec::new(),
            keys: Vec::new(),
            lifetime: LEAF_LIFETIME,
        }
    }

    fn parse(&self) -> Result<Allowed, SignError> {
        let hosts = self.hosts.iter().map(|host| host.parse()).collect::<Result<_, _>>()?;
        let networks =
            self.networks.iter().map(|network| network.parse()).collect::<Result<_, _>>()?;
        // A leading dot is how others write the same.
        let suffixes: Vec<String> = self
            .suffixes
            .iter()
            .map(|suffix| suffix.strip_prefix('.').unwrap_or(suffix).to_owned())
            .collect();
        for suffix in &suffixes {
            check_domain(suffix)?;
        }
        Ok(Allowed { hosts, suffixes, networks })
    }
}

/// The hosts of a policy, read.
struct Allowed {
    hosts: Vec<Host>,
    suffixes: Vec<String>,
    networks: Vec<Network>,
}

impl Allowed {
    fn holds(&self, host: &Host) -> bool {
        match host {
            Host::Dns(name) => {
                let named = self
                    .hosts
                    .iter()
                    .any(|own| matches!(own, Host::Dns(own) if own.eq_ignore_ascii_case(name)));
                named
                    || (!name.starts_with('*')
                        && self.suffixes.iter().any(|suffix| is_within(name, suffix)))
            }
            Host::Ip(address) => {
                self.hosts.contains(host)
                    || self.networks.iter().any(|network| network.contains(*address))
            }
        }
    }

    fn text(&self) -> String {
        let hosts = self.hosts.iter().map(ToString::to_string);
        let suffixes = self.suffixes.iter().map(|suffix| format!("{suffix} and below"));
        list(hosts.chain(suffixes).chain(self.networks.iter().map(ToString::to_string)))
    }
}

/// Why a request is refused: what was asked for, and what is allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the request asks for {asked}, and the policy allows {allowed}")]
#[non_exhaustive]
pub struct Refusal {
    /// What kind of thing was asked for.
    pub what: Refused,
    /// What was asked for.
    pub asked: String,
    /// What the policy allows instead.
    pub allowed: String,
}

/// A kind of thing that a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refused {
    /// To be an authority.
    Authority,
    /// The kind of its key.
    Key,
    /// Its common name.
    CommonName,
    /// A DNS name or an address, or none where one is needed.
    Host,
    /// A URI.
    Uri,
    /// A name of another kind: a mail address and the like.
    OtherName,
    /// How long it shall be valid.
    Lifetime,
}

/// Why a request was not signed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// The policy does not allow it.
    #[error("the request is refused")]
    Refused(#[from] Refusal),
    /// A part of the request cannot be understood or is there twice, so that it would be signed
    /// for less than it asks for.
    #[error("the request is not sound: {go}; make it again")]
    Unsound {
        /// What Go says to it.
        go: String,
    },
    /// The policy has a host that is none.
    #[error("a host of the policy cannot be used")]
    // Those of the request are mapped where they are read.
    PolicyHost(#[from] HostError),
    /// The policy has a network that is none.
    #[error("a network of the policy cannot be used")]
    PolicyNetwork(#[from] NetworkError),
    /// The request has a host that is none.
    #[error("a host of the request cannot be used")]
    Host(#[source] HostError),
    /// The request has a URI that etcd cannot read.
    #[error("a URI of the request cannot be used")]
    Uri(#[from] UriError),
    /// The request has a common name that cannot be one.
    #[error("the common name of the request cannot be used")]
    Name(#[from] NameError),
    /// It is allowed, and could not be done.
    #[error("the certificate could not be issued")]
    Issue(#[from] IssueError),
}

/// Signing requests.
impl Authority {
    /// Signs what a request asks for, if the policy allows all of it, for the policy's lifetime.
    ///
    /// The certificate has the request's key, bit for bit. Where a request names no host and a
    /// server's or a peer's certificate needs one, its common name is taken for one, if it is one
    /// and is allowed as such; older tools wrote it there alone.
    ///
    /// # Errors
    ///
    /// [`SignError::Refused`] with the first thing that is not allowed, and [`SignError`]s for what
    /// cannot be in a certificate.
    pub fn sign(&self, request: &Request, policy: &Policy) -> Result<Chain, SignError> {
        self.sign_for(request, policy, policy.lifetime)
    }

    /// Like [`Authority::sign`], for a lifetime.
    ///
    /// # Errors
    ///
    /// As [`Authority::sign`]; [`Refused::Lifetime`] for more than the policy's.
    pub fn sign_for(
        &self,
        request: &Request,
        policy: &Policy,
        lifetime: Duration,
    ) -> Result<Chain, SignError> {
        let allowed = policy.parse()?;
        let asked = request.details();
        refuse_authority(asked)?;
        refuse_key(asked, policy)?;
        if let Some(go) = &asked.go_objects {
            return Err(SignError::Unsound { go: go.clone() });
        }
        refuse_lifetime(lifetime, policy)?;
        let common_name = common_name(asked, policy)?;
        let hosts = hosts(asked, policy, &allowed)?;
        let uris = uris(asked, policy)?;

        let now = OffsetDateTime::now_utc();
        let validity = Validity::For(lifetime);
        let window = validity.window(now).ok_or(IssueError::Validity)?;
        let mut params = signing::params(validity.within(window, self.window, now))?;
        let mut organizations = Vec::new();
        for organization in request.organizations() {
            if policy.organizations.contains(organization) {
                name::common(organization).map_err(IssueError::Organization)?;
                organizations.push(organization.as_str());
            }
        }
        let name = name::distinguished(&organizations, common_name);
        if !common_name.is_empty() {
            // For rcgen, to which names of a nameless subject are critical (RFC 5280 section
            // 4.2.1.6).
            params.distinguished_name.push(DnType::CommonName, common_name);
        }
        for host in hosts {
            self.check_host(&host)?;
            params.subject_alt_names.push(host.san()?);
        }
        for uri in uris {
            let uri = uri.as_str().try_into().map_err(IssueError::signing)?;
            params.subject_alt_names.push(SanType::URI(uri));
        }
        params.extended_key_usages = policy.profile.extended_key_usages();
        Self::complete(&mut params, matches!(asked.public_key, PublicKey::Rsa { .. }));
        let subject = Subject::Theirs { public_key: &asked.public_key_der, name: Some(&name) };
        let certificate = self.signer().certify(&params, subject)?;
        Ok(Chain::new(certificate, self.intermediates.clone()))
    }
}

fn refusal(what: Refused, asked: impl fmt::Display, allowed: impl fmt::Display) -> SignError {
    let (asked, allowed) = (asked.to_string(), allowed.to_string());
    SignError::Refused(Refusal { what, asked, allowed })
}

fn refuse_authority(asked: &RequestDetails) -> Result<(), SignError> {
    let usages = asked.key_usages.unwrap_or_default();
    let wish = if asked.basic_constraints.is_some_and(|constraints| constraints.authority) {
        "the right to be an authority (CA:TRUE)"
    } else if usages.certificate_sign {
        "the right to sign certificates (keyCertSign)"
    } else if usages.revocation_list_sign {
        "the right to sign revocation lists (cRLSign)"
    } else {
        return Ok(());
    };
    Err(refusal(Refused::Authority, wish, "it to nobody"))
}

fn refuse_key(asked: &RequestDetails, policy: &Policy) -> Result<(), SignError> {
    let key = &asked.public_key;
    let good = if policy.keys.is_empty() {
        match key {
            PublicKey::Rsa { bits } => (2048..=8192).contains(bits),
            PublicKey::Ecdsa { bits } => *bits >= 256,
            PublicKey::Ed25519 => true,
            PublicKey::Other { .. } => false,
        }
    } else {
        policy.keys.iter().any(|kind| *key == public_key(*kind))
    };
    if good {
        return Ok(());
    }
    let allowed = if policy.keys.is_empty() {
        "ECDSA from P-256 on, Ed25519, and RSA with 2048 to 8192 bits".to_owned()
    } else {
        list(policy.keys.iter().map(ToString::to_string))
    };
    Err(refusal(Refused::Key, format_args!("a key that is {}", key_text(key)), allowed))
}

fn public_key(kind: KeyKind) -> PublicKey {
    match kind {
        KeyKind::P256 => PublicKey::Ecdsa { bits: 256 },
        KeyKind::P384 => PublicKey::Ecdsa { bits: 384 },
        KeyKind::Ed25519 => PublicKey::Ed25519,
        KeyKind::Rsa2048 => PublicKey::Rsa { bits: 2048 },
        KeyKind::Rsa3072 => PublicKey::Rsa { bits: 3072 },
        KeyKind::Rsa4096 => PublicKey::Rsa { bits: 4096 },
    }
}

/// What a key is, for people.
pub(super) fn key_text(key: &PublicKey) -> String {
    match key {
        PublicKey::Rsa { bits } => format!("RSA {bits}"),
        PublicKey::Ecdsa { bits } => format!("P-{bits}"),
        PublicKey::Ed25519 => "Ed25519".to_owned(),
        PublicKey::Other { oid } => format!("of the kind {oid}"),
    }
}

fn refuse_lifetime(lifetime: Duration, policy: &Policy) -> Result<(), SignError> {
    if lifetime <= policy.lifetime {
        return Ok(());
    }
    let hours = |duration: Duration| format!("{} hours", duration.as_secs().div_ceil(3600));
    let asked = format!("a certificate for {}", hours(lifetime));
    Err(refusal(Refused::Lifetime, asked, format_args!("at most {}", hours(policy.lifetime))))
}

fn common_name<'a>(asked: &'a RequestDetails, policy: &Policy) -> Result<&'a str, SignError> {
    let name = &*asked.subject.common_name;
    if name.is_empty() {
        // RFC 5280 allows it with other names. To etcd it is nobody.
        return match &asked.names {
            Some(names)
                if !names.dns.is_empty() || !names.ip.is_empty() || !names.uri.is_empty() =>
            {
                Ok(name)
            }
            _ => Err(NameError::Empty.into()),
        };
    }
    name::common(name)?;
    if policy.any_common_name || policy.common_names.iter().any(|allowed| allowed == name) {
        return Ok(name);
    }
    let allowed = list(policy.common_names.iter().map(|name| format!("{name:?}")));
    Err(refusal(Refused::CommonName, format_args!("the common name {name:?}"), allowed))
}

fn hosts(
    asked: &RequestDetails,
    policy: &Policy,
    allowed: &Allowed,
) -> Result<Vec<Host>, SignError> {
    let mut hosts: Vec<Host> = Vec::new();
    if let Some(names) = &asked.names {
        if names.email.len() + names.others > 0 {
            let other = names.email.first().map_or_else(
                || "a name that is no DNS name, address or URI".to_owned(),
                |address| format!("the mail address {address:?}"),
            );
            return Err(refusal(Refused::OtherName, other, "DNS names, addresses and URIs alone"));
        }
        for name in &names.dns {
            match name.parse().map_err(SignError::Host)? {
                // openssl's `DNS:10.0.0.1`.
                Host::Ip(address) => {
                    return Err(SignError::Host(HostError::NotAName {
                        text: address.to_string(),
                        reason: "the request has an IP address as a DNS name; ask for IP:… instead",
                    }));
                }
                host => hosts.push(host),
            }
        }
        hosts.extend(names.ip.iter().copied().map(Host::from));
    }
    let from_common_name = hosts.is_empty() && policy.profile.is_dialled();
    if from_common_name {
        match asked.subject.common_name.parse() {
            Ok(host) => hosts.push(host),
            Err(_) => {
                return Err(refusal(
                    Refused::Host,
                    "no host at all, so that nobody could dial it,",
                    format_args!("{}: make it with subjectAltName", allowed.text()),
                ));
            }
        }
    }
    let mut once = Vec::with_capacity(hosts.len());
    for host in hosts {
        if !allowed.holds(&host) {
            let from = if from_common_name { " (its common name, for want of others)" } else { "" };
            return Err(refusal(
                Refused::Host,
                format_args!("the host {:?}{from}", host.to_string()),
                allowed.text(),
            ));
        }
        if !once.contains(&host) {
            once.push(host);
        }
    }
    Ok(once)
}

fn uris(asked: &RequestDetails, policy: &Policy) -> Result<Vec<String>, SignError> {
    let mut uris = Vec::new();
    for text in asked.names.iter().flat_map(|names| &names.uri) {
        if !policy.uris.contains(text) {
            let allowed = list(policy.uris.iter().map(|uri| format!("{uri:?}")));
            return Err(refusal(Refused::Uri, format_args!("the URI {text:?}"), allowed));
        }
        uri::check(text)?;
        if !uris.contains(text) {
            uris.push(text.clone());
        }
    }
    Ok(uris)
}

fn list(items: impl Iterator<Item = String>) -> String {
    let items: Vec<_> = items.collect();
    if items.is_empty() { "none".to_owned() } else { items.join(", ") }
}

#[cfg(test)]
mod tests;
