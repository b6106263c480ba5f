//! The client.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tonic::Request;

use crate::config::Config;
use crate::error::Result;
use crate::from_wire::FromWire;
use crate::generated::etcdserverpb::cluster_client::ClusterClient;
use crate::generated::etcdserverpb::maintenance_client::MaintenanceClient;
use crate::kv::{Leave, Namespace};
use crate::lease::Keeper;
use crate::transport::call::{Caller, Lane, Operation};
use crate::transport::channel::Channel;
use crate::transport::classify::too_large;
use crate::watch::Hub;

/// An etcd client.
///
/// Cloning it is cheap and shares its connections. It belongs to the runtime that it was made in,
/// and must not be used from another.
///
/// Each request has one deadline over all that it takes, [`Config::request_timeout`], and
/// [`Config::balance`] says which endpoint it is sent to first. If it provably was not sent (no
/// connection, or one that refuses new requests) it goes on to the next endpoint. If it may have been
/// sent, a read is asked again elsewhere; a write is not, and its error says by
/// [`Error::outcome`](crate::Error::outcome) that nobody knows. When no endpoint can be reached the
/// error comes as soon as each was tried once: at once where nothing listens, after a dial's time where
/// one is silent. Nothing waits for a cluster to come up: who wants that calls again.
///
/// Cancelling: every method may be dropped before it is done. A read then never happened; a write
/// may happen all the same.
#[derive(Debug, Clone)]
pub struct Client {
    pub(crate) caller: Arc<Caller>,
    pub(crate) namespace: Namespace,
    pub(crate) keeper: Arc<Keeper>,
    pub(crate) watches: Hub,
}

impl Client {
    /// Makes a client. Nothing is dialled before the first request.
    ///
    /// Cancel safe: it does not wait.
    ///
    /// # Errors
    ///
    /// [`InvalidConfig`](crate::ErrorKind::InvalidConfig) if an endpoint or its trust cannot work.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    #[expect(clippy::unused_async, reason = "its tasks belong to the runtime: this asks for one")]
    pub async fn connect(config: impl Into<Config>) -> Result<Self> {
        let config = config.into().check()?;
        let hooks = config.dialing.hooks.clone();
        let caller = Caller::new(config);
        Ok(Self {
            watches: Hub::new(caller.clone()),
            caller,
            namespace: Namespace::default(),
            keeper: Arc::new(Keeper::new(hooks)),
        })
    }

    /// The endpoints: those that the client was made with, or those that
    /// [`sync_endpoints`](Self::sync_endpoints) has found since.
    #[must_use]
    pub fn endpoints(&self) -> Vec<String> {
        self.caller.members().iter().map(|member| member.url().to_string()).collect()
    }

    /// A client of the same connections that sees only the keys which begin with `prefix`, and sees
    /// them without it: what it calls `a` the server calls `prefix` and then `a`.
    ///
    /// It holds for all that names keys: reads, writes, transactions with their comparisons, watches,
    /// locks and all else that is made of these. Within a namespace another can be made. Leases,
    /// members and maintenance are the cluster's and stay what they are, and so do users: give them
    /// permissions for the whole keys. An empty prefix changes nothing.
    ///
    /// What reaches beyond, as [`Keys::all`](crate::Keys::all), ends where the namespace does. The
    /// key that is just the prefix has no name within: an empty key is refused
    /// (`client/v3/namespace/kv.go` does the same).
    ///
    /// ```no_run
    /// # async fn run(client: tercet_client::Client) -> tercet_client::Result<()> {
    /// let app = client.namespace("app/");
    /// app.put("a", "1").await?;
    /// assert!(client.get("app/a").await?.is_some());
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn namespace(&self, prefix: impl Into<Bytes>) -> Self {
        Self { namespace: self.namespace.within(&prefix.into()), ..self.clone() }
    }

