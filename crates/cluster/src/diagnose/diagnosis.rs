//! What came of it.

use std::fmt;
use std::time::Duration;

use tercet_pki::doctor::live::Answer;
use tercet_pki::doctor::{Finding, Severity};

use super::report;

/// What is wrong with a fleet, and what it was seen by.
#[derive(Debug)]
#[non_exhaustive]
pub struct Diagnosis {
    /// What is wrong, each said once, at its cause; the worst first. None for a sound fleet.
    pub findings: Vec<Finding>,
    /// What every port answered, and in whose name it was asked.
    pub answers: Vec<Answer>,
    /// What could not be seen.
    pub unseen: Vec<Unseen>,
    /// How long it took.
    pub took: Duration,
}

impl Diagnosis {
    /// Whether nothing is wrong, nor weak: there is no finding.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.findings.is_empty()
    }

    /// What fails, or is unsafe now.
    pub fn errors(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.severity == Severity::Error)
    }
}

/// Each finding with its cause and what to do, then a summary in a line.
impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        report::write_findings(f, &self.findings)?;
        for Unseen { what, why } in &self.unseen {
            writeln!(f, "not seen: {what}: {why}")?;
        }
        let count = |number: usize, what: &str| {
            format!("{number} {what}{}", if number == 1 { "" } else { "s" })
        };
        let verdict = match (self.errors().count(), self.findings.len()) {
            (0, 0) => "sound".to_owned(),
            (0, all) => count(all, "finding"),
            (errors, all) => format!("{}, {}", count(all, "finding"), count(errors, "error")),
        };
        write!(f, "{verdict}: {} of its ports", count(self.answers.len(), "answer"))
    }
}

/// Something that could not be seen, and so was not judged.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unseen {
    /// What.
    pub what: String,
    /// Why not.
    pub why: String,
}

impl Unseen {
    /// That `what` could not be seen, and why.
    #[must_use]
    pub fn new(what: impl Into<String>, why: impl Into<String>) -> Self {
        Self { what: what.into(), why: why.into() }
    }
}
