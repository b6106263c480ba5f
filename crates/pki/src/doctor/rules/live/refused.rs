//! Who is turned away, and why: by what the member logged, or by what is known of both; TLS043 where
//! that is not enough.

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::super::super::case::{Case, MemberCase};
use super::super::super::findings::{Findings, Found};
use super::super::super::live::AnswerCase;
use super::super::words::{list, minute, subject};
use super::{memory, words};
use crate::doctor::go::{PeerVerdict, Usage, peer_address};
use crate::doctor::live::{Alert, Dialler, Ending, likely_causes, rule_of_log};
use crate::doctor::{Finding, Port, Rule};
use crate::etcd::GoRange;

pub(super) fn check(case: &Case<'_>, findings: &mut Findings) {
    let mut groups: Vec<Group<'_, '_>> = Vec::new();
    for seen in case.answers.iter().filter(|seen| seen.is_refused()) {
        if is_in_order(case, seen) || memory::explains(case, seen) {
            continue;
        }
        let likely = likely_causes(seen.answer, case.go);
        let rule = logged(case, seen)
            .or_else(|| deduced(case, seen, &likely))
            .or_else(|| deduced(case, seen, of_older(seen)));
        let candidates = rule.map_or_else(|| likely.clone(), |rule| vec![rule]);
        if findings.any(|finding| is_told_by(case, seen, &candidates, finding)) {
            continue;
        }
        let group = Group { rule, likely, seen: vec![seen] };
        match groups.iter_mut().find(|known| known.is_like(&group)) {
            Some(known) => known.seen.push(seen),
            None => groups.push(group),
        }
    }
    for group in groups {
        if let Some(found) = group.found(case) {
            findings.add(found);
        }
    }
}

/// Refusals of one certificate for one reason, or of everybody by one port.
struct Group<'c, 'a> {
    /// Why; `None` where that is not known.
    rule: Option<Rule>,
    /// What it may be.
    likely: Vec<Rule>,
    /// Never empty.
    seen: Vec<&'c AnswerCase<'a>>,
}

impl Group<'_, '_> {
    fn is_like(&self, other: &Self) -> bool {
        let about = |group: &Self| {
            let seen = group.seen.first()?;
            let leaf = seen.presented.first().map(|leaf| leaf.fingerprint);
            // A port that can show nothing refuses everybody alike.
            let port = seen.shown.is_empty().then(|| seen.answer.url.to_string());
            let whose = if port.is_some() { None } else { Some((leaf, &seen.answer.dialler)) };
            Some((group.rule, seen.answer.port, port, whose, &seen.answer.ending))
        };
        about(self) == about(other)
    }
}

/// Whether nothing else was to be expected: somebody without a certificate came only to look, or the
/// one who dialled is no member and came to a port for members.
fn is_in_order(case: &Case<'_>, seen: &AnswerCase<'_>) -> bool {
    let is_asked = seen.answer.asks_for().is_some();
    let certificate_matters = !matches!(
        seen.answer.ending,
        Ending::Refused(Alert::INTERNAL_ERROR | Alert::PROTOCOL_VERSION | Alert::HANDSHAKE_FAILURE)
    );
    match (&seen.answer.dialler, seen.answer.port) {
        (Dialler::Nobody, _) => is_asked,
        (Dialler::Client, Port::Peer) => is_asked && certificate_matters,
        // From elsewhere than its member would dial from, what it is told says nothing.
        (Dialler::Member(_), Port::Peer) => is_from_elsewhere(case, seen),
        _ => false,
    }
}

/// Whether a member's certificate was shown from an address that is not the member's, to a port that
/// looks at that, and that had nothing else against it.
fn is_from_elsewhere(case: &Case<'_>, seen: &AnswerCase<'_>) -> bool {
    let Dialler::Member(name) = &seen.answer.dialler else { return false };
    let (Some(leaf), Some((from, _))) = (seen.presented.first(), seen.answer.addresses) else {
        return false;
    };
    if seen.answer.ending != Ending::Closed
        || peer_address(leaf, from.ip()) == PeerVerdict::Accepted
        || from.ip().to_canonical().is_loopback()
        || logged(case, seen).is_some_and(|rule| rule != Rule::PeerAddressNotNamed)
    {
        return false;
    }
    let Some(member) = case.members.iter().find(|member| member.name == name) else { return true };
    let mut own = member.settings.advertise_peer_urls.iter();
    !own.any(|url| url.host.parse().is_ok_and(|own: std::net::IpAddr| own == from.ip()))
}

