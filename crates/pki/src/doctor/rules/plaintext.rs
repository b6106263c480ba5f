//! Ports without TLS beside those with it, and peers whom nobody asks who they are: TLS035, TLS036.
//!
//! What is unsafe now is an error: where certificates are demanded and a port that can be reached
//! from elsewhere does not, or where anybody from elsewhere can speak to a peer port. A fleet without
//! TLS whose clients can be reached from elsewhere gets a warning. The loopback and sockets are open to this machine alone: a warning, and none where nothing was to be guarded.

use super::super::case::{Case, MemberCase, Port, Side};
use super::super::findings::{Findings, Found};
use super::words::{is_local, list};
use crate::doctor::{Rule, Url};
use crate::etcd::Version;

pub(super) fn check(case: &Case<'_>, findings: &mut Findings) {
    for member in &case.members {
        let has_tls = member.sides().any(|side| {
            side.settings.cert_file.is_some() || member.listen_urls(side.port).any(Url::is_tls)
        });
        if has_tls {
            beside(case.etcd, member, &member.client, findings);
        } else {
            open_clients(member, findings);
        }
        if means_tls(member, &member.peer) {
            beside(case.etcd, member, &member.peer, findings);
        } else {
            open_peers(member, findings);
        }
        unauthenticated_peers(member, findings);
        socket_of_peers(case.etcd, member, findings);
    }
}

/// Whether TLS was to be on this side.
fn means_tls(member: &MemberCase<'_>, side: &Side<'_>) -> bool {
    let settings = side.settings;
    settings.cert_file.is_some()
        || settings.trusted_ca_file.is_some()
        || settings.client_cert_auth
        || settings.auto_tls
        || member.listen_urls(side.port).any(Url::is_tls)
}

fn beside(etcd: Version, member: &MemberCase<'_>, side: &Side<'_>, findings: &mut Findings) {
    let plain: Vec<_> = member.listen_urls(side.port).filter(|url| url.scheme == "http").collect();
    let guarded = side.demands_certificate();
    let remote: Vec<_> = plain.iter().copied().filter(|url| !is_local(url)).collect();
    if plain.is_empty() || (remote.is_empty() && !guarded) {
        return;
    }
    let who = match side.port {
        Port::Client => "Clients",
        Port::Peer => "Peers",
    };
    let scheme = match (side.port, (etcd.major(), etcd.minor()) >= (3, 6)) {
        (Port::Client, true) => "http or unix",
        _ => "HTTP",
    };
    let today = if side.settings.client_cert_auth {
        let flag = side.flag("client-cert-auth");
        format!(
            "scheme is {scheme} while --{flag} is enabled; ignoring client cert auth for this URL"
        )
    } else if side.settings.cert_file.is_some() {
        format!(
            "scheme is {scheme} while key and cert files are present; ignoring key and cert files"
        )
    } else {
        "etcd says nothing about it".to_owned()
    };
    let urls = list(if remote.is_empty() { &plain } else { &remote });
    let first = remote.first().or_else(|| plain.first()).map(|url| secure(url)).unwrap_or_default();
    let setting = setting_of_urls(member, side.port, &urls);
    let fix = format!("write {first} in {setting}, or leave that URL out");
    let found = if guarded && !remote.is_empty() {
        Found::error(
            Rule::PlaintextListener,
            today,
            format!(
                "{who} must show a certificate, but not on {urls}: there is no TLS there, and \
                 whoever reaches it is let in without one."
            ),
            fix,
        )
    } else if guarded {
        Found::warning(
            Rule::PlaintextListener,
            today,
            format!(
                "{who} must show a certificate, but not on {urls}: everyone on this machine is \
                 let in without one."
            ),
            fix,
        )
    } else {
        Found::warning(
            Rule::PlaintextListener,
            today,
            format!(
                "{urls} is without TLS: what is read and written there can be read along, and \
                     changed, on its way."
            ),
            fix,
        )
    };
    findings.add(found.member(member).field(setting));
}

fn secure(url: &Url) -> String {
    url.to_string().replacen("http://", "https://", 1)
}

/// Which setting has those URLs.
fn setting_of_urls(member: &MemberCase<'_>, port: Port, urls: &str) -> String {
    let http = &member.settings.listen_client_http_urls;
    member.setting(match port {
        Port::Peer => "listen-peer-urls",
        Port::Client if list(http) == urls => "listen-client-http-urls",
        Port::Client => "listen-client-urls",
    })
}

