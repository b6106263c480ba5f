//! What of TLS is to be otherwise than etcd has it by itself.

use std::fmt;
use std::str::FromStr;

use tercet_pki::etcd::{HTTP2_CIPHER_SUITES, Release, Version, has_cipher_suite};
use tercet_pki::{COMMON_NAME_MAX, Host, Layout};

use super::error::PlanError;
use super::security::{Protection, Security};

/// What of a fleet's TLS is to be otherwise than etcd has it by itself. As it is made, nothing is.
///
/// What the etcd that is to run has not got is refused before anything is started, and so is what
/// means nothing with the fleet's [`Security`].
///
/// ```
/// use tercet_cluster::{Spec, TlsOptions, TlsVersion};
///
/// let options = TlsOptions::default().min_version(TlsVersion::V1_3).revocation_list();
/// let spec = Spec::default().tls(options);
/// assert!(spec.validate().is_ok());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use = "options do nothing until a spec has them"]
pub struct TlsOptions {
    min_version: Option<TlsVersion>,
    max_version: Option<TlsVersion>,
    cipher_suites: Vec<String>,
    revocation_list: bool,
    allowed_client_hosts: Vec<String>,
    allowed_peer_names: Vec<String>,
    allowed_peer_hosts: Vec<String>,
    separate_outgoing: bool,
    skip_peer_address_check: bool,
}

impl TlsOptions {
    /// The lowest version of TLS that members speak, to clients and to each other
    /// (`--tls-min-version`, from 3.4.25 and 3.5.8 on).
    pub const fn min_version(mut self, version: TlsVersion) -> Self {
        self.min_version = Some(version);
        self
    }

    /// The highest version of TLS that members speak (`--tls-max-version`, from 3.4.25 and 3.5.8
    /// on).
    pub const fn max_version(mut self, version: TlsVersion) -> Self {
        self.max_version = Some(version);
        self
    }

    /// The cipher suites that members take below TLS 1.3 (`--cipher-suites`), by Go's names. There
    /// is no choosing them in TLS 1.3.
    ///
    /// One of the two that HTTP/2 demands must be among them, and one for the fleet's ECDSA keys:
    /// `TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256` is both.
    pub fn cipher_suites<S: Into<String>>(mut self, names: impl IntoIterator<Item = S>) -> Self {
        self.cipher_suites.extend(names.into_iter().map(Into::into));
        self
    }

    /// Members look at a list of revoked certificates (`--client-crl-file`, `--peer-crl-file`)
    /// wherever they ask for a certificate. It is empty at the start; etcd reads the file again for
    /// each connection.
    pub const fn revocation_list(mut self) -> Self {
        self.revocation_list = true;
        self
    }

    /// Clients are let in only if their certificate names one of these hosts
    /// (`--client-cert-allowed-hostname`); before 3.5.15 that is one host. The fleet's own client
    /// names the first. The gateway must be off ([`Spec::gateway`](super::Spec::gateway)): etcd would
    /// let nobody through it.
    pub fn allowed_client_hosts<S: Into<String>>(
        mut self,
        hosts: impl IntoIterator<Item = S>,
    ) -> Self {
        self.allowed_client_hosts.extend(hosts.into_iter().map(Into::into));
        self
    }

    /// Members let each other in only by these common names (`--peer-cert-allowed-cn`); before
    /// 3.5.15 that is one name. The fleet's own members all have the first, instead of their names.
    pub fn allowed_peer_names<S: Into<String>>(
        mut self,
        names: impl IntoIterator<Item = S>,
    ) -> Self {
        self.allowed_peer_names.extend(names.into_iter().map(Into::into));
        self
    }

    /// Members let each other in only if their certificates name one of these hosts
    /// (`--peer-cert-allowed-hostname`); before 3.5.15 that is one host. The fleet's own members
    /// all name the first.
    pub fn allowed_peer_hosts<S: Into<String>>(
        mut self,
        hosts: impl IntoIterator<Item = S>,
    ) -> Self {
        self.allowed_peer_hosts.extend(hosts.into_iter().map(Into::into));
        self
    }

    /// Members have certificates of their own for where they dial (`--client-cert-file`,
    /// `--peer-client-cert-file`, from 3.5 on): those that they serve with are for serverAuth alone,
    /// and these for clientAuth alone.
    pub const fn separate_outgoing(mut self) -> Self {
        self.separate_outgoing = true;
        self
    }

    /// Members do not look for the address that a peer dials from in its certificate
    /// (`--peer-skip-client-san-verification`; `--experimental-…` before 3.6).
    pub const fn skip_peer_address_check(mut self) -> Self {
        self.skip_peer_address_check = true;
        self
    }

