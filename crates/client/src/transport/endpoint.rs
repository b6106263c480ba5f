//! Where a member listens for clients.

mod socket;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use http::Uri;
use http::uri::PathAndQuery;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::error::{Error, Result};

/// A checked `http://host:port`, `https://host:port`, `unix://path` or `unixs://path`.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    /// Without a slash at its end; also what errors call it.
    url: Arc<str>,
    /// What requests are for.
    uri: Uri,
    place: Place,
    /// The name that the certificate must have; `None` without TLS.
    server_name: Option<ServerName<'static>>,
}

#[derive(Debug, Clone)]
enum Place {
    Host {
        /// Without the brackets of an IPv6 address.
        host: String,
        port: u16,
    },
    Socket(PathBuf),
}

/// Where to connect to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Address<'a> {
    Host(&'a str, u16),
    /// A socket of the file system.
    Socket(&'a Path),
}

impl Endpoint {
    /// # Errors
    ///
    /// `InvalidConfig` for whatever cannot be dialled, with the reason.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        match socket::Socket::parse(text)? {
            Some(socket) => socket.endpoint(None),
            None => Self::parse_url(text),
        }
    }

    /// The same, whose certificate has this name.
    ///
    /// # Errors
    ///
    /// As [`parse`](Self::parse), and if no certificate can have it or none is looked at.
    pub(crate) fn parse_named(text: &str, name: &str) -> Result<Self> {
        if let Some(socket) = socket::Socket::parse(text)? {
            return socket.endpoint(Some(name));
        }
        let endpoint = Self::parse_url(text)?;
        if !endpoint.is_tls() {
            return Err(unverified(&endpoint.url));
        }
        endpoint.named(name)
    }

    fn parse_url(text: &str) -> Result<Self> {
        let wrong = |why: &str| Error::config(format!("endpoint `{}` {why}", redacted(text)));
        if !text.contains("://") {
            return Err(wrong("has no scheme: write http:// or https:// before it"));
        }
        // `Uri` drops it silently.
        if text.contains('#') {
            return Err(wrong("has a fragment, which etcd does not know"));
        }
        let no_url = |source| wrong("is not a URL").caused_by(source);
        let uri = text.parse::<Uri>().map_err(no_url)?;

        // `Uri` has it in lower case, however it was written.
        let https = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => {
                let what = "has an unknown scheme: only http, https, unix and unixs can be dialled";
                return Err(wrong(what));
            }
        };
        if uri.query().is_some() || uri.path().bytes().any(|byte| byte != b'/') {
            return Err(wrong("has a path, which etcd does not know"));
        }
        let authority = uri.authority().map(|authority| authority.as_str()).unwrap_or_default();
        if authority.contains('@') {
            return Err(wrong("has a user: etcd takes none in a URL"));
        }
        let bracketed = uri.host().unwrap_or_default();
        let host = bracketed.trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() {
            return Err(wrong("has no host"));
        }
        let port = match authority.strip_prefix(bracketed).unwrap_or_default() {
            "" | ":" => return Err(wrong("has no port: etcd's own is 2379")),
            port => match port.trim_start_matches(':').parse::<u16>() {
                Ok(0) => return Err(wrong("has port 0, which nothing listens on")),
                Ok(port) => port,
                Err(_) => return Err(wrong("has a port that is no number from 1 to 65535")),
            },
        };
        let server_name = if https {
            let name = ServerName::try_from(host.clone()).map_err(|source| {
                wrong("has a host that no certificate can name").caused_by(source)
            })?;
            Some(name)
        } else {
            None
        };
        let url = format!("{}://{authority}", if https { "https" } else { "http" });
        let uri = url.parse().map_err(no_url)?;
        Ok(Self { uri, url: url.into(), place: Place::Host { host, port }, server_name })
    }

    fn named(mut self, name: &str) -> Result<Self> {
        let wrong = |source| {
            let url = &self.url;
            let what = "which no certificate can have";
            Error::config(format!("endpoint `{url}` has the server name `{name}`, {what}"))
                .caused_by(source)
        };
        self.server_name = Some(ServerName::try_from(name.to_owned()).map_err(wrong)?);
        // An IPv6 address has brackets where a port follows.
        let host = if name.contains(':') { format!("[{name}]") } else { name.to_owned() };
        let uri = match self.place {
            Place::Host { port, .. } => format!("https://{host}:{port}").parse(),
            Place::Socket(_) => format!("https://{host}").parse(),
        };
        self.uri = uri.unwrap_or(self.uri);
        Ok(self)
    }

    pub(crate) fn url(&self) -> &Arc<str> {
        &self.url
    }

    /// The URI of a request for `path`.
    pub(crate) fn uri_of(&self, path: PathAndQuery) -> Uri {
        let mut parts = self.uri.clone().into_parts();
        parts.path_and_query = Some(path);
        // It has all three parts, and so is one.
        Uri::from_parts(parts).unwrap_or_default()
    }

    pub(crate) fn address(&self) -> Address<'_> {
        match &self.place {
            Place::Host { host, port } => Address::Host(host, *port),
            Place::Socket(path) => Address::Socket(path),
        }
    }

    pub(crate) fn server_name(&self) -> Option<&ServerName<'static>> {
        self.server_name.as_ref()
    }

    pub(crate) fn is_tls(&self) -> bool {
        self.server_name.is_some()
    }

    /// Whether it is a socket of the file system.
    pub(crate) fn is_socket(&self) -> bool {
        matches!(self.place, Place::Socket(_))
    }

    /// Whether both are the same place and both or none have TLS, however they were written and whatever
    /// name is verified there.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        let is_same_place = match (self.address(), other.address()) {
            (Address::Host(host, port), Address::Host(other_host, other_port)) => {
                port == other_port && host.eq_ignore_ascii_case(other_host)
            }
            (address, other) => address == other,
        };
        self.is_tls() == other.is_tls() && is_same_place
    }
}