fn logged(case: &Case<'_>, seen: &AnswerCase<'_>) -> Option<Rule> {
    let rule = rule_of_log(seen.answer.logged.as_deref()?, seen.answer.port)?;
    let leaf = seen.presented.first();
    // The log does not say whose dates they are.
    if rule == Rule::Expired && leaf.is_some_and(|leaf| case.now <= leaf.not_after) {
        return Some(Rule::AuthorityExpired);
    }
    Some(rule)
}

/// The first of the likely causes for which there is evidence.
fn deduced(case: &Case<'_>, seen: &AnswerCase<'_>, likely: &[Rule]) -> Option<Rule> {
    likely.iter().copied().find(|rule| is_evident(case, seen, *rule))
}

/// What an older Go may have meant as well. Which one it is, is often a guess: whoever is turned away
/// is not told the version.
fn of_older(seen: &AnswerCase<'_>) -> &'static [Rule] {
    match seen.answer.ending {
        Ending::Refused(Alert::BAD_CERTIFICATE) => {
            &[Rule::Expired, Rule::NotYetValid, Rule::WrongAuthority]
        }
        _ => &[],
    }
}

fn is_evident(case: &Case<'_>, seen: &AnswerCase<'_>, rule: Rule) -> bool {
    let Some(leaf) = seen.presented.first() else {
        return rule == Rule::ProtocolMismatch
            || (rule == Rule::ClientCertificateDemanded && seen.answer.asks_for().is_some());
    };
    let asked = seen.answer.asks_for().unwrap_or_default();
    let is_signed_by_one = seen
        .presented
        .iter()
        .any(|certificate| asked.iter().any(|name| name.der == certificate.issuer.der));
    match rule {
        Rule::Expired => case.now > leaf.not_after,
        Rule::NotYetValid => case.now < leaf.not_before,
        Rule::AuthorityExpired => {
            seen.presented.iter().skip(1).any(|authority| case.now > authority.not_after)
        }
        Rule::ClientNotClient | Rule::PeerUsageMissing => {
            !crate::doctor::go::allows(leaf, Usage::Client)
        }
        Rule::WrongAuthority => !asked.is_empty() && !is_signed_by_one,
        Rule::AuthorityRegenerated => {
            is_signed_by_one && seen.answer.ending == Ending::Refused(Alert::UNKNOWN_AUTHORITY)
        }
        Rule::PeerAddressNotNamed => seen
            .answer
            .addresses
            .is_some_and(|(from, _)| peer_address(leaf, from.ip()) != PeerVerdict::Accepted),
        Rule::ClientCertificateDemanded => {
            seen.answer.handshake.as_ref().is_some_and(|tls| !tls.has_presented)
        }
        // The alert says no less.
        Rule::ProtocolMismatch => true,
        _ => false,
    }
}

/// Whether a finding about the files of either side says it already.
fn is_told_by(
    case: &Case<'_>,
    seen: &AnswerCase<'_>,
    candidates: &[Rule],
    finding: &Finding,
) -> bool {
    if !candidates.contains(&finding.rule) {
        return false;
    }
    let name = seen.name();
    let dialler = match &seen.answer.dialler {
        Dialler::Member(name) => Some(name),
        _ => None,
    };
    match (&finding.member, &finding.file) {
        (Some(member), _) => *member == name || Some(member) == dialler,
        (None, Some(file)) => files(case, seen).contains(file),
        (None, None) => true,
    }
}

/// The files of both sides.
fn files(case: &Case<'_>, seen: &AnswerCase<'_>) -> BTreeSet<PathBuf> {
    let mut files = BTreeSet::new();
    let mut add = |member: &MemberCase<'_>| {
        let documents = member.sides().flat_map(|side| side.documents());
        files.extend(documents.map(|(_, document)| document.path.clone()));
    };
    seen.member.and_then(|index| case.members.get(index)).into_iter().for_each(&mut add);
    match &seen.answer.dialler {
        Dialler::Member(name) => {
            case.members.iter().filter(|member| member.name == name).for_each(&mut add);
        }
        _ => {
            let clients = case.clients.iter().flat_map(|client| client.documents());
            files.extend(clients.map(|(_, document)| document.path.clone()));
        }
    }
    files
}

