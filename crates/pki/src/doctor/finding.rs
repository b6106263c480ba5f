//! What the doctor says.

use std::fmt;
use std::path::PathBuf;

use super::Rule;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing; nothing need be done.
    Note,
    /// It works, and is weak or will break.
    Warning,
    /// A start, a peer link or the client fails, or is unsafe now.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// One thing that is wrong, said once, at its cause.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Finding {
    /// Which rule found it; its [`Rule::id`] is stable.
    pub rule: Rule,
    /// How bad it is.
    pub severity: Severity,
    /// The member's name; `None` for the client, and for what all members share.
    pub member: Option<String>,
    /// The file to look at.
    pub file: Option<PathBuf>,
    /// What of it: a flag (`--trusted-ca-file`), or a field of the certificate
    /// (`subjectAltName`).
    pub field: Option<String>,
    /// What etcd and its client say today, in their own words; or that they say nothing.
    pub today: String,
    /// What that means, in plain words.
    pub meaning: String,
    /// What to do: a command, or a flag to change. A command stands on a line of its own, which
    /// begins with two spaces, and can be run as it is.
    pub fix: String,
}