    /// As [`unary`](Self::unary), of an answer that may name keys.
    pub(crate) async fn unary_within<W, T, S, F>(&self, operation: Operation, send: S) -> Result<T>
    where
        S: Fn(Channel, Duration) -> F,
        F: Future<Output = Result<tonic::Response<W>, tonic::Status>>,
        T: FromWire<W>,
        W: Leave,
    {
        let (answer, _) = self.caller.call(operation, Lane::Requests, send).await?;
        let mut answer = answer.into_inner();
        answer.leave(&self.namespace);
        Ok(T::from_wire(answer))
    }

    /// That a request which may be large is not larger than allowed: before a connection is made for
    /// it. All are looked at once more when they are encoded.
    pub(crate) fn fits(&self, operation: Operation, request: &impl prost::Message) -> Result<()> {
        let (bytes, limit) = (request.encoded_len(), self.caller.dialing().limits.request_bytes);
        if bytes <= limit {
            return Ok(());
        }
        Err(operation.failed_anywhere(too_large(bytes, limit)))
    }

    pub(crate) async fn unary<W, T, S, F>(&self, operation: Operation, send: S) -> Result<T>
    where
        S: Fn(Channel, Duration) -> F,
        F: Future<Output = Result<tonic::Response<W>, tonic::Status>>,
        T: FromWire<W>,
    {
        let (answer, _) = self.caller.call(operation, Lane::Requests, send).await?;
        Ok(T::from_wire(answer.into_inner()))
    }
}

/// With the deadline told to the server, so that it does not go on for nobody.
///
/// It is rounded up to a whole second, or below that to a power of two of milliseconds: HTTP/2 sends a
/// header that it has sent before as one byte, and the microseconds of each request's own deadline would
/// be new every time, to us and to the server. We ourselves wait no longer for that.
pub(crate) fn timed<T>(message: T, patience: Duration) -> Request<T> {
    let mut request = Request::new(message);
    let timeout = match u64::try_from(patience.as_millis()).unwrap_or(u64::MAX) {
        millis @ 0..1000 => format!("{}m", (millis + 1).next_power_of_two()),
        millis => format!("{}S", millis.div_ceil(1000)),
    };
    if let Ok(timeout) = timeout.parse() {
        request.metadata_mut().insert("grpc-timeout", timeout);
    }
    request
}

pub(crate) fn cluster(channel: Channel) -> ClusterClient {
    ClusterClient::new(channel)
}

pub(crate) fn maintenance(channel: Channel) -> MaintenanceClient {
    MaintenanceClient::new(channel)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Balance;
    use crate::error::{ErrorKind, Outcome};

    #[test]
    fn is_shared_between_threads() {
        fn check<T: Clone + Send + Sync + 'static>() {}
        check::<Client>();
    }

    #[test]
    fn its_futures_can_be_spawned() {
        fn check<T: Send>(_: T) {}
        fn all(client: &Client) {
            check(client.put("a", "b"));
            check(client.get("a"));
            check(client.watch("a"));
            check(client.status("a"));
        }
        let _ = all;
    }

    #[tokio::test]
    async fn when_nothing_listens_the_error_comes_at_once() {
        let free = || {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            format!("http://{}", listener.local_addr().unwrap())
        };
        let (first, second) = (free(), free());
        let config = Config::new([first.clone(), second.clone()]).balance(Balance::InOrder);
        let client = Client::connect(config).await.unwrap();
        let error = client.put("a", "b").await.unwrap_err();
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::Connect, Outcome::NotApplied));
        let text = error.to_string().replace(&first, "FIRST").replace(&second, "SECOND");
        insta::assert_snapshot!(text, @"put at SECOND: nothing listens there (before that, FIRST: nothing listens there)");
    }

    #[tokio::test]
    async fn a_port_that_never_answers_costs_one_dial() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let config = Config::new([url.clone()]).dial_timeout(Duration::from_millis(100));
        let client = Client::connect(config).await.unwrap();
        let started = std::time::Instant::now();
        let error = client.get("a").await.unwrap_err();
        assert!(started.elapsed() < Duration::from_secs(5), "{:?}", started.elapsed());
        insta::assert_snapshot!(error.to_string().replace(&url, "URL"), @"get at URL: it accepts connections but does not answer HTTP/2");
    }
}
