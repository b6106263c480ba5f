//! The authorities that a member has in its memory, and those that its file has by now: TLS027.
//!
//! A port that asks for certificates names every authority that it holds. So what the member read at
//! its start is known without having been there, but for the keys: two authorities of one name are
//! told apart only by whom they let in.

use std::collections::BTreeSet;

use super::super::super::case::{Case, MemberCase, Port, Side};
use super::super::super::document::Document;
use super::super::super::findings::{Findings, Found, Subject};
use super::super::super::live::AnswerCase;
use super::super::words::list;
use crate::doctor::go::{Usage, allowed_common_name, allowed_hostname, verify};
use crate::doctor::live::{Alert, Dialler, Ending, rule_of_log};
use crate::doctor::{Origin, Rule};
use crate::read::{CertificateDetails, DistinguishedName};

/// How many links and names are told of.
const TOLD_MAX: usize = 6;

pub(super) fn check(case: &Case<'_>, findings: &mut Findings) {
    for member in &case.members {
        // Both ports mostly have one file, and then one thing is wrong.
        let mut pending: Vec<Pending<'_>> = Vec::new();
        for side in member.sides() {
            let Some(new) = Pending::of(case, member, side) else { continue };
            match pending.iter_mut().find(|known| known.is_like(&new)) {
                Some(known) => known.join(new),
                None => pending.push(new),
            }
        }
        for pending in pending {
            findings.add(pending.found(member));
        }
    }
}

/// Whether it is known by other means than the time of a change whether the file has what the
/// member holds.
pub(in super::super) fn is_settled(
    case: &Case<'_>,
    member: &MemberCase<'_>,
    side: &Side<'_>,
) -> bool {
    of(case, member, side).is_some_and(|(document, memory)| {
        memory.differs(document)
            || !refused_in_vain(case, member, side, document).is_empty()
            || case.answers.iter().any(|seen| {
                let is_it = seen.member == Some(member.index) && seen.answer.port == side.port;
                let presented = seen.answer.handshake.as_ref().is_some_and(|tls| tls.has_presented);
                is_it && presented && seen.is_let_in() && accepts(case, document, seen)
            })
    })
}

/// Whether this refusal comes from what the member holds, and would not from its file.
pub(super) fn explains(case: &Case<'_>, seen: &AnswerCase<'_>) -> bool {
    let Some(member) = seen.member.and_then(|index| case.members.get(index)) else { return false };
    let side = member.side(seen.answer.port);
    let Some((document, memory)) = of(case, member, side) else { return false };
    let is_in_vain = is_in_vain(case, side, document, seen);
    is_in_vain && (memory.differs(document) || is_of_authority(seen, Some(side), case))
}

/// What a port names.
struct Memory<'a> {
    names: &'a [DistinguishedName],
    url: String,
}

impl Memory<'_> {
    fn set(&self) -> BTreeSet<&[u8]> {
        self.names.iter().map(|name| name.der.as_slice()).collect()
    }

    fn differs(&self, document: &Document) -> bool {
        self.set() != file_set(document)
    }
}

fn file_set(document: &Document) -> BTreeSet<&[u8]> {
    document.pool().iter().map(|authority| authority.subject.der.as_slice()).collect()
}

/// The file of a side, and what the port last said that it holds.
fn of<'c>(
    case: &'c Case<'_>,
    member: &MemberCase<'_>,
    side: &'c Side<'_>,
) -> Option<(&'c Document, Memory<'c>)> {
    // Which file a port was given is only guessed where nobody gave settings.
    if side.is_automatic() || member.settings.origin == Origin::Directory {
        return None;
    }
    let document = side.trusted.as_deref().filter(|document| document.is_present())?;
    let mut answers = case.answers.iter().rev();
    let seen = answers.find(|seen| {
        seen.member == Some(member.index)
            && seen.answer.port == side.port
            && seen.answer.asks_for().is_some()
    })?;
    let names = seen.answer.asks_for()?;
    Some((document, Memory { names, url: seen.answer.url.to_string() }))
}

/// A file that its member would have to read again.
struct Pending<'c> {
    document: &'c Document,
    /// The ports that say so, and their settings.
    ports: Vec<String>,
    settings: Vec<String>,
    /// What is in memory only, and what in the file only; both empty where the names agree.
    still: String,
    not_yet: String,
    broken: Vec<String>,
    /// Who is let in still, and will not be once the file is read.
    ends: Vec<String>,
}

