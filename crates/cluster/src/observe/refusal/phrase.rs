//! Finding a cause by what etcd says.

use super::cause::RefusalCause;
use super::entry::Entry;
use super::pairs::Pairs;

/// What etcd says in one case, and how the cause is read from it.
#[derive(Clone, Copy)]
pub(super) struct Phrase {
    /// The words that stand in every version's sentence.
    pub(super) words: &'static str,
    pub(super) cause: fn(&Said<'_>) -> RefusalCause,
}

/// A sentence of etcd in which a phrase was found.
pub(super) struct Said<'a> {
    /// All of it: the message, and the error after it.
    pub(super) all: &'a str,
    /// What stands before the phrase.
    pub(super) before: &'a str,
    /// What stands after it.
    pub(super) after: &'a str,
    pub(super) entry: &'a Entry<'a>,
    pub(super) pairs: &'a Pairs,
}

/// The cause by the first of `phrases` that is in what `entry` says.
pub(super) fn find(phrases: &[Phrase], entry: &Entry<'_>, pairs: &Pairs) -> Option<RefusalCause> {
    let all = entry.said();
    phrases.iter().find_map(|phrase| {
        let (before, after) = all.split_once(phrase.words)?;
        Some((phrase.cause)(&Said { all: &all, before, after, entry, pairs }))
    })
}

impl Said<'_> {
    /// The error alone, or all where there is none.
    pub(super) fn reason(&self) -> String {
        if self.entry.error.is_empty() { self.all.to_owned() } else { self.entry.error.clone() }
    }

    /// The first word after the phrase.
    pub(super) fn word(&self) -> String {
        self.after.split_whitespace().next().unwrap_or_default().to_owned()
    }

    /// What stands in quotes after the phrase, or after the first quote of all where the phrase
    /// itself is quoted.
    pub(super) fn quoted(&self) -> String {
        quoted(self.after).or_else(|| quoted(self.all)).unwrap_or_default()
    }
}

/// What the first quotes of `text` hold: double as Go's `%q` writes them, or single.
pub(super) fn quoted(text: &str) -> Option<String> {
    let start = text.find(['"', '\''])?;
    let quote = text[start..].chars().next()?;
    let mut held = String::new();
    let mut rest = text[start + 1..].chars();
    loop {
        match rest.next()? {
            '\\' => held.push(rest.next()?),
            c if c == quote => return Some(held),
            c => held.push(c),
        }
    }
}

/// What stands between two texts, of which the first comes first.
pub(super) fn between<'t>(text: &'t str, before: &str, after: &str) -> Option<&'t str> {
    let (_, rest) = text.split_once(before)?;
    rest.split_once(after).map(|(held, _)| held)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_hold_what_go_puts_into_them() {
        assert_eq!(quoted(r#"value "a\"b" for"#).unwrap(), r#"a"b"#);
        assert_eq!(quoted("'oops' is").unwrap(), "oops");
        for none in ["", "none", r#"an "open one"#, r#""\"#] {
            assert_eq!(quoted(none), None, "{none}");
        }
        assert_eq!(between("a [b] c", "[", "]"), Some("b"));
        assert_eq!(between("a ]b[ c", "[", "]"), None);
    }
}
