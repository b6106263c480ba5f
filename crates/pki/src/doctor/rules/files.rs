//! Files that are missing or cannot be read, and halves of pairs: TLS033.

use super::super::case::{Case, ClientCase, MemberCase, Port, Side};
use super::super::document::{Document, Presence};
use super::super::findings::{Findings, Found, Subject};
use crate::doctor::{Origin, Rule, Url};

pub(super) fn check(case: &Case<'_>, findings: &mut Findings) {
    for (member, side) in case.sides() {
        pairs(member, side, findings);
        if !side.is_automatic() {
            absent(member, side, findings);
        }
    }
    for client in &case.clients {
        for (flag, document) in client.documents() {
            if let Some((today, meaning, fix)) = absence(document) {
                let found = Found::error(Rule::FileMissing, today, meaning, fix);
                findings.add(found.file(&document.path).field(flag).causes(file(document)));
            }
        }
        half_of_client(client, findings);
    }
}

fn half_of_client(client: &ClientCase<'_>, findings: &mut Findings) {
    let (given, flag, missing) = match (&client.certificate, &client.key) {
        (Some(certificate), None) => (certificate, "--cert", "--key"),
        (None, Some(key)) => (key, "--key", "--cert"),
        _ => return,
    };
    let path = given.path.display();
    // Measured with etcdctl 3.4.23, 3.5.1 and 3.6.14.
    let today = if flag == "--cert" {
        format!("KeyFile and CertFile must both be present[key: , cert: {path}]")
    } else {
        format!("KeyFile and CertFile must both be present[key: {path}, cert: ]")
    };
    findings.add(
        Found::error(
            Rule::FileMissing,
            today,
            format!(
                "The client is given {flag} and no {missing}: one is nothing without the other."
            ),
            format!("give it {missing} as well"),
        )
        .file(&given.path)
        .field(missing),
    );
}

fn pairs(member: &MemberCase<'_>, side: &Side<'_>, findings: &mut Findings) {
    let settings = side.settings;
    // A directory may have no keys: nobody said that they are to be there.
    if !member.opens(side) || member.settings.origin == Origin::Directory {
        return;
    }
    let text = |path: &Option<std::path::PathBuf>| {
        path.as_ref().map(|path| path.display().to_string()).unwrap_or_default()
    };
    let mut half = |certificate: &str, key: &str, today: String, has_certificate: bool| {
        let (given, missing) =
            if has_certificate { (certificate, key) } else { (key, certificate) };
        findings.add(
            Found::error(
                Rule::FileMissing,
                today,
                format!(
                    "{} is set and {} is not: a certificate is of no use without its key, nor a \
                     key without its certificate. etcd does not start.",
                    member.setting_of(side, given),
                    member.setting_of(side, missing),
                ),
                format!("set {} as well", member.setting_of(side, missing)),
            )
            .member(member)
            .field(member.setting_of(side, missing))
            .follows(member.subject_of(side, missing))
            .causes(member.subject_of(side, "pair")),
        );
    };
    if settings.cert_file.is_some() != settings.key_file.is_some() {
        let (key, certificate) = (text(&settings.key_file), text(&settings.cert_file));
        let today =
            format!("KeyFile and CertFile must both be present[key: {key}, cert: {certificate}]");
        half("cert-file", "key-file", today, settings.cert_file.is_some());
    }
    if settings.client_cert_file.is_some() != settings.client_key_file.is_some() {
        let (key, certificate) =
            (text(&settings.client_key_file), text(&settings.client_cert_file));
        let today = format!(
            "ClientKeyFile and ClientCertFile must both be present or both absent: key: {key}, \
             cert: {certificate}]"
        );
        half("client-cert-file", "client-key-file", today, settings.client_cert_file.is_some());
    }
    let none = settings.cert_file.is_none() && settings.key_file.is_none() && !settings.auto_tls;
    let Some(url) = member.listen_urls(side.port).find(|url| needs_certificate(url, side.port))
    else {
        return;
    };
    if none {
        let today = match side.port {
            Port::Client => format!(
                "TLS key/cert (--cert-file, --key-file) must be provided for client url {url} with \
                 HTTPS scheme"
            ),
            Port::Peer => format!(
                "cannot listen on TLS for {}: KeyFile and CertFile are not presented",
                authority(url)
            ),
        };
        let (certificate, key) =
            (member.setting_of(side, "cert-file"), member.setting_of(side, "key-file"));
        findings.add(
            Found::error(
                Rule::FileMissing,
                today,
                format!(
                    "{url} is listened on with TLS, and there is no certificate for it: neither \
                     {certificate} nor {key} is set. etcd does not start."
                ),
                format!("set {certificate} and {key}"),
            )
            .member(member)
            .field(certificate)
            .follows(member.subject_of(side, "cert-file"))
            .follows(member.subject_of(side, "key-file"))
            .causes(member.subject_of(side, "pair")),
        );
    }
}

/// From 3.5 on, peers' sockets are without TLS whatever they are called (TLS035).
fn needs_certificate(url: &Url, port: Port) -> bool {
    url.is_tls() && (port == Port::Client || !url.is_socket())
}

/// The host and the port of a URL.
fn authority(url: &Url) -> String {
    let text = url.to_string();
    text.split_once("://").map_or(text.as_str(), |(_, rest)| rest).to_owned()
}

fn absent(member: &MemberCase<'_>, side: &Side<'_>, findings: &mut Findings) {
    for (flag, document) in side.documents() {
        // A missing list does not keep etcd from starting: see TLS023.
        if flag.ends_with("crl-file") {
            continue;
        }
        let Some((today, meaning, fix)) = absence(document) else { continue };
        let found = if document.is_denied() {
            not_looked_at(document)
        } else if member.opens(side) {
            let meaning = format!("{meaning} etcd does not start.");
            Found::error(Rule::FileMissing, today, meaning, fix)
        } else {
            let meaning =
                format!("{meaning} etcd does not look: it listens for clients without TLS.");
            Found::warning(Rule::FileMissing, "etcd says nothing about it", meaning, fix)
        };
        findings.add(
            found
                .member(member)
                .file(&document.path)
                .field(member.setting(&flag))
                .causes(file(document)),
        );
    }
}

/// That we may not read a file says nothing of whether etcd may, which may run as another user.
pub(super) fn not_looked_at(document: &Document) -> Found {
    let path = document.path.display();
    Found::warning(
        Rule::FileMissing,
        format!(
            "nothing, if etcd runs as a user who may read it; else open {path}: permission denied"
        ),
        format!("The user who asks here may not read {path}, so nothing in it was looked at."),
        "ask again as the user that etcd runs as, or with sudo",
    )
}

/// What etcd says to a file that is not there, what that means, and what to do.
fn absence(document: &Document) -> Option<(String, String, String)> {
    let path = document.path.display();
    match &document.presence {
        Presence::Missing => Some((
            format!("open {path}: no such file or directory"),
            format!("There is no file {path}."),
            "put the file there, or name the one that is meant (a relative path begins \
                     where the process was started)"
                .to_owned(),
        )),
        Presence::Unreadable(why) => Some((
            format!("open {path}: {why}"),
            format!("{path} cannot be read: {why}."),
            format!("let the user that runs it read {path}"),
        )),
        Presence::TooBig(_) | Presence::Present => None,
    }
}

fn file(document: &Document) -> Subject {
    Subject::File(document.path.clone())
}
