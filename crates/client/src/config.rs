//! What a client is made from.

use std::time::Duration;

use crate::endpoint::Endpoint;
use crate::error::{Error, Result};
use crate::tls::Tls;

/// How long a request may take in all, on however many endpoints.
///
/// More than the 7 s after which etcd itself gives up on a write (5 s and two election timeouts of
/// one second: `server/config/config.go`, `ReqTimeout`), so that its answer, which says why, comes
/// first.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// How long one connection may take: name, TCP, TLS and the server's first word.
///
/// Three round trips of a slow link, and one lost SYN (repeated after 1 s: RFC 6298).
pub const DIAL_TIMEOUT: Duration = Duration::from_secs(3);

/// Endpoints, trust and patience: all that a [`Client`](crate::Client) is made from.
///
/// ```no_run
/// # async fn run(ca: Vec<u8>, chain: Vec<u8>, key: Vec<u8>) -> tercet_client::Result<()> {
/// use tercet_client::{Client, Config, Tls};
///
/// let config = Config::new(["https://etcd-1:2379", "https://etcd-2:2379", "https://etcd-3:2379"])
///     .tls(Tls::mutual(ca, chain, key)?);
/// let client = Client::connect(config).await?;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Config {
    endpoints: Vec<String>,
    tls: Option<Tls>,
    request_timeout: Duration,
    dial_timeout: Duration,
}

impl Config {
    /// Members of one cluster, each `https://host:port` or `http://host:port`; the first is asked
    /// first.
    pub fn new<E: Into<String>>(endpoints: impl IntoIterator<Item = E>) -> Self {
        Self {
            endpoints: endpoints.into_iter().map(Into::into).collect(),
            tls: None,
            request_timeout: REQUEST_TIMEOUT,
            dial_timeout: DIAL_TIMEOUT,
        }
    }

    /// Whom to trust and who we are; needed as soon as an endpoint is `https`.
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// How long a request may take in all; [`REQUEST_TIMEOUT`] unless set.
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout = timeout;
        self
    }

    /// How long one connection may take; [`DIAL_TIMEOUT`] unless set.
    ///
    /// It is never more than half of a request's time, so that an endpoint that swallows packets
    /// leaves the other half to the next, and so that the error says that nothing was sent.
    pub fn dial_timeout(mut self, timeout: Duration) -> Self {
        self.dial_timeout = timeout;
        self
    }

    /// Checks everything that can be checked without a connection.
    pub(crate) fn check(self) -> Result<Checked> {
        let endpoints =
            self.endpoints.iter().map(|text| Endpoint::parse(text)).collect::<Result<Vec<_>>>()?;
        if endpoints.is_empty() {
            return Err(Error::config("there is no endpoint"));
        }
        check_trust(&endpoints, self.tls.as_ref())?;
        if self.request_timeout.is_zero() || self.dial_timeout.is_zero() {
            return Err(Error::config("a timeout of zero lets nothing happen"));
        }
        let timeout = self.dial_timeout.min(self.request_timeout / 2);
        let dialing = Dialing { tls: self.tls, timeout };
        Ok(Checked { endpoints, dialing, request_timeout: self.request_timeout })
    }
}

impl From<&str> for Config {
    fn from(endpoint: &str) -> Self {
        Self::new([endpoint])
    }
}

/// A configuration that can work.
pub(crate) struct Checked {
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) dialing: Dialing,
    pub(crate) request_timeout: Duration,
}

/// How every endpoint is dialled.
#[derive(Debug, Clone)]
pub(crate) struct Dialing {
    pub(crate) tls: Option<Tls>,
    pub(crate) timeout: Duration,
}

/// A trust that is missing, or that nothing would use: both are mistakes, and the second is how a
/// client ends up talking in the clear.
pub(crate) fn check_trust(endpoints: &[Endpoint], tls: Option<&Tls>) -> Result<()> {
    match (tls, endpoints.iter().find(|endpoint| endpoint.is_https())) {
        (None, Some(endpoint)) => Err(Error::config(format!(
            "endpoint `{}` needs an authority to trust: give one with Config::tls",
            endpoint.url()
        ))),
        (Some(_), None) => Err(Error::config(
            "TLS is configured but no endpoint is https: nothing would be encrypted",
        )),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_work_is_refused() {
        let refusal = |config: Config| config.check().err().unwrap().to_string();
        let none: [&str; 0] = [];
        insta::assert_snapshot!(refusal(Config::new(none)), @"connect: there is no endpoint");
        insta::assert_snapshot!(refusal("https://etcd:2379".into()), @"connect: endpoint `https://etcd:2379` needs an authority to trust: give one with Config::tls");
        insta::assert_snapshot!(
            refusal(Config::new(["http://etcd:2379"]).request_timeout(Duration::ZERO)),
            @"connect: a timeout of zero lets nothing happen"
        );
    }

    #[test]
    fn what_can_work_is_kept() {
        let config = Config::new(["http://a:1", "http://b:2"]).dial_timeout(DIAL_TIMEOUT / 2);
        let checked = config.check().unwrap();
        let urls: Vec<_> = checked.endpoints.iter().map(Endpoint::url).collect();
        assert_eq!(urls, ["http://a:1", "http://b:2"]);
        assert_eq!(checked.dialing.timeout, DIAL_TIMEOUT / 2);
    }

    #[test]
    fn a_dial_leaves_time_for_the_next() {
        let config = Config::from("http://a:1").request_timeout(Duration::from_secs(1));
        assert_eq!(config.check().unwrap().dialing.timeout, Duration::from_millis(500));
    }
}
