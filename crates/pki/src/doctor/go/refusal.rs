//! Why Go refuses a certificate, and how it says so.

use std::net::IpAddr;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::Usage;
use crate::etcd::Go;
use crate::read::CertificateDetails;

/// Why Go refuses a certificate chain.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// There is no certificate at all.
    NoCertificate,
    /// A serial number is negative, and Go reads no such certificate from 1.23 on. A build may
    /// allow it with `x509negativeserial=1`, as Debian's of etcd 3.5.30 does (measured).
    NegativeSerial(Culprit),
    /// Go's parser refuses it.
    Unreadable {
        /// Which certificate.
        culprit: Culprit,
        /// In Go's words.
        text: String,
    },
    /// The key is of a kind that Go has no TLS with.
    UnsupportedKey(Culprit),
    /// An RSA key of more than 8192 bits; from Go 1.20 on (and the last patches of 1.19).
    KeyTooLarge(Culprit),
    /// An RSA key that is too small to sign a handshake with.
    KeyTooSmall(Culprit),
    /// A critical extension that Go does not know.
    UnhandledCritical(Culprit),
    /// Past its last second.
    Expired {
        /// Which certificate.
        culprit: Culprit,
        /// The time it was judged by.
        now: OffsetDateTime,
        /// Its last second.
        not_after: OffsetDateTime,
    },
    /// Before its first second.
    NotYetValid {
        /// Which certificate.
        culprit: Culprit,
        /// The time it was judged by.
        now: OffsetDateTime,
        /// Its first second.
        not_before: OffsetDateTime,
    },
    /// There is no list of names, and the common name, which Go ignores since 1.15, is the host.
    CommonNameOnly {
        /// The common name.
        common_name: String,
    },
    /// The host is not among the names.
    HostNotNamed {
        /// The host that was dialled.
        host: String,
        /// The DNS names that there are.
        dns: Vec<String>,
        /// The IP names that there are.
        ip: Vec<IpAddr>,
    },
    /// The chain does not end at anyone who is trusted.
    UnknownAuthority {
        /// The first that had a candidate of the right name which did not do, if there was one.
        hint: Option<Box<Hint>>,
    },
    /// An authority in the middle of the chain is none by its basic constraints.
    NotAuthorizedToSign(Culprit),
    /// There are more authorities between this one and the leaf than it allows.
    TooManyIntermediates(Culprit),
    /// The extended key usages of the chain do not allow what the certificate is used for.
    IncompatibleUsage {
        /// What it was used for.
        usage: Usage,
        /// Which certificate of the chain does not allow it.
        culprit: Culprit,
    },
    /// An authority may not sign for a name of the chain.
    NameConstraint {
        /// Which authority.
        culprit: Culprit,
        /// Go's words for it: `DNS name "a" is not permitted by any constraint`.
        detail: String,
    },
    /// A hundred signatures were tried in vain.
    SignatureLimit,
}

/// Which certificate of a chain it is about.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Culprit {
    /// Where it stands in the chain.
    pub role: Role,
    /// Its SHA-256, to find it again.
    pub fingerprint: [u8; 32],
    /// Its subject, for people.
    pub subject: String,
}

impl Culprit {
    pub(super) fn new(role: Role, certificate: &CertificateDetails) -> Self {
        Self {
            role,
            fingerprint: certificate.fingerprint,
            subject: certificate.subject.text.clone(),
        }
    }
}

/// Where a certificate stands in a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Role {
    /// The first, whose key its owner has.
    Leaf,
    /// One that the other side sent along.
    Intermediate,
    /// One of the pool.
    Root,
}

/// An authority of the right name that did not do.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Hint {
    /// Which authority.
    pub culprit: Culprit,
    /// As Go names it: its common name, or else its organization, or else its serial number.
    pub name: String,
    /// Why it did not do.
    pub fault: SignatureFault,
}