impl<'c> Pending<'c> {
    fn of(case: &'c Case<'_>, member: &MemberCase<'_>, side: &'c Side<'_>) -> Option<Self> {
        let (document, memory) = of(case, member, side)?;
        let mut broken = refused_in_vain(case, member, side, document);
        let (mut still, mut not_yet) = (String::new(), String::new());
        if memory.differs(document) {
            broken.extend(distrusted(case, member, side, document, &memory));
            let (held, file) = (memory.set(), file_set(document));
            let lost = memory.names.iter().filter(|name| !file.contains(name.der.as_slice()));
            still = names(lost.map(|name| &name.text));
            let new = document.pool().iter().map(|authority| &authority.subject);
            let new = new.filter(|name| !held.contains(name.der.as_slice()));
            not_yet = names(new.map(|name| &name.text));
        } else if broken.is_empty() {
            return None;
        }
        let ports = vec![format!("its {} port, {}", side.port, memory.url)];
        let settings = vec![member.setting_of(side, "trusted-ca-file")];
        let ends = let_in_still(case, member, side, document);
        Some(Self { document, ports, settings, still, not_yet, broken, ends })
    }

    fn is_like(&self, other: &Self) -> bool {
        self.document.path == other.document.path
            && (&self.still, &self.not_yet) == (&other.still, &other.not_yet)
    }

    fn join(&mut self, other: Self) {
        self.ports.extend(other.ports);
        self.settings.extend(other.settings);
        self.broken.extend(other.broken);
        self.ends.extend(other.ends);
    }

    fn found(self, member: &MemberCase<'_>) -> Found {
        let path = self.document.path.display();
        let (name, ports) = (member.name, self.ports.join(", and "));
        let again = "etcd reads its authorities once, at the start.";
        let meaning = if self.still.is_empty() && self.not_yet.is_empty() {
            format!(
                "{name} has authorities of the same names in its memory as {path} has, and refuses \
                 what those of the file have signed ({ports}): the file changed after it was read, \
                 and an authority in it was made anew. {again}"
            )
        } else {
            let tell = |what: &str, names: &str, end: &str| {
                if names.is_empty() { String::new() } else { format!(" It {what} {names}{end}.") }
            };
            format!(
                "{name} has other authorities in its memory than {path} has, as it says itself \
                 ({ports}): the file changed after it was read. {again}{}{}",
                tell("still trusts", &self.still, ""),
                tell("does not trust", &self.not_yet, " yet"),
            )
        };
        let fails = if self.broken.is_empty() {
            String::new()
        } else {
            format!(" It fails: {}.", names(self.broken.iter()))
        };
        let restart = format!(
            "restart {name}; one member at a time, each when the one before it is healthy again"
        );
        // To restart it now would be to do the harm.
        let (ends, fix) = if self.ends.is_empty() {
            (String::new(), restart)
        } else {
            (
                format!(
                    " With the file as it is, a restart ends what works still: {}.",
                    names(self.ends.iter())
                ),
                format!(
                    "restart nothing yet: first put back into {path} what has signed those \
                     certificates, or issue them again; then {restart}"
                ),
            )
        };
        let new = if self.broken.is_empty() { Found::warning } else { Found::error };
        new(
            Rule::AuthorityInMemory,
            "etcd says nothing about it; to those whom a new authority certifies: x509: certificate \
             signed by unknown authority"
                .to_owned(),
            format!("{meaning}{fails}{ends}"),
            fix,
        )
        .member(member)
        .file(&self.document.path)
        .field(list(self.settings))
        .follows(Subject::File(self.document.path.clone()))
    }
}

fn names<'a>(all: impl Iterator<Item = &'a String>) -> String {
    let all: Vec<_> = all.collect();
    let more = all.len().saturating_sub(TOLD_MAX);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", list(all.iter().take(TOLD_MAX)))
}

/// Those that the port turned away for their authority, though its file would let them in.
fn refused_in_vain(
    case: &Case<'_>,
    member: &MemberCase<'_>,
    side: &Side<'_>,
    document: &Document,
) -> Vec<String> {
    links_to(case, member, side, |seen| {
        is_in_vain(case, side, document, seen) && is_of_authority(seen, Some(side), case)
    })
}

