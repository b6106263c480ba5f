//! URLs, as etcd reads them.

use std::fmt;
use std::str::FromStr;

/// A URL of etcd: `https://10.0.0.1:2379`, `unix://sock`.
///
/// It is read by etcd's rules (`types.NewURLs`): a scheme, a host and a port must be there, and a
/// path must not.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Url {
    /// `http`, `https`, `unix`, `unixs`.
    pub scheme: String,
    /// The host without brackets, or the path of a socket.
    pub host: String,
    /// The port; `None` for sockets, and where it is missing.
    pub port: Option<u16>,
    /// Everything after the port, with its slash; mostly empty.
    pub path: String,
}

impl Url {
    /// What a client dials: as etcd reads it, but with a path where the client speaks HTTP
    /// (`https://10.0.0.1:2379/v3/kv/range`).
    ///
    /// # Errors
    ///
    /// [`UrlError`], as for the URLs of etcd, whose own must have no path.
    pub fn of_client(text: &str) -> Result<Self, UrlError> {
        match text.parse::<Self>() {
            Err(UrlError::Path { url, path }) => {
                let bare = url.strip_suffix(&path).unwrap_or(&url);
                Ok(Self { path, ..bare.parse()? })
            }
            other => other,
        }
    }

    /// Whether TLS is spoken there.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        matches!(self.scheme.as_str(), "https" | "unixs")
    }

    /// Whether it is a socket in the file system.
    #[must_use]
    pub fn is_socket(&self) -> bool {
        matches!(self.scheme.as_str(), "unix" | "unixs")
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scheme, host, port, path } = self;
        match port {
            Some(port) if host.contains(':') => write!(f, "{scheme}://[{host}]:{port}{path}"),
            Some(port) => write!(f, "{scheme}://{host}:{port}{path}"),
            None => write!(f, "{scheme}://{host}{path}"),
        }
    }
}

/// Why etcd does not take a text for a URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// `127.0.0.1:2379`. Etcd: `first path segment in URL cannot contain colon`, or `URL scheme
    /// must be http, https, unix, or unixs`.
    #[error("'{url}' does not begin with a scheme: write https://{url}")]
    NoScheme {
        /// The text.
        url: String,
    },
    /// A scheme that etcd does not know.
    #[error("'{scheme}' is not a scheme of etcd: write http, https, unix or unixs")]
    Scheme {
        /// The text.
        url: String,
        /// Its scheme.
        scheme: String,
    },
    /// `https://10.0.0.1`, or an IPv6 address without its brackets.
    #[error("'{url}' has no port: write HOST:2379 for clients, HOST:2380 for peers")]
    NoPort {
        /// The text.
        url: String,
    },
    /// `https://10.0.0.1:http`, `https://10.0.0.1:99999`.
    #[error("'{port}' is not a port: write a number from 0 to 65535")]
    Port {
        /// The text.
        url: String,
        /// Where its port should be.
        port: String,
    },
    /// `https://10.0.0.1:2379/`.
    #[error("'{url}' has a path, '{path}': write it without")]
    Path {
        /// The text.
        url: String,
        /// Its path.
        path: String,
    },
    /// `https://[::1:2379`, or a host with a character that none has.
    #[error("'{url}' is not a URL: {because}")]
    Syntax {
        /// The text.
        url: String,
        /// As Go says it.
        because: String,
    },
}

impl UrlError {
    /// What etcd says. Measured on 3.4.23, 3.5.1, 3.6.14 and 3.7.1, which say the same.
    #[must_use]
    pub fn today(&self) -> String {
        match self {
            Self::NoScheme { url } if begins_like_a_scheme(url) => {
                format!("URL scheme must be http, https, unix, or unixs: {url}")
            }
            Self::NoScheme { url } if url.split('/').next().is_some_and(|s| s.contains(':')) => {
                format!("parse {url:?}: first path segment in URL cannot contain colon")
            }
            Self::NoScheme { url } | Self::Scheme { url, .. } => {
                format!("URL scheme must be http, https, unix, or unixs: {url}")
            }
            Self::NoPort { url } => {
                format!("URL address does not have the form \"host:port\": {url}")
            }
            Self::Port { port, .. } if port.bytes().all(|byte| byte.is_ascii_digit()) => {
                format!("listen tcp: address {port}: invalid port")
            }
            Self::Port { url, port } => {
                format!("parse {url:?}: invalid port {:?} after host", format!(":{port}"))
            }
            Self::Path { url, .. } => format!("URL must not contain a path: {url}"),
            Self::Syntax { url, because } => format!("parse {url:?}: {because}"),
        }
    }
}

