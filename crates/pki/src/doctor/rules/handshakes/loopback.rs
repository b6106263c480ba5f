//! A member that is dialled on its own machine: TLS004.

use super::super::super::case::{Case, MemberCase, Port};
use super::super::super::findings::{Findings, Found, Subject};
use super::super::words::{is_local, list, subject};
use super::fix;
use crate::doctor::go::{Refusal, Usage, verify};
use crate::doctor::{Rule, Url};

/// What etcdctl dials when it is told nothing (`--endpoints`), and other ways to say the same.
const LOOPBACK: [&str; 3] = ["127.0.0.1", "localhost", "::1"];

pub(super) fn check<'c>(case: &'c Case<'c>, findings: &mut Findings) {
    for member in &case.members {
        let reachable = |url: &Url| {
            let any = url.host.parse::<std::net::IpAddr>().is_ok_and(|host| host.is_unspecified());
            url.scheme == "https" && (any || is_local(url))
        };
        let Some(url) = member.listen_urls(Port::Client).find(|url| reachable(url)) else {
            continue;
        };
        if let Some(found) = unnamed(case, member, url) {
            findings.add(found);
        }
    }
}

fn unnamed<'c>(case: &Case<'_>, member: &'c MemberCase<'c>, url: &Url) -> Option<Found> {
    let document = member.client.certificate.as_ref()?;
    let leaf = member.client.served().first()?;
    let names = leaf.names.as_ref()?;
    // Advertised as such, it is judged like any other URL, and one without names is TLS001.
    let advertised = member.settings.advertise_client_urls.iter().any(is_local);
    if advertised || (names.dns.is_empty() && names.ip.is_empty()) {
        return None;
    }
    let one = std::slice::from_ref(leaf);
    let go = case.go.oldest;
    let now = leaf.not_before;
    let refusal = |host: &str| verify(one, one, Usage::Server, Some(host), now, go).err();
    let missing = |host: &&str| matches!(refusal(host), Some(Refusal::HostNotNamed { .. }));
    if !LOOPBACK.iter().all(missing) {
        return None;
    }
    let hosts = LOOPBACK.map(str::to_owned);
    let text = refusal("127.0.0.1").map(|refusal| refusal.text_of_client(go)).unwrap_or_default();
    let ip = names.ip.iter().map(ToString::to_string);
    Some(
        Found::warning(
            Rule::LoopbackNotNamed,
            format!("from etcdctl on that machine: {text}"),
            format!(
                "{} can be dialled on its own machine ({url}), as etcdctl does when it is told \
                 nothing else, but its certificate ({}, {}) names only {}. From elsewhere it is \
                 fine.",
                member.name,
                subject(leaf),
                document.path.display(),
                list(names.dns.iter().cloned().chain(ip)),
            ),
            fix::reissue_of(member, &member.client, &hosts),
        )
        .member(member)
        .file(&document.path)
        .field("subjectAltName")
        .follows(Subject::File(document.path.clone())),
    )
}
