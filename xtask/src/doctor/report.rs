//! Findings as text: for people, and for programs.

use std::fmt::Write as _;

use serde_json::{Value, json};
use tercet_cluster::diagnose::write_findings;
use tercet_pki::doctor::{Description, Finding, Severity};

use super::{Seen, ports};

/// One line. The order of the keys is part of it, which a map of serde_json would sort away.
///
/// What ports answered comes after the findings, where they were asked.
pub(super) fn json(seen: &Seen, findings: &[Finding]) -> String {
    let findings: Vec<_> = findings
        .iter()
        .map(|finding| {
            object(&[
                ("id", json!(finding.rule.id())),
                ("severity", json!(finding.severity.to_string())),
                ("member", json!(finding.member)),
                ("file", json!(finding.file.as_ref().map(|file| file.display().to_string()))),
                ("field", json!(finding.field)),
                ("today", json!(finding.today)),
                ("meaning", json!(finding.meaning)),
                ("fix", json!(finding.fix)),
            ])
        })
        .collect();
    let etcd = json!(seen.description.etcd.to_string());
    let mut text = format!("{{\"etcd\":{etcd},\"findings\":[{}]", findings.join(","));
    if let Some(unseen) = &seen.unseen {
        let answers = seen.description.answers.iter();
        let answers: Vec<_> = answers.map(|answer| object(&ports::json(answer))).collect();
        let unseen: Vec<_> = unseen
            .iter()
            .map(|one| object(&[("what", json!(one.what)), ("why", json!(one.why))]))
            .collect();
        let _ =
            write!(text, ",\"ports\":[{}],\"unseen\":[{}]", answers.join(","), unseen.join(","));
    }
    text + "}\n"
}

fn object(fields: &[(&str, Value)]) -> String {
    let fields: Vec<_> =
        fields.iter().map(|(key, value)| format!("{}:{value}", json!(key))).collect();
    format!("{{{}}}", fields.join(","))
}

/// Lines for a person: each finding with its cause first, then what ports answered, then a summary.
pub(super) fn human(seen: &Seen, findings: &[Finding]) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write_findings(&mut text, findings);
    if let Some(unseen) = &seen.unseen {
        text.push_str(&ports::human(&seen.description.answers, unseen));
    }
    summary(&mut text, seen, findings);
    text
}

fn summary(text: &mut String, seen: &Seen, findings: &[Finding]) {
    let Description { etcd, members, clients, loose, answers, .. } = &seen.description;
    let count = |number: usize, what: &str| {
        format!("{number} {what}{}", if number == 1 { "" } else { "s" })
    };
    let of = |wanted: Severity| findings.iter().filter(|one| one.severity == wanted).count();
    let found: Vec<_> = [
        (of(Severity::Error), "error"),
        (of(Severity::Warning), "warning"),
        (of(Severity::Note), "note"),
    ]
    .into_iter()
    .filter(|(number, _)| *number > 0)
    .map(|(number, what)| count(number, what))
    .collect();
    let verdict = if found.is_empty() { "sound".to_owned() } else { found.join(", ") };
    let mut urls: Vec<_> = answers.iter().map(|answer| (&answer.url, answer.port)).collect();
    urls.dedup();
    let things: Vec<_> = [
        (members.len(), "member"),
        (clients.len(), "client"),
        (loose.len(), "other file"),
        (urls.len(), "port"),
    ]
    .into_iter()
    .filter(|(number, _)| *number > 0)
    .map(|(number, what)| count(number, what))
    .collect();
    let _ = writeln!(text, "{verdict}: {}, by the rules of etcd {etcd}", things.join(", "));
    if seen.is_guess {
        text.push_str("Another etcd may judge otherwise: give --etcd VERSION.\n");
    }
}
