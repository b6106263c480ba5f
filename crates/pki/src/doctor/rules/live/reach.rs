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
    let mut down: Vec<(String, Vec<&AnswerCase<'_>>)> = Vec::new();
    for seen in each_port(case, |_| true) {
        let found = match &seen.answer.ending {
            Ending::Plaintext | Ending::Encrypted => scheme(case, seen, findings),
            Ending::NotListening => {
                let name = seen.name();
                match down.iter_mut().find(|(known, _)| *known == name) {
                    Some((_, ports)) => ports.push(seen),
                    None => down.push((name, vec![seen])),
                }
                None
            }
            _ => silent(case, seen),
        };
        if let Some(found) = found {
            findings.add(found);
        }
    }
    for (_, ports) in down {
        if let Some(found) = not_listening(case, &ports) {
            findings.add(found);
        }
    }
}

fn not_listening(case: &Case<'_>, ports: &[&AnswerCase<'_>]) -> Option<Found> {
    let first = *ports.first()?;
    let places: Vec<_> = ports.iter().map(|seen| seen.place()).collect();
    let today = format!(
        "dial tcp {}: connect: connection refused",
        words::host_and_port(&first.answer.url)
    );
    let meaning = format!(
        "Nothing listens at {}: the member is down, or it listens elsewhere.",
        places.join(", nor at ")
    );
    let settings: Vec<_> = ports.iter().map(|seen| words::listen_setting(seen)).collect();
    let fix = format!(
        "start the member, whose log says why it ended; or, if it runs, compare its {} with {}",
        settings.join(" and "),
        if ports.len() == 1 { "this URL" } else { "these URLs" },
    );
    Some(of_member(case, first, Found::error(Rule::PortNotAnswering, today, meaning, fix)))
}

fn silent(case: &Case<'_>, seen: &AnswerCase<'_>) -> Option<Found> {
    let url = &seen.answer.url;
    let place = seen.place();
    let address = format!("dial tcp {}", words::host_and_port(url));
    let (today, meaning, fix) = match &seen.answer.ending {
        Ending::Unreachable(why) => (
            format!("{address}: connect: {why}"),
            format!("There is no way to {place}: {why}."),
            "look at the network between here and there".to_owned(),
        ),
        Ending::Unresolved(why) => (
            format!("dial tcp: lookup {}: no such host", url.host),
            format!("The host of {place} has no address here: {why}."),
            format!("write a name that leads there, or its address, in place of {}", url.host),
        ),
        Ending::TimedOut => (
            format!("{address}: i/o timeout, or context deadline exceeded"),
            format!(
                "{} did not answer in time: packets are dropped on the way, the member hangs, or \
                 something listens there that waits for another language.",
                words::sentence(&place)
            ),
            command("look whether it is reached at all", &words::connect(url), ""),
        ),
        Ending::Foreign(what) => (
            "tls: first record does not look like a TLS handshake".to_owned(),
            format!("At {place} listens something that is no etcd: {what}."),
            words::who_listens(url),
        ),
        Ending::Broken(what) => (
            "a handshake that ends in an error of the dialler's own".to_owned(),
            format!("{} speaks a TLS that cannot be followed: {what}.", words::sentence(&place)),
            words::who_listens(url),
        ),
        Ending::Closed | Ending::Reset if seen.answer.handshake.is_none() => (
            "EOF, or connection reset by peer".to_owned(),
            format!(
                "{} accepts connections and closes them, whether one begins with TLS or without: \
                 something listens there that is no etcd, or keeps strangers out.",
                words::sentence(&place)
            ),
            words::who_listens(url),
        ),
        _ => return None,
    };
    let found = Found::error(Rule::PortNotAnswering, today, meaning, fix);
    Some(of_member(case, seen, found))
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
