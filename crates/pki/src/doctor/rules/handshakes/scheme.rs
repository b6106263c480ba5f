//! One side speaks TLS and the other does not: TLS021.

use super::super::super::case::{Case, MemberCase, Port};
use super::super::super::findings::{Findings, Found};
use super::gather;
use crate::doctor::{Origin, Rule, Url};

/// What each side says where a dialler with TLS meets a listener without.
const TO_PLAIN: &str = "transport: authentication handshake failed: EOF, or tls: first record does not \
     look like a TLS handshake";
/// And the other way round, at the client.
const TO_TLS: &str = "error reading server preface: EOF";

pub(super) fn check(case: &Case<'_>, findings: &mut Findings) {
    for member in &case.members {
        if member.settings.origin == Origin::Directory {
            continue;
        }
        for url in &member.settings.advertise_peer_urls {
            let setting = member.setting("initial-advertise-peer-urls");
            advertised(member, member, Port::Peer, url, &setting, findings);
        }
        for url in &member.settings.advertise_client_urls {
            let setting = member.setting("advertise-client-urls");
            advertised(member, member, Port::Client, url, &setting, findings);
        }
        for (name, url) in &member.settings.initial_cluster {
            let Some(other) = case.members.iter().find(|other| other.name == name) else {
                continue;
            };
            // Its own advertised URL, which has been looked at.
            if other.index == member.index && other.settings.advertise_peer_urls.contains(url) {
                continue;
            }
            let setting = member.setting("initial-cluster");
            advertised(member, other, Port::Peer, url, &setting, findings);
        }
    }
    for client in &case.clients {
        for (member, url) in gather::dialled(case, client) {
            // Those that are advertised are the member's affair.
            let Some(url) = url.filter(|_| !client.urls.is_empty()) else { continue };
            if let Some(listener) = mismatch(member, Port::Client, url) {
                findings.add(
                    Found::error(
                        Rule::SchemeMismatch,
                        today(url, Port::Client),
                        format!(
                            "The client dials {url}, and {} listens there with {}: {listener}.",
                            member.name,
                            kind(listener),
                        ),
                        format!("give the client {}", with_scheme(url, listener)),
                    )
                    .field("--endpoints")
                    .member(member),
                );
            }
        }
    }
}

/// `url` is where `by` says that `whose` can be reached.
fn advertised(
    by: &MemberCase<'_>,
    whose: &MemberCase<'_>,
    port: Port,
    url: &Url,
    setting: &str,
    findings: &mut Findings,
) {
    let Some(listener) = mismatch(whose, port, url) else { return };
    let who = port.name();
    let listens = whose.setting(match port {
        Port::Client => "listen-client-urls",
        Port::Peer => "listen-peer-urls",
    });
    let secure = with_scheme(
        if url.is_tls() { listener } else { url },
        if url.is_tls() { url } else { listener },
    );
    let fix = if url.is_tls() {
        format!("write {secure} in {listens} of {}, with a certificate for it", whose.name)
    } else {
        format!("write {secure} in {setting}")
    };
    findings.add(
        Found::error(
            Rule::SchemeMismatch,
            today(url, port),
            format!(
                "{setting} sends {who}s of {} to {url}, and it listens there with {}: {listener} \
                 ({listens}).",
                whose.name,
                kind(listener),
            ),
            fix,
        )
        .member(by)
        .field(setting),
    );
}

/// The URL that is listened on where `url` leads, if none there speaks its language. Sockets are
/// known by their path and left out.
fn mismatch<'c>(member: &MemberCase<'c>, port: Port, url: &Url) -> Option<&'c Url> {
    if url.is_socket() || url.port.is_none() {
        return None;
    }
    let there = |listener: &&Url| {
        let any = |host: &str| {
            host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_unspecified())
        };
        !listener.is_socket()
            && listener.port == url.port
            && (listener.host == url.host || any(&listener.host))
    };
    let mut found = member.listen_urls(port).filter(there).peekable();
    let first = *found.peek()?;
    (!found.any(|listener| listener.is_tls() == url.is_tls())).then_some(first)
}

fn today(url: &Url, port: Port) -> String {
    match (url.is_tls(), port) {
        (true, _) => TO_PLAIN.to_owned(),
        (false, Port::Peer) => format!("rejected connection: {TO_PLAIN}; the other member: EOF"),
        (false, Port::Client) => format!("rejected connection: {TO_PLAIN}; the client: {TO_TLS}"),
    }
}

fn kind(url: &Url) -> &'static str {
    if url.is_tls() { "TLS" } else { "no TLS" }
}

/// `url` with the scheme of `other`.
fn with_scheme(url: &Url, other: &Url) -> String {
    Url { scheme: other.scheme.clone(), ..url.clone() }.to_string()
}
