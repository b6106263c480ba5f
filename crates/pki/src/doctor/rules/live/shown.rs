//! What ports show and no file here has: judged as by whoever dials them.

use std::collections::BTreeSet;

use super::super::super::case::{Case, MemberCase, Port};
use super::super::super::findings::{Findings, Found, Subject};
use super::super::super::live::AnswerCase;
use super::super::words::{day, days, minute, subject};
use super::super::{expiry, handshakes};
use super::{each_port, words};
use crate::doctor::Rule;
use crate::doctor::go::{Refusal, Role, SignatureFault, Usage, verify};
use crate::etcd::Go;
use crate::read::CertificateDetails;

pub(super) fn check(case: &Case<'_>, findings: &mut Findings) {
    for seen in each_port(case, |seen| !seen.shown.is_empty()) {
        let member = seen.member.and_then(|index| case.members.get(index));
        if is_of_file(seen, member) {
            continue;
        }
        let mut said = BTreeSet::new();
        for judge in judges(case, seen, member) {
            if let Some((rule, found)) = refused(case, seen, member, &judge)
                && said.insert(rule)
            {
                findings.add(found);
            }
        }
        if said.is_empty()
            && let Some(found) = soon(case, seen, member)
        {
            findings.add(found);
        }
    }
}

/// Whether it is what a file has, with which the rules of files have dealt.
fn is_of_file(seen: &AnswerCase<'_>, member: Option<&MemberCase<'_>>) -> bool {
    let of_file = member.and_then(|member| member.side(seen.answer.port).served().first());
    match (of_file, seen.shown.first()) {
        (Some(file), Some(shown)) => file.fingerprint == shown.fingerprint,
        _ => false,
    }
}

/// Someone who looks at what a port shows.
struct Judge<'c> {
    name: String,
    /// Whom he trusts; `None` where that is not known.
    pool: Option<&'c [CertificateDetails]>,
    /// What he dials; `None` where he looks at no names.
    host: Option<&'c str>,
}

fn judges<'c>(
    case: &'c Case<'_>,
    seen: &'c AnswerCase<'_>,
    member: Option<&MemberCase<'_>>,
) -> Vec<Judge<'c>> {
    let host = Some(seen.answer.url.host.as_str());
    // Who meets a certificate of etcd's own making looks at nothing, or trusts that very one.
    if member.is_some_and(|member| member.side(seen.answer.port).is_automatic()) {
        let dates = Judge { name: "whoever trusts it".to_owned(), pool: None, host: None };
        return if seen.answer.port == Port::Client { vec![dates] } else { Vec::new() };
    }
    let mut judges: Vec<Judge<'_>> = match seen.answer.port {
        Port::Client => {
            let clients = case.clients.iter();
            clients
                .map(|client| Judge { name: "the client".to_owned(), pool: client.pool(), host })
                .collect()
        }
        Port::Peer => {
            let others = case
                .members
                .iter()
                .filter(|other| Some(other.index) != seen.member && !other.peer.is_automatic());
            others
                .map(|other| Judge { name: other.name.to_owned(), pool: other.peer.pool(), host })
                .collect()
        }
    };
    judges.retain(|judge| judge.pool.is_none_or(|pool| !pool.is_empty()));
    if judges.is_empty() {
        judges.push(Judge { name: "whoever dials it".to_owned(), pool: None, host });
    }
    judges
}

fn refused(
    case: &Case<'_>,
    seen: &AnswerCase<'_>,
    member: Option<&MemberCase<'_>>,
    judge: &Judge<'_>,
) -> Option<(Rule, Found)> {
    let verdict = |go: Go| match judge.pool {
        Some(pool) => verify(&seen.shown, pool, Usage::Server, judge.host, case.now, go),
        // Whoever it is that trusts it: its dates, its usages and its names remain.
        None => {
            let leaf = &seen.shown[..1];
            verify(leaf, leaf, Usage::Server, judge.host, case.now, go)
        }
    };
    let (refusal, go, every_build) = match verdict(case.go.oldest) {
        Err(refusal) => (refusal, case.go.oldest, true),
        Ok(()) => (verdict(case.go.newest).err()?, case.go.newest, false),
    };
    let leaf = seen.shown.first()?;
    let rule = rule_of(&refusal, seen.answer.port);
    let why = reason(&refusal, leaf, case);
    let build = if every_build {
        String::new()
    } else {
        format!(" This depends on the build of who dials: {go} refuses it.")
    };
    let meaning = format!(
        "{} shows {}, and {} refuses it: {why}.{build}",
        words::sentence(&seen.place()),
        subject(leaf),
        judge.name,
    );
    let new = if every_build { Found::error } else { Found::warning };
    let found = new(rule, refusal.text_of_client(go), meaning, words::mend(rule).to_owned());
    Some((rule, of_member(found, seen, member, leaf)))
}

