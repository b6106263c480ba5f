//! Who signed, and who is trusted: TLS008, TLS009, TLS010, and what of TLS024 breaks a link.

use std::path::Path;

use super::super::super::case::{Case, word};
use super::super::super::document::Document;
use super::super::super::findings::{Found, Subject};
use super::super::words::{command, list, subject};
use super::fix;
use super::presentation::{Presentation, Refused, links, sentence};
use crate::doctor::Rule;
use crate::doctor::go::{Hint, Refusal, SignatureFault, verify};
use crate::read::{CertificateDetails, SignatureCheck};

/// The file of authorities that a certificate is judged by, or would be.
pub(super) fn pool_path<'c>(presentation: &Presentation<'c, 'c>) -> Option<&'c Path> {
    let own = || {
        let side = presentation.owner?.sides().find(|side| side.port == presentation.port)?;
        side.trusted.as_deref()
    };
    presentation.pool_document.or_else(own).map(|document| document.path.as_path())
}

pub(super) fn refused(case: &Case<'_>, refused: &[Refused<'_, '_>]) -> Option<Found> {
    let first = refused.first()?;
    let Refusal::UnknownAuthority { hint } = &first.refusal else { return None };
    let presentation = first.presentation;
    let last = presentation.chain.last()?;
    let leaf = presentation.leaf()?;
    if let Some(Hint { culprit, fault, .. }) = hint.as_deref() {
        let other_key =
            matches!(fault, SignatureFault::Wrong { .. } | SignatureFault::OtherKind { .. });
        // Told of the authority itself, whoever meets it.
        if *fault == SignatureFault::CannotSign {
            return None;
        }
        if !other_key {
            return Some(weakness(case, refused, &culprit.subject, fault.text(first.go))?.causes(
                match fault {
                    SignatureFault::Insecure { .. } => Subject::Weakness(leaf.fingerprint),
                    _ => Subject::Weakness(culprit.fingerprint),
                },
            ));
        }
        return Some(regenerated(case, refused, &culprit.subject));
    }
    if let Some(found) = intermediate(case, refused) {
        return Some(found);
    }
    Some(wrong(case, refused, last))
}

/// Two authorities of one name.
fn regenerated(case: &Case<'_>, refused: &[Refused<'_, '_>], authority: &str) -> Found {
    let first = &refused[0];
    let presentation = first.presentation;
    let path = presentation.document.path.display();
    let pool = pool_name(presentation);
    let signer = presentation.chain.last().and_then(|last| signer(case, last));
    let place = signer.map_or_else(String::new, |(document, _)| {
        format!(" The one that signed is in {}.", document.path.display())
    });
    let meaning = format!(
        "{} ({path}) says that {authority} signed it, and {pool} has an authority of that very \
         name, but with another key: it was made anew.{place} It fails: {}.",
        sentence(&first.what()),
        links(refused),
    );
    let command = match (signer, presentation.pool_document) {
        (Some((document, _)), Some(pool)) => format!(
            "let the other side trust both:\n  cat {} >> {}\nand restart who reads that file; or \
             issue {path} again",
            word(&document.path),
            word(&pool.path)
        ),
        _ => fix::reissue(presentation, &[], pool_path(presentation)),
    };
    first.found(Rule::AuthorityRegenerated, case, meaning, command).field(&presentation.setting)
}

/// The chain would be complete with what lies in another file.
fn intermediate(case: &Case<'_>, refused: &[Refused<'_, '_>]) -> Option<Found> {
    let first = refused.first()?;
    let presentation = first.presentation;
    let pool = presentation.pool?;
    let mut chain = presentation.chain.to_vec();
    let mut missing: Vec<(&Document, &CertificateDetails)> = Vec::new();
    // Chains are short, and whoever made a circle shall not keep us here.
    for _ in 0..8 {
        let last = chain.last()?;
        let Some((document, next)) = signer(case, last) else { break };
        if chain.iter().any(|known| known.fingerprint == next.fingerprint) {
            break;
        }
        missing.push((document, next));
        chain.push(next.clone());
        let host = presentation.host.as_deref();
        if verify(&chain, pool, presentation.usage, host, case.now, first.go).is_ok() {
            let path = word(&presentation.document.path);
            let names = list(missing.iter().map(|(_, found)| subject(found)));
            let mut files: Vec<_> =
                missing.iter().map(|(document, _)| word(&document.path)).collect();
            files.dedup();
            let meaning = format!(
                "{} ({}) was signed by an intermediate authority, {names}, and is shown without \
                 it. Whoever trusts the root alone cannot get from one to the other. It fails: {}.",
                sentence(&first.what()),
                presentation.document.path.display(),
                links(refused),
            );
            let command = command(
                "append it",
                &format!("cat {} >> {path}", files.join(" ")),
                "etcd reads the file anew for each connection, without a restart",
            );
            return Some(
                first
                    .found(Rule::IntermediateMissing, case, meaning, command)
                    .field(&presentation.setting),
            );
        }
    }
    None
}

