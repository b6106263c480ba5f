//! Findings as lines for a person.

use std::fmt;

use tercet_pki::doctor::Finding;

/// The width of a line, but for what must stay whole.
const WIDTH: usize = 96;

/// Writes each finding over several lines: what it is, where, what is said of it today, what that
/// means, and what to do; an empty line after each.
///
/// # Errors
///
/// Those of `to`.
pub fn write_findings(to: &mut impl fmt::Write, findings: &[Finding]) -> fmt::Result {
    for finding in findings {
        let Finding { rule, severity, member, file, field, today, meaning, fix, .. } = finding;
        writeln!(to, "{severity}: {} [{}]", rule.title(), rule.id())?;
        let file = file.as_ref().map(|file| file.display().to_string());
        let place = [member, &file, field].into_iter().flatten().map(String::as_str);
        let place: Vec<_> = place.collect();
        if !place.is_empty() {
            part(to, "where", &place.join(", "))?;
        }
        part(to, "today", today)?;
        part(to, "means", meaning)?;
        part(to, "fix", fix)?;
        writeln!(to)?;
    }
    Ok(())
}

/// A part of a finding under its word. Words are wrapped; a line that is indented is a command, and
/// stays as it is.
fn part(to: &mut impl fmt::Write, word: &str, said: &str) -> fmt::Result {
    let mut word = word;
    for line in said.lines() {
        let lines = if line.starts_with(' ') { vec![line.to_owned()] } else { wrap(line) };
        for line in lines {
            writeln!(to, "  {word:<7}{line}")?;
            word = "";
        }
    }
    Ok(())
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
