//! A function in the place of a layer.

use std::future::{Ready, ready};
use std::pin::Pin;
use std::task::{Context, Poll};

use tower_layer::Layer;
use tower_service::Service;

use crate::intercept::BoxError;
use crate::intercept::call::{Call, Reply};
use crate::intercept::exchange::{Exchange, Exchanging};

/// A function that sees each call before it is passed on.
#[derive(Clone)]
pub(crate) struct Intercept<F>(pub(crate) F);

impl<F: Clone> Layer<Exchange> for Intercept<F> {
    type Service = Intercepted<F>;

    fn layer(&self, exchange: Exchange) -> Self::Service {
        Intercepted { function: self.0.clone(), exchange }
    }
}

#[derive(Clone)]
pub(crate) struct Intercepted<F> {
    function: F,
    exchange: Exchange,
}

impl<F: Fn(&mut Call) -> Result<(), BoxError>> Service<Call> for Intercepted<F> {
    type Response = Reply;
    type Error = BoxError;
    type Future = Intercepting;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut call: Call) -> Self::Future {
        match (self.function)(&mut call) {
            Ok(()) => Intercepting::Passed(self.exchange.call(call)),
            Err(error) => Intercepting::Denied(ready(Err(error))),
        }
    }
}

pub(crate) enum Intercepting {
    Passed(Exchanging),
    Denied(Ready<Result<Reply, BoxError>>),
}

impl Future for Intercepting {
    type Output = Result<Reply, BoxError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut *self {
            Self::Passed(passed) => Pin::new(passed).poll(context).map_err(Into::into),
            Self::Denied(denied) => Pin::new(denied).poll(context),
        }
    }
}
