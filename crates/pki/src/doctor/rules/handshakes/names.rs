//! The host of a URL and the names of a certificate: TLS001, TLS002, TLS003.

use std::collections::BTreeSet;
use std::net::IpAddr;

use super::super::super::case::Case;
use super::super::super::findings::{Findings, Found, Subject};
use super::super::words::{list, subject};
use super::fix;
use super::presentation::{Link, Refused, links, sentence};
use crate::doctor::go::Refusal;
use crate::doctor::{Origin, Rule};
use crate::etcd::Go;

/// 0: there is no name at all; 1: the address is there, as a DNS name; 2: it is another.
pub(in super::super) fn kind(host: &str, dns: &[String], ip: &[IpAddr]) -> u8 {
    if dns.is_empty() && ip.is_empty() {
        return 0;
    }
    let is_address = |text: &str| text.parse::<IpAddr>().map(|address| address.to_canonical());
    let wanted = is_address(host);
    u8::from(!(wanted.is_ok() && dns.iter().any(|name| is_address(name) == wanted))) + 1
}

/// Where only files are known and no URL: a certificate without names is good for none.
pub(super) fn check(case: &Case<'_>, findings: &mut Findings) {
    let go = case.go.oldest;
    let mut told = BTreeSet::new();
    for (member, side) in case.sides() {
        let (Some(document), Some(leaf)) = (&side.certificate, side.served().first()) else {
            continue;
        };
        let named =
            leaf.names.as_ref().is_some_and(|names| !names.dns.is_empty() || !names.ip.is_empty());
        let common_name = &leaf.subject.common_name;
        // Go took the common name for a host until 1.14.
        let by_common_name = go < Go::new(15) && leaf.names.is_none() && !common_name.is_empty();
        if member.settings.origin != Origin::Directory
            || named
            || by_common_name
            || !told.insert(&document.path)
        {
            continue;
        }
        let refusal = Refusal::CommonNameOnly { common_name: common_name.clone() };
        let meaning = format!(
            "The certificate {} ({}) has no list of names (subjectAltName), so it is good for no \
             host, whatever is dialled. The common name does not count: Go does not look at it \
             since 1.15.",
            subject(leaf),
            document.path.display(),
        );
        let host = (!common_name.is_empty()).then(|| common_name.clone());
        let fix = fix::reissue_of(member, side, host.as_slice());
        findings.add(
            Found::error(
                Rule::NoNames,
                refusal.text_of_client(go),
                meaning,
                format!("{fix}\nand put every other host and address of its URLs into that list"),
            )
            .member(member)
            .file(&document.path)
            .field("subjectAltName")
            .follows(Subject::File(document.path.clone()))
            .causes(Subject::Extensions(leaf.fingerprint)),
        );
    }
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
    let found = first.found(rule, case, meaning, command).field("subjectAltName");
    // Issued again with names, it has extensions.
    Some(if rule == Rule::NoNames {
        found.causes(Subject::Extensions(leaf.fingerprint))
    } else {
        found
    })
}