    /// See [`min_version`](Self::min_version).
    #[must_use]
    pub const fn min(&self) -> Option<TlsVersion> {
        self.min_version
    }

    /// See [`max_version`](Self::max_version).
    #[must_use]
    pub const fn max(&self) -> Option<TlsVersion> {
        self.max_version
    }

    /// See [`cipher_suites`](Self::cipher_suites); empty where etcd chooses.
    #[must_use]
    pub fn suites(&self) -> &[String] {
        &self.cipher_suites
    }

    /// See [`revocation_list`](Self::revocation_list).
    #[must_use]
    pub const fn has_revocation_list(&self) -> bool {
        self.revocation_list
    }

    /// See [`allowed_client_hosts`](Self::allowed_client_hosts); empty where all are let in.
    #[must_use]
    pub fn client_hosts(&self) -> &[String] {
        &self.allowed_client_hosts
    }

    /// See [`allowed_peer_names`](Self::allowed_peer_names); empty where all are let in.
    #[must_use]
    pub fn peer_names(&self) -> &[String] {
        &self.allowed_peer_names
    }

    /// See [`allowed_peer_hosts`](Self::allowed_peer_hosts); empty where all are let in.
    #[must_use]
    pub fn peer_hosts(&self) -> &[String] {
        &self.allowed_peer_hosts
    }

    /// See [`separate_outgoing`](Self::separate_outgoing).
    #[must_use]
    pub const fn has_separate_outgoing(&self) -> bool {
        self.separate_outgoing
    }

    /// See [`skip_peer_address_check`](Self::skip_peer_address_check).
    #[must_use]
    pub const fn skips_peer_address_check(&self) -> bool {
        self.skip_peer_address_check
    }

    /// Refuses what no etcd takes, or what means nothing where links are secured so.
    pub(super) fn check(&self, security: Security, layout: Layout) -> Result<(), PlanError> {
        self.check_security(security)?;
        self.check_contradictions(layout)?;
        self.check_names()?;
        self.check_suites()
    }

    fn check_security(&self, security: Security) -> Result<(), PlanError> {
        let (clients, peers) = (security.clients(), security.peers());
        let no_tls = clients == Protection::None && peers == Protection::None;
        let nobody = clients != Protection::Mutual && peers != Protection::Mutual;
        let nothing = "nothing is encrypted";
        let no_client = "clients are asked for no certificate";
        let no_peer = "members ask each other for no certificate";
        let no_one = "nobody is asked for a certificate";
        let refused = [
            (self.min_version.is_some() && no_tls, "a minimum TLS version", nothing),
            (self.max_version.is_some() && no_tls, "a maximum TLS version", nothing),
            (!self.cipher_suites.is_empty() && no_tls, "a choice of cipher suites", nothing),
            (self.revocation_list && nobody, "a revocation list", no_one),
            (self.separate_outgoing && nobody, "separate certificates to dial with", no_one),
            (
                !self.allowed_client_hosts.is_empty() && clients != Protection::Mutual,
                "allowed hosts of clients",
                no_client,
            ),
            (
                !self.allowed_peer_names.is_empty() && peers != Protection::Mutual,
                "allowed names of members",
                no_peer,
            ),
            (
                !self.allowed_peer_hosts.is_empty() && peers != Protection::Mutual,
                "allowed hosts of members",
                no_peer,
            ),
            (
                self.skip_peer_address_check && peers != Protection::Mutual,
                "skipping the check of addresses",
                no_peer,
            ),
        ];
        match refused.into_iter().find(|(refused, ..)| *refused) {
            None => Ok(()),
            Some((_, asked, because)) => Err(PlanError::Security { asked, security, because }),
        }
    }

    fn check_contradictions(&self, layout: Layout) -> Result<(), PlanError> {
        let both = |one, other, because| Err(PlanError::Contradiction { one, other, because });
        if self.min_version == Some(TlsVersion::V1_3) && self.max_version == Some(TlsVersion::V1_2)
        {
            return both(
                "a minimum of TLS 1.3",
                "a maximum of TLS 1.2",
                "there is no version between them",
            );
        }
        // `embed.Config.Validate`: "cipher suites cannot be configured when only TLS1.3 is enabled".
        if self.min_version == Some(TlsVersion::V1_3) && !self.cipher_suites.is_empty() {
            return both(
                "a minimum of TLS 1.3",
                "a choice of cipher suites",
                "those of TLS 1.3 cannot be chosen",
            );
        }
        // `listener.go`, `baseConfig`: etcd does not start with both.
        if !self.allowed_peer_names.is_empty() && !self.allowed_peer_hosts.is_empty() {
            return both(
                "allowed names of members",
                "allowed hosts of members",
                "etcd takes one of them",
            );
        }
        if self.separate_outgoing && layout == Layout::Shared {
            return both(
                "separate certificates to dial with",
                "one certificate for all",
                "the one is for serving and dialling",
            );
        }
        Ok(())
    }

