//! Findings as text: for people, and for programs.

use std::fmt::Write as _;

use serde_json::{Value, json};
use tercet_pki::doctor::{Description, Finding, Severity};
use tercet_pki::etcd::Version;

/// One line. The order of the keys is part of it, which a map of serde_json would sort away.
pub(super) fn json(etcd: Version, findings: &[Finding]) -> String {
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
    format!("{{\"etcd\":{},\"findings\":[{}]}}\n", json!(etcd.to_string()), findings.join(","))
}

fn object(fields: &[(&str, Value)]) -> String {
    let fields: Vec<_> =
        fields.iter().map(|(key, value)| format!("{}:{value}", json!(key))).collect();
    format!("{{{}}}", fields.join(","))
}

/// Lines for a person: each finding with its cause first, then a summary.
pub(super) fn human(description: &Description, findings: &[Finding], newest: bool) -> String {
    let mut text = String::new();
    for finding in findings {
        one(&mut text, finding);
    }
    summary(&mut text, description, findings, newest);
    text
}

fn one(text: &mut String, finding: &Finding) {
    let Finding { rule, severity, member, file, field, today, meaning, fix, .. } = finding;
    let _ = writeln!(text, "{severity}: {} [{}]", rule.title(), rule.id());
    let file = file.as_ref().map(|file| file.display().to_string());
    let place: Vec<_> = [member, &file, field].into_iter().flatten().map(String::as_str).collect();
    if !place.is_empty() {
        part(text, "where", &place.join(", "));
    }
    part(text, "today", today);
    part(text, "means", meaning);
    part(text, "fix", fix);
    text.push('\n');
}

/// The width of a line, but for what must stay whole.
const WIDTH: usize = 96;

/// A part of a finding under its word. Words are wrapped; a line that is indented is a command, and
/// stays as it is.
fn part(text: &mut String, word: &str, said: &str) {
    let mut word = word;
    for line in said.lines() {
        let lines = if line.starts_with(' ') { vec![line.to_owned()] } else { wrap(line) };
        for line in lines {
            let _ = writeln!(text, "  {word:<7}{line}");
            word = "";
        }
    }
}

fn wrap(line: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut current = String::new();
    for word in line.split(' ') {
        if !current.is_empty() && current.chars().count() + 1 + word.chars().count() > WIDTH - 9 {
            lines.push(std::mem::take(&mut current));
        }
        if !current.is_empty() {
            current.push(' ');
        }
        current.push_str(word);
    }
    lines.push(current);
    lines
}

fn summary(text: &mut String, description: &Description, findings: &[Finding], newest: bool) {
    let Description { etcd, members, clients, loose, .. } = description;
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
    let seen: Vec<_> =
        [(members.len(), "member"), (clients.len(), "client"), (loose.len(), "other file")]
            .into_iter()
            .filter(|(number, _)| *number > 0)
            .map(|(number, what)| count(number, what))
            .collect();
    let _ = writeln!(text, "{verdict}: {}, by the rules of etcd {etcd}", seen.join(", "));
    if newest {
        text.push_str("Another etcd may judge otherwise: give --etcd VERSION.\n");
    }
}
