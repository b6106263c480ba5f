//! A certificate and a key that do not belong together, or only seem not to: TLS011, TLS012.

use super::super::case::{Case, MemberCase, word};
use super::super::document::Document;
use super::super::findings::{Findings, Found, Subject};
use super::words::subject;
use crate::doctor::Rule;

/// What Go says to both, whichever it is. Source: `crypto/tls` (`X509KeyPair`); measured.
const TODAY: &str = "tls: private key does not match public key";
const TODAY_KIND: &str = "tls: private key type does not match public key type";

pub(super) fn check(case: &Case<'_>, findings: &mut Findings) {
    for (member, side) in case.sides() {
        if side.is_automatic() || !member.opens(side) {
            continue;
        }
        let own = (&side.certificate, &side.key, "cert-file", "key-file");
        let outgoing =
            (&side.outgoing_certificate, &side.outgoing_key, "client-cert-file", "client-key-file");
        for (certificate, key, certificate_flag, key_flag) in [own, outgoing] {
            let (Some(certificate), Some(key)) = (certificate, key) else { continue };
            let pair = Pair {
                certificate,
                certificate_setting: member.setting_of(side, certificate_flag),
                key,
                key_setting: member.setting_of(side, key_flag),
            };
            if let Some(found) = judge(case, Some(member), &pair) {
                findings.add(found.member(member));
            }
        }
    }
    for client in &case.clients {
        let (Some(certificate), Some(key)) = (&client.certificate, &client.key) else { continue };
        let pair = Pair {
            certificate,
            certificate_setting: "--cert".to_owned(),
            key,
            key_setting: "--key".to_owned(),
        };
        if let Some(found) = judge(case, None, &pair) {
            findings.add(found);
        }
    }
}

/// In how many files the right key is looked for.
const PARTNERS_MAX: usize = 100;

struct Pair<'a> {
    certificate: &'a Document,
    certificate_setting: String,
    key: &'a Document,
    key_setting: String,
}

fn judge(case: &Case<'_>, member: Option<&MemberCase<'_>>, pair: &Pair<'_>) -> Option<Found> {
    let key = pair.key.key.as_ref()?;
    let chain = pair.certificate.chain();
    let first = chain.first()?;
    if key.belongs_to(first)? {
        return None;
    }
    let kinds = key.key.as_ref().map(std::mem::discriminant);
    let same_kind = kinds == Some(std::mem::discriminant(&first.public_key));
    let today = if same_kind { TODAY } else { TODAY_KIND };
    let effect = match member {
        Some(member) if member.started.is_some() => {
            "The member runs on what it read before; as soon as it meets the new pair, every \
             handshake fails (the other side reads `tls: internal error`), and it does not start \
             again."
        }
        Some(_) => "etcd does not start.",
        None => "The client does not start.",
    };
    let (certificates, keys) = (pair.certificate.path.display(), pair.key.path.display());
    let later =
        chain.iter().skip(1).position(|certificate| key.belongs_to(certificate) == Some(true));
    let found = if let Some(later) = later.map(|later| later + 1) {
        Found::error(
            Rule::ChainReversed,
            today,
            format!(
                "The first certificate in {certificates} is {}, and the key in {keys} belongs to \
                 certificate {} of it, {}. etcd takes the first for its own: the leaf goes first, \
                 then the authorities in between. {effect}",
                subject(first),
                later + 1,
                subject(&chain[later]),
            ),
            format!(
                "write the certificate {} first in {}, then who signed it",
                subject(&chain[later]),
                word(&pair.certificate.path),
            ),
        )
        // What the wrong certificate would do in a handshake.
        .causes(Subject::File(pair.certificate.path.clone()))
    } else {
        let meant = partner(case, pair);
        let hint = meant.as_ref().map(|path| format!(" The key of this certificate is in {path}."));
        Found::error(
            Rule::KeyMismatch,
            today,
            format!(
                "The key in {keys} ({}) is not that of the certificate {} in {certificates} ({}): \
                 one of them is from another issue, or only one was replaced. {effect}{}",
                pair.key_setting,
                subject(first),
                pair.certificate_setting,
                hint.unwrap_or_default(),
            ),
            match meant {
                Some(path) => format!("set {} to {path}", pair.key_setting),
                None => format!(
                    "put the key that the certificate was issued for into {keys}, or issue a new \
                     certificate for the key; replace both together"
                ),
            },
        )
    };
    Some(
        found
            .file(&pair.certificate.path)
            .field(pair.certificate_setting.clone())
            .follows(Subject::File(pair.certificate.path.clone()))
            .follows(Subject::File(pair.key.path.clone())),
    )
}

/// The file among those known that has the right key.
fn partner(case: &Case<'_>, pair: &Pair<'_>) -> Option<String> {
    let leaf = pair.certificate.chain().first()?;
    let document = case.documents.iter().take(PARTNERS_MAX).find(|document| {
        document.key.as_ref().is_some_and(|key| key.belongs_to(leaf) == Some(true))
    })?;
    Some(word(&document.path))
}
