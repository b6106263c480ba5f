//! Where a member listens for clients.

use http::Uri;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::error::{Error, Result};

/// A checked `http://host:port` or `https://host:port`.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    /// Without a slash at its end; also what errors call it.
    url: String,
    uri: Uri,
    /// Without the brackets of an IPv6 address.
    host: String,
    port: u16,
    /// The name that the certificate must have; `None` without TLS.
    server_name: Option<ServerName<'static>>,
}

impl Endpoint {
    /// # Errors
    ///
    /// `InvalidConfig` for whatever cannot be dialled, with the reason.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let wrong = |why: &str| Error::config(format!("endpoint `{text}` {why}"));
        if !text.contains("://") {
            return Err(wrong("has no scheme: write http:// or https:// before it"));
        }
        let url = text.strip_suffix('/').unwrap_or(text).to_owned();
        let uri = url.parse::<Uri>().map_err(|source| wrong("is not a URL").caused_by(source))?;

        let https = match uri.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            Some("unix" | "unixs") => {
                return Err(wrong("is a Unix socket, which cannot be dialled yet"));
            }
            _ => return Err(wrong("has an unknown scheme: only http and https can be dialled")),
        };
        if uri.path_and_query().is_some_and(|path| path.as_str() != "/") {
            return Err(wrong("has a path, which etcd does not know"));
        }
        if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            return Err(wrong("has a user: etcd takes none in a URL"));
        }
        let host = uri.host().unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        if host.is_empty() {
            return Err(wrong("has no host"));
        }
        let Some(port) = uri.port_u16() else {
            return Err(wrong("has no port: etcd's own is 2379"));
        };
        if port == 0 {
            return Err(wrong("has port 0, which nothing listens on"));
        }
        let server_name = if https {
            let name = ServerName::try_from(host.clone()).map_err(|source| {
                wrong("has a host that no certificate can name").caused_by(source)
            })?;
            Some(name)
        } else {
            None
        };
        Ok(Self { url, uri, host, port, server_name })
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    pub(crate) fn uri(&self) -> &Uri {
        &self.uri
    }

    pub(crate) fn address(&self) -> (&str, u16) {
        (&self.host, self.port)
    }

    pub(crate) fn server_name(&self) -> Option<&ServerName<'static>> {
        self.server_name.as_ref()
    }

    pub(crate) fn is_https(&self) -> bool {
        self.server_name.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses() {
        let endpoint = Endpoint::parse("https://etcd-1.example:2379/").unwrap();
        assert_eq!(endpoint.url(), "https://etcd-1.example:2379");
        assert_eq!(endpoint.address(), ("etcd-1.example", 2379));
        assert!(endpoint.is_https());

        let endpoint = Endpoint::parse("https://[::1]:2379").unwrap();
        assert_eq!(endpoint.address(), ("::1", 2379));
        assert!(matches!(endpoint.server_name(), Some(ServerName::IpAddress(_))));

        assert!(!Endpoint::parse("http://127.0.0.1:1").unwrap().is_https());
    }

    #[test]
    fn refusals_say_why() {
        let texts: Vec<_> = [
            "127.0.0.1:2379",
            "unix://here:1",
            "ftp://127.0.0.1:2379",
            "https://127.0.0.1",
            "https://127.0.0.1:0",
            "https://127.0.0.1:2379/v3",
            "https://me:secret@127.0.0.1:2379",
            "https://:2379",
            "https://a_b!:2379",
            "http://a b:2379",
        ]
        .into_iter()
        .map(|text| Endpoint::parse(text).unwrap_err().to_string())
        .collect();
        insta::assert_snapshot!(texts.join("\n"), @r"
            connect: endpoint `127.0.0.1:2379` has no scheme: write http:// or https:// before it
            connect: endpoint `unix://here:1` is a Unix socket, which cannot be dialled yet
            connect: endpoint `ftp://127.0.0.1:2379` has an unknown scheme: only http and https can be dialled
            connect: endpoint `https://127.0.0.1` has no port: etcd's own is 2379
            connect: endpoint `https://127.0.0.1:0` has port 0, which nothing listens on
            connect: endpoint `https://127.0.0.1:2379/v3` has a path, which etcd does not know
            connect: endpoint `https://me:secret@127.0.0.1:2379` has a user: etcd takes none in a URL
            connect: endpoint `https://:2379` has no host
            connect: endpoint `https://a_b!:2379` has a host that no certificate can name
            connect: endpoint `http://a b:2379` is not a URL
        ");
    }
}