impl Group<'_, '_> {
    fn found(&self, case: &Case<'_>) -> Option<Found> {
        let seen = *self.seen.first()?;
        let rule = self.rule.unwrap_or(Rule::RefusedUnexplained);
        let (place, refuse) = self.place();
        let what = match seen.presented.first() {
            _ if rule == Rule::ProtocolMismatch => {
                "finds no common ground with the doctor".to_owned()
            }
            _ if seen.shown.is_empty() => {
                "cannot show a certificate, and refuses everybody".to_owned()
            }
            Some(leaf) => format!("{refuse} {} ({})", seen.certificate(), subject(leaf)),
            None => format!("{refuse} whoever shows no certificate"),
        };
        let why = match self.rule {
            None => unexplained(case.go, seen, &self.likely),
            Some(rule) => explained(case, seen, rule)
                .map_or_else(|| ".".to_owned(), |why| format!(": {why}.")),
        };
        let links = self.links();
        let fails =
            if links.is_empty() { String::new() } else { format!(" It fails: {}.", list(links)) };
        let fix = match self.rule {
            None => format!(
                "look for the line \"rejected connection\" in the log of {}, which has the reason; \
                 or give the doctor the files of both sides",
                seen.name()
            ),
            Some(rule) => words::mend(rule).to_owned(),
        };
        let meaning = format!("{place} {what}{why}{fails}");
        // Others may share what the doctor does not.
        let new = if rule == Rule::ProtocolMismatch { Found::warning } else { Found::error };
        Some(self.of_whom(case, new(rule, today(seen), meaning, fix)))
    }

    /// The ports, with a verb in their number.
    fn place(&self) -> (String, &'static str) {
        match self.seen.as_slice() {
            [only] => (words::sentence(&only.place()), "refuses"),
            all => {
                let port = all[0].answer.port;
                let mut names: Vec<_> = all.iter().map(|seen| seen.name()).collect();
                names.dedup();
                (format!("The {port} ports of {}", list(names)), "refuse")
            }
        }
    }

    /// The links that are broken.
    fn links(&self) -> Vec<String> {
        let from = |seen: &AnswerCase<'_>| match &seen.answer.dialler {
            Dialler::Member(from) => Some(format!("{from} → {}", seen.name())),
            _ => None,
        };
        self.seen.iter().filter_map(|seen| from(seen)).collect()
    }

    /// With whose it is: whose certificate is refused, or else whose port refuses.
    fn of_whom(&self, case: &Case<'_>, found: Found) -> Found {
        let Some(seen) = self.seen.first() else { return found };
        let (member, name) = match &seen.answer.dialler {
            _ if seen.shown.is_empty() => (seen.member, Some(seen.name())),
            Dialler::Member(name) => {
                let mut members = case.members.iter();
                let member = members.find(|member| member.name == name);
                (member.map(|member| member.index), Some(name.clone()))
            }
            Dialler::Client => (None, None),
            Dialler::Nobody => (seen.member, Some(seen.name())),
        };
        let found = match (member.and_then(|index| case.members.get(index)), name) {
            (Some(member), _) => found.member(member),
            (None, Some(name)) => found.called(&name),
            (None, None) => found,
        };
        match file_of(case, seen).filter(|_| !seen.shown.is_empty()) {
            Some(file) => found.file(&file),
            None => found,
        }
    }
}

