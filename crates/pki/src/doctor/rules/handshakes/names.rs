//! The host of a URL and the names of a certificate: TLS001, TLS002, TLS003.

use std::net::IpAddr;

use super::super::super::case::Case;
use super::super::super::findings::Found;
use super::super::words::{list, subject};
use super::fix;
use super::presentation::{Link, Refused, links, sentence};
use crate::doctor::Rule;
use crate::doctor::go::Refusal;

/// 0: there is no name at all; 1: the address is there, as a DNS name; 2: it is another.
pub(super) fn kind(host: &str, dns: &[String], ip: &[IpAddr]) -> u8 {
    if dns.is_empty() && ip.is_empty() {
        return 0;
    }
    let is_address = |text: &str| text.parse::<IpAddr>().map(|address| address.to_canonical());
    let wanted = is_address(host);
    u8::from(!(wanted.is_ok() && dns.iter().any(|name| is_address(name) == wanted))) + 1
}

pub(super) fn refused(case: &Case<'_>, refused: &[Refused<'_, '_>]) -> Option<Found> {
    let first = refused.first()?;
    let presentation = first.presentation;
    let leaf = presentation.leaf()?;
    let mut hosts: Vec<String> = Vec::new();
    for host in refused.iter().filter_map(|refused| refused.presentation.host.clone()) {
        if !hosts.contains(&host) {
            hosts.push(host);
        }
    }
    let what = sentence(&first.what());
    let path = presentation.document.path.display();
    let name = subject(leaf);
    let dialled = list(&hosts);
    let who = match presentation.link {
        Link::Anyone => {
            let member = presentation.owner?;
            format!("Clients find it in {}.", member.setting("advertise-client-urls"))
        }
        _ => format!("It fails: {}.", links(refused)),
    };
    let (rule, meaning) = match &first.refusal {
        Refusal::HostNotNamed { host, dns, ip } if kind(host, dns, ip) == 1 => (
            Rule::AddressAsName,
            format!(
                "{what} ({name}, {path}) has {dialled} in its list of names, but typed as a DNS \
                 name. Addresses are looked for among the IP names only. {who}"
            ),
        ),
        Refusal::HostNotNamed { host, dns, ip } if kind(host, dns, ip) == 2 => {
            let ip = ip.iter().map(ToString::to_string);
            let has = list(dns.iter().cloned().chain(ip));
            (
                Rule::HostNotNamed,
                format!(
                    "{what} ({name}, {path}) is for {has}, and the URL that is dialled says \
                     {dialled}. {who}"
                ),
            )
        }
        _ => (
            Rule::NoNames,
            format!(
                "{what} ({name}, {path}) has no list of names (subjectAltName), so it is good for \
                 no host, and here {dialled} is dialled. The common name does not count: Go does \
                 not look at it since 1.15. {who}"
            ),
        ),
    };
    let pool = presentation
        .pool_document
        .or_else(|| {
            let side = presentation.owner?.sides().find(|side| side.port == presentation.port)?;
            side.trusted.as_deref()
        })
        .map(|pool| pool.path.as_path());
    let command = fix::reissue(presentation, &hosts, pool);
    Some(first.found(rule, case, meaning, command).field("subjectAltName"))
}