/// Why one certificate is not signed by another.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignatureFault {
    /// The other may not sign: its basic constraints or its key usage do not allow it.
    CannotSign,
    /// The signature is not by the other's key.
    Wrong {
        /// `ECDSA`, `RSA`, `Ed25519`: the kind of the other's key.
        key: &'static str,
    },
    /// The signature is of another kind than the other's key.
    OtherKind {
        /// Go's name of the kind that the signature is of.
        signature: &'static str,
        /// Go's name of the type of the other's key.
        key: &'static str,
    },
    /// The hash is too weak: MD5, and SHA-1 from Go 1.18 on.
    Insecure {
        /// Go's name of the algorithm, `SHA1-RSA`.
        algorithm: &'static str,
    },
    /// The other's RSA key has less than 1024 bits, from Go 1.24 on.
    SmallKey {
        /// How many bits it has.
        bits: usize,
    },
    /// Go has no such algorithm.
    Unknown,
    /// The dates, constraints or extensions of the other do not allow it.
    Invalid(Box<Refusal>),
}

impl Refusal {
    /// What Go says, word for word, as far as crypto/x509 says it. Times are in UTC, where Go
    /// writes them in the zone of the machine.
    #[must_use]
    pub fn text(&self, go: Go) -> String {
        match self {
            Self::NoCertificate => "tls: client didn't provide a certificate".to_owned(),
            Self::NegativeSerial(_) => "x509: negative serial number".to_owned(),
            Self::Unreadable { text, .. } => text.clone(),
            Self::UnsupportedKey(_) => {
                "tls: client certificate contains an unsupported public key of type <nil>"
                    .to_owned()
            }
            Self::KeyTooLarge(_) => "RSA key larger than 8192 bits".to_owned(),
            Self::KeyTooSmall(_) => {
                "tls: certificate RSA key size too small for supported signature algorithms"
                    .to_owned()
            }
            Self::UnhandledCritical(_) => "x509: unhandled critical extension".to_owned(),
            Self::Expired { now, not_after, .. } => expired(*now, "after", *not_after),
            Self::NotYetValid { now, not_before, .. } => expired(*now, "before", *not_before),
            Self::CommonNameOnly { .. } if go < Go::new(17) => {
                "x509: certificate relies on legacy Common Name field, use SANs or temporarily \
                 enable Common Name matching with GODEBUG=x509ignoreCN=0"
                    .to_owned()
            }
            Self::CommonNameOnly { .. } => {
                "x509: certificate relies on legacy Common Name field, use SANs instead".to_owned()
            }
            Self::HostNotNamed { host, dns, ip } => host_not_named(host, dns, ip, go),
            Self::UnknownAuthority { hint: None } => {
                "x509: certificate signed by unknown authority".to_owned()
            }
            Self::UnknownAuthority { hint: Some(hint) } => format!(
                "x509: certificate signed by unknown authority (possibly because of {:?} while \
                 trying to verify candidate authority certificate {:?})",
                hint.fault.text(go),
                hint.name,
            ),
            Self::NotAuthorizedToSign(_) => {
                "x509: certificate is not authorized to sign other certificates".to_owned()
            }
            Self::TooManyIntermediates(_) => {
                "x509: too many intermediates for path length constraint".to_owned()
            }
            Self::IncompatibleUsage { .. } => {
                "x509: certificate specifies an incompatible key usage".to_owned()
            }
            Self::NameConstraint { detail, .. } => format!(
                "x509: a root or intermediate certificate is not authorized to sign for this \
                 name: {detail}"
            ),
            Self::SignatureLimit => "x509: signature check attempts limit reached while verifying \
                                     certificate chain"
                .to_owned(),
        }
    }

    /// What a client says of a server's certificate.
    #[must_use]
    pub fn text_of_client(&self, go: Go) -> String {
        let text = self.text(go);
        match self {
            Self::NegativeSerial(_) | Self::Unreadable { .. } => {
                format!("tls: failed to parse certificate from server: {text}")
            }
            Self::UnsupportedKey(_) => {
                "tls: server's certificate contains an unsupported type of public key: <nil>"
                    .to_owned()
            }
            Self::KeyTooLarge(_) => format!("tls: server sent certificate containing {text}"),
            Self::NoCertificate | Self::KeyTooSmall(_) => text,
            // Go 1.20 added the prefix together with `CertificateVerificationError`.
            _ if go >= Go::new(20) => format!("tls: failed to verify certificate: {text}"),
            _ => text,
        }
    }

