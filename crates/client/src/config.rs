//! What a client is made from.

mod balance;
mod endpoint;
mod hooks;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use zeroize::Zeroizing;

pub use self::balance::Balance;
pub use self::endpoint::Endpoint;
use self::hooks::Around;
use crate::auth::Session;
use crate::error::{Error, Result};
use crate::observe::{Hooks, Observer};
use crate::transport::endpoint as checked;
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

/// How often a server that is silent while requests are under way is pinged.
///
/// Twice as seldom as etcd allows, so that no delay on the way brings two too close together.
pub const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(10);

/// How long a server may leave a ping unanswered before it is taken for gone.
pub const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// etcd ends connections that ping more often than this, unless it is told otherwise by
/// `--grpc-keepalive-min-time` (`server/embed/config.go`, `DefaultGRPCKeepAliveMinTime`).
const SHORTEST_KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(5);

/// The largest request that is sent: 2 MiB, as with etcd's own client (`client/v3/options.go`).
///
/// More than the 1.5 MiB that etcd takes unless `--max-request-bytes` says otherwise
/// (`server/embed/config.go`, `DefaultMaxRequestBytes`), and the 512 KiB that it adds for what is
/// around them.
pub const MAX_REQUEST_BYTES: usize = 2 << 20;

/// How many connections for requests there are to one endpoint.
///
/// One costs least where little is under way, and more of them cannot help where the servers are the
/// limit; with many cores on both sides try more. Streams have one of their own in any case.
pub const CONNECTIONS_PER_ENDPOINT: usize = 1;

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
    endpoints: Vec<Endpoint>,
    tls: Option<Tls>,
    user: Option<(String, Zeroizing<String>)>,
    token: Option<Zeroizing<String>>,
    balance: Balance,
    request_timeout: Duration,
    dial_timeout: Duration,
    keep_alive: Pings,
    max_request_bytes: usize,
    max_response_bytes: usize,
    connections_per_endpoint: usize,
    auto_sync: Option<Duration>,
    observer: Option<Arc<dyn Observer>>,
    layers: Vec<Around>,
}

