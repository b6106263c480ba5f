//! What the value of a flag must look like, by Go's `flag` package and etcd's own kinds of flags.

use super::{Url, UrlError};
use crate::etcd::{Flag, FlagKind};

/// Why a value is refused: as Go says it after the name of the flag, and what to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) because: String,
    pub(super) fix: String,
}

/// Whether `flag` takes `text`.
pub(super) fn check(flag: &Flag, text: &str) -> Result<(), Refused> {
    let refused = |because: &str, fix: &str| {
        Err(Refused { because: because.to_owned(), fix: fix.to_owned() })
    };
    match flag.kind() {
        FlagKind::Boolean if boolean(text).is_none() => {
            refused("parse error", "write true or false")
        }
        FlagKind::Urls => match urls(text).1 {
            // Go's `flag` takes such a port; the listener does not.
            Some(UrlError::Port { port, .. }) if port.bytes().all(|b| b.is_ascii_digit()) => Ok(()),
            Some(error) => Err(Refused { because: error.today(), fix: fix(&error) }),
            None => Ok(()),
        },
        FlagKind::Unsigned => match unsigned(text) {
            Number::Fine => Ok(()),
            Number::TooLarge => refused("value out of range", "write a smaller number"),
            Number::None => refused("parse error", "write a whole number"),
        },
        FlagKind::Signed => match unsigned(text.strip_prefix(['+', '-']).unwrap_or(text)) {
            Number::Fine => Ok(()),
            Number::TooLarge => refused("value out of range", "write a smaller number"),
            Number::None => refused("parse error", "write a whole number"),
        },
        FlagKind::Duration if !is_duration(text) => {
            refused("parse error", "write a number with its unit, such as 500ms or 5s")
        }
        FlagKind::Text if flag.name() == "initial-cluster-state" => match text {
            "new" | "existing" => Ok(()),
            _ => refused("invalid value", "write new or existing"),
        },
        _ => Ok(()),
    }
}

/// What Go's `strconv.ParseBool` takes.
pub(super) fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

/// The URLs with commas between them, each once, and the first that is none. An empty text is no
/// URLs at all, as etcd has it.
pub(super) fn urls(text: &str) -> (Vec<Url>, Option<UrlError>) {
    let mut urls = Vec::new();
    let mut first = None;
    let mut seen = std::collections::HashSet::new();
    for part in text.split(',').filter(|_| !text.is_empty()) {
        match part.parse::<Url>() {
            Ok(url) => {
                if seen.insert(url.clone()) {
                    urls.push(url);
                }
            }
            Err(error) => first = first.or(Some(error)),
        }
    }
    (urls, first)
}

/// What to write, where only the URL itself is known.
pub(super) fn fix(error: &UrlError) -> String {
    match error {
        UrlError::NoScheme { url } if url.is_empty() => {
            "write a URL there, or leave the comma out".to_owned()
        }
        UrlError::NoScheme { url } => format!("write https://{url}, or http:// without TLS"),
        UrlError::Scheme { .. } => "write http, https, unix or unixs".to_owned(),
        UrlError::NoPort { url } if url.matches(':').count() > 1 => {
            "write the address in brackets, and a port: https://[::1]:2379".to_owned()
        }
        UrlError::NoPort { url } => format!("write {url}:2379 for clients, {url}:2380 for peers"),
        UrlError::Port { .. } => "write a port from 0 to 65535".to_owned(),
        UrlError::Path { url, path } => {
            format!("write {}", url.strip_suffix(path.as_str()).unwrap_or(url))
        }
        UrlError::Syntax { .. } => "write a URL such as https://10.0.0.1:2379".to_owned(),
    }
}

enum Number {
    Fine,
    TooLarge,
    None,
}

/// A number as Go writes them in its source: `10`, `0x1f`, `1_000`.
fn unsigned(text: &str) -> Number {
    let lower = text.to_ascii_lowercase();
    let (digits, radix) = match lower.as_bytes() {
        [b'0', b'x', ..] => (&lower[2..], 16),
        [b'0', b'b', ..] => (&lower[2..], 2),
        [b'0', b'o', ..] => (&lower[2..], 8),
        [b'0', _, ..] => (&lower[1..], 8),
        _ => (lower.as_str(), 10),
    };
    let digits = digits.replace('_', "");
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
        return Number::None;
    }
    match u64::from_str_radix(&digits, radix) {
        Ok(_) => Number::Fine,
        Err(_) => Number::TooLarge,
    }
}

/// What Go's `time.ParseDuration` takes.
fn is_duration(text: &str) -> bool {
    let text = text.strip_prefix(['+', '-']).unwrap_or(text);
    if text == "0" {
        return true;
    }
    let mut rest = text;
    while !rest.is_empty() {
        let number = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        let written = &rest[..rest.len() - number.len()];
        if !written.contains(|c: char| c.is_ascii_digit()) || written.matches('.').count() > 1 {
            return false;
        }
        let end = number.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(number.len());
        if !matches!(&number[..end], "ns" | "us" | "µs" | "μs" | "ms" | "s" | "m" | "h") {
            return false;
        }
        rest = &number[end..];
    }
    !text.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_checked_by_kind() {
        let takes = |name: &str, text: &str| check(Flag::named(name).unwrap(), text).is_ok();
        for (name, good, bad) in [
            ("client-cert-auth", &["true", "T", "0"][..], &["yes", "", "TrUe"][..]),
            ("heartbeat-interval", &["100", "0x10", "1_0", "010"], &["", "-1", "a", "09", "1e3"]),
            ("quota-backend-bytes", &["-1", "+5"], &["", "--1", "99999999999999999999"]),
            ("grpc-keepalive-timeout", &["5s", "1h2m0.5s", "-1ms", "0"], &["5", "", "s", "1.2.3s"]),
            ("initial-cluster-state", &["new", "existing"], &["", "old"]),
            ("listen-peer-urls", &["", "http://127.0.0.1:1,unix://a"], &["http://a", ","]),
            ("name", &["", "anything"], &[]),
        ] {
            for text in good {
                assert!(takes(name, text), "{name}={text}");
            }
            for text in bad {
                assert!(!takes(name, text), "{name}={text}");
            }
        }
    }

    #[test]
    fn a_url_is_listed_once() {
        let (urls, error) = urls("http://a:1,http://a:1,b,http://c:2");
        assert_eq!(urls.len(), 2);
        assert!(matches!(error, Some(UrlError::NoScheme { .. })));
    }
}