    /// What a server says of a client's certificate.
    #[must_use]
    pub fn text_of_server(&self, go: Go) -> String {
        let text = self.text(go);
        match self {
            Self::NegativeSerial(_) | Self::Unreadable { .. } => {
                format!("tls: failed to parse client certificate: {text}")
            }
            Self::KeyTooLarge(_) => format!("tls: client sent certificate containing {text}"),
            Self::NoCertificate | Self::UnsupportedKey(_) | Self::KeyTooSmall(_) => text,
            _ if go >= Go::new(20) => format!("tls: failed to verify certificate: {text}"),
            _ if go >= Go::new(15) => format!("tls: failed to verify client certificate: {text}"),
            _ => format!("tls: failed to verify client's certificate: {text}"),
        }
    }
}

impl SignatureFault {
    /// What Go says, word for word.
    #[must_use]
    pub fn text(&self, go: Go) -> String {
        match self {
            Self::CannotSign => {
                "x509: invalid signature: parent certificate cannot sign this kind of certificate"
                    .to_owned()
            }
            Self::Wrong { key: "RSA" } => "crypto/rsa: verification error".to_owned(),
            Self::Wrong { key } => format!("x509: {key} verification failure"),
            Self::OtherKind { signature, key } => format!(
                "x509: signature algorithm specifies an {signature} public key, but have public \
                 key of type {key}"
            ),
            Self::Insecure { algorithm } => {
                // The release notes of Go 1.24 take the way out back.
                let way_out = algorithm.contains("SHA1") && go < Go::new(24);
                let way_out =
                    if way_out { " (temporarily override with GODEBUG=x509sha1=1)" } else { "" };
                format!("x509: cannot verify signature: insecure algorithm {algorithm}{way_out}")
            }
            Self::SmallKey { bits } => format!(
                "crypto/rsa: {bits}-bit keys are insecure (see https://go.dev/pkg/crypto/rsa#hdr-Minimum_key_size)"
            ),
            Self::Unknown => "x509: cannot verify signature: algorithm unimplemented".to_owned(),
            Self::Invalid(refusal) => refusal.text(go),
        }
    }
}

fn expired(now: OffsetDateTime, side: &str, bound: OffsetDateTime) -> String {
    format!(
        "x509: certificate has expired or is not yet valid: current time {} is {side} {}",
        rfc3339(now),
        rfc3339(bound)
    )
}

/// Seconds, as Go writes them. Years past 9999 cannot be written so, nor be in a certificate.
fn rfc3339(time: OffsetDateTime) -> String {
    let whole = time.replace_nanosecond(0).unwrap_or(time);
    whole.format(&Rfc3339).unwrap_or_else(|_| whole.to_string())
}

fn host_not_named(host: &str, dns: &[String], ip: &[IpAddr], go: Go) -> String {
    let many = go >= Go::new(24);
    let valid = if host.parse::<IpAddr>().is_ok() {
        if ip.is_empty() {
            return format!(
                "x509: cannot validate certificate for {host} because it doesn't contain any IP SANs"
            );
        }
        if many && ip.len() >= 100 {
            return format!(
                "x509: certificate is valid for {} IP SANs, but none matched {host}",
                ip.len()
            );
        }
        // Go writes an IPv4 address that came as IPv6 like any other IPv4 address.
        ip.iter().map(|ip| ip.to_canonical().to_string()).collect::<Vec<_>>().join(", ")
    } else {
        if many && dns.len() >= 100 {
            return format!(
                "x509: certificate is valid for {} names, but none matched {host}",
                dns.len()
            );
        }
        dns.join(", ")
    };
    if valid.is_empty() {
        return format!("x509: certificate is not valid for any names, but wanted to match {host}");
    }
    format!("x509: certificate is valid for {valid}, not {host}")
}
