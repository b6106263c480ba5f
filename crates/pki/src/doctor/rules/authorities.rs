//! Files of authorities that say nothing, are not there, or changed: TLS014, TLS022, TLS027.

use super::super::case::{Case, MemberCase, Port, Side, word};
use super::super::document::{Der, Document};
use super::super::findings::{Findings, Found, Subject};
use super::live;
use super::words::{command, minute};
use crate::doctor::Rule;

pub(super) fn check(case: &Case<'_>, findings: &mut Findings) {
    for (member, side) in case.sides() {
        if side.is_automatic() || !member.opens(side) {
            continue;
        }
        if let Some(document) = &side.trusted {
            let setting = member.setting_of(side, "trusted-ca-file");
            if let Some(found) = empty(document, &setting, Reader::Member(side.port)) {
                findings.add(found.member(member));
            }
            changed(case, member, side, document, findings);
        }
        without_authority(member, side, findings);
    }
    for client in &case.clients {
        if let Some(document) = &client.trusted
            && let Some(found) = empty(document, "--cacert", Reader::Client)
        {
            findings.add(found);
        }
    }
}

#[derive(Clone, Copy)]
enum Reader {
    Member(Port),
    Client,
}

/// A file without a PEM block is an empty pool, and no error.
fn empty(document: &Document, setting: &str, reader: Reader) -> Option<Found> {
    if !document.is_present() || !document.parts.is_empty() {
        return None;
    }
    let path = document.path.display();
    let file = word(&document.path);
    let effect = match reader {
        Reader::Member(Port::Client) => {
            "etcd starts with it, trusts nobody, and refuses every client; its own gateway too."
        }
        Reader::Member(Port::Peer) => {
            "etcd starts with it, trusts nobody, and no link to another member comes up."
        }
        Reader::Client => "The client takes it, trusts nobody, and refuses every member.",
    };
    let fix = if document.der == Some(Der::Certificate) {
        command(
            "write it as PEM",
            &format!("openssl x509 -inform DER -in {file} -out {file}.pem"),
            &format!("and name {file}.pem"),
        )
    } else {
        format!("write the certificate of the authority into {file}, as PEM")
    };
    Some(
        Found::error(
            Rule::AuthorityFileEmpty,
            "nothing at the start; then for each connection: x509: certificate signed by unknown \
             authority",
            format!(
                "{path} ({setting}) has no certificate in it: it holds {}. {effect}",
                document.holds()
            ),
            fix,
        )
        .file(&document.path)
        .field(setting)
        .causes(Subject::File(document.path.clone())),
    )
}

/// etcd reads its authorities when it starts, and never again (`ServerConfig`, `ClientConfig` in
/// `client/pkg/transport/listener.go`), whereas certificates and lists are read for each connection.
///
/// What the port itself says of its authorities counts for more than the time.
fn changed(
    case: &Case<'_>,
    member: &MemberCase<'_>,
    side: &Side<'_>,
    document: &Document,
    findings: &mut Findings,
) {
    let (Some(started), Some(modified)) = (member.started, document.modified) else { return };
    if modified <= started || live::memory::is_settled(case, member, side) {
        return;
    }
    findings.add(
        Found::warning(
            Rule::AuthorityInMemory,
            "etcd says nothing about it; to those whom a new authority certifies: x509: certificate \
             signed by unknown authority",
            format!(
                "{} changed at {}, after the member started at {}. etcd reads its authorities once, \
                 at the start: it still trusts those from before, and nobody new.",
                document.path.display(),
                minute(modified),
                minute(started),
            ),
            format!(
                "restart {}; one member at a time, each when the one before it is healthy again",
                member.name
            ),
        )
        .member(member)
        .file(&document.path)
        .field(member.setting_of(side, "trusted-ca-file"))
        .follows(Subject::File(document.path.clone())),
    );
}

fn without_authority(member: &MemberCase<'_>, side: &Side<'_>, findings: &mut Findings) {
    let settings = side.settings;
    if !settings.client_cert_auth
        || settings.trusted_ca_file.is_some()
        || !member.listens_with_tls(side.port)
    {
        return;
    }
    let who = side.port.name();
    let setting = member.setting_of(side, "trusted-ca-file");
    findings.add(
        Found::error(
            Rule::ClientAuthWithoutAuthority,
            "nothing at the start; then for your own clients: x509: certificate signed by unknown \
             authority",
            format!(
                "{} is on and {setting} is not set, so the certificates of {who}s are checked \
                 against the public authorities of the machine: whoever has a certificate from any \
                 of them that is meant for clients is let in, and those from your own authority are \
                 refused.",
                member.setting_of(side, "client-cert-auth"),
            ),
            format!("set {}", member.setting_to(&side.flag("trusted-ca-file"), "ca.crt")),
        )
        .member(member)
        .field(setting)
        .follows(member.subject_of(side, "trusted-ca-file")),
    );
}
