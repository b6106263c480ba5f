//! Who is told what a client does.

use std::time::Duration;

use crate::error::{Error, ErrorKind};
use crate::lease::LeaseLost;

/// Who is told of each request's end and of what happens to connections, tokens, watches and leases:
/// for metrics. [`Config::observer`](crate::Config::observer) takes one.
///
/// Every method does nothing unless you write it. They are called where it happens, by the task that
/// does the work: be quick (count, and return), and do not block. Nothing that they are given has a
/// key, a value, a password or a token in it.
///
/// One that panics harms no request and no task of the client: it was not told then, and `tracing` is
/// told that it panicked. (Where a panic ends the process, it does.)
///
/// ```no_run
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// use tercet_client::{Client, Config, Observer, RequestEnd, RequestEnded};
///
/// #[derive(Default)]
/// struct Counters {
///     requests: AtomicU64,
///     failures: AtomicU64,
/// }
///
/// impl Observer for Counters {
///     fn request_ended(&self, request: &RequestEnded<'_>) {
///         self.requests.fetch_add(1, Ordering::Relaxed);
///         if let RequestEnd::Failed(_) = request.end {
///             self.failures.fetch_add(1, Ordering::Relaxed);
///         }
///     }
/// }
///
/// # async fn run() -> tercet_client::Result<()> {
/// let counters = Arc::new(Counters::default());
/// let config = Config::new(["http://127.0.0.1:2379"]).observer(counters.clone());
/// let client = Client::connect(config).await?;
/// client.put("hello", "world").await?;
/// println!("{} requests", counters.requests.load(Ordering::Relaxed));
/// # Ok(()) }
/// ```
pub trait Observer: Send + Sync + 'static {
    /// A request has ended, once for each method of a client that was called, whatever it took. Of a
    /// watch or another stream it is the opening. What the client asks for of its own accord, such as
    /// keepalives of leases, is told as well.
    fn request_ended(&self, request: &RequestEnded<'_>) {
        let _ = request;
    }

    /// A request was not answered by the endpoint that was asked; another may be next.
    fn attempt_failed(&self, attempt: &AttemptFailed<'_>) {
        let _ = attempt;
    }

    /// There is a connection more.
    fn connected(&self, connection: &Connected<'_>) {
        let _ = connection;
    }

    /// A connection could not be made.
    fn connect_failed(&self, dial: &ConnectFailed<'_>) {
        let _ = dial;
    }

    /// There is a connection less: it was lost, the server ended it, or nobody needs it any more.
    fn disconnected(&self, connection: &Disconnected<'_>) {
        let _ = connection;
    }

    /// This endpoint gave a user a token: the first, or one in place of one that is not taken.
    fn token_refreshed(&self, endpoint: &str) {
        let _ = endpoint;
    }

    /// A watch that had lost its stream, or had waited for its reader, is in place again.
    fn watch_resumed(&self, watch: &WatchResumed<'_>) {
        let _ = watch;
    }

    /// A lease that was kept alive is lost, and not because its holder revoked it.
    fn lease_lost(&self, lease: &LeaseLost) {
        let _ = lease;
    }
}

/// For one that is shared with whoever reads what it counted.
impl<O: Observer + ?Sized> Observer for std::sync::Arc<O> {
    fn request_ended(&self, request: &RequestEnded<'_>) {
        (**self).request_ended(request);
    }

    fn attempt_failed(&self, attempt: &AttemptFailed<'_>) {
        (**self).attempt_failed(attempt);
    }

    fn connected(&self, connection: &Connected<'_>) {
        (**self).connected(connection);
    }

    fn connect_failed(&self, dial: &ConnectFailed<'_>) {
        (**self).connect_failed(dial);
    }

    fn disconnected(&self, connection: &Disconnected<'_>) {
        (**self).disconnected(connection);
    }

    fn token_refreshed(&self, endpoint: &str) {
        (**self).token_refreshed(endpoint);
    }

    fn watch_resumed(&self, watch: &WatchResumed<'_>) {
        (**self).watch_resumed(watch);
    }

    fn lease_lost(&self, lease: &LeaseLost) {
        (**self).lease_lost(lease);
    }
}

/// A request and its end.
#[derive(Debug)]
#[non_exhaustive]
pub struct RequestEnded<'a> {
    /// Its name, as errors say it: `put`, `lease grant`. There are few, so it may be a label.
    pub operation: &'static str,
    /// The endpoint that was asked last; `None` if none was.
    pub endpoint: Option<&'a str>,
    /// From the call to now.
    pub elapsed: Duration,
    /// How many endpoints were asked, one after the other; the same one may have been twice.
    pub attempts: u32,
    /// How it ended.
    pub end: RequestEnd<'a>,
}

/// How a request ended.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum RequestEnd<'a> {
    /// A server answered.
    Answered,
    /// With this error, whose [`outcome`](Error::outcome) says whether it may have happened. It does
    /// not know its [`keys`](Error::keys) yet.
    Failed(&'a Error),
    /// Its future was dropped. A write may have happened.
    Dropped,
}

/// One endpoint's turn in a request, which brought no answer.
#[derive(Debug)]
#[non_exhaustive]
pub struct AttemptFailed<'a> {
    /// The request's name.
    pub operation: &'static str,
    /// Who was asked.
    pub endpoint: &'a str,
    /// Which attempt of the request it was, from 1 on.
    pub attempt: u32,
    /// From when the endpoint was chosen to now, waiting for a connection included.
    pub elapsed: Duration,
    /// What made it fail.
    pub kind: ErrorKind,
}

/// A connection that was made.
#[derive(Debug)]
#[non_exhaustive]
pub struct Connected<'a> {
    /// To where.
    pub endpoint: &'a str,
    /// How long it took: name, TCP, TLS and the server's first word.
    pub elapsed: Duration,
}

/// A connection that was not made.
#[derive(Debug)]
#[non_exhaustive]
pub struct ConnectFailed<'a> {
    /// To where.
    pub endpoint: &'a str,
    /// How long it took.
    pub elapsed: Duration,
    /// [`Connect`](ErrorKind::Connect) or [`Tls`](ErrorKind::Tls).
    pub kind: ErrorKind,
}

/// A connection that ended.
#[derive(Debug)]
#[non_exhaustive]
pub struct Disconnected<'a> {
    /// To where it was.
    pub endpoint: &'a str,
    /// How long there was one.
    pub age: Duration,
}

/// A watch that goes on.
#[derive(Debug)]
#[non_exhaustive]
pub struct WatchResumed<'a> {
    /// Where it is now.
    pub endpoint: &'a str,
}