fn wrong(case: &Case<'_>, refused: &[Refused<'_, '_>], last: &CertificateDetails) -> Found {
    let first = &refused[0];
    let presentation = first.presentation;
    let itself = last.issuer.der == last.subject.der;
    let by = if itself { "itself".to_owned() } else { last.issuer.text.clone() };
    let trusted = presentation.pool.unwrap_or_default();
    let trusted = list(trusted.iter().take(5).map(subject));
    let pool = pool_name(presentation);
    let found = signer(case, last).filter(|_| !itself);
    let place = match found {
        Some((document, _)) => format!(" Its authority is in {}.", document.path.display()),
        None if itself => String::new(),
        None => " If that is an intermediate authority, it is missing in the file; if it is a \
                 root, it is not trusted."
            .to_owned(),
    };
    let meaning = format!(
        "{} ({}) is signed by {by}, and {pool} trusts only {trusted}.{place} It fails: {}.",
        sentence(&first.what()),
        presentation.document.path.display(),
        links(refused),
    );
    let command = match (found, presentation.pool_document) {
        (Some((document, _)), Some(pool)) => format!(
            "issue the certificate with the authority that is trusted; or, if its own is meant to be \
             trusted as well:\n  cat {} >> {}\nand restart who reads that file",
            word(&document.path),
            word(&pool.path)
        ),
        _ => fix::reissue(presentation, &[], pool_path(presentation)),
    };
    first.found(Rule::WrongAuthority, case, meaning, command).field(&presentation.setting)
}

/// What is left: a rule of certificates that is broken somewhere in the chain.
pub(super) fn other(case: &Case<'_>, refused: &[Refused<'_, '_>]) -> Option<Found> {
    let first = refused.first()?;
    let culprit = match &first.refusal {
        // Told of the certificate itself, whoever shows it.
        Refusal::NegativeSerial(_) => return None,
        Refusal::UnsupportedKey(culprit)
        | Refusal::KeyTooLarge(culprit)
        | Refusal::KeyTooSmall(culprit)
        | Refusal::UnhandledCritical(culprit)
        | Refusal::NotAuthorizedToSign(culprit)
        | Refusal::TooManyIntermediates(culprit)
        | Refusal::NameConstraint { culprit, .. } => culprit,
        _ => return weakness(case, refused, "the chain", first.refusal.text(first.go)),
    };
    let found = weakness(case, refused, &culprit.subject, first.refusal.text(first.go))?;
    Some(found.causes(Subject::Weakness(culprit.fingerprint)))
}

fn weakness(
    case: &Case<'_>,
    refused: &[Refused<'_, '_>],
    culprit: &str,
    why: String,
) -> Option<Found> {
    let first = refused.first()?;
    let presentation = first.presentation;
    let meaning = format!(
        "{} ({}) is refused because of {culprit}: {why}. It fails: {}.",
        sentence(&first.what()),
        presentation.document.path.display(),
        links(refused),
    );
    let advice = match &first.refusal {
        Refusal::TooManyIntermediates(_) => {
            "issue that authority again with a larger pathlen, or issue the leaf directly below it"
                .to_owned()
        }
        Refusal::NameConstraint { .. } => {
            "issue the certificate with names that the authority is allowed to sign for, or with \
             another authority"
                .to_owned()
        }
        Refusal::NotAuthorizedToSign(_) => "make the authority again with \
             basicConstraints=critical,CA:TRUE and keyUsage=critical,keyCertSign,cRLSign, and issue \
             what it signed anew"
            .to_owned(),
        _ => fix::reissue(presentation, &[], pool_path(presentation)),
    };
    Some(first.found(Rule::WeakCertificate, case, meaning, advice).field(&presentation.setting))
}

/// Who signed `child`, of all certificates that are known, and where that is.
pub(super) fn signer<'c>(
    case: &'c Case<'_>,
    child: &CertificateDetails,
) -> Option<(&'c Document, &'c CertificateDetails)> {
    let documents = case.documents.iter();
    let mut all = documents.flat_map(|document| {
        document.certificates.iter().map(move |certificate| (&**document, certificate))
    });
    all.find(|(_, certificate)| {
        certificate.subject.der == child.issuer.der
            && certificate.fingerprint != child.fingerprint
            && certificate.basic_constraints.is_none_or(|constraints| constraints.authority)
            && child.signed_by(certificate) == SignatureCheck::Valid
    })
}

fn pool_name(presentation: &Presentation<'_, '_>) -> String {
    match presentation.pool_document {
        Some(pool) => format!("{} ({})", pool.path.display(), presentation.pool_setting),
        None => presentation.pool_setting.clone(),
    }
}