/// Those that the port let in, though its file would not.
fn let_in_still(
    case: &Case<'_>,
    member: &MemberCase<'_>,
    side: &Side<'_>,
    document: &Document,
) -> Vec<String> {
    links_to(case, member, side, |seen| {
        let presented = seen.answer.handshake.as_ref().is_some_and(|tls| tls.has_presented);
        presented
            && seen.is_let_in()
            && !seen.presented.is_empty()
            && !accepts(case, document, seen)
    })
}

/// Who came to the port of this side, of those that are meant; each once.
fn links_to(
    case: &Case<'_>,
    member: &MemberCase<'_>,
    side: &Side<'_>,
    is_meant: impl Fn(&AnswerCase<'_>) -> bool,
) -> Vec<String> {
    let mut links: Vec<String> = Vec::new();
    for seen in &case.answers {
        let is_here = seen.member == Some(member.index) && seen.answer.port == side.port;
        if !is_here || !is_meant(seen) {
            continue;
        }
        let link = format!("{} → {}", seen.answer.dialler, member.name);
        if !links.contains(&link) {
            links.push(link);
        }
    }
    links
}

/// Whether a certificate was shown and refused that the file has nothing against.
fn is_in_vain(
    case: &Case<'_>,
    side: &Side<'_>,
    document: &Document,
    seen: &AnswerCase<'_>,
) -> bool {
    let presented = seen.answer.handshake.as_ref().is_some_and(|tls| tls.has_presented);
    let Some(leaf) = seen.presented.first() else { return false };
    presented
        && seen.is_refused()
        && allowed_common_name(leaf, &side.settings.allowed_common_names)
        && allowed_hostname(leaf, &side.settings.allowed_hostnames, case.go.oldest)
        && accepts(case, document, seen)
}

fn accepts(case: &Case<'_>, document: &Document, seen: &AnswerCase<'_>) -> bool {
    let pool = document.pool();
    !pool.is_empty()
        && verify(&seen.presented, pool, Usage::Client, None, case.now, case.go.newest).is_ok()
}

/// Whether a refusal is one for the authority, or may be.
fn is_of_authority(seen: &AnswerCase<'_>, side: Option<&Side<'_>>, case: &Case<'_>) -> bool {
    if let Some(text) = &seen.answer.logged {
        let rule = rule_of_log(text, seen.answer.port);
        return matches!(rule, Some(Rule::WrongAuthority | Rule::AuthorityRegenerated));
    }
    match seen.answer.ending {
        Ending::Refused(Alert::UNKNOWN_AUTHORITY) => true,
        // All else that Go says so of was seen to be sound.
        Ending::Refused(Alert::BAD_CERTIFICATE) => {
            side.is_some()
                && crate::doctor::live::likely_causes(seen.answer, case.go)
                    .contains(&Rule::AuthorityInMemory)
        }
        _ => false,
    }
}

/// Whom a member dials in vain: they show what its file trusts, and it does not.
fn distrusted(
    case: &Case<'_>,
    member: &MemberCase<'_>,
    side: &Side<'_>,
    document: &Document,
    memory: &Memory<'_>,
) -> Vec<String> {
    if side.port != Port::Peer {
        return Vec::new();
    }
    let held = memory.set();
    let knows = |certificate: &CertificateDetails| {
        held.contains(certificate.issuer.der.as_slice())
            || held.contains(certificate.subject.der.as_slice())
    };
    let mut links: Vec<String> = Vec::new();
    for seen in &case.answers {
        let is_other = seen.answer.port == Port::Peer
            && seen.member.is_some_and(|other| other != member.index)
            && !matches!(&seen.answer.dialler, Dialler::Client);
        let host = Some(seen.answer.url.host.as_str());
        let pool = document.pool();
        let link = format!("{} → {}", member.name, seen.name());
        if is_other
            && !seen.shown.is_empty()
            && !seen.shown.iter().any(knows)
            && verify(&seen.shown, pool, Usage::Server, host, case.now, case.go.newest).is_ok()
            && !links.contains(&link)
        {
            links.push(link);
        }
    }
    links
}
