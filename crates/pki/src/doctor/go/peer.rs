//! What etcd itself asks of certificates, beyond Go: `client/pkg/transport/listener_tls.go` and
//! `listener.go`.

use std::net::IpAddr;

use super::host;
use crate::etcd::Go;
use crate::read::CertificateDetails;

/// What a member's peer port makes of the address that a peer dials from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PeerVerdict {
    /// It is let in.
    Accepted,
    /// It is let in if DNS says that the address belongs to one of these names (backward, or
    /// forward for those without a `*`); nobody can say without asking.
    ByLookup {
        /// The DNS names of the certificate.
        dns: Vec<String>,
    },
    /// It is turned away.
    Refused(PeerRefusal),
}

/// Why a peer port turns a certificate away after the handshake: the peer sees the connection end.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PeerRefusal {
    /// The address that was dialled from.
    pub address: IpAddr,
    /// The IP names of the certificate.
    pub ip: Vec<IpAddr>,
}

impl PeerRefusal {
    /// What the member logs, word for word.
    #[must_use]
    pub fn text(&self) -> String {
        let Self { address, ip } = self;
        let valid: Vec<_> = ip.iter().map(|ip| ip.to_canonical().to_string()).collect();
        format!("x509: certificate is valid for {}, not {address}", valid.join(", "))
    }
}

/// Judges the certificate that a peer shows where it dials from `address`: `checkCertSAN`.
///
/// A certificate that names nothing is let in. Otherwise one of its IP names must be the address,
/// or DNS must know the address by one of its DNS names.
#[must_use]
pub fn peer_address(certificate: &CertificateDetails, address: IpAddr) -> PeerVerdict {
    let Some(names) = &certificate.names else { return PeerVerdict::Accepted };
    if names.ip.is_empty() && names.dns.is_empty() {
        return PeerVerdict::Accepted;
    }
    let canonical = address.to_canonical();
    if names.ip.iter().any(|ip| ip.to_canonical() == canonical) {
        return PeerVerdict::Accepted;
    }
    if names.dns.is_empty() {
        return PeerVerdict::Refused(PeerRefusal { address, ip: names.ip.clone() });
    }
    PeerVerdict::ByLookup { dns: names.dns.clone() }
}

/// Whether `--client-cert-allowed-cn` or its like lets the certificate in: the common name is one
/// of those, letter by letter. An empty list lets everybody in.
#[must_use]
pub fn allowed_common_name(certificate: &CertificateDetails, allowed: &[String]) -> bool {
    allowed.is_empty() || allowed.contains(&certificate.subject.common_name)
}

/// Whether `--client-cert-allowed-hostname` or its like lets the certificate in: it names one of
/// those hosts. An empty list lets everybody in.
#[must_use]
pub fn allowed_hostname(certificate: &CertificateDetails, allowed: &[String], go: Go) -> bool {
    allowed.is_empty() || allowed.iter().any(|name| host::matches(certificate, name, go))
}
