//! Whether a port answers, and in which language: TLS041, TLS021.

use super::super::super::case::Case;
use super::super::super::findings::{Findings, Found, Subject};
use super::super::super::live::AnswerCase;
use super::super::words::command;
use super::{each_port, words};
use crate::doctor::Rule;
use crate::doctor::live::Ending;

pub(super) fn check(case: &Case<'_>, findings: &mut Findings) {
    // A member that is down is one thing, whatever ports it has.
    let mut silent: Vec<Silent<'_, '_>> = Vec::new();
    for seen in each_port(case, |_| true) {
        if matches!(seen.answer.ending, Ending::Plaintext | Ending::Encrypted) {
            if let Some(found) = scheme(case, seen, findings) {
                findings.add(found);
            }
        } else if let Some(kind) = kind(seen) {
            let name = seen.name();
            match silent.iter_mut().find(|known| known.kind == kind && known.name == name) {
                Some(known) => known.ports.push(seen),
                None => silent.push(Silent { kind, name, ports: vec![seen] }),
            }
        }
    }
    for silent in silent {
        if let Some(found) = silent.found(case) {
            findings.add(found);
        }
    }
}

/// Ports of one member that do not answer, all in one way.
struct Silent<'c, 'a> {
    kind: u8,
    name: String,
    /// Never empty.
    ports: Vec<&'c AnswerCase<'a>>,
}

/// What a port does that does not answer; `None` of one that does.
fn kind(seen: &AnswerCase<'_>) -> Option<u8> {
    Some(match &seen.answer.ending {
        Ending::NotListening => 0,
        Ending::Unreachable(_) => 1,
        Ending::Unresolved(_) => 2,
        Ending::TimedOut => 3,
        Ending::Foreign(_) => 4,
        Ending::Broken(_) => 5,
        Ending::Closed | Ending::Reset if seen.answer.handshake.is_none() => 6,
        _ => return None,
    })
}

impl Silent<'_, '_> {
    fn found(&self, case: &Case<'_>) -> Option<Found> {
        let first = *self.ports.first()?;
        let url = &first.answer.url;
        let places: Vec<_> = self.ports.iter().map(|seen| seen.place()).collect();
        let places = places.join(" and ");
        let they = words::sentence(&places);
        let address = format!("dial tcp {}", words::host_and_port(url));
        let settings = self.ports.iter().map(|seen| words::listen_setting(seen));
        let settings: Vec<_> = settings.collect();
        let (today, meaning, fix) = match &first.answer.ending {
            Ending::NotListening => (
                format!("{address}: connect: connection refused"),
                format!(
                    "Nothing listens at {places}: the member is down, or it listens elsewhere."
                ),
                format!(
                    "start the member, whose log says why it ended; or, if it runs, compare its {}",
                    settings.join(" and "),
                ),
            ),
            Ending::Unreachable(why) => (
                format!("{address}: connect: {why}"),
                format!("There is no way to {places}: {why}."),
                "look at the network between here and there".to_owned(),
            ),
            Ending::Unresolved(why) => (
                format!("dial tcp: lookup {}: no such host", url.host),
                format!("The host {} of {places} has no address here: {why}.", url.host),
                format!("write a name that leads there, or its address, in place of {}", url.host),
            ),
            Ending::TimedOut => (
                format!("{address}: i/o timeout, or context deadline exceeded"),
                format!(
                    "No answer came in time from {places}: packets are dropped on the way, the \
                     member hangs, or something listens there that waits for another language."
                ),
                command("look whether it is reached at all", &words::connect(url), ""),
            ),
            Ending::Foreign(what) => (
                "tls: first record does not look like a TLS handshake".to_owned(),
                format!("At {places} listens something that is no etcd: {what}."),
                words::who_listens(url),
            ),
            Ending::Broken(what) => (
                "a handshake that ends in an error of the dialler's own".to_owned(),
                format!("The TLS of {places} cannot be followed: {what}."),
                words::who_listens(url),
            ),
            _ => (
                "EOF, or connection reset by peer".to_owned(),
                format!(
                    "{they}: connections are accepted and closed, whether one begins with TLS or \
                     without. Something listens there that is no etcd, or keeps strangers out."
                ),
                words::who_listens(url),
            ),
        };
        Some(of_member(case, first, Found::error(Rule::PortNotAnswering, today, meaning, fix)))
    }
}

/// The URL says one thing and the port does another.
fn scheme(case: &Case<'_>, seen: &AnswerCase<'_>, findings: &Findings) -> Option<Found> {
    let name = seen.name();
    // The settings say it, whoever made them.
    let is_told = findings.any(|finding| {
        finding.rule == Rule::SchemeMismatch
            && finding.member.as_ref().is_none_or(|member| *member == name)
    });
    if is_told {
        return None;
    }
    let url = &seen.answer.url;
    let place = words::sentence(&seen.place());
    let (today, meaning, scheme) = match seen.answer.ending {
        Ending::Plaintext => (
            "tls: first record does not look like a TLS handshake, or EOF",
            format!("{place} answers without TLS."),
            "http",
        ),
        _ => (
            "error reading server preface: EOF, or Client sent an HTTP request to an HTTPS server",
            format!("{place} speaks TLS."),
            "https",
        ),
    };
    let other = words::with_scheme(url, scheme);
    let fix = format!(
        "dial {other}; or, if the URL is right, start the member with {} in its {}",
        url,
        words::listen_setting(seen)
    );
    Some(of_member(case, seen, Found::error(Rule::SchemeMismatch, today, meaning, fix)))
}

/// With whose it is. A member that does not come up for a file is told by that file.
fn of_member(case: &Case<'_>, seen: &AnswerCase<'_>, found: Found) -> Found {
    let Some(member) = seen.member.and_then(|index| case.members.get(index)) else {
        return found.called(&seen.name());
    };
    let documents = member.sides().flat_map(|side| side.documents());
    documents.fold(found.member(member), |found, (_, document)| {
        found.follows(Subject::File(document.path.clone()))
    })
}
