//! The client.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tonic::Request;

use crate::call::{Caller, Lane, Operation};
use crate::channel::Channel;
use crate::config::Config;
use crate::delete::{Delete, DeleteResponse};
use crate::error::Result;
use crate::from_wire::FromWire;
use crate::generated::etcdserverpb::cluster_client::ClusterClient;
use crate::generated::etcdserverpb::kv_client::KvClient;
use crate::generated::etcdserverpb::maintenance_client::MaintenanceClient;
use crate::key_value::KeyValue;
use crate::put::{Put, PutResponse};
use crate::range::{Range, RangeResponse};
use crate::txn::{Txn, TxnResponse};
use crate::watch::Watch;
use crate::watcher::{self, WATCH, Watcher};

/// An etcd client.
///
/// Cloning it is cheap and shares its connections. It belongs to the runtime that it was made in,
/// and must not be used from another.
///
/// Each request has one deadline over all that it takes, [`Config::request_timeout`]. It is sent to
/// the endpoint that last worked. If it provably was not sent (no connection, or one that refuses
/// new requests) it goes on to the next endpoint. If it may have been sent, a read is asked again
/// elsewhere; a write is not, and its error says by [`Error::outcome`](crate::Error::outcome) that
/// nobody knows. When no endpoint can be reached the error comes at once.
///
/// Cancelling: every method may be dropped before it is done. A read then never happened; a write
/// may happen all the same.
#[derive(Debug, Clone)]
pub struct Client {
    pub(crate) caller: Arc<Caller>,
}

impl Client {
    /// Makes a client. Nothing is dialled before the first request.
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
        Ok(Self { caller: Arc::new(Caller::new(config)) })
    }

    /// The endpoints that the client was made with.
    pub fn endpoints(&self) -> impl Iterator<Item = &str> {
        self.caller.urls()
    }

    /// Writes a key.
    ///
    /// # Errors
    ///
    /// Whatever went wrong; [`Error::outcome`](crate::Error::outcome) says whether the write may
    /// have happened.
    pub async fn put(&self, key: impl Into<Bytes>, value: impl Into<Bytes>) -> Result<PutResponse> {
        self.put_with(Put::new(key, value)).await
    }

    /// Writes a key, with a lease or an answer that has the old value.
    ///
    /// # Errors
    ///
    /// As [`put`](Self::put).
    pub async fn put_with(&self, put: Put) -> Result<PutResponse> {
        let put = put.into_wire();
        self.unary(Operation::write("put"), |channel, patience| {
            let request = timed(put.clone(), patience);
            async move { kv(channel).put(request).await }
        })
        .await
    }

    /// Reads a key, linearizably: it sees every write that was answered before.
    ///
    /// # Errors
    ///
    /// Whatever went wrong, on each endpoint that was tried.
    pub async fn get(&self, key: impl Into<Bytes>) -> Result<Option<KeyValue>> {
        let range = self.read(Operation::read("get"), Range::key(key)).await?;
        Ok(range.into_kvs().pop())
    }

    /// Reads keys.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub async fn range(&self, range: impl Into<Range>) -> Result<RangeResponse> {
        self.read(Operation::read("range"), range.into()).await
    }

    /// Deletes a key.
    ///
    /// # Errors
    ///
    /// As [`put`](Self::put).
    pub async fn delete(&self, key: impl Into<Bytes>) -> Result<DeleteResponse> {
        self.delete_range(key.into()).await
    }

    /// Deletes keys: `client.delete_range(Keys::prefix("old/"))`.
    ///
    /// # Errors
    ///
    /// As [`put`](Self::put).
    pub async fn delete_range(&self, delete: impl Into<Delete>) -> Result<DeleteResponse> {
        let delete = delete.into().into_wire();
        self.unary(Operation::write("delete"), |channel, patience| {
            let request = timed(delete.clone(), patience);
            async move { kv(channel).delete_range(request).await }
        })
        .await
    }

    /// Compares and writes at once.
    ///
    /// ```no_run
    /// # async fn run(client: tercet_client::Client) -> tercet_client::Result<()> {
    /// use tercet_client::{Compare, Op, Txn};
    ///
    /// let taken = client
    ///     .txn(Txn::when([Compare::missing("lock")]).then([Op::put("lock", "me")]))
    ///     .await?
    ///     .succeeded();
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`put`](Self::put), even of one that only reads. Comparisons that do not hold are no
    /// error: see [`TxnResponse::succeeded`].
    pub async fn txn(&self, txn: impl Into<Txn>) -> Result<TxnResponse> {
        let txn = txn.into().into_wire();
        self.unary(Operation::write("txn"), |channel, patience| {
            let request = timed(txn.clone(), patience);
            async move { kv(channel).txn(request).await }
        })
        .await
    }

    /// Watches keys, until the [`Watcher`] is dropped.
    ///
    /// When this returns the watch is in place: no later change is missed.
    ///
    /// ```no_run
    /// # async fn run(client: tercet_client::Client) -> tercet_client::Result<()> {
    /// use tercet_client::Watch;
    ///
    /// let mut changes = client.watch(Watch::prefix("jobs/")).await?;
    /// while let Some(change) = changes.next().await {
    ///     for event in change?.events() {
    ///         println!("{:?}", event.kv());
    ///     }
    /// }
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// If no endpoint confirms the watch in time, or if the server refuses it: for one, because it
    /// knows no leader.
    pub async fn watch(&self, watch: impl Into<Watch>) -> Result<Watcher> {
        let watch = watch.into();
        watch.check()?;
        let create = watch.into_wire();
        let start = |channel, _| watcher::start(channel, create.clone());
        let (started, endpoint) = self.caller.call(WATCH, Lane::Streams, start).await?;
        Watcher::new(started, endpoint, self.caller.dialing().is_mutual())
    }

    async fn read(&self, operation: Operation, range: Range) -> Result<RangeResponse> {
        let range = range.into_wire();
        self.unary(operation, |channel, patience| {
            let request = timed(range.clone(), patience);
            async move { kv(channel).range(request).await }
        })
        .await
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
pub(crate) fn timed<T>(message: T, patience: Duration) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(patience);
    request
}

// A large answer is the asker's own wish: tonic's limit of 4 MiB would refuse it after the work.

pub(crate) fn kv(channel: Channel) -> KvClient<Channel> {
    KvClient::new(channel).max_decoding_message_size(usize::MAX)
}

pub(crate) fn cluster(channel: Channel) -> ClusterClient<Channel> {
    ClusterClient::new(channel).max_decoding_message_size(usize::MAX)
}

pub(crate) fn maintenance(channel: Channel) -> MaintenanceClient<Channel> {
    MaintenanceClient::new(channel).max_decoding_message_size(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
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
        let client = Client::connect(Config::new([first.clone(), second.clone()])).await.unwrap();
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