    fn check_names(&self) -> Result<(), PlanError> {
        for name in &self.allowed_peer_names {
            let because = match name {
                name if name.is_empty() => "it is empty",
                name if name.chars().count() > COMMON_NAME_MAX => "it has more than 64 characters",
                name if name.contains(',') => "etcd separates names by commas",
                name if name.chars().any(char::is_control) => "it has a control character",
                _ => continue,
            };
            return Err(value("an allowed name of members", name, because));
        }
        for (what, hosts) in [
            ("an allowed host of clients", &self.allowed_client_hosts),
            ("an allowed host of members", &self.allowed_peer_hosts),
        ] {
            for host in hosts {
                match host.parse::<Host>() {
                    // Go asks the certificate whether it is good for this host.
                    Ok(_) if host.contains('*') => {
                        return Err(value(what, host, "it is a pattern: name one host"));
                    }
                    Ok(_) => {}
                    Err(source) => return Err(PlanError::Host { what, source }),
                }
            }
        }
        Ok(())
    }

    /// Refuses suites that this etcd does not know by these names.
    pub(super) fn check_suites_of(&self, version: Version) -> Result<(), PlanError> {
        match self.cipher_suites.iter().find(|name| !has_cipher_suite(version, name)) {
            None => Ok(()),
            Some(name) => {
                let because = format!("etcd {version} does not know it");
                Err(value("a cipher suite", name, &because))
            }
        }
    }

    fn check_suites(&self) -> Result<(), PlanError> {
        if self.cipher_suites.is_empty() {
            return Ok(());
        }
        // Whether this version knows them is asked where it is known.
        if let Some(name) =
            self.cipher_suites.iter().find(|name| !has_cipher_suite(Release::NEWEST_KNOWN, name))
        {
            return Err(value("a cipher suite", name, NOT_A_SUITE));
        }
        let all = || self.cipher_suites.join(",");
        let has = |names: &[&str]| self.cipher_suites.iter().any(|name| names.contains(&&**name));
        if !has(&HTTP2_CIPHER_SUITES) {
            let because =
                format!("HTTP/2 demands {} or {}", HTTP2_CIPHER_SUITES[0], HTTP2_CIPHER_SUITES[1]);
            return Err(value("the cipher suites", &all(), &because));
        }
        if !has(&FOR_OUR_KEYS) {
            let because = format!(
                "the fleet's keys are ECDSA keys, which need one of {}",
                FOR_OUR_KEYS.join(", ")
            );
            return Err(value("the cipher suites", &all(), &because));
        }
        Ok(())
    }
}

const NOT_A_SUITE: &str = "etcd knows none of that name: write those of Go's crypto/tls, such as \
                           TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256";

/// What all clients of ours can speak with an ECDSA key below TLS 1.3; rustls has no others.
const FOR_OUR_KEYS: [&str; 4] = [
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305",
];

fn value(what: &str, value: &str, because: &str) -> PlanError {
    PlanError::Value { what: what.to_owned(), value: value.to_owned(), because: because.to_owned() }
}

/// A version of TLS that etcd can be told of: it speaks no older one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum TlsVersion {
    /// TLS 1.2.
    V1_2,
    /// TLS 1.3.
    V1_3,
}

/// As etcd writes it: `TLS1.2`, `TLS1.3`.
impl fmt::Display for TlsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V1_2 => "TLS1.2",
            Self::V1_3 => "TLS1.3",
        })
    }
}

/// As etcd writes it, and without the letters.
impl FromStr for TlsVersion {
    type Err = ParseTlsVersionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_prefix("TLS").unwrap_or(text) {
            "1.2" => Ok(Self::V1_2),
            "1.3" => Ok(Self::V1_3),
            _ => Err(ParseTlsVersionError { text: text.to_owned() }),
        }
    }
}

/// A word that names no version of TLS that etcd speaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is no version of TLS that etcd speaks: use 1.2 or 1.3")]
pub struct ParseTlsVersionError {
    text: String,
}

#[cfg(test)]
mod tests;
