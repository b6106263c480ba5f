//! Name constraints: which names an authority may sign for.

use std::net::IpAddr;

use crate::etcd::Go;
use crate::read::{CertificateDetails, NameConstraints};

/// From this release on, an excluded name below a wildcard excludes the wildcard.
const OVERLAP: Go = Go::new(26);

/// Checks the names of `certificate` against the constraints of an authority above it; else says
/// in Go's words which name it is about.
pub(super) fn check(
    constraints: &NameConstraints,
    certificate: &CertificateDetails,
    go: Go,
) -> Result<(), String> {
    let Some(names) = &certificate.names else { return Ok(()) };
    for ip in &names.ip {
        if !constraints.permitted_ip.is_empty()
            && !constraints.permitted_ip.iter().any(|network| contains(network, *ip))
        {
            return Err(format!("IP address \"{ip}\" is not permitted by any constraint"));
        }
        if let Some(network) = constraints.excluded_ip.iter().find(|network| contains(network, *ip))
        {
            return Err(format!(
                "IP address \"{ip}\" is excluded by constraint \"{}/{}\"",
                network.0,
                prefix(network.1)
            ));
        }
    }
    for name in &names.dns {
        // Before they could have been constrained, names were not looked at.
        if !is_domain(name) {
            return Err(format!("x509: cannot parse dnsName {name:?}"));
        }
        let lists = (&constraints.permitted_dns, &constraints.excluded_dns);
        domain("DNS name", name, name, lists, go)?;
    }
    for uri in &names.uri {
        let host = uri_host(uri)?;
        let lists = (&constraints.permitted_uri, &constraints.excluded_uri);
        domain("URI", uri, &host, lists, go)?;
    }
    for mail in &names.email {
        let Some((_, host)) = mail.rsplit_once('@') else {
            return Err(format!("cannot parse rfc822Name {mail:?}"));
        };
        let is_of = |constraint: &String| match constraint.rsplit_once('@') {
            Some((local, domain)) => mail.strip_suffix(host).is_some_and(|user| {
                user.strip_suffix('@') == Some(local) && domain.eq_ignore_ascii_case(host)
            }),
            None => is_below(constraint, host),
        };
        let (permitted, excluded) = (&constraints.permitted_email, &constraints.excluded_email);
        if !permitted.is_empty() && !permitted.iter().any(is_of) {
            return Err(format!("email address {mail:?} is not permitted by any constraint"));
        }
        if let Some(found) = excluded.iter().find(|constraint| is_of(constraint)) {
            return Err(format!("email address {mail:?} is excluded by constraint {found:?}"));
        }
    }
    Ok(())
}

/// Checks a name by the domain in it, which is all of a DNS name and the host of a URI.
fn domain(
    kind: &str,
    name: &str,
    host: &str,
    (permitted, excluded): (&Vec<String>, &Vec<String>),
    go: Go,
) -> Result<(), String> {
    if !permitted.is_empty() && !permitted.iter().any(|domain| is_below(domain, host)) {
        return Err(format!("{kind} {name:?} is not permitted by any constraint"));
    }
    let hit =
        |domain: &&String| is_below(domain, host) || (go >= OVERLAP && overlaps(domain, host));
    match excluded.iter().find(hit) {
        Some(domain) => Err(format!("{kind} {name:?} is excluded by constraint {domain:?}")),
        None => Ok(()),
    }
}

/// The host of a URI, which must be a name.
fn uri_host(uri: &str) -> Result<String, String> {
    let rest = uri.split_once("://").map_or("", |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    if authority.is_empty() {
        return Err(format!("URI with empty host ({uri:?}) cannot be matched against constraints"));
    }
    let host = authority.split_once(':').map_or(authority, |(host, _)| host);
    if authority.starts_with('[') || host.parse::<IpAddr>().is_ok() {
        return Err(format!("URI with IP ({uri:?}) cannot be matched against constraints"));
    }
    Ok(host.to_ascii_lowercase())
}

/// Whether `name` is `domain` or below it; a leading dot leaves out the domain itself.
fn is_below(domain: &str, name: &str) -> bool {
    if domain.is_empty() {
        return true;
    }
    let Some(split) = name.len().checked_sub(domain.len()) else { return false };
    let (Some(rest), Some(tail)) = (name.get(..split), name.get(split..)) else { return false };
    tail.eq_ignore_ascii_case(domain)
        && (rest.is_empty() || domain.starts_with('.') || rest.ends_with('.'))
}

/// `*.example.com` covers an excluded `a.example.com`.
fn overlaps(domain: &str, name: &str) -> bool {
    match (name.strip_prefix('*'), domain.find('.')) {
        (Some(parent), Some(dot)) if parent.starts_with('.') => {
            domain.get(dot..).is_some_and(|rest| rest.eq_ignore_ascii_case(parent))
        }
        _ => false,
    }
}

/// `domainNameValid` for a name.
fn is_domain(name: &str) -> bool {
    name.is_empty()
        || name
            .split('.')
            .all(|label| !label.is_empty() && label.bytes().all(|byte| (33..=126).contains(&byte)))
}

fn contains((network, mask): &(IpAddr, IpAddr), address: IpAddr) -> bool {
    match (network, mask, address) {
        (IpAddr::V4(network), IpAddr::V4(mask), IpAddr::V4(address)) => {
            network.to_bits() & mask.to_bits() == address.to_bits() & mask.to_bits()
        }
        (IpAddr::V6(network), IpAddr::V6(mask), IpAddr::V6(address)) => {
            network.to_bits() & mask.to_bits() == address.to_bits() & mask.to_bits()
        }
        _ => false,
    }
}

fn prefix(mask: IpAddr) -> u32 {
    match mask {
        IpAddr::V4(mask) => mask.to_bits().leading_ones(),
        IpAddr::V6(mask) => mask.to_bits().leading_ones(),
    }
}
