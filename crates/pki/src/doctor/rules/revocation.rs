//! Revocation lists that do not do what they seem to: TLS023, TLS037.
//!
//! etcd looks at the serial numbers of a list and at nothing else: not at its signature, its
//! issuer or its dates (`client/pkg/transport/listener_tls.go`, `checkCRL`). It reads the file for
//! each connection, so that a missing one shows itself only there.

use super::super::case::{Case, MemberCase, Port, Side, word};
use super::super::document::{Document, Presence};
use super::super::findings::{Findings, Found, Subject};
use super::words::{command, day};
use crate::doctor::Rule;
use crate::etcd::Version;
use crate::read::{Encoding, RevocationListDetails, SignatureCheck};

pub(super) fn check(case: &Case<'_>, findings: &mut Findings) {
    for (member, side) in case.sides() {
        if side.settings.crl_file.is_none() || side.is_automatic() {
            continue;
        }
        unused(member, side, findings);
        bypassed(case, member, side, findings);
        if !side.demands_certificate() || !member.listens_with_tls(side.port) {
            continue;
        }
        let Some(document) = &side.revocation else { continue };
        let list = List { case, member, side, document };
        if let Some(found) = list.judge() {
            let setting = member.setting_of(side, "crl-file");
            findings.add(found.member(member).file(&document.path).field(setting));
        }
    }
}

/// Where nobody shows a certificate, there is none to look up.
fn unused(member: &MemberCase<'_>, side: &Side<'_>, findings: &mut Findings) {
    if side.demands_certificate() && member.listens_with_tls(side.port) {
        return;
    }
    let setting = member.setting_of(side, "crl-file");
    let authority = member.setting_of(side, "trusted-ca-file");
    let who = side.port.name();
    let meaning = if side.demands_certificate() {
        format!("{setting} is set, and no {who} port speaks TLS: the list is never looked at.")
    } else {
        format!(
            "{setting} is set, and {who}s are asked for no certificate: there is none to look up \
             in the list."
        )
    };
    findings.add(
        Found::warning(
            Rule::RevocationList,
            "etcd says nothing about it",
            meaning,
            format!("set {authority} as well, or leave {setting} out"),
        )
        .member(member)
        .field(setting)
        .follows(member.subject_of(side, "trusted-ca-file"))
        .follows(member.subject_of(side, "client-cert-auth")),
    );
}

/// With a port of its own for HTTP, the one for gRPC did not look at the list
/// (GHSA-3wh4-j44w-pg92). Measured on 3.5.30.
fn bypassed(case: &Case<'_>, member: &MemberCase<'_>, side: &Side<'_>, findings: &mut Findings) {
    if side.port != Port::Client
        || member.settings.listen_client_http_urls.is_empty()
        || !case.etcd.skips_revocation_list_beside_http()
        || !side.demands_certificate()
    {
        return;
    }
    let setting = member.setting("listen-client-http-urls");
    let fixed = match case.etcd.minor() {
        4 => "no 3.4 has the fix: go to 3.5.32 or later".to_owned(),
        5 => "go to 3.5.32 or later".to_owned(),
        _ => "go to 3.6.13 or later".to_owned(),
    };
    findings.add(
        Found::error(
            Rule::RevocationBypassed,
            "etcd says nothing, and lets the revoked client in",
            format!(
                "With {setting}, etcd {} looks at the revocation list on the HTTP port alone: over \
                 gRPC, which etcdctl and all clients of v3 speak, revoked certificates are accepted.",
                case.etcd
            ),
            format!("{fixed}; until then leave {setting} out"),
        )
        .member(member)
        .field(setting)
        .causes(bypass(member)),
    );
}

/// What keeps a list of clients from being looked at.
pub(super) fn bypass(member: &MemberCase<'_>) -> Subject {
    Subject::Setting(member.index, "client-crl-file for gRPC".to_owned())
}

/// Whether etcd reads lists in DER alone, since it is built on Go's `ParseRevocationList`.
/// Measured on 3.5.1 and 3.6.14.
fn reads_der_alone(etcd: Version) -> bool {
    (etcd.major(), etcd.minor()) >= (3, 6)
}

struct List<'a> {
    case: &'a Case<'a>,
    member: &'a MemberCase<'a>,
    side: &'a Side<'a>,
    document: &'a Document,
}