impl Config {
    /// Members of one cluster, each `https://host:port`, `http://host:port`, a socket
    /// `unixs://path` or `unix://path`, or an [`Endpoint`]; [`balance`](Self::balance) says which is
    /// asked first.
    pub fn new<E: Into<Endpoint>>(endpoints: impl IntoIterator<Item = E>) -> Self {
        Self {
            endpoints: endpoints.into_iter().map(Into::into).collect(),
            tls: None,
            user: None,
            token: None,
            balance: Balance::default(),
            request_timeout: REQUEST_TIMEOUT,
            dial_timeout: DIAL_TIMEOUT,
            keep_alive: Pings { every: KEEP_ALIVE_INTERVAL, patience: KEEP_ALIVE_TIMEOUT },
            max_request_bytes: MAX_REQUEST_BYTES,
            max_response_bytes: usize::MAX,
            connections_per_endpoint: CONNECTIONS_PER_ENDPOINT,
            auto_sync: None,
            observer: None,
            layers: Vec::new(),
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

    /// A token that was made elsewhere, such as a JWT that etcd's `--auth-token=jwt,pub-key=...`
    /// accepts, in the place of a user and a password: requests are made with it and with no other.
    ///
    /// It is never refreshed. When it has expired, or is of before the last change of users and
    /// roles, every request fails with [`InvalidAuthToken`](crate::ErrorKind::InvalidAuthToken), and
    /// another client is to be made.
    ///
    /// It is sent as it is: use TLS.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(Zeroizing::new(token.into()));
        self
    }

    /// Which endpoint a request is sent to first; [`Balance::LeastRequests`] unless set.
    pub fn balance(mut self, balance: Balance) -> Self {
        self.balance = balance;
        self
    }

    /// How long a request may take in all; [`REQUEST_TIMEOUT`] unless set.
    ///
    /// That counts the connection, and the token of a [`user`](Self::user). An endpoint that hangs
    /// before the request is sent uses up half of it at most, if there are others; after that so does
    /// a read, while a write waits for its answer to the end. What may take long by its nature
    /// (defragmentation, the server's locks) is sent within it, and may then take longer.
    ///
    /// There is none for a single request. For a shorter one put `tokio::time::timeout` around it, and
    /// of a write that is dropped nobody knows the outcome; for a longer one make another client.
    pub fn request_timeout(mut self, timeout: Duration) -> Self {
        self.request_timeout = timeout;
        self
    }

    /// How long one connection may take; [`DIAL_TIMEOUT`] unless set.
    ///
    /// It is never more than half of a request's time, so that an endpoint that swallows packets
    /// leaves the other half to the next. The addresses of a name share it. When it is used up by
    /// connecting, the server still has a quarter of a second for its first word. A token, for which
    /// a server has to work and a cluster to agree, is a part of the request's time.
    ///
    /// A write whose time is up while it waits for a connection was not sent, and its error says so.
    pub fn dial_timeout(mut self, timeout: Duration) -> Self {
        self.dial_timeout = timeout;
        self
    }

    /// How often a server that is silent while requests or streams are under way is pinged, and how
    /// long it may leave that unanswered: [`KEEP_ALIVE_INTERVAL`] and [`KEEP_ALIVE_TIMEOUT`] unless
    /// set. A server that does not answer is gone, and so is what was under way there.
    ///
    /// An interval below five seconds is refused, since etcd ends connections that ping more often.
    pub fn keep_alive(mut self, interval: Duration, timeout: Duration) -> Self {
        self.keep_alive = Pings { every: interval, patience: timeout };
        self
    }

    /// How large a request may be; [`MAX_REQUEST_BYTES`] unless set. A larger one is refused before
    /// it is sent. etcd itself takes 1.5 MiB unless it was started with another
    /// `--max-request-bytes`.
    pub fn max_request_bytes(mut self, bytes: usize) -> Self {
        self.max_request_bytes = bytes;
        self
    }

    /// How large an answer may be; any size unless set. A larger one is a
    /// [`Protocol`](crate::ErrorKind::Protocol) error after it was made, and of a write nobody knows then
    /// whether it was done.
    pub fn max_response_bytes(mut self, bytes: usize) -> Self {
        self.max_response_bytes = bytes;
        self
    }

    /// How many connections for requests there are to one endpoint;
    /// [`CONNECTIONS_PER_ENDPOINT`] unless set. Each is driven by one task, so that a client of many
    /// cores may gain by more. Streams have one of their own.
    pub fn connections_per_endpoint(mut self, connections: usize) -> Self {
        self.connections_per_endpoint = connections;
        self
    }

    /// How often the client asks the cluster for its members and takes them for its endpoints, as
    /// [`Client::sync_endpoints`](crate::Client::sync_endpoints) does once; never unless set.
    ///
    /// A failure changes nothing, and is tried again after that time. The task ends with the last
    /// clone of the client.
    pub fn auto_sync(mut self, interval: Duration) -> Self {
        self.auto_sync = Some(interval);
        self
    }

    /// Checks everything that can be checked without a connection.
    pub(crate) fn check(self) -> Result<Checked> {
        let endpoints = self.endpoints.iter().map(Endpoint::check).collect::<Result<Vec<_>>>()?;
        if endpoints.is_empty() {
            return Err(Error::config("there is no endpoint"));
        }
        check_trust(&endpoints, self.tls.as_ref())?;
        self.check_numbers()?;
        if self.user.as_ref().is_some_and(|(name, _)| name.is_empty()) {
            return Err(Error::config("the user's name is empty"));
        }
        let request_timeout = self.request_timeout.min(LONGEST);
        let token = self.check_token()?;
        let hooks = self.hooks();
        let session = self.user.map(|(name, password)| Arc::new(Session::new(name, password)));
        let pings = Pings {
            every: self.keep_alive.every.min(LONGEST),
            patience: self.keep_alive.patience.min(LONGEST),
        };
        let dialing = Dialing {
            tls: self.tls,
            session,
            token,
            timeout: self.dial_timeout.min(request_timeout / 2),
            pings,
            connections: self.connections_per_endpoint,
            limits: Limits {
                request_bytes: self.max_request_bytes,
                response_bytes: self.max_response_bytes,
            },
            hooks,
        };
        let auto_sync = self.auto_sync.map(|interval| interval.min(LONGEST));
        Ok(Checked { endpoints, balance: self.balance, dialing, request_timeout, auto_sync })
    }

    fn check_token(&self) -> Result<Option<HeaderValue>> {
        let Some(token) = &self.token else { return Ok(None) };
        if self.user.is_some() {
            let what = "both a token and a user are given: the token says who we are";
            return Err(Error::config(what));
        }
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::config(
                "the token is empty, or not of printable ASCII without spaces",
            ));
        }
        let mut token = HeaderValue::from_str(token)
            .map_err(|_| Error::config("the token cannot be sent as metadata"))?;
        // Neither shown by `Debug` nor kept in a table of HTTP/2.
        token.set_sensitive(true);
        Ok(Some(token))
    }

    fn check_numbers(&self) -> Result<()> {
        let timeouts = [self.request_timeout, self.dial_timeout, self.keep_alive.patience];
        if timeouts.iter().any(Duration::is_zero) {
            return Err(Error::config("a timeout of zero lets nothing happen"));
        }
        let interval = self.keep_alive.every;
        if interval < SHORTEST_KEEP_ALIVE_INTERVAL {
            let what = "etcd ends connections that ping more often than every 5s";
            return Err(Error::config(format!("the keep-alive interval is {interval:?}: {what}")));
        }
        if self.auto_sync.is_some_and(|interval| interval.is_zero()) {
            return Err(Error::config("the interval of auto_sync is zero"));
        }
        if self.connections_per_endpoint == 0 {
            return Err(Error::config("with no connection to an endpoint nothing can be sent"));
        }
        if self.max_request_bytes == 0 || self.max_response_bytes == 0 {
            return Err(Error::config("a limit of zero bytes lets nothing through"));
        }
        Ok(())
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // They are not checked yet, so a password may be in them.
        let endpoints: Vec<_> = self.endpoints.iter().map(Endpoint::redacted).collect();
        f.debug_struct("Config")
            .field("endpoints", &endpoints)
            .field("tls", &self.tls)
            .field("user", &self.user.as_ref().map(|(name, _)| name))
            .field("token", &self.token.as_ref().map(|_| ".."))
            .field("balance", &self.balance)
            .field("request_timeout", &self.request_timeout)
            .field("dial_timeout", &self.dial_timeout)
            .finish_non_exhaustive()
    }
}