fn of_member(
    found: Found,
    seen: &AnswerCase<'_>,
    member: Option<&MemberCase<'_>>,
    leaf: &CertificateDetails,
) -> Found {
    let found = found.follows(Subject::Certificate(leaf.fingerprint));
    match member {
        Some(member) => found.member(member),
        None => found.called(&seen.name()),
    }
}

/// The rule that a refusal of what a port shows falls under.
fn rule_of(refusal: &Refusal, port: Port) -> Rule {
    match refusal {
        Refusal::Expired { culprit, .. } if culprit.role == Role::Leaf => Rule::Expired,
        Refusal::Expired { .. } => Rule::AuthorityExpired,
        Refusal::NotYetValid { .. } => Rule::NotYetValid,
        Refusal::CommonNameOnly { .. } => Rule::NoNames,
        Refusal::HostNotNamed { host, dns, ip } => match handshakes::names::kind(host, dns, ip) {
            0 => Rule::NoNames,
            1 => Rule::AddressAsName,
            _ => Rule::HostNotNamed,
        },
        Refusal::UnknownAuthority { hint: Some(hint) } => match hint.fault {
            SignatureFault::Wrong { .. } | SignatureFault::OtherKind { .. } => {
                Rule::AuthorityRegenerated
            }
            _ => Rule::WeakCertificate,
        },
        Refusal::UnknownAuthority { hint: None } => Rule::WrongAuthority,
        Refusal::IncompatibleUsage { .. } => match port {
            Port::Client => Rule::ServerNotServer,
            Port::Peer => Rule::PeerUsageMissing,
        },
        _ => Rule::WeakCertificate,
    }
}

fn reason(refusal: &Refusal, leaf: &CertificateDetails, case: &Case<'_>) -> String {
    match refusal {
        Refusal::Expired { culprit, not_after, .. } if culprit.role == Role::Leaf => {
            format!("it expired on {}", minute(*not_after))
        }
        Refusal::Expired { culprit, not_after, .. } => {
            format!("its authority {} expired on {}", culprit.subject, minute(*not_after))
        }
        Refusal::NotYetValid { not_before, .. } => {
            format!(
                "it is valid only from {}; here it is {}",
                minute(*not_before),
                minute(case.now)
            )
        }
        Refusal::CommonNameOnly { .. } => "it has no list of names (subjectAltName)".to_owned(),
        Refusal::HostNotNamed { host, dns, ip } => {
            let ip = ip.iter().map(ToString::to_string);
            let all: Vec<_> = dns.iter().cloned().chain(ip).collect();
            if all.is_empty() {
                "it names no host at all".to_owned()
            } else {
                format!("it is for {}, and not for {host}", all.join(", "))
            }
        }
        Refusal::UnknownAuthority { hint: None } => {
            format!("it is signed by {}, which is not trusted", leaf.issuer.text)
        }
        Refusal::UnknownAuthority { hint: Some(hint) } => {
            format!("{} of that name, which is trusted, did not sign it", hint.name)
        }
        Refusal::IncompatibleUsage { .. } => "its extended key usages lack serverAuth".to_owned(),
        other => other.text(case.go.newest),
    }
}

/// What no file has, and expires soon.
fn soon(case: &Case<'_>, seen: &AnswerCase<'_>, member: Option<&MemberCase<'_>>) -> Option<Found> {
    let leaf = seen.shown.first()?;
    let left = expiry::soon(leaf, case.now)?;
    // The rule of files tells of those that it has.
    let known = case.documents.iter().flat_map(|document| &document.certificates);
    if known.into_iter().any(|known| known.fingerprint == leaf.fingerprint) {
        return None;
    }
    let left = match left.whole_days() {
        0 => "less than a day".to_owned(),
        whole => days(whole),
    };
    let found = Found::warning(
        Rule::ExpiresSoon,
        "etcd says nothing about it",
        format!(
            "{} shows {}, which expires on {}: {left} left. After that every new connection with \
             it is refused; those that stand go on.",
            words::sentence(&seen.place()),
            subject(leaf),
            day(leaf.not_after),
        ),
        "issue it again; etcd reads it for each connection, without a restart",
    )
    .field("notAfter");
    Some(of_member(found, seen, member, leaf))
}
