//! Passing calls on: to layers, and in the end to a connection.

use std::error::Error as StdError;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use http::{Request, Response};
use tonic::body::Body;
use tower_layer::Layer;
use tower_service::Service;

use crate::error::Outcome;
use crate::intercept::BoxError;
use crate::intercept::call::{Call, Reply, Sent};
use crate::transport::channel::{Answer, Sending};
use crate::transport::connection::Place;
use crate::transport::ended::Ended;
use crate::transport::endpoint::Endpoint;

/// What a layer is put around: it sends calls, or passes them on to the next layer.
#[derive(Clone)]
pub struct Exchange(To);

#[derive(Clone)]
enum To {
    Wire,
    Layer(Arc<dyn Pass>),
}

impl Exchange {
    /// Without a layer.
    pub(crate) fn to_wire() -> Self {
        Self(To::Wire)
    }

    /// With one more around it.
    pub(crate) fn layered<L>(self, layer: &L) -> Self
    where
        L: Layer<Self>,
        L::Service: Service<Call, Response = Reply> + Clone + Send + 'static,
        <L::Service as Service<Call>>::Error: Into<BoxError>,
        <L::Service as Service<Call>>::Future: Send + 'static,
    {
        Self(To::Layer(Arc::new(Shared(Mutex::new(layer.layer(self))))))
    }

    /// Sends this.
    pub(crate) fn begin(
        &self,
        head: Request<()>,
        body: Body,
        place: Place,
        endpoint: Arc<Endpoint>,
    ) -> Outgoing {
        let call = Call::new(head, body, place, endpoint, Sent::default());
        Outgoing::Layered(Box::new(self.pass(call)))
    }

    fn pass(&self, call: Call) -> Exchanging {
        Exchanging(match &self.0 {
            To::Wire => {
                let Call { head, body, place, sent, .. } = call;
                Passing::Wire(Box::new(Sending::new(place, head, body)), sent)
            }
            To::Layer(layer) => {
                let sent = call.sent.clone();
                Passing::Layer(layer.pass(call), sent)
            }
        })
    }
}

impl Service<Call> for Exchange {
    type Response = Reply;
    type Error = CallError;
    type Future = Exchanging;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, call: Call) -> Self::Future {
        self.pass(call)
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange").finish_non_exhaustive()
    }
}

/// A call under way, until its answer begins. Dropped, it is cancelled.
#[must_use = "futures do nothing unless they are polled"]
pub struct Exchanging(Passing);

type Layered = Pin<Box<dyn Future<Output = Result<Reply, BoxError>> + Send>>;

enum Passing {
    Wire(Box<Sending>, Sent),
    Layer(Layered, Sent),
}

impl Future for Exchanging {
    type Output = Result<Reply, CallError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(match &mut self.0 {
            Passing::Wire(sending, sent) => {
                sent.set();
                match ready!(Pin::new(&mut **sending).poll(context)) {
                    Ok(response) => Ok(Reply { response }),
                    Err(ended) => Err(CallError(ended)),
                }
            }
            Passing::Layer(layered, sent) => {
                ready!(layered.as_mut().poll(context)).map_err(|error| CallError::of(error, sent))
            }
        })
    }
}

impl fmt::Debug for Exchanging {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchanging").finish_non_exhaustive()
    }
}

/// Why a call had no answer: the connection ended, or a layer did not let it pass.
#[derive(Debug)]
pub struct CallError(Ended);

impl CallError {
    /// Whether the server may have acted on it.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        if self.0.is_refused() { Outcome::NotApplied } else { Outcome::Unknown }
    }

    fn of(error: BoxError, sent: &Sent) -> Self {
        match error.downcast::<Self>() {
            Ok(own) => *own,
            Err(error) => Self(Ended::Layer { error, sent: sent.is_set() }),
        }
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl StdError for CallError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source()
    }
}

/// A service of any type that each call has a clone of.
trait Pass: Send + Sync {
    fn pass(&self, call: Call) -> Layered;
}

/// The lock is for services that are not `Sync`, and held while one is cloned.
struct Shared<S>(Mutex<S>);

impl<S> Pass for Shared<S>
where
    S: Service<Call, Response = Reply> + Clone + Send + 'static,
    S::Error: Into<BoxError>,
    S::Future: Send + 'static,
{
    fn pass(&self, call: Call) -> Layered {
        let mut service = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Box::pin(async move {
            poll_fn(|context| service.poll_ready(context)).await.map_err(Into::into)?;
            service.call(call).await.map_err(Into::into)
        })
    }
}

/// A request on its way, with layers or without.
#[expect(
    clippy::large_enum_variant,
    reason = "it is part of a future and never moved once that is polled; a box would cost every request"
)]
pub(crate) enum Outgoing {
    Direct(Sending),
    Layered(Box<Exchanging>),
}

impl Future for Outgoing {
    type Output = Result<Response<Answer>, Ended>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *self {
            Self::Direct(sending) => Pin::new(sending).poll(context),
            Self::Layered(exchanging) => Pin::new(&mut **exchanging)
                .poll(context)
                .map(|result| result.map(|reply| reply.response).map_err(|error| error.0)),
        }
    }
}