/// The file that the dialler's certificate came from.
fn file_of(case: &Case<'_>, seen: &AnswerCase<'_>) -> Option<PathBuf> {
    let leaf = seen.presented.first()?;
    let documents = case.documents.iter();
    let mut holders = documents.filter(|document| {
        document.chain().first().is_some_and(|known| known.fingerprint == leaf.fingerprint)
    });
    holders.next().map(|document| document.path.clone())
}

/// Both sides' own words.
fn today(seen: &AnswerCase<'_>) -> String {
    let client = match seen.answer.ending {
        Ending::Refused(alert) => format!("remote error: tls: {alert}"),
        Ending::Reset => "connection reset by peer".to_owned(),
        _ => "EOF".to_owned(),
    };
    match &seen.answer.logged {
        Some(text) => format!("rejected connection: {text}; the other side: {client}"),
        None => client,
    }
}

fn explained(case: &Case<'_>, seen: &AnswerCase<'_>, rule: Rule) -> Option<String> {
    let leaf = seen.presented.first();
    let asked = seen.answer.asks_for().unwrap_or_default();
    Some(match rule {
        Rule::ClientCertificateDemanded if seen.presented.is_empty() => {
            "one is demanded here".to_owned()
        }
        Rule::ClientCertificateDemanded => {
            "its key makes no signature that the port takes, so it was not shown".to_owned()
        }
        Rule::Expired => format!("it expired on {}", minute(leaf?.not_after)),
        Rule::NotYetValid => format!("it is valid only from {}", minute(leaf?.not_before)),
        Rule::AuthorityExpired => "an authority above it has expired".to_owned(),
        Rule::WrongAuthority => format!(
            "it is signed by {}, and those are trusted there: {}",
            seen.presented.last()?.issuer.text,
            if asked.is_empty() {
                "any of the machine's".to_owned()
            } else {
                list(asked.iter().take(5).map(|name| &name.text))
            },
        ),
        Rule::AuthorityRegenerated => format!(
            "it is signed by {}, and the authority of that name which is trusted there has another \
             key",
            seen.presented.last()?.issuer.text,
        ),
        Rule::ClientNotClient | Rule::PeerUsageMissing => {
            "its extended key usages lack clientAuth".to_owned()
        }
        Rule::PeerAddressNotNamed => {
            let (from, _) = seen.answer.addresses?;
            format!(
                "it was shown from {}, which is not among its names; a member looks where a peer \
                 comes from",
                from.ip()
            )
        }
        Rule::Revoked => "it is revoked".to_owned(),
        Rule::PeerNotAllowed => "its name is not among those that are let in".to_owned(),
        Rule::RevocationList => "the list of what is revoked cannot be read".to_owned(),
        Rule::KeyMismatch => "its key is that of another certificate".to_owned(),
        Rule::FileMissing => "one of its files is not there, or may not be read".to_owned(),
        Rule::FileUnusable | Rule::KeyEncrypted => {
            "one of its files is no PEM of its kind".to_owned()
        }
        Rule::ProtocolMismatch => "the doctor speaks TLS 1.2 and 1.3, with the cipher suites that \
            have ECDHE and AEAD and with no others; whoever has others may get in"
            .to_owned(),
        Rule::WeakCertificate => case.go.newest.to_string() + " does not take it",
        _ => return None,
    })
}

fn unexplained(go: GoRange, seen: &AnswerCase<'_>, likely: &[Rule]) -> String {
    let ending = match seen.answer.ending {
        Ending::Refused(alert) => format!("the alert \"{alert}\""),
        Ending::Reset => "a reset, which may have cost an alert".to_owned(),
        _ => "no alert at all".to_owned(),
    };
    let built = if go.oldest == go.newest {
        go.oldest.to_string()
    } else {
        format!("{} to {}", go.oldest, go.newest)
    };
    let rules = list(likely.iter().map(|rule| format!("{} ({rule})", words::clause(rule.title()))));
    if rules.is_empty() {
        return format!(", with {ending}.");
    }
    format!(
        ", with {ending}. Of an etcd built with {built} that means, the likeliest first: {rules}."
    )
}
