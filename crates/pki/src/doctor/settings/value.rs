//! What the value of a flag must look like: URLs here, the rest by [`Flag::parse`].

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
    if flag.kind() != FlagKind::Urls {
        return match flag.parse(text) {
            Ok(_) => Ok(()),
            Err(error) => {
                Err(Refused { because: error.because.to_owned(), fix: error.fix.to_owned() })
            }
        };
    }
    match urls(text).1 {
        // Go's `flag` takes such a port; the listener does not.
        Some(UrlError::Port { port, .. }) if port.bytes().all(|b| b.is_ascii_digit()) => Ok(()),
        Some(error) => Err(Refused { because: error.today(), fix: fix(&error) }),
        None => Ok(()),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_checked_by_kind() {
        let takes = |name: &str, text: &str| check(Flag::named(name).unwrap(), text).is_ok();
        for (name, good, bad) in [
            ("client-cert-auth", &["true"][..], &["yes"][..]),
            ("listen-peer-urls", &["", "http://127.0.0.1:1,unix://a"], &["http://a", ","]),
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
