//! The tables in `docs/certificates.md`: what the judges are expected to say.

use std::fmt::Write as _;

use crate::verdict::Verdict;

/// A table of the document.
pub(crate) struct Table {
    name: &'static str,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// The one after the mark `<!-- measured: NAME -->`.
    pub(crate) fn read(document: &str, name: &'static str) -> Self {
        let mark = format!("<!-- measured: {name} -->");
        let part = document.split_once(&mark).unwrap_or_else(|| panic!("no {mark}")).1;
        let lines = part.lines().map(str::trim).skip_while(|line| line.is_empty());
        let rows = lines.take_while(|line| line.starts_with('|')).skip(2).map(|line| {
            let line = line.strip_prefix('|').unwrap_or(line);
            let cells = line.strip_suffix('|').unwrap_or(line).split('|');
            cells.map(|cell| cell.trim().to_owned()).collect()
        });
        Self { name, rows: rows.collect() }
    }

    /// What is in the last column of a row, without the marks of code.
    pub(crate) fn last(&self, row: &str) -> Option<&str> {
        let row = self.rows.iter().find(|cells| cells[0] == row)?;
        row.last().map(|cell| cell.trim_matches('`'))
    }

    /// Complaints about everything that was measured and is not what the table says, and about
    /// rows that only one of the two has.
    pub(crate) fn differences(&self, go: u32, measured: &[(&str, Vec<Verdict>)]) -> String {
        let mut text = String::new();
        for (name, verdicts) in measured {
            let Some(cells) = self.rows.iter().find(|cells| cells[0] == *name) else {
                let words: Vec<_> = verdicts.iter().map(Verdict::word).collect();
                let _ = writeln!(text, "{}: add | {name} | {} |", self.name, words.join(" | "));
                continue;
            };
            for (column, (cell, verdict)) in cells[1..].iter().zip(verdicts).enumerate() {
                if expected(cell, go) != verdict.is_accepted() {
                    let column = column + 1;
                    let _ = writeln!(
                        text,
                        "{}: {name}, column {column}: documented {cell:?}, measured with Go 1.{go}: {verdict:?}",
                        self.name
                    );
                }
            }
        }
        for row in &self.rows {
            if !measured.iter().any(|(name, _)| row[0] == *name) {
                let _ = writeln!(text, "{}: {} was not measured", self.name, row[0]);
            }
        }
        text
    }
}

/// Whether a cell says that something is accepted, where Go 1.`go` is at work: `yes`, `**no**`, or
/// `yes, **no** since Go 1.N`.
fn expected(cell: &str, go: u32) -> bool {
    match cell.split_once(" since Go 1.") {
        None if cell == "yes" => true,
        None if cell == "**no**" => false,
        Some(("yes, **no**", minor)) => go < minor.parse().expect("a minor version"),
        _ => panic!("{cell:?} is not what a cell can be"),
    }
}

#[test]
fn a_cell_says_since_when() {
    for (cell, [old, new]) in [
        ("yes", [true, true]),
        ("**no**", [false, false]),
        ("yes, **no** since Go 1.18", [true, false]),
    ] {
        assert_eq!([expected(cell, 17), expected(cell, 18)], [old, new], "{cell}");
    }
}

#[test]
fn a_table_that_says_otherwise_is_complained_about() {
    let document = "<!-- measured: x -->\n\n| a | b | c |\n|---|---|---|\n| one | yes | **no** |\n";
    let table = Table::read(document, "x");
    let refused = || Verdict::Refused("why".to_owned());
    let differences =
        |name, verdicts: [Verdict; 2]| table.differences(16, &[(name, verdicts.to_vec())]);
    assert_eq!(differences("one", [Verdict::Accepted, refused()]), "");
    assert!(differences("one", [refused(), refused()]).contains("column 1"));
    assert!(differences("one", [Verdict::Accepted, Verdict::Accepted]).contains("column 2"));
    let other = differences("two", [Verdict::Accepted, refused()]);
    assert!(other.contains("add | two | yes | **no** |") && other.contains("one was not measured"));
    assert_eq!(table.last("one"), Some("**no**"));
}
