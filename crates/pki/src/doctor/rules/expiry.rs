//! What expires soon: TLS039.

use time::{Duration, OffsetDateTime};

use super::super::case::Case;
use super::super::findings::{Findings, Found, Subject};
use super::words::{day, days, subject};
use crate::doctor::Rule;
use crate::read::CertificateDetails;

/// How long before its end a certificate is spoken of. Most people renew within a month.
const SOON: Duration = Duration::days(30);

/// Those with a short life are renewed when two thirds of it are over, as `step ca renew --daemon`
/// and cert-manager do: before that there is nothing to say.
const LAST_PART: i32 = 3;

pub(super) fn check(case: &Case<'_>, findings: &mut Findings) {
    for document in &case.documents {
        for certificate in &document.certificates {
            let Some(left) = soon(certificate, case.now) else { continue };
            let authority =
                certificate.basic_constraints.is_some_and(|constraints| constraints.authority);
            let left = match left.whole_days() {
                0 => "less than a day".to_owned(),
                whole => days(whole),
            };
            let (effect, fix) = if authority {
                (
                    "After that everything that it signed is refused",
                    "make a new authority, and let members and clients trust both until all \
                     certificates are issued anew; members read their authorities at the start",
                )
            } else {
                (
                    "After that every new connection with it is refused; those that stand go on",
                    "issue it again; etcd reads it for each connection, without a restart",
                )
            };
            findings.add(
                Found::warning(
                    Rule::ExpiresSoon,
                    "etcd says nothing about it",
                    format!(
                        "{} expires on {}: {left} left. {effect}.",
                        subject(certificate),
                        day(certificate.not_after),
                    ),
                    fix,
                )
                .file(&document.path)
                .field("notAfter")
                .follows(Subject::File(document.path.clone())),
            );
        }
    }
}

/// What is left of it, if that is little.
pub(super) fn soon(certificate: &CertificateDetails, now: OffsetDateTime) -> Option<Duration> {
    let left = certificate.not_after - now;
    let life = certificate.not_after - certificate.not_before;
    // What has expired, or is not valid yet, is for other rules.
    let is_valid = !left.is_negative() && certificate.not_before <= now;
    (is_valid && left <= SOON && left < life / LAST_PART).then_some(left)
}