/// Whether Go takes what is before the first colon for a scheme: `localhost:2379`.
fn begins_like_a_scheme(url: &str) -> bool {
    url.split_once(':').is_some_and(|(scheme, _)| is_scheme(scheme))
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

impl FromStr for Url {
    type Err = UrlError;

    /// Reads a URL as etcd does, white space around it and all.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let url = || text.to_owned();
        let syntax = |because: &str| UrlError::Syntax { url: url(), because: because.to_owned() };
        if text.bytes().any(|byte| byte < 0x20 || byte == 0x7f) {
            return Err(syntax("net/url: invalid control character in URL"));
        }
        let Some((scheme, rest)) = text.split_once(':').filter(|(scheme, _)| is_scheme(scheme))
        else {
            return Err(UrlError::NoScheme { url: url() });
        };
        let scheme = scheme.to_ascii_lowercase();
        let Some(rest) = rest.strip_prefix("//") else {
            // `localhost:2379`: a scheme and no host; but `unix:/sock` is a socket to etcd.
            return match scheme.as_str() {
                "unix" | "unixs" => {
                    Ok(Self { scheme, host: rest.to_owned(), port: None, path: String::new() })
                }
                "http" | "https" => Err(UrlError::NoPort { url: url() }),
                _ => Err(UrlError::NoScheme { url: url() }),
            };
        };
        match scheme.as_str() {
            // Everything is the path of the socket.
            "unix" | "unixs" => {
                return Ok(Self { scheme, host: rest.to_owned(), port: None, path: String::new() });
            }
            "http" | "https" => {}
            _ => return Err(UrlError::Scheme { url: url(), scheme }),
        }
        let rest = rest.split(['?', '#']).next().unwrap_or(rest);
        let (authority, path) = match rest.find('/') {
            Some(slash) => rest.split_at(slash),
            None => (rest, ""),
        };
        let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let (host, port) = host_and_port(authority, text)?;
        if !path.is_empty() {
            return Err(UrlError::Path { url: url(), path: path.to_owned() });
        }
        let Some(port) = port else { return Err(UrlError::NoPort { url: url() }) };
        let number = if port.is_empty() { Ok(0) } else { port.parse::<u16>() };
        let number = number.map_err(|_| UrlError::Port { url: url(), port: port.to_owned() })?;
        Ok(Self { scheme, host: host.to_owned(), port: Some(number), path: String::new() })
    }
}

/// `[::1]:2379`, `10.0.0.1:2379`, `:2379`: the host without brackets, and what follows its colon.
fn host_and_port<'a>(
    authority: &'a str,
    url: &str,
) -> Result<(&'a str, Option<&'a str>), UrlError> {
    let syntax = |because: String| UrlError::Syntax { url: url.to_owned(), because };
    let (host, port) = if let Some(inside) = authority.strip_prefix('[') {
        let Some((host, after)) = inside.rsplit_once(']') else {
            return Err(syntax("missing ']' in host".to_owned()));
        };
        match after.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None if after.is_empty() => (host, None),
            None => return Err(syntax(format!("invalid port {after:?} after host"))),
        }
    } else {
        match authority.rsplit_once(':') {
            Some((host, _)) if host.contains(':') => {
                // Go's SplitHostPort finds too many colons, which etcd says as a missing port.
                return Err(UrlError::NoPort { url: url.to_owned() });
            }
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        }
    };
    if let Some(port) = port
        && !port.bytes().all(|byte| byte.is_ascii_digit())
    {
        return Err(UrlError::Port { url: url.to_owned(), port: port.to_owned() });
    }
    let strange = |c: &char| c.is_ascii() && !(c.is_ascii_alphanumeric() || HOST.contains(*c));
    if let Some(strange) = host.chars().find(strange) {
        return Err(syntax(format!("invalid character \"{strange}\" in host name")));
    }
    Ok((host, port))
}

/// What Go's net/url lets be in a host, besides letters and digits. `%` begins the zone of an
/// IPv6 address.
const HOST: &str = "-._~!$&'()*+,;=:[]<>\"%";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_etcd_are_read() {
        for (text, host, port, shown) in [
            ("https://10.0.0.1:2379", "10.0.0.1", Some(2379), "https://10.0.0.1:2379"),
            (" HTTP://[::1]:2380 ", "::1", Some(2380), "http://[::1]:2380"),
            ("https://a.example:0?x#y", "a.example", Some(0), "https://a.example:0"),
            ("http://:2379", "", Some(2379), "http://:2379"),
            ("unix://sock:1", "sock:1", None, "unix://sock:1"),
            ("unixs:///run/etcd.sock", "/run/etcd.sock", None, "unixs:///run/etcd.sock"),
        ] {
            let url: Url = text.parse().unwrap();
            assert_eq!((url.host.as_str(), url.port), (host, port), "{text}");
            assert_eq!(url.to_string(), shown);
        }
    }

    /// What etcd says was measured: see `tests/doctor_settings.rs`.
    #[test]
    fn what_is_no_url_is_refused_in_the_words_of_etcd() {
        let all = [
            "127.0.0.1:2379",
            "localhost:2379",
            "10.0.0.1",
            "",
            "ftp://10.0.0.1:21",
            "https://10.0.0.1",
            "https://::1:2379",
            "https://10.0.0.1:http",
            "https://10.0.0.1:99999",
            "https://10.0.0.1:2379/",
            "https://[::1:2379",
            "https://a b:2379",
            "https://a\u{7}b:2379",
        ];
        let said = all.map(|text| {
            let error = text.parse::<Url>().unwrap_err();
            format!("{}\n  {error}", error.today())
        });
        insta::assert_snapshot!(said.join("\n"));
    }
}
