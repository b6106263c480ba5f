//! Whether a certificate names a host.

use std::net::IpAddr;

use super::Refusal;
use crate::etcd::Go;
use crate::read::CertificateDetails;

/// Go stops looking at common names with this release (its release notes).
pub(super) const COMMON_NAME_IGNORED: Go = Go::new(15);

/// Checks that `certificate` names `host`: `VerifyHostname`.
///
/// An address is looked for among the IP names only, and any other host among the DNS names only.
pub(super) fn check(certificate: &CertificateDetails, host: &str, go: Go) -> Result<(), Refusal> {
    if matches(certificate, host, go) {
        return Ok(());
    }
    let bare = bare(host);
    let common_name = &certificate.subject.common_name;
    if certificate.names.is_none()
        && go >= COMMON_NAME_IGNORED
        && pattern_matches(common_name, bare)
    {
        return Err(Refusal::CommonNameOnly { common_name: common_name.clone() });
    }
    let names = certificate.names.clone().unwrap_or_default();
    let mut dns = names.dns;
    if certificate.names.is_none() && go < COMMON_NAME_IGNORED && is_name(common_name, true) {
        dns.push(common_name.clone());
    }
    Err(Refusal::HostNotNamed { host: bare.to_owned(), dns, ip: names.ip })
}

/// Whether `certificate` names `host`.
pub(crate) fn matches(certificate: &CertificateDetails, host: &str, go: Go) -> bool {
    let host = bare(host);
    if let Ok(address) = host.parse::<IpAddr>() {
        let address = address.to_canonical();
        return certificate
            .names
            .as_ref()
            .is_some_and(|names| names.ip.iter().any(|name| name.to_canonical() == address));
    }
    match &certificate.names {
        Some(names) => names.dns.iter().any(|name| dns_matches(name, host)),
        None => {
            let common_name = &certificate.subject.common_name;
            go < COMMON_NAME_IGNORED
                && is_name(common_name, true)
                && pattern_matches(common_name, host)
        }
    }
}

/// Addresses may be written in brackets.
fn bare(host: &str) -> &str {
    match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inner) if inner.parse::<IpAddr>().is_ok() => inner,
        _ => host,
    }
}

/// Wildcards and a trailing dot count only where both are proper names; anything else must be the
/// same text.
fn dns_matches(name: &str, host: &str) -> bool {
    if is_name(host, false) && is_name(name, true) {
        return pattern_matches(name, host);
    }
    let nothing = |text: &str| text.is_empty() || text == ".";
    !nothing(name) && !nothing(host) && name.eq_ignore_ascii_case(host)
}

fn pattern_matches(pattern: &str, host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    if pattern.is_empty() || host.is_empty() {
        return false;
    }
    let mut labels = host.split('.');
    for (index, expected) in pattern.split('.').enumerate() {
        let Some(label) = labels.next() else { return false };
        let wild = index == 0 && expected == "*";
        if !wild && !expected.eq_ignore_ascii_case(label) {
            return false;
        }
    }
    labels.next().is_none()
}

/// `validHostname`: letters, digits, underscores, and hyphens but in front.
fn is_name(host: &str, pattern: bool) -> bool {
    let host = if pattern { host } else { host.strip_suffix('.').unwrap_or(host) };
    if host.is_empty() || host == "*" {
        return false;
    }
    host.split('.').enumerate().all(|(index, label)| {
        if pattern && index == 0 && label == "*" {
            return true;
        }
        !label.is_empty()
            && !label.starts_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    })
}
