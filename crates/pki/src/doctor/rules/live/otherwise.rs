//! Whether a port does what its member was told: TLS042.

use super::super::super::case::{Case, MemberCase, Side};
use super::super::super::findings::{Findings, Found, Subject};
use super::super::super::live::AnswerCase;
use super::super::words::{day, serial, subject};
use super::{each_port, words};
use crate::doctor::live::Ending;
use crate::doctor::{Origin, Rule};
use crate::read::CertificateDetails;

pub(super) fn check(case: &Case<'_>, findings: &mut Findings) {
    for seen in each_port(case, |seen| !seen.shown.is_empty()) {
        if let Some(member) = seen.member.and_then(|index| case.members.get(index)) {
            let side = member.side(seen.answer.port);
            if let Some(found) = other_certificate(case, seen, member, side) {
                findings.add(found);
            }
        }
    }
    // Whoever was let in was asked for all that there is to ask for.
    let is_over = |seen: &AnswerCase<'_>| {
        let is_asked = seen.answer.asks_for().is_some();
        !seen.shown.is_empty() && (is_asked || seen.answer.ending == Ending::Accepted)
    };
    for seen in each_port(case, is_over) {
        if let Some(member) = seen.member.and_then(|index| case.members.get(index)) {
            let side = member.side(seen.answer.port);
            if let Some(found) = other_demand(seen, member, side) {
                findings.add(found);
            }
        }
    }
}

fn other_certificate(
    case: &Case<'_>,
    seen: &AnswerCase<'_>,
    member: &MemberCase<'_>,
    side: &Side<'_>,
) -> Option<Found> {
    let document = side.certificate.as_deref().filter(|document| document.is_present())?;
    let (shown, file) = (seen.shown.first()?, document.chain().first()?);
    if shown.fingerprint == file.fingerprint {
        return None;
    }
    let elsewhere = case.documents.iter().find(|other| {
        other.certificates.iter().any(|known| known.fingerprint == shown.fingerprint)
    });
    let is_guess = member.settings.origin == Origin::Directory;
    if is_guess && elsewhere.is_some() {
        return None;
    }
    let path = document.path.display();
    let setting = member.setting_of(side, "cert-file");
    let place = elsewhere.map_or_else(String::new, |other| {
        format!(" What it shows is in {}.", other.path.display())
    });
    let meaning = format!(
        "{} shows {}, and {path} ({setting}) has {}. etcd reads that file anew for each connection, \
         so it is not the one that this process reads: it was started with other settings or in \
         another place, or something stands before it that ends TLS.{place}",
        words::sentence(&seen.place()),
        which(shown),
        which(file),
    );
    Some(
        Found::error(
            Rule::RunsOtherwise,
            "etcd says nothing about it",
            meaning,
            words::who_listens(&seen.answer.url),
        )
        .member(member)
        .file(&document.path)
        .field(setting)
        .follows(Subject::File(document.path.clone())),
    )
}

fn which(certificate: &CertificateDetails) -> String {
    format!(
        "{} (serial {}, until {})",
        subject(certificate),
        serial(&certificate.serial),
        day(certificate.not_after)
    )
}

fn other_demand(seen: &AnswerCase<'_>, member: &MemberCase<'_>, side: &Side<'_>) -> Option<Found> {
    // What is guessed from names of files says nothing of demands.
    if member.settings.origin == Origin::Directory {
        return None;
    }
    let (asks, demands) = (seen.answer.asks_for().is_some(), side.demands_certificate());
    let place = words::sentence(&seen.place());
    let (setting, meaning) = match (asks, demands) {
        (false, true) => (
            member.setting_of(side, "client-cert-auth"),
            format!(
                "{place} asks nobody for a certificate and lets everybody in, and by its settings \
                 it is to demand one: the process was started with others, or something stands \
                 before it that ends TLS."
            ),
        ),
        (true, false) => (
            member.setting_of(side, "trusted-ca-file"),
            format!(
                "{place} asks for a certificate, and by its settings it does not: the process was \
                 started with others."
            ),
        ),
        _ => return None,
    };
    Some(
        Found::error(
            Rule::RunsOtherwise,
            "etcd says nothing about it",
            meaning,
            words::who_listens(&seen.answer.url),
        )
        .member(member)
        .field(setting),
    )
}
