//! What etcd asks of certificates beyond Go: TLS018, TLS019.

use std::net::IpAddr;

use super::super::super::case::{Case, MemberCase, Port, Side};
use super::super::super::findings::{Findings, Found, Subject};
use super::super::words::{list, subject};
use super::presentation::{Link, Presentation, sentence};
use super::{fix, gather, trust};
use crate::doctor::go::{PeerVerdict, Usage, allowed_common_name, allowed_hostname, peer_address};
use crate::doctor::{Rule, Severity, Url};

pub(super) fn check(
    case: &Case<'_>,
    presentations: &[Presentation<'_, '_>],
    findings: &mut Findings,
) {
    for presentation in presentations {
        allowed(case, presentation, findings);
    }
    for to in &case.members {
        let checks = to.peer.demands_certificate()
            && to.listens_with_tls(Port::Peer)
            && !to.settings.peer_skip_client_san_verification;
        for from in case.members.iter().filter(|from| checks && from.index != to.index) {
            if let Some(found) = address(presentations, from, to) {
                findings.add(found);
            }
        }
    }
}

/// `checkCertSAN`: the address that `from` dials from must be in its certificate.
fn address(
    presentations: &[Presentation<'_, '_>],
    from: &MemberCase<'_>,
    to: &MemberCase<'_>,
) -> Option<Found> {
    let presentation = presentations.iter().find(|shown| {
        shown.link == Link::Peer
            && shown.usage == Usage::Client
            && shown.owner.is_some_and(|owner| owner.index == from.index)
            && shown.to == to.name
    })?;
    let leaf = presentation.leaf()?;
    let (address, is_sure) = source(from, to)?;
    let document = presentation.document;
    let (today, severity, why) = match peer_address(leaf, address) {
        PeerVerdict::Accepted => return None,
        PeerVerdict::Refused(refusal) => {
            let ip = list(&refusal.ip);
            let severity = if is_sure { Severity::Error } else { Severity::Warning };
            (refusal.text(), severity, format!("names only {ip}"))
        }
        PeerVerdict::ByLookup { dns } => {
            // Names that lead to the address, as far as that can be told without asking anyone.
            let localhost = address.is_loopback()
                && dns.iter().any(|name| name.eq_ignore_ascii_case("localhost"));
            let own = from.settings.advertise_peer_urls.iter();
            let known = dns.iter().any(|name| own.clone().any(|url| url.host == *name));
            if localhost || (known && !address.is_loopback()) {
                return None;
            }
            let quoted: Vec<_> = dns.iter().map(|name| format!("{name:?}")).collect();
            let today = format!(
                "tls: {:?} does not match any of DNSNames [{}]",
                address.to_string(),
                quoted.join(" ")
            );
            let severity = if is_sure { Severity::Error } else { Severity::Warning };
            (today, severity, format!("names {}, which must lead to it by DNS", list(&dns)))
        }
    };
    let meaning = format!(
        "{} dials {} from {address}, and its certificate ({}, {}) {why}. A member looks up where a \
         peer comes from and closes the connection after the handshake: the link from {} to {} \
         stays down.",
        from.name,
        to.name,
        subject(leaf),
        document.path.display(),
        from.name,
        to.name,
    );
    let command =
        fix::reissue(presentation, &[address.to_string()], trust::pool_path(presentation));
    let new = if severity == Severity::Error { Found::error } else { Found::warning };
    Some(
        new(
            Rule::PeerAddressNotNamed,
            format!("rejected connection: {today}; the other member: EOF"),
            meaning,
            command,
        )
        .member(from)
        .file(&document.path)
        .field("subjectAltName")
        .follows(Subject::File(document.path.clone()))
        .follows(Subject::Certificate(leaf.fingerprint)),
    )
}

