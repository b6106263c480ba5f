//! Endpoints that are sockets of the file system: `unix://path`, and `unixs://path` for TLS.

use std::path::PathBuf;

use http::Uri;

use super::{Endpoint, Place, redacted, unverified};
use crate::error::{Error, Result};

/// A path that can be dialled.
pub(super) struct Socket {
    /// As errors call it.
    url: String,
    path: String,
    is_tls: bool,
}

impl Socket {
    /// `None` for whatever has another scheme.
    ///
    /// All that follows the scheme is the path, a colon and a port too: etcd's sockets have that in
    /// their names. An etcd before 3.7 takes `unix://name:port` only, in its working directory;
    /// 3.7 takes any path (measured).
    pub(super) fn parse(text: &str) -> Result<Option<Self>> {
        let Some((scheme, rest)) = text.split_once(':') else { return Ok(None) };
        let scheme = scheme.to_ascii_lowercase();
        let is_tls = match scheme.as_str() {
            "unix" => false,
            "unixs" => true,
            _ => return Ok(None),
        };
        let wrong = |why: &str| Error::config(format!("endpoint `{}` {why}", redacted(text)));
        let Some(path) = rest.strip_prefix("//") else {
            return Err(wrong("has no // between its scheme and its path"));
        };
        check_path(path).map_err(|why| wrong(&why))?;
        Ok(Some(Self { url: format!("{scheme}://{path}"), path: path.to_owned(), is_tls }))
    }

    /// With this name of the certificate, or else the name of the file without a port, as Go's
    /// client has it (`client/v3/internal/endpoint/endpoint.go`).
    pub(super) fn endpoint(self, name: Option<&str>) -> Result<Endpoint> {
        let Self { url, path, is_tls } = self;
        let file = path.rsplit('/').next().unwrap_or_default();
        let own_name = file.split_once(':').map_or(file, |(name, _)| name).to_owned();
        let endpoint = Endpoint {
            url: url.into(),
            // Nobody resolves it.
            uri: Uri::from_static("http://localhost"),
            place: Place::Socket(PathBuf::from(path)),
            server_name: None,
        };
        match (is_tls, name) {
            (false, None) => Ok(endpoint),
            (false, Some(_)) => Err(unverified(&endpoint.url)),
            (true, Some(name)) => endpoint.named(name),
            (true, None) => {
                let url = endpoint.url.clone();
                endpoint.named(&own_name).map_err(|_| {
                    let what = "is called what no certificate can name: give one with Endpoint::server_name";
                    Error::config(format!("endpoint `{url}` {what}"))
                })
            }
        }
    }
}

fn check_path(path: &str) -> Result<(), String> {
    if path.is_empty() {
        return Err("has no path".to_owned());
    }
    if path.ends_with('/') {
        return Err("is a directory, and no socket".to_owned());
    }
    is_dialable(path)
}

#[cfg(unix)]
fn is_dialable(path: &str) -> Result<(), String> {
    let address = std::os::unix::net::SocketAddr::from_pathname(path);
    address.map(|_| ()).map_err(|error| format!("has a path that no socket can have: {error}"))
}

#[cfg(not(unix))]
fn is_dialable(_: &str) -> Result<(), String> {
    Err("is a socket of the file system, which only Unix has".to_owned())
}

#[cfg(all(test, unix))]
mod tests {
    use std::path::Path;

    use crate::transport::endpoint::{Address, Endpoint};

    #[test]
    fn a_path_is_taken_as_it_is() {
        for path in ["etcd.sock:1", "run/etcd.sock", "/run/etcd.sock", "/run/etcd#1?.sock"] {
            let endpoint = Endpoint::parse(&format!("unix://{path}")).unwrap();
            assert_eq!(endpoint.address(), Address::Socket(Path::new(path)));
            assert_eq!(&**endpoint.url(), format!("unix://{path}"));
            assert!(!endpoint.is_tls() && endpoint.is_socket());
            let asked = http::uri::PathAndQuery::from_static("/a");
            assert_eq!(endpoint.uri_of(asked).to_string(), "http://localhost/a");
        }
    }

    #[test]
    fn its_certificate_names_the_file_or_what_is_asked_for() {
        let own = |url| Endpoint::parse(url).unwrap();
        let name = |endpoint: Endpoint| endpoint.server_name().unwrap().to_str().into_owned();
        assert_eq!(name(own("unixs://localhost:2379")), "localhost");
        assert_eq!(name(own("UNIXS:///run/etcd/127.0.0.1:1")), "127.0.0.1");
        let asked_for = Endpoint::parse_named("unixs:///run/a socket", "etcd-1").unwrap();
        let asked = http::uri::PathAndQuery::from_static("/a");
        assert_eq!(asked_for.uri_of(asked).to_string(), "https://etcd-1/a");
        assert_eq!(name(asked_for), "etcd-1");
    }

    #[test]
    fn the_same_is_known() {
        let parse = |text| Endpoint::parse(text).unwrap();
        assert!(parse("unix:///a").is_same(&parse("UNIX:///a")));
        for other in ["unix:///A", "unixs:///a", "http://a:1"] {
            assert!(!parse("unix:///a").is_same(&parse(other)), "{other}");
        }
    }

    #[test]
    fn refusals_say_why() {
        let long = format!("unix:///{}", "a".repeat(200));
        let mut texts: Vec<_> =
            ["unix:etcd.sock", "unix://", "unix:///run/", "unixs://a socket", long.as_str()]
                .into_iter()
                .map(|text| Endpoint::parse(text).unwrap_err().to_string())
                .collect();
        texts.push(Endpoint::parse_named("unix:///a", "a").unwrap_err().to_string());
        texts.push(Endpoint::parse_named("unixs:///a", "a b").unwrap_err().to_string());
        let texts = texts.join("\n").replace(&"a".repeat(200), "LONG");
        insta::assert_snapshot!(texts, @r"
        connect: endpoint `unix:etcd.sock` has no // between its scheme and its path
        connect: endpoint `unix://` has no path
        connect: endpoint `unix:///run/` is a directory, and no socket
        connect: endpoint `unixs://a socket` is called what no certificate can name: give one with Endpoint::server_name
        connect: endpoint `unix:///LONG` has a path that no socket can have: path must be shorter than SUN_LEN
        connect: endpoint `unix:///a` has a server name, which only TLS can verify
        connect: endpoint `unixs:///a` has the server name `a b`, which no certificate can have
        ");
    }
}
