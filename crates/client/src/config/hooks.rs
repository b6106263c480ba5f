//! What a client tells of its work, and who has a say in it.

use std::sync::Arc;

use tower_layer::Layer;
use tower_service::Service;

use crate::config::Config;
use crate::intercept::{Call, Exchange, Intercept, Reply};
use crate::observe::{Hooks, Observer};

/// Puts a layer around what is there.
pub(super) type Around = Arc<dyn Fn(Exchange) -> Exchange + Send + Sync>;

impl Config {
    /// Who is told of requests, connections, tokens, watches and leases: for metrics. The last one
    /// that is given counts; without one nothing is measured.
    ///
    /// For logs and traces none is needed: each request is a span of `tracing`, named `etcd`, at the
    /// level `DEBUG` with the target `tercet_client`, and has the fields `operation`, `endpoint`,
    /// `attempts`, `result` and `outcome`. Neither has keys or values in it.
    pub fn observer(mut self, observer: impl Observer) -> Self {
        self.observer = Some(Arc::new(observer));
        self
    }

    /// Puts a layer of tower's between the client and its connections: for metadata, limits,
    /// timeouts or refusals of your own. The first that is given is the outermost.
    ///
    /// It sees each [`Call`] to an endpoint, so of one request several where it is asked elsewhere or
    /// with another token, and also the client's own ones, for tokens and of streams. Each client that
    /// is made from this has one service of it, of which every call gets a clone; what clones share,
    /// such as the permits of a concurrency limit, holds for the whole client. Calls cannot be
    /// cloned, so layers that repeat them have nothing to do.
    ///
    /// If it gives an error of its own the request fails with [`ErrorKind::Layer`] and goes to no
    /// other endpoint. Its [`outcome`](crate::Error::outcome) is `NotApplied` if the call was not
    /// passed on, else `Unknown` for what may have changed something. A call that waits in a layer
    /// has a place on its connection, and the request's time goes on.
    ///
    /// ```no_run
    /// use tercet_client::{Call, Config, Exchange, Reply};
    /// use tower_layer::layer_fn;
    /// use tower_service::Service;
    ///
    /// # use std::task::{Context, Poll};
    /// #[derive(Clone)]
    /// struct Printed(Exchange);
    ///
    /// impl Service<Call> for Printed {
    ///     type Response = Reply;
    ///     type Error = <Exchange as Service<Call>>::Error;
    ///     type Future = <Exchange as Service<Call>>::Future;
    ///
    ///     fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
    ///         self.0.poll_ready(context)
    ///     }
    ///
    ///     fn call(&mut self, call: Call) -> Self::Future {
    ///         println!("{} to {}", call.method(), call.endpoint());
    ///         self.0.call(call)
    ///     }
    /// }
    ///
    /// let config = Config::new(["http://127.0.0.1:2379"]).layer(layer_fn(Printed));
    /// ```
    ///
    /// [`ErrorKind::Layer`]: crate::ErrorKind::Layer
    pub fn layer<L>(mut self, layer: L) -> Self
    where
        L: Layer<Exchange> + Send + Sync + 'static,
        L::Service: Service<Call, Response = Reply> + Clone + Send + 'static,
        <L::Service as Service<Call>>::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
        <L::Service as Service<Call>>::Future: Send + 'static,
    {
        self.layers.push(Arc::new(move |exchange| exchange.layered(&layer)));
        self
    }

    /// Has this function look at each call, as a [`layer`](Self::layer) that adds metadata or
    /// refuses.
    ///
    /// ```
    /// # use tercet_client::Config;
    /// let config = Config::new(["http://127.0.0.1:2379"]).intercept(|call| {
    ///     if call.method() == "/etcdserverpb.KV/Compact" {
    ///         return Err("not from here".into());
    ///     }
    ///     call.insert_metadata("x-tenant", "blue")?;
    ///     Ok(())
    /// });
    /// ```
    pub fn intercept<F>(self, function: F) -> Self
    where
        F: Fn(&mut Call) -> Result<(), Box<dyn std::error::Error + Send + Sync>>
            + Clone
            + Send
            + Sync
            + 'static,
    {
        self.layer(Intercept(function))
    }

    pub(super) fn hooks(&self) -> Hooks {
        let innermost_first = self.layers.iter().rev();
        let exchange = innermost_first.fold(None, |inner: Option<Exchange>, around| {
            Some(around(inner.unwrap_or_else(Exchange::to_wire)))
        });
        Hooks { observer: self.observer.clone(), exchange }
    }
}