/// The address that `from` dials `to` from, and whether that is sure. Whoever dials the loopback
/// does so from it; else it is taken to be the address by which others know `from`.
fn source(from: &MemberCase<'_>, to: &MemberCase<'_>) -> Option<(IpAddr, bool)> {
    let target = gather::peer_urls(from, to).into_iter().find(|url| url.scheme == "https")?;
    let loopback = |host: &str| -> Option<IpAddr> {
        if host.eq_ignore_ascii_case("localhost") {
            return Some(IpAddr::from([127, 0, 0, 1]));
        }
        let address = host.parse::<IpAddr>().ok()?.to_canonical();
        match address {
            IpAddr::V4(v4) if v4.is_loopback() => Some(IpAddr::from([127, 0, 0, 1])),
            IpAddr::V6(v6) if v6.is_loopback() => Some(address),
            _ => None,
        }
    };
    if let Some(address) = loopback(&target.host) {
        return Some((address, true));
    }
    target.host.parse::<IpAddr>().ok()?;
    let known = |url: &Url| {
        let address = url.host.parse::<IpAddr>().ok()?.to_canonical();
        (!address.is_unspecified() && !address.is_loopback()).then_some(address)
    };
    let urls = from.settings.advertise_peer_urls.iter().chain(&from.settings.listen_peer_urls);
    urls.filter_map(known).next().map(|address| (address, false))
}

/// `--peer-cert-allowed-cn` and its like. Members ask it of each other in both directions, since
/// one configuration serves for both (`baseConfig` in `client/pkg/transport/listener.go`).
fn allowed(case: &Case<'_>, presentation: &Presentation<'_, '_>, findings: &mut Findings) {
    let Some(leaf) = presentation.leaf() else { return };
    let judges: Vec<(&MemberCase<'_>, &Side<'_>)> = case
        .members
        .iter()
        .filter_map(|member| match (presentation.link, presentation.usage) {
            (Link::Peer, Usage::Client) => {
                (member.name == presentation.to).then_some((member, &member.peer))
            }
            (Link::Peer, Usage::Server) => {
                (member.name == presentation.from).then_some((member, &member.peer))
            }
            (Link::Client, Usage::Client) => {
                (member.name == presentation.to).then_some((member, &member.client))
            }
            _ => None,
        })
        .collect();
    for (member, side) in judges {
        let names = &side.settings.allowed_common_names;
        let hosts = &side.settings.allowed_hostnames;
        let base = if !allowed_common_name(leaf, names) {
            "cert-allowed-cn"
        } else if !allowed_hostname(leaf, hosts, case.go.oldest) {
            "cert-allowed-hostname"
        } else {
            continue;
        };
        let flag = format!("{}-{base}", side.port.name());
        let setting = member.setting(&flag);
        let (has, wants, value) = if base == "cert-allowed-cn" {
            let name = &leaf.subject.common_name;
            (format!("has the common name {name:?}"), list(names), name.clone())
        } else {
            let known = leaf.names.clone().unwrap_or_default();
            let ip = known.ip.iter().map(ToString::to_string);
            let all: Vec<_> = known.dns.iter().cloned().chain(ip).collect();
            let first = all.first().cloned().unwrap_or_default();
            (format!("names {}", list(&all)), list(hosts), first)
        };
        let add = if value.is_empty() {
            format!("issue it again with one of the names in {setting}")
        } else {
            format!(
                "set {} (several, with commas, from etcd 3.5.15 on), or issue the certificate again \
                 with one of those names",
                member.setting_to(&flag, &value)
            )
        };
        findings.add(
            Found::error(
                Rule::PeerNotAllowed,
                "client certificate authentication failed; the other side: remote error: tls: bad \
                 certificate",
                format!(
                    "{} ({}) {has}, and {} lets in only {wants} ({setting}).",
                    sentence(&presentation.what()),
                    presentation.document.path.display(),
                    member.name,
                ),
                add,
            )
            .member(member)
            .file(&presentation.document.path)
            .field(setting)
            .follows(Subject::File(presentation.document.path.clone())),
        );
    }
}