impl List<'_> {
    fn judge(&self) -> Option<Found> {
        let path = self.document.path.display();
        let who = match self.side.port {
            Port::Client => "every client that shows a certificate is refused, which is every one",
            Port::Peer => "every other member is refused, and no link comes up",
        };
        match &self.document.presence {
            Presence::TooBig(_) => return None,
            Presence::Unreadable(_) if self.document.is_denied() => {
                return Some(super::files::not_looked_at(self.document));
            }
            Presence::Missing | Presence::Unreadable(_) => {
                let why = match &self.document.presence {
                    Presence::Unreadable(why) => why.as_str(),
                    _ => "no such file or directory",
                };
                return Some(self.refuses(
                    format!("open {path}: {why}"),
                    format!(
                        "etcd starts without the list {path}, and reads it for each connection: \
                             {who}."
                    ),
                    format!(
                        "put the list there (an empty one signed by the authority will do), or \
                             leave {} out",
                        self.setting()
                    ),
                ));
            }
            Presence::Present => {}
        }
        let Ok(list) = &self.document.revocation_list else {
            return Some(self.refuses(
                self.malformed(),
                format!("{path} holds no revocation list but {}: {who}.", self.document.holds()),
                format!("write the list of the authority there{}", self.form()),
            ));
        };
        let file = word(&self.document.path);
        if list.encoding == Encoding::PemAfterText
            || (list.encoding == Encoding::Pem && reads_der_alone(self.case.etcd))
        {
            let why = if reads_der_alone(self.case.etcd) {
                format!(
                    "etcd {} reads lists in DER alone (3.4 and 3.5 read PEM as well)",
                    self.case.etcd
                )
            } else {
                "etcd takes a list for PEM only if the file begins with it".to_owned()
            };
            return Some(self.refuses(
                self.malformed(),
                format!("{path} holds a list in PEM, and {why}: {who}."),
                command(
                    "write it as DER",
                    &format!("openssl crl -in {file} -outform DER -out {file}.der"),
                    &format!(
                        "and set {}",
                        self.member.setting_to(&self.side.flag("crl-file"), &format!("{file}.der"))
                    ),
                ),
            ));
        }
        if reads_der_alone(self.case.etcd)
            && let Some(objection) = &list.go_objects
        {
            return Some(self.refuses(
                objection.clone(),
                format!("Go refuses the list in {path} ({objection}): {who}."),
                format!("have the authority issue the list again{}", self.form()),
            ));
        }
        self.foreign(list).or_else(|| self.stale(list))
    }

    fn setting(&self) -> String {
        self.member.setting_of(self.side, "crl-file")
    }

    fn form(&self) -> &'static str {
        if reads_der_alone(self.case.etcd) { ", in DER" } else { "" }
    }

    fn malformed(&self) -> String {
        if reads_der_alone(self.case.etcd) {
            "x509: malformed crl".to_owned()
        } else {
            "asn1: structure error".to_owned()
        }
    }

    fn refuses(&self, today: String, meaning: String, fix: String) -> Found {
        Found::error(Rule::RevocationList, today, meaning, fix)
            .causes(Subject::File(self.document.path.clone()))
    }

    /// A list by somebody else: its serial numbers count all the same.
    fn foreign(&self, list: &RevocationListDetails) -> Option<Found> {
        let pool = self.side.pool()?;
        if pool.is_empty() {
            return None;
        }
        // Whoever signs below the pool comes along with the chains that are known.
        let chains = self.case.sides().map(|(_, side)| side.shown());
        let clients = self.case.clients.iter().map(|client| client.shown());
        let mut authorities =
            pool.iter().chain(chains.chain(clients).flat_map(|chain| chain.iter().skip(1)));
        let path = self.document.path.display();
        let authority = authorities.find(|authority| authority.subject.der == list.issuer.der);
        let (meaning, fix) = match authority {
            None => (
                format!(
                    "The list in {path} is by {}, which is none of the authorities that {} trusts. \
                     etcd does not look at who signed it: certificates of your own authority that \
                     happen to have one of its serial numbers are refused, and those that your \
                     authority revoked are accepted.",
                    list.issuer.text,
                    self.member.setting_of(self.side, "trusted-ca-file"),
                ),
                "name the list of the authority that signs the certificates".to_owned(),
            ),
            Some(authority) if list.signed_by(authority) == SignatureCheck::Invalid => (
                format!(
                    "The list in {path} names {} and is not signed by its key: another authority \
                     of that name made it, or it was changed. etcd does not look.",
                    list.issuer.text
                ),
                "have the list issued again by the authority of today".to_owned(),
            ),
            Some(_) => return None,
        };
        Some(Found::warning(Rule::RevocationList, "etcd says nothing about it", meaning, fix))
    }

    fn stale(&self, list: &RevocationListDetails) -> Option<Found> {
        let next = list.next_update.filter(|next| *next < self.case.now)?;
        Some(Found::warning(
            Rule::RevocationList,
            "etcd says nothing about it",
            format!(
                "The next list was due on {}, and {} is still the one of {}. etcd does not look at \
                 the dates: what was revoked since is accepted.",
                day(next),
                self.document.path.display(),
                day(list.this_update),
            ),
            format!(
                "have the authority issue a new list, and write it there{}: etcd reads it for \
                     each connection, without a restart",
                self.form()
            ),
        ))
    }
}