/// No TLS at all, within reach of others. Passwords may guard the data (they are not in the
/// settings), so it is not an error, though they would be read along.
fn open_clients(member: &MemberCase<'_>, findings: &mut Findings) {
    let plain = member.listen_urls(Port::Client);
    let plain: Vec<_> = plain.filter(|url| url.scheme == "http" && !is_local(url)).collect();
    if plain.is_empty() {
        return;
    }
    let urls = list(&plain);
    let setting = setting_of_urls(member, Port::Client, &urls);
    findings.add(
        Found::warning(
            Rule::PlaintextListener,
            "serving client traffic insecurely; this is strongly discouraged!",
            format!(
                "{urls} is without TLS, and so is everything else of the member: whoever reaches it \
                 is asked for no certificate, and can read along what others write."
            ),
            format!(
                "write https there and in the URLs that are advertised, and set {}, {}, {} and {}",
                member.setting("cert-file"),
                member.setting("key-file"),
                member.setting("trusted-ca-file"),
                member.setting("client-cert-auth"),
            ),
        )
        .member(member)
        .field(setting),
    );
}

/// Peers without any TLS, within reach of others.
fn open_peers(member: &MemberCase<'_>, findings: &mut Findings) {
    let plain = member.listen_urls(Port::Peer).filter(|url| url.scheme == "http" && !is_local(url));
    let plain: Vec<_> = plain.collect();
    if plain.is_empty() {
        return;
    }
    let setting = member.setting("listen-peer-urls");
    findings.add(
        Found::error(
            Rule::PeersUnauthenticated,
            "etcd says nothing about it",
            format!(
                "{} is without TLS, and peers are asked for nothing else: whoever reaches it can read \
                 everything, and pass for a member.",
                list(&plain)
            ),
            format!(
                "write https there and in the URLs that are advertised, and set {}, {}, {} and {}",
                member.setting("peer-cert-file"),
                member.setting("peer-key-file"),
                member.setting("peer-trusted-ca-file"),
                member.setting("peer-client-cert-auth"),
            ),
        )
        .member(member)
        .field(setting),
    );
}

fn unauthenticated_peers(member: &MemberCase<'_>, findings: &mut Findings) {
    let side = &member.peer;
    let tls: Vec<_> =
        member.listen_urls(Port::Peer).filter(|url| url.is_tls() && !url.is_socket()).collect();
    if tls.is_empty() || side.is_automatic() || side.demands_certificate() {
        return;
    }
    let meaning = format!(
        "The peer port is encrypted and nobody is asked for a certificate, since {} is not set: \
         whoever reaches {} can read everything, and pass for a member.",
        member.setting("peer-trusted-ca-file"),
        list(&tls),
    );
    let fix = format!(
        "set {} and {}",
        member.setting_to("peer-trusted-ca-file", "ca.crt"),
        member.setting_to("peer-client-cert-auth", "true"),
    );
    let today = "etcd says nothing about it";
    let found = if tls.iter().all(|url| is_local(url)) {
        Found::warning(Rule::PeersUnauthenticated, today, meaning, fix)
    } else {
        Found::error(Rule::PeersUnauthenticated, today, meaning, fix)
    };
    findings.add(
        found
            .member(member)
            .field(member.setting("peer-trusted-ca-file"))
            .follows(member.subject_of(side, "trusted-ca-file"))
            .follows(member.subject_of(side, "client-cert-auth"))
            .follows(member.subject_of(side, "pair")),
    );
}

/// `newListener` returns for sockets before it comes to TLS, from 3.5 on
/// (`client/pkg/transport/listener.go`); measured on 3.5.30.
fn socket_of_peers(etcd: Version, member: &MemberCase<'_>, findings: &mut Findings) {
    if (etcd.major(), etcd.minor()) < (3, 5) {
        return;
    }
    let sockets = member.listen_urls(Port::Peer).filter(|url| url.scheme == "unixs");
    let sockets: Vec<_> = sockets.collect();
    if sockets.is_empty() {
        return;
    }
    let setting = member.setting("listen-peer-urls");
    findings.add(
        Found::warning(
            Rule::PlaintextListener,
            "etcd says nothing about it",
            format!(
                "{} is called unixs, and from 3.5 on etcd speaks no TLS on the sockets of peers: \
                 everyone on this machine who can open it is let in.",
                list(&sockets)
            ),
            format!("write an https URL in {setting}, or guard the directory of the socket"),
        )
        .member(member)
        .field(setting),
    );
}