/// With one endpoint: a URL, or an [`Endpoint`].
impl<E: Into<Endpoint>> From<E> for Config {
    fn from(endpoint: E) -> Self {
        Self::new([endpoint])
    }
}

/// A configuration that can work.
pub(crate) struct Checked {
    pub(crate) endpoints: Vec<checked::Endpoint>,
    pub(crate) balance: Balance,
    pub(crate) dialing: Dialing,
    pub(crate) request_timeout: Duration,
    pub(crate) auto_sync: Option<Duration>,
}

/// How large messages may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) request_bytes: usize,
    pub(crate) response_bytes: usize,
}

/// How every endpoint is dialled, and as whom it is asked.
#[derive(Debug, Clone)]
pub(crate) struct Dialing {
    pub(crate) tls: Option<Tls>,
    pub(crate) session: Option<Arc<Session>>,
    /// In its place, one that is never refreshed.
    pub(crate) token: Option<HeaderValue>,
    pub(crate) timeout: Duration,
    pub(crate) pings: Pings,
    /// For requests, to each endpoint.
    pub(crate) connections: usize,
    pub(crate) limits: Limits,
    pub(crate) hooks: Hooks,
}

/// A trust that is missing, or that an endpoint would not use: both are mistakes, and the second is
/// how a client ends up talking in the clear.
pub(crate) fn check_trust(endpoints: &[checked::Endpoint], tls: Option<&Tls>) -> Result<()> {
    let Some(wrong) = endpoints.iter().find(|endpoint| endpoint.is_tls() != tls.is_some()) else {
        return Ok(());
    };
    let url = wrong.url();
    if let Some(other) = endpoints.iter().find(|endpoint| endpoint.is_tls() == tls.is_some()) {
        let (encrypted, clear) = if wrong.is_tls() { (wrong, other) } else { (other, wrong) };
        return Err(Error::config(format!(
            "endpoint `{}` is encrypted and `{}` is not: give all of them TLS, or none",
            encrypted.url(),
            clear.url()
        )));
    }
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
        let config = || Config::new(["http://etcd:2379"]);
        let second = Duration::from_secs(1);
        insta::assert_snapshot!(refusal(config().keep_alive(4 * second, second)), @"connect: the keep-alive interval is 4s: etcd ends connections that ping more often than every 5s");
        insta::assert_snapshot!(refusal(config().keep_alive(5 * second, Duration::ZERO)), @"connect: a timeout of zero lets nothing happen");
        insta::assert_snapshot!(refusal(config().auto_sync(Duration::ZERO)), @"connect: the interval of auto_sync is zero");
        insta::assert_snapshot!(refusal(config().connections_per_endpoint(0)), @"connect: with no connection to an endpoint nothing can be sent");
        insta::assert_snapshot!(refusal(config().max_request_bytes(0)), @"connect: a limit of zero bytes lets nothing through");
        assert!(config().keep_alive(5 * second, second).check().is_ok());
    }

    #[test]
    fn with_tls_nothing_goes_in_the_clear() {
        let tls = crate::fake::Authority::new().tls();
        let config = |urls: [&str; 2]| Config::new(urls).tls(tls.clone()).check();
        assert!(config(["https://a:1", "https://b:1"]).is_ok());
        let error = config(["https://a:1", "http://b:1"]).err().unwrap();
        insta::assert_snapshot!(error, @"connect: endpoint `https://a:1` is encrypted and `http://b:1` is not: give all of them TLS, or none");
        let error = config(["http://a:1", "http://b:1"]).err().unwrap();
        insta::assert_snapshot!(error, @"connect: TLS is configured, and with endpoint `http://a:1` nothing would be encrypted");
        let mixed = Config::new(["http://b:1", "https://a:1"]).check().err().unwrap();
        insta::assert_snapshot!(mixed, @"connect: endpoint `https://a:1` is encrypted and `http://b:1` is not: give all of them TLS, or none");
    }

    #[test]
    fn a_password_is_not_shown() {
        let config = Config::new(["https://me:secret@a:1", "me:secret@a:1", "http://b:2"])
            .user("me", "secret");
        insta::assert_snapshot!(format!("{config:?}"), @r#"Config { endpoints: ["https://...@a:1", "...@a:1", "http://b:2"], tls: None, user: Some("me"), token: None, balance: LeastRequests, request_timeout: 10s, dial_timeout: 3s, .. }"#);
    }

    #[test]
    fn a_token_is_the_only_one_and_is_not_shown() {
        let config = || Config::from("http://a:1").token("s3cret");
        assert!(!format!("{:?}", config()).contains("s3cret"));
        let checked = config().check().unwrap();
        assert!(!format!("{:?}", checked.dialing).contains("s3cret"));
        let refusal = |config: Config| config.check().err().unwrap().to_string();
        insta::assert_snapshot!(refusal(config().user("me", "secret")), @"connect: both a token and a user are given: the token says who we are");
        for wrong in ["", "a b", "a\n", "\u{e4}"] {
            insta::allow_duplicates! {
                insta::assert_snapshot!(refusal(config().token(wrong)), @"connect: the token is empty, or not of printable ASCII without spaces");
            }
        }
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
