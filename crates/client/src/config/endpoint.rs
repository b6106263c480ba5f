//! An endpoint as it is given.

use std::fmt;

use crate::error::Result;
use crate::transport::endpoint::{self as checked, redacted};

/// Where a member listens for clients, and under which name.
///
/// A text that is one is enough wherever the certificate names the host that is dialled:
///
/// ```
/// use tercet_client::{Config, Endpoint};
///
/// let config = Config::new([
///     Endpoint::new("https://10.0.0.1:2379").server_name("etcd-1"),
///     Endpoint::new("https://10.0.0.2:2379").server_name("etcd-2"),
/// ]);
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
#[must_use]
pub struct Endpoint {
    url: String,
    server_name: Option<String>,
}

impl Endpoint {
    /// `https://host:port` or `http://host:port`; the host is a name or an address. On Unix also a
    /// socket of the file system, `unix://path` in the clear and `unixs://path` with TLS: all that
    /// follows `//` is the path, and one that does not begin with `/` is from the directory that
    /// this program runs in. An etcd that listens at `unix://name:1` has `name:1` where it runs.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), server_name: None }
    }

    /// The name, or address, that the server's certificate must have; unless set, the URL's host, and
    /// of a socket the name of its file, to a colon if it has one, as Go's client has it. It is also
    /// what TLS asks for (SNI) and what requests call the server.
    pub fn server_name(mut self, name: impl Into<String>) -> Self {
        self.server_name = Some(name.into());
        self
    }

    /// With the URL's password left out.
    pub(crate) fn redacted(&self) -> String {
        redacted(&self.url)
    }

    /// Whether it is `endpoint`, by what is dialled and, if it has a name of its own, by that.
    pub(crate) fn is(&self, endpoint: &checked::Endpoint) -> bool {
        match (self.check(), &self.server_name) {
            (Ok(checked), None) => checked.is_same(endpoint),
            (Ok(checked), Some(_)) => {
                checked.is_same(endpoint) && checked.server_name() == endpoint.server_name()
            }
            // A socket may have a name that no certificate can have, and was given another.
            (Err(_), None) => self.url == **endpoint.url(),
            (Err(_), Some(_)) => false,
        }
    }

    pub(crate) fn check(&self) -> Result<checked::Endpoint> {
        match &self.server_name {
            Some(name) => checked::Endpoint::parse_named(&self.url, name),
            None => checked::Endpoint::parse(&self.url),
        }
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Endpoint");
        debug.field("url", &self.redacted());
        if let Some(name) = &self.server_name {
            debug.field("server_name", name);
        }
        debug.finish()
    }
}

impl From<String> for Endpoint {
    fn from(url: String) -> Self {
        Self::new(url)
    }
}

impl From<&str> for Endpoint {
    fn from(url: &str) -> Self {
        Self::new(url)
    }
}

impl From<&String> for Endpoint {
    fn from(url: &String) -> Self {
        Self::new(url)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_its_own_is_asked_for_and_verified() {
        let endpoint = Endpoint::new("https://10.0.0.1:2379").server_name("etcd-1");
        let checked = endpoint.check().unwrap();
        assert_eq!(&**checked.url(), "https://10.0.0.1:2379");
        assert_eq!(checked.address(), checked::Address::Host("10.0.0.1", 2379));
        assert_eq!(checked.server_name().unwrap().to_str(), "etcd-1");
        let path = http::uri::PathAndQuery::from_static("/a");
        assert_eq!(checked.uri_of(path).to_string(), "https://etcd-1:2379/a");
    }

    #[test]
    fn a_name_that_nothing_could_verify_is_refused() {
        let refusal = |endpoint: Endpoint| endpoint.check().unwrap_err().to_string();
        insta::assert_snapshot!(refusal(Endpoint::new("http://a:1").server_name("b")), @"connect: endpoint `http://a:1` has a server name, which only TLS can verify");
        insta::assert_snapshot!(refusal(Endpoint::new("https://a:1").server_name("b c")), @"connect: endpoint `https://a:1` has the server name `b c`, which no certificate can have");
        insta::assert_snapshot!(refusal(Endpoint::new("https://a:1").server_name("")), @"connect: endpoint `https://a:1` has the server name ``, which no certificate can have");
    }

    #[test]
    fn a_password_is_not_shown() {
        let endpoint = Endpoint::new("https://me:secret@a:1").server_name("b");
        insta::assert_snapshot!(format!("{endpoint:?}"), @r#"Endpoint { url: "https://...@a:1", server_name: "b" }"#);
    }
}
