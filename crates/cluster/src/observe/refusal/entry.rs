//! One line that etcd printed, in whichever of its forms.

use serde_json::{Map, Value};

/// How grave a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    /// Text without a level: of the parsing of flags, or of Go.
    Text,
    Info,
    Warning,
    Error,
    /// etcd ends with it.
    Fatal,
}

/// A line, read.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    pub(super) line: &'a str,
    pub(super) level: Level,
    pub(super) message: String,
    /// What `error` or `panic` says, where there is one.
    pub(super) error: String,
    fields: Map<String, Value>,
}

impl<'a> Entry<'a> {
    /// Reads zap's JSON, the log of 3.4 before its logger is set, or text. `None` for what nothing
    /// is to be learned from: an empty line, or gRPC's own log.
    pub(super) fn read(line: &'a str) -> Option<Self> {
        let text = line.trim();
        if text.is_empty() || text.contains(" WARNING: ") || text.starts_with("WARNING: ") {
            return None;
        }
        if text.starts_with('{')
            && let Ok(Value::Object(fields)) = serde_json::from_str(text)
        {
            let field = |name: &str| fields.get(name).and_then(Value::as_str).unwrap_or_default();
            let level = match field("level") {
                "debug" | "info" => Level::Info,
                "warn" => Level::Warning,
                "error" => Level::Error,
                "dpanic" | "panic" | "fatal" => Level::Fatal,
                _ => return None,
            };
            let message = field("msg").to_owned();
            // The second is of a job that crashed (`schedule/schedule.go`).
            let error = ["error", "panic"].map(field).into_iter().find(|text| !text.is_empty());
            let error = error.unwrap_or_default().to_owned();
            return Some(Self { line, level, message, error, fields });
        }
        let (level, message) = old(text).unwrap_or((Level::Text, text));
        // The two that 3.4 ends in a sentence.
        let message = message
            .strip_suffix(" See 'etcd --help'.")
            .map_or(message, |message| message.strip_suffix('.').unwrap_or(message));
        let (message, error) = match message.split_once("error verifying flags, ") {
            Some((_, error)) => (VERIFYING_FLAGS, error),
            None => (message, ""),
        };
        let (message, error) = (message.to_owned(), error.to_owned());
        Some(Self { line, level, message, error, fields: Map::new() })
    }

    /// A field that is a text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.fields.get(name).and_then(Value::as_str)
    }

    /// A field that is a number.
    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.fields.get(name).and_then(Value::as_u64)
    }

    /// A field that is a list of texts.
    pub(super) fn texts(&self, name: &str) -> Vec<String> {
        let list = self.fields.get(name).and_then(Value::as_array).into_iter().flatten();
        list.filter_map(Value::as_str).map(str::to_owned).collect()
    }

    /// The message with the error after it.
    pub(super) fn said(&self) -> String {
        if self.error.is_empty() {
            self.message.clone()
        } else {
            format!("{}: {}", self.message, self.error)
        }
    }
}

/// What every version says of settings that it refuses (`etcdmain/etcd.go`).
pub(super) const VERIFYING_FLAGS: &str = "failed to verify flags";

/// The log of 3.4 before flags have set its logger (capnslog):
/// `2026-11-22 10:05:08.421909 E | etcdmain: message`.
fn old(text: &str) -> Option<(Level, &str)> {
    let (head, message) = text.split_once(" | ")?;
    let mut words = head.split(' ');
    let date = words.next()?;
    let (time, letter) = (words.next()?, words.next()?);
    if date.len() != 10 || !time.contains(':') || words.next().is_some() {
        return None;
    }
    let level = match letter {
        "C" => Level::Fatal,
        "E" => Level::Error,
        "W" => Level::Warning,
        "N" | "I" | "D" | "T" => Level::Info,
        _ => return None,
    };
    Some((level, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_forms_are_read() {
        let json = r#"{"level":"warn","ts":"x","caller":"etcdmain/etcd.go:74","msg":"failed to verify flags","error":"'oops' is not a valid flag"}"#;
        let old = "2026-11-22 10:05:08.421909 E | etcdmain: error verifying flags, 'oops' is not a valid flag. See 'etcd --help'.";
        let said = "failed to verify flags: 'oops' is not a valid flag";
        for (line, level) in [(json, Level::Warning), (old, Level::Error)] {
            let entry = Entry::read(line).unwrap();
            assert_eq!((entry.level, entry.said().as_str()), (level, said));
        }
        let fatal = "2026-11-22 10:07:08.1 C | pkg/flags: conflicting environment variable";
        let entry = Entry::read(fatal).unwrap();
        assert_eq!(entry.level, Level::Fatal);
        assert_eq!(entry.said(), "pkg/flags: conflicting environment variable");
        let text = "flag provided but not defined: -ca-file";
        assert_eq!(Entry::read(text).unwrap().level, Level::Text);
        // Not JSON after all, and neither are these.
        assert_eq!(Entry::read(r#"{"level":"warn","#).unwrap().level, Level::Text);
        assert_eq!(Entry::read("a | b").unwrap().level, Level::Text);
        assert!(Entry::read("  ").is_none());
        assert!(Entry::read("WARNING: 2026/11/22 10:08:00 [core] grpc: addrConn").is_none());
    }
}