fn unverified(url: &str) -> Error {
    Error::config(format!("endpoint `{url}` has a server name, which only TLS can verify"))
}

/// An endpoint as it was given, to be shown: what may be a password is left out.
///
/// To the last `@`, for a password that holds one, or a slash, is no URL, and is shown all the same
/// when it is refused.
pub(crate) fn redacted(text: &str) -> String {
    let begin = text.find("://").map_or(0, |index| index + 3);
    match text[begin..].rfind('@') {
        Some(end) => format!("{}...{}", &text[..begin], &text[begin + end..]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses() {
        let endpoint = Endpoint::parse("https://etcd-1.example:2379/").unwrap();
        assert_eq!(&**endpoint.url(), "https://etcd-1.example:2379");
        assert_eq!(endpoint.address(), Address::Host("etcd-1.example", 2379));
        assert!(endpoint.is_tls());

        let endpoint = Endpoint::parse("https://[::1]:2379").unwrap();
        assert_eq!(endpoint.address(), Address::Host("::1", 2379));
        assert!(matches!(endpoint.server_name(), Some(ServerName::IpAddress(_))));

        assert!(!Endpoint::parse("http://127.0.0.1:1").unwrap().is_tls());
    }

    #[test]
    fn the_same_is_known_however_it_is_written() {
        let parse = |text| Endpoint::parse(text).unwrap();
        let endpoint = parse("https://etcd-1.example:2379");
        for text in ["HTTPS://etcd-1.example:2379", "https://ETCD-1.example:2379//"] {
            assert!(endpoint.is_same(&parse(text)), "{text}");
        }
        let others = ["http://etcd-1.example:2379", "https://etcd-1:2379", "https://etcd-1:2378"];
        for text in others {
            assert!(!endpoint.is_same(&parse(text)), "{text}");
        }
        assert_eq!(&**parse("HTTPS://etcd-1:2379//").url(), "https://etcd-1:2379");
    }

    #[test]
    fn refusals_say_why_and_show_no_password() {
        let texts: Vec<_> = [
            "127.0.0.1:2379",
            "ftp://127.0.0.1:2379",
            "https://127.0.0.1",
            "https://127.0.0.1:",
            "https://127.0.0.1:0",
            "https://127.0.0.1:99999",
            "https://[::1]:x",
            "https://127.0.0.1:2379/v3",
            "https://127.0.0.1:2379/?a",
            "https://127.0.0.1:2379#a",
            "https://me:secret@127.0.0.1:2379",
            "https://me:sec@ret/secret@127.0.0.1:2379",
            "me:secret@127.0.0.1:2379",
            "https://:2379",
            "https://a_b!:2379",
            "http://a b:2379",
        ]
        .into_iter()
        .map(|text| Endpoint::parse(text).unwrap_err().to_string())
        .collect();
        insta::assert_snapshot!(texts.join("\n"), @r"
            connect: endpoint `127.0.0.1:2379` has no scheme: write http:// or https:// before it
            connect: endpoint `ftp://127.0.0.1:2379` has an unknown scheme: only http, https, unix and unixs can be dialled
            connect: endpoint `https://127.0.0.1` has no port: etcd's own is 2379
            connect: endpoint `https://127.0.0.1:` has no port: etcd's own is 2379
            connect: endpoint `https://127.0.0.1:0` has port 0, which nothing listens on
            connect: endpoint `https://127.0.0.1:99999` has a port that is no number from 1 to 65535
            connect: endpoint `https://[::1]:x` has a port that is no number from 1 to 65535
            connect: endpoint `https://127.0.0.1:2379/v3` has a path, which etcd does not know
            connect: endpoint `https://127.0.0.1:2379/?a` has a path, which etcd does not know
            connect: endpoint `https://127.0.0.1:2379#a` has a fragment, which etcd does not know
            connect: endpoint `https://...@127.0.0.1:2379` has a user: etcd takes none in a URL
            connect: endpoint `https://...@127.0.0.1:2379` has a path, which etcd does not know
            connect: endpoint `...@127.0.0.1:2379` has no scheme: write http:// or https:// before it
            connect: endpoint `https://:2379` has no host
            connect: endpoint `https://a_b!:2379` has a host that no certificate can name
            connect: endpoint `http://a b:2379` is not a URL
        ");
        assert!(!texts.iter().any(|text| text.contains("secret")));
    }
}
