//! A certificate that is demanded and not given (TLS020), and one that nobody trusts since nobody
//! said whom to trust (TLS008).

use super::super::super::case::{Case, MemberCase, Port, Side};
use super::super::super::findings::{Findings, Found, Subject};
use super::super::words::subject;
use super::{gather, trust};
use crate::doctor::Rule;
use crate::etcd::Go;

pub(super) fn check(case: &Case<'_>, findings: &mut Findings) {
    for client in &case.clients {
        for (member, url) in gather::dialled(case, client) {
            let side = &member.client;
            if !member.listens_with_tls(Port::Client) || url.is_some_and(|url| !url.is_tls()) {
                continue;
            }
            if side.demands_certificate() && client.certificate.is_none() {
                findings.add(demanded(case, member, side));
            }
            if client.trusted.is_none() && !side.is_automatic() {
                let fix = |authority: &str| format!("give the client --cacert {authority}");
                unknown(case, member, side, "The client", "--cacert", &fix, None, findings);
            }
        }
    }
    for member in &case.members {
        let side = &member.peer;
        // With `--peer-client-cert-auth` it is TLS022.
        let trusts_machine = side.settings.trusted_ca_file.is_none()
            && side.certificate.is_some()
            && !side.settings.client_cert_auth;
        let other = case.members.iter().find(|other| other.index != member.index);
        if let (true, Some(other)) = (trusts_machine, other)
            && other.listens_with_tls(Port::Peer)
        {
            let flag = side.flag("trusted-ca-file");
            let fix = |authority: &str| format!("set {}", member.setting_to(&flag, authority));
            let setting = member.setting(&flag);
            unknown(case, other, &other.peer, member.name, &setting, &fix, Some(member), findings);
        }
    }
}

fn demanded(case: &Case<'_>, member: &MemberCase<'_>, side: &Side<'_>) -> Found {
    let authority = member.setting_of(side, "trusted-ca-file");
    let demand = member.setting_of(side, "client-cert-auth");
    let asks = if side.settings.client_cert_auth {
        format!("{demand} asks for it")
    } else {
        format!("{authority} alone asks for it, also without {demand}")
    };
    let seen = if case.go.oldest >= Go::new(21) {
        "error reading server preface: remote error: tls: certificate required"
    } else {
        "remote error: tls: bad certificate, or write: broken pipe"
    };
    Found::error(
        Rule::ClientCertificateDemanded,
        format!("tls: client didn't provide a certificate; the client: {seen}"),
        format!(
            "{} demands a certificate of its clients, and this one shows none: {asks}.",
            member.name
        ),
        "give the client --cert and --key: a certificate that is for clients (clientAuth), from an \
         authority in that file",
    )
    .member(member)
    .field(if side.settings.client_cert_auth { demand } else { authority })
}

/// `who` trusts the authorities of the machine, and `other` shows a certificate of one that surely
/// is not among them: it is among the files here, or the certificate signed itself.
#[expect(clippy::too_many_arguments, reason = "who, whom, and how to say it to each")]
fn unknown(
    case: &Case<'_>,
    other: &MemberCase<'_>,
    side: &Side<'_>,
    who: &str,
    setting: &str,
    fix: &dyn Fn(&str) -> String,
    member: Option<&MemberCase<'_>>,
    findings: &mut Findings,
) {
    let (Some(document), Some(last)) = (&side.certificate, side.served().last()) else { return };
    let own = last.issuer.der == last.subject.der;
    let signer = trust::signer(case, last);
    let authority = match signer {
        Some((authority, _)) => authority.path.display().to_string(),
        None if own => document.path.display().to_string(),
        None => return,
    };
    let by = if own { "itself".to_owned() } else { last.issuer.text.clone() };
    let found = Found::error(
        Rule::WrongAuthority,
        "x509: certificate signed by unknown authority",
        format!(
            "{who} was told of no authority ({setting}), and so trusts the public ones of its \
             machine. The certificate of {} ({}, {}) is signed by {by}.",
            other.name,
            subject(&side.served()[0]),
            document.path.display(),
        ),
        fix(&authority),
    )
    .field(setting)
    .follows(Subject::File(document.path.clone()));
    findings.add(match member {
        Some(member) => found.member(member),
        None => found,
    });
}
