//! Dates: TLS005, TLS006, TLS007.

use std::collections::BTreeSet;

use time::{Duration, OffsetDateTime};

use super::super::super::case::{Case, word};
use super::super::super::document::Document;
use super::super::super::findings::{Findings, Found, Subject};
use super::super::words::{command, days, minute, subject};
use super::presentation::{Presentation, Refused, links, sentence};
use super::{fix, trust};
use crate::doctor::go::{Refusal, Role};
use crate::doctor::{Rule, Severity};
use crate::read::CertificateDetails;

/// An authority that ends less than this before its leaves was made together with them, by one
/// script.
const TOGETHER: Duration = Duration::days(1);

pub(super) fn refused(case: &Case<'_>, refused: &[Refused<'_, '_>]) -> Option<Found> {
    let first = refused.first()?;
    let presentation = first.presentation;
    let (culprit, rule, field, when) = match &first.refusal {
        Refusal::Expired { culprit, not_after, .. } => {
            (culprit, Rule::Expired, "notAfter", expired(case.now, *not_after))
        }
        Refusal::NotYetValid { culprit, not_before, .. } => {
            (culprit, Rule::NotYetValid, "notBefore", early(case.now, *not_before))
        }
        _ => return None,
    };
    let who = links(refused);
    if culprit.role == Role::Leaf {
        let meaning = format!(
            "{} ({}, {}) {when}. It fails: {who}. Connections that are open stay so, and fail when \
             they are made anew.",
            sentence(&first.what()),
            culprit.subject,
            presentation.document.path.display(),
        );
        let fix = mend(rule, || fix::reissue(presentation, &[], trust::pool_path(presentation)));
        return Some(first.found(rule, case, meaning, fix).field(field));
    }
    let rule = if rule == Rule::Expired { Rule::AuthorityExpired } else { rule };
    let (document, certificate) = find(case, culprit.fingerprint)?;
    let meaning = format!(
        "The authority {} ({}) {when}, and with it everything that it signed, though that may be \
         valid by itself. It fails: {who}.",
        subject(certificate),
        document.path.display(),
    );
    let fix = mend(rule, || renew_authority(document));
    let new = if first.severity() == Severity::Error { Found::error } else { Found::warning };
    let found = new(rule, first.today(case), meaning, fix).file(&document.path).field(field);
    Some(
        found
            .follows(Subject::File(document.path.clone()))
            .causes(Subject::Certificate(culprit.fingerprint)),
    )
}

/// It is fine today, and will not be before its time, since its authority ends first.
pub(super) fn outlived(
    case: &Case<'_>,
    presentation: &Presentation<'_, '_>,
    findings: &mut Findings,
) {
    let Some(leaf) = presentation.leaf() else { return };
    let end = leaf.not_after.saturating_sub(TOGETHER);
    if presentation.pool.is_none() || end <= case.now {
        return;
    }
    let Err(Refusal::Expired { culprit, not_after, .. }) =
        presentation.verdict(end, case.go.oldest)
    else {
        return;
    };
    if culprit.role == Role::Leaf {
        return;
    }
    let Some((document, authority)) = find(case, culprit.fingerprint) else { return };
    findings.add(
        Found::warning(
            Rule::AuthorityExpired,
            "etcd says nothing about it yet",
            format!(
                "The authority {} ({}) is valid until {}, {} before certificates that it signed. On \
                 that day all of them are refused at once.",
                subject(authority),
                document.path.display(),
                minute(not_after),
                days((leaf.not_after - not_after).whole_days().max(1)),
            ),
            renew_authority(document),
        )
        .file(&document.path)
        .field("notAfter")
        .causes(Subject::Certificate(culprit.fingerprint)),
    );
}

/// What nobody shows here: files that were only given, and members and clients without a counterpart.
pub(super) fn loose(
    case: &Case<'_>,
    presentations: &[Presentation<'_, '_>],
    findings: &mut Findings,
) {
    let shown: BTreeSet<_> =
        presentations.iter().map(|presentation| presentation.document.path.clone()).collect();
    for document in &case.documents {
        if shown.contains(&document.path) {
            continue;
        }
        for certificate in &document.certificates {
            let is_authority =
                certificate.basic_constraints.is_some_and(|constraints| constraints.authority)
                    || certificate.issuer.der == certificate.subject.der;
            // An old authority beside its successor does no harm; what it breaks is told above.
            if is_authority && (!presentations.is_empty() || document.certificates.len() > 1) {
                continue;
            }
            if let Some(found) = alone(case, document, certificate, is_authority) {
                findings.add(found);
            }
        }
    }
}

fn alone(
    case: &Case<'_>,
    document: &Document,
    certificate: &CertificateDetails,
    is_authority: bool,
) -> Option<Found> {
    let (rule, field, side, bound, when) = if case.now > certificate.not_after {
        let rule = if is_authority { Rule::AuthorityExpired } else { Rule::Expired };
        let bound = certificate.not_after;
        (rule, "notAfter", "after", bound, expired(case.now, bound))
    } else if case.now < certificate.not_before {
        let bound = certificate.not_before;
        (Rule::NotYetValid, "notBefore", "before", bound, early(case.now, bound))
    } else {
        return None;
    };
    let what = if is_authority { "The authority" } else { "The certificate" };
    Some(
        Found::error(
            rule,
            format!(
                "x509: certificate has expired or is not yet valid: the current time is {side} {}",
                minute(bound)
            ),
            format!("{what} {} ({}) {when}.", subject(certificate), document.path.display()),
            mend(rule, || {
                if is_authority {
                    renew_authority(document)
                } else {
                    fix::again(case, document, certificate, false)
                }
            }),
        )
        .file(&document.path)
        .field(field)
        .follows(Subject::File(document.path.clone()))
        .causes(Subject::Certificate(certificate.fingerprint)),
    )
}

fn mend(rule: Rule, otherwise: impl FnOnce() -> String) -> String {
    if rule == Rule::NotYetValid {
        "compare the clocks (date -u) of the machine that issued it, of the members and of their \
         clients; if they agree, issue it again, beginning five minutes ago"
            .to_owned()
    } else {
        otherwise()
    }
}

/// The same name, key and extensions with new dates: what it signed stays good.
fn renew_authority(document: &Document) -> String {
    let path = word(&document.path);
    let key = word(&document.path.with_extension("key"));
    command(
        "renew it with the key it has, so that what it signed stays good",
        &format!(
            "openssl x509 -in {path} -signkey {key} -days 3650 -out {path}.new && mv {path}.new {path}"
        ),
        "then restart the members, one at a time",
    )
}

fn expired(now: OffsetDateTime, not_after: OffsetDateTime) -> String {
    format!("expired on {}, {} ago", minute(not_after), ago(now - not_after))
}

fn early(now: OffsetDateTime, not_before: OffsetDateTime) -> String {
    format!(
        "is valid only from {}, in {}; by the clock here it is {}",
        minute(not_before),
        ago(not_before - now),
        minute(now)
    )
}

fn ago(span: Duration) -> String {
    match (span.whole_days(), span.whole_hours(), span.whole_minutes()) {
        (0, 0, 0) => "less than a minute".to_owned(),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, _) => format!("{hours} h"),
        (whole, ..) => days(whole),
    }
}

fn find<'c>(
    case: &'c Case<'_>,
    fingerprint: [u8; 32],
) -> Option<(&'c Document, &'c CertificateDetails)> {
    case.documents.iter().find_map(|document| {
        let mut certificates = document.certificates.iter();
        let certificate = certificates.find(|known| known.fingerprint == fingerprint)?;
        Some((&**document, certificate))
    })
}
