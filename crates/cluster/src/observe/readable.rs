//! etcd's log lines for people.

use std::borrow::Cow;
use std::fmt::Write as _;

/// A line of etcd's JSON log as a person would write it: time of day, level, message, and the rest
/// as `name=value`. Any other line comes back as it is.
///
/// ```
/// let line = r#"{"level":"warn","ts":"2026-11-22T04:20:20.094Z","caller":"x.go:1","msg":"lost","peer":"7e"}"#;
/// assert_eq!(tercet_cluster::readable(line), "04:20:20.094 warn  lost peer=7e");
/// ```
#[must_use]
pub fn readable(line: &str) -> Cow<'_, str> {
    /// What is shown otherwise, or is for those who know etcd's sources.
    const LEFT_OUT: [&str; 5] = ["caller", "level", "logger", "msg", "ts"];
    let Ok(serde_json::Value::Object(entry)) = serde_json::from_str(line) else {
        return Cow::Borrowed(line);
    };
    let field = |name: &str| entry.get(name).and_then(serde_json::Value::as_str);
    let (Some(level), Some(message)) = (field("level"), field("msg")) else {
        return Cow::Borrowed(line);
    };
    // 2026-11-22T04:20:20.094Z, or with an offset: the time between T and the zone.
    let time = field("ts").and_then(|time| time.split_once('T')).map_or("", |(_, time)| time);
    let time = time.split(['Z', '+', '-']).next().unwrap_or_default();
    let mut text = format!("{time} {level:<5} {message}");
    for (name, value) in entry.iter().filter(|(name, _)| !LEFT_OUT.contains(&name.as_str())) {
        let _ = match value {
            serde_json::Value::String(value) if value.contains(' ') => {
                write!(text, " {name}={value:?}")
            }
            serde_json::Value::String(value) => write!(text, " {name}={value}"),
            value => write!(text, " {name}={value}"),
        };
    }
    Cow::Owned(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_made_readable_and_nothing_else_is_touched() {
        let line = r#"{"level":"info","ts":"2026-11-22T04:20:20.094+0100","caller":"a.go:1","msg":"opened","took":"1 ms","ids":[1,2],"path":"/x"}"#;
        assert_eq!(readable(line), r#"04:20:20.094 info  opened ids=[1,2] path=/x took="1 ms""#);
        for line in ["flag provided but not defined: -x", "", "{}", r#"{"msg":"no level"}"#, "[1]"]
        {
            assert_eq!(readable(line), line);
        }
    }
}
