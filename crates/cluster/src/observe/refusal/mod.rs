//! Why members refuse to start, and links to come up, told from what they print.
//!
//! Reading is pure. `entry` reads a line in any of etcd's forms; `settings`, `files`, `join` and
//! `data` are what etcd says when it ends, `proxy` its proxies, `link` what it says of links; `story` puts the lines of
//! a run together; `words` says it to people and `rule` names the doctor's rule for it.

mod cause;
mod data;
mod entry;
mod files;
mod fix;
mod join;
mod link;
mod pairs;
mod phrase;
mod proxy;
mod rule;
mod settings;
mod story;
#[cfg(test)]
mod tests;
mod words;

use std::fmt;

use tercet_pki::doctor::Rule;

pub use cause::RefusalCause;
pub use link::{PortKind, RefusedLink};

use entry::Entry;
use story::Story;

/// A member's refusal to start, or the refusal of a link or a client, with its cause.
///
/// `Display` is three lines for people: the cause, what to do about it, and the page of the
/// doctor's rule, if there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Refusal {
    /// Why.
    pub cause: RefusalCause,
    /// The link that is refused; `None` for the member's start.
    pub link: Option<RefusedLink>,
    /// The member whose log says it, if that is known.
    pub member: Option<String>,
    /// The line of etcd that says it, as it is.
    pub line: String,
}

impl Refusal {
    fn new(cause: RefusalCause, link: Option<RefusedLink>, line: &str) -> Self {
        Self { cause, link, member: None, line: line.to_owned() }
    }

    /// The doctor's rule for it, whose page says more; `None` where the doctor has no rule, as for
    /// what has nothing to do with TLS or settings.
    #[must_use]
    pub fn rule(&self) -> Option<Rule> {
        rule::of(&self.cause, self.link.as_ref())
    }

    /// The page of the rule, in the repository's `docs`: `docs/doctor/TLS012-key-mismatch.md`.
    #[must_use]
    pub fn page(&self) -> Option<String> {
        self.rule().map(|rule| format!("docs/doctor/{rule}.md"))
    }

    /// What to do about it.
    #[must_use]
    pub fn fix(&self) -> String {
        fix::of(&self.cause, self.link.as_ref())
    }

    /// The same, said of this member.
    #[must_use]
    pub fn of_member(mut self, name: impl Into<String>) -> Self {
        self.member = Some(name.into());
        self
    }

    /// How much it tells, the most first: what ends or stops a member, a link with its reason, and
    /// what is only an effect of what another member says.
    pub(crate) fn rank(&self) -> u8 {
        match (&self.link, &self.cause) {
            (None, _) => 0,
            (_, RefusalCause::RefusedThere { .. }) => 2,
            (_, RefusalCause::PeerUnreachable { .. }) => 3,
            // Told to one that is not of the fleet any more.
            (_, RefusalCause::Removed) => 4,
            _ => 1,
        }
    }

    /// The other end of the link, to be called by another name than its id.
    pub(crate) fn other_end_mut(&mut self) -> Option<&mut String> {
        match self.link.as_mut()? {
            RefusedLink::Incoming { from, .. } => Some(from),
            RefusedLink::Outgoing { to } => Some(to),
        }
    }

    /// Whether it says the same of the same link.
    fn is_like(&self, other: &Self) -> bool {
        let links = match (&self.link, &other.link) {
            (Some(one), Some(two)) => one.is_like(two),
            (one, two) => one.is_none() && two.is_none(),
        };
        links && std::mem::discriminant(&self.cause) == std::mem::discriminant(&other.cause)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("cause: ")?;
        match (&self.member, &self.link) {
            (Some(member), Some(link)) => write!(f, "{member}, {link}: ")?,
            (Some(member), None) => write!(f, "{member}: ")?,
            (None, Some(link)) => write!(f, "{link}: ")?,
            (None, None) => {}
        }
        write!(f, "{}\nfix: {}", self.cause, self.fix())?;
        match self.rule() {
            Some(rule) => write!(f, "\nrule: {rule} (docs/doctor/{rule}.md)"),
            None => Ok(()),
        }
    }
}

/// Why a member or a proxy does not start, or its links do not come up, from the lines that **one
/// run** of it printed, the oldest first: zap's JSON of 3.4 to 3.7, and the text of flags that are refused.
///
/// First comes what ended it, then what it waits for, then the links that are refused and have not
/// come up since; those that say why before those that do not. Empty for a member that is well, and
/// for one that has said nothing of interest.
///
/// ```
/// use tercet_cluster::{RefusalCause, explain};
///
/// let printed = "flag provided but not defined: -ca-file\nUsage:\n\n  etcd [flags]\n";
/// let refusals = explain(printed.lines());
/// assert_eq!(refusals[0].cause, RefusalCause::UnknownFlag { flag: "ca-file".into() });
/// assert_eq!(refusals[0].page().unwrap(), "docs/doctor/TLS031-unknown-setting.md");
/// println!("{}", refusals[0]);
/// ```
pub fn explain<I>(lines: I) -> Vec<Refusal>
where
    I: IntoIterator,
    I::Item: AsRef<str>,
{
    let mut story = Story::default();
    for line in lines {
        if let Some(entry) = Entry::read(line.as_ref()) {
            story.take_in(&entry);
        }
    }
    story.finish()
}
