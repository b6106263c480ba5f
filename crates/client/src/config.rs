//! What a client is made from.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::auth::Session;
use crate::error::{Error, Result};
use crate::transport::endpoint::{Endpoint, redacted};
use crate::transport::keep_alive::Pings;
use crate::transport::tls::Tls;

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

/// etcd ends connections that ping more often than every 5 s, or that ping with no request under
/// way (`server/embed/etcd.go`, `DefaultGRPCKeepAliveMinTime`, `PermitWithoutStream`).
const PING_EVERY: Duration = Duration::from_secs(10);
/// A server that leaves a ping unanswered for this long is gone.
const PING_PATIENCE: Duration = Duration::from_secs(10);

/// What a longer timeout is taken for: the clock cannot add just any time to now.
pub(crate) const LONGEST: Duration = Duration::from_secs(365 * 24 * 60 * 60);

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
#[derive(Clone)]
#[must_use]
pub struct Config {
    endpoints: Vec<String>,
    tls: Option<Tls>,
    user: Option<(String, Zeroizing<String>)>,
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
            user: None,
            request_timeout: REQUEST_TIMEOUT,
            dial_timeout: DIAL_TIMEOUT,
        }
    }

    /// Whom to trust and who we are; needed as soon as an endpoint is `https`, and then all must be.
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// As which user of the cluster requests are made. It is needed when authentication is enabled,
    /// and does no harm before; users whom a certificate names need none.
    ///
    /// The first request asks for a token, and so does one whose token is not taken: it has expired,
    /// its member was restarted, users or roles have changed. The request is then sent again, writes
    /// too, since with a token that is not taken nothing was done.
    ///
    /// What is kept of the password is wiped at the end. It is sent as it is: use TLS.
    pub fn user(mut self, name: impl Into<String>, password: impl Into<String>) -> Self {
        self.user = Some((name.into(), Zeroizing::new(password.into())));
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
    /// leaves the other half to the next. The addresses of a name share it. When it is used up by
    /// connecting, the server still has a quarter of a second for its first word.
    ///
    /// A write whose time is up while it waits for a connection was not sent, and its error says so.
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
        if self.user.as_ref().is_some_and(|(name, _)| name.is_empty()) {
            return Err(Error::config("the user's name is empty"));
        }
        let request_timeout = self.request_timeout.min(LONGEST);
        let timeout = self.dial_timeout.min(request_timeout / 2);
        let session = self.user.map(|(name, password)| Arc::new(Session::new(name, password)));
        let pings = Pings { every: PING_EVERY, patience: PING_PATIENCE };
        let dialing = Dialing { tls: self.tls, session, timeout, pings };
        Ok(Checked { endpoints, dialing, request_timeout })
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // They are not checked yet, so a password may be in them.
        let endpoints: Vec<_> = self.endpoints.iter().map(|text| redacted(text)).collect();
        f.debug_struct("Config")
            .field("endpoints", &endpoints)
            .field("tls", &self.tls)
            .field("user", &self.user.as_ref().map(|(name, _)| name))
            .field("request_timeout", &self.request_timeout)
            .field("dial_timeout", &self.dial_timeout)
            .finish()
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

/// How every endpoint is dialled, and as whom it is asked.
#[derive(Debug, Clone)]
pub(crate) struct Dialing {
    pub(crate) tls: Option<Tls>,
    pub(crate) session: Option<Arc<Session>>,
    pub(crate) timeout: Duration,
    pub(crate) pings: Pings,
}

/// A trust that is missing, or that an endpoint would not use: both are mistakes, and the second is
/// how a client ends up talking in the clear.
pub(crate) fn check_trust(endpoints: &[Endpoint], tls: Option<&Tls>) -> Result<()> {
    let Some(wrong) = endpoints.iter().find(|endpoint| endpoint.is_https() != tls.is_some()) else {
        return Ok(());
    };
    let url = wrong.url();
    Err(Error::config(match tls {
        None => format!("endpoint `{url}` needs an authority to trust: give one with Config::tls"),
        Some(_) => {
            format!("TLS is configured, and with endpoint `{url}` nothing would be encrypted")
        }
    }))
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
        insta::assert_snapshot!(
            refusal(Config::new(["http://etcd:2379"]).user("", "secret")),
            @"connect: the user's name is empty"
        );
    }

    #[test]
    fn with_tls_nothing_goes_in_the_clear() {
        let tls = crate::fake::Authority::new().tls();
        let config = |urls: [&str; 2]| Config::new(urls).tls(tls.clone()).check();
        assert!(config(["https://a:1", "https://b:1"]).is_ok());
        let error = config(["https://a:1", "http://b:1"]).err().unwrap();
        insta::assert_snapshot!(error, @"connect: TLS is configured, and with endpoint `http://b:1` nothing would be encrypted");
    }

    #[test]
    fn a_password_is_not_shown() {
        let config = Config::new(["https://me:secret@a:1", "me:secret@a:1", "http://b:2"])
            .user("me", "secret");
        insta::assert_snapshot!(format!("{config:?}"), @r#"Config { endpoints: ["https://...@a:1", "...@a:1", "http://b:2"], tls: None, user: Some("me"), request_timeout: 10s, dial_timeout: 3s }"#);
    }

    #[tokio::test]
    async fn no_timeout_is_too_long() {
        let config = Config::from("http://127.0.0.1:1")
            .request_timeout(Duration::MAX)
            .dial_timeout(Duration::MAX);
        let client = crate::Client::connect(config).await.unwrap();
        // Nothing listens there.
        assert!(client.get("a").await.unwrap_err().is_connect());
    }

    #[test]
    fn what_can_work_is_kept() {
        let config = Config::new(["http://a:1", "http://b:2"]).dial_timeout(DIAL_TIMEOUT / 2);
        let checked = config.check().unwrap();
        let urls: Vec<_> = checked.endpoints.iter().map(|endpoint| &**endpoint.url()).collect();
        assert_eq!(urls, ["http://a:1", "http://b:2"]);
        assert_eq!(checked.dialing.timeout, DIAL_TIMEOUT / 2);
    }

    #[test]
    fn a_dial_leaves_time_for_the_next() {
        let config = Config::from("http://a:1").request_timeout(Duration::from_secs(1));
        assert_eq!(config.check().unwrap().dialing.timeout, Duration::from_millis(500));
    }
}
