//! Certificates in use that are revoked: TLS038.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use super::super::case::{Case, MemberCase, Port, Side};
use super::super::document::Document;
use super::super::findings::{Findings, Found, Subject};
use super::revocation::bypass;
use super::words::{by_issuer, day, magnitude, serial, subject};
use crate::doctor::Rule;
use crate::read::{
    CertificateDetails, Encoding, RevocationListDetails, RevokedCertificate, SignatureCheck,
};

/// How many signatures of lists are tried in all.
const SIGNATURES_MAX: usize = 1000;

pub(super) fn check(case: &Case<'_>, findings: &mut Findings) {
    let mut looked_up = BTreeSet::new();
    for (member, side) in case.sides() {
        let Some(list) = consulted(case, member, side) else { continue };
        let entries = entries(list);
        for user in users(case, member, side) {
            looked_up.insert(user.document.path.as_path());
            for certificate in user.document.chain().iter().take(CHAIN_MAX) {
                if let Some(entry) = entries.get(&magnitude(&certificate.serial)) {
                    let revocation = Revocation { list, entry, member, side };
                    refused(&revocation, &user, certificate, findings);
                }
            }
        }
    }
    unlooked(case, &looked_up, findings);
}

/// Who shows a certificate, and which file it is.
struct User<'a> {
    who: String,
    document: &'a Document,
}

/// The list that a side of a member consults, and can read.
fn consulted<'a>(
    case: &Case<'_>,
    member: &MemberCase<'_>,
    side: &'a Side<'_>,
) -> Option<&'a RevocationListDetails> {
    if !side.demands_certificate() || !member.listens_with_tls(side.port) {
        return None;
    }
    let list = side.revocation.as_ref()?.revocation_list.as_ref().ok()?;
    let readable = match list.encoding {
        Encoding::Der => true,
        Encoding::Pem => (case.etcd.major(), case.etcd.minor()) < (3, 6),
        Encoding::PemAfterText => false,
    };
    readable.then_some(list)
}

/// Who dials that side of the member.
fn users<'a>(case: &'a Case<'_>, member: &'a MemberCase<'_>, side: &'a Side<'_>) -> Vec<User<'a>> {
    let mut users = Vec::new();
    match side.port {
        Port::Peer => {
            for other in case.members.iter().filter(|other| other.index != member.index) {
                if let Some(document) = other.peer.dialling() {
                    users.push(User { who: format!("member {}", other.name), document });
                }
            }
        }
        Port::Client => {
            for document in case.clients.iter().filter_map(|client| client.certificate.as_ref()) {
                users.push(User { who: "the client".to_owned(), document });
            }
            if member.settings.grpc_gateway
                && let Some(document) = side.dialling()
            {
                users.push(User { who: format!("the gateway of {}", member.name), document });
            }
        }
    }
    users
}

/// How much of a chain is looked up; a real one has three certificates or four.
const CHAIN_MAX: usize = 10;

/// The entries of a list by their serial numbers.
fn entries(list: &RevocationListDetails) -> HashMap<Vec<u8>, &RevokedCertificate> {
    list.entries.iter().map(|entry| (magnitude(&entry.serial), entry)).collect()
}

/// Where it was found.
struct Revocation<'a> {
    list: &'a RevocationListDetails,
    entry: &'a RevokedCertificate,
    member: &'a MemberCase<'a>,
    side: &'a Side<'a>,
}

fn refused(
    revocation: &Revocation<'_>,
    user: &User<'_>,
    certificate: &CertificateDetails,
    findings: &mut Findings,
) {
    let Revocation { list, entry, member, side } = revocation;
    let path = user.document.path.display();
    let whose = if list.issuer.der == certificate.issuer.der {
        format!("since {}", day(entry.revoked_at))
    } else {
        format!(
            "since {}, though the list is by another authority ({}): etcd compares serial numbers \
             alone",
            day(entry.revoked_at),
            list.issuer.text
        )
    };
    findings.add(
        Found::error(
            Rule::Revoked,
            format!(
                "transport: certificate serial {} revoked; the other side sees the connection end",
                serial(&certificate.serial)
            ),
            format!(
                "{} shows {} from {path}, and that is on the revocation list of the {} port {whose}.",
                user.who,
                subject(certificate),
                side.port.name(),
            ),
            format!("issue a new certificate with a new serial number into {path}"),
        )
        .file(&user.document.path)
        .field("serialNumber")
        .follows(Subject::File(user.document.path.clone()))
        .follows(match side.port {
            // Where it is not looked up it is let in, which is worse, and told by itself.
            Port::Client => bypass(member),
            Port::Peer => member.subject_of(side, "crl-file"),
        })
        .causes(Subject::Certificate(certificate.fingerprint)),
    );
}

/// Lists that lie beside the certificates and that nobody consults.
fn unlooked(case: &Case<'_>, looked_up: &BTreeSet<&Path>, findings: &mut Findings) {
    let issued = by_issuer(case);
    let shown: BTreeSet<&Path> = case
        .sides()
        .flat_map(|(_, side)| [&side.certificate, &side.outgoing_certificate])
        .chain(case.clients.iter().map(|client| &client.certificate))
        .flatten()
        .map(|document| document.path.as_path())
        .collect();
    let mut tries = 0;
    for document in &case.loose {
        let Ok(list) = &document.revocation_list else { continue };
        let all = case.documents.iter().flat_map(|document| &document.certificates);
        // A list whose authority is not there says nothing for certain.
        let is_certain =
            all.filter(|known| known.subject.der == list.issuer.der).any(|authority| {
                tries += 1;
                tries <= SIGNATURES_MAX && list.signed_by(authority) == SignatureCheck::Valid
            });
        if !is_certain {
            continue;
        }
        let entries = entries(list);
        for (used, certificate) in issued.get(list.issuer.der.as_slice()).into_iter().flatten() {
            let path = used.path.as_path();
            if looked_up.contains(path) || !shown.contains(path) {
                continue;
            }
            if let Some(entry) = entries.get(&magnitude(&certificate.serial)) {
                findings.add(
                    Found::warning(
                        Rule::Revoked,
                        "etcd says nothing about it",
                        format!(
                            "{} in {} is revoked since {} by the list in {}, which no member that \
                             is known consults: it is accepted.",
                            subject(certificate),
                            used.path.display(),
                            day(entry.revoked_at),
                            document.path.display(),
                        ),
                        format!(
                            "issue a new certificate, and set --client-crl-file and --peer-crl-file \
                             to {}",
                            document.path.display()
                        ),
                    )
                    .file(&used.path)
                    .field("serialNumber"),
                );
            }
        }
    }
}
