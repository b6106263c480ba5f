//! Requests to one very member.

use std::sync::Arc;
use std::time::Duration;

use crate::client::Client;
use crate::config;
use crate::error::{Error, Result};
use crate::from_wire::FromWire;
use crate::transport::call::{self, Lane, Operation};
use crate::transport::channel::Channel;

impl Client {
    /// Sends to this very member, and asks no other.
    ///
    /// An endpoint that the client was not made with is dialled for this one request.
    pub(crate) async fn unary_at<W, T, S, F>(
        &self,
        operation: Operation,
        endpoint: config::Endpoint,
        send: S,
    ) -> Result<T>
    where
        S: Fn(Channel, Duration) -> F,
        F: Future<Output = Result<tonic::Response<W>, tonic::Status>>,
        T: FromWire<W>,
    {
        let patience = operation.timeout(self.caller.timeout());
        let member = match self.caller.member(&endpoint) {
            Some(member) => member,
            None => Arc::new(self.stranger(operation, &endpoint)?),
        };
        let caller = &self.caller;
        let answer = caller.call_at(operation, &member, Lane::Requests, patience, send).await?;
        Ok(T::from_wire(answer.into_inner()))
    }

    /// An endpoint with connections of its own, which are dialled when they are needed. One of the
    /// client's has its server name there, too.
    pub(crate) fn stranger(
        &self,
        operation: Operation,
        endpoint: &config::Endpoint,
    ) -> Result<call::Member> {
        if let Some(member) = self.caller.member(endpoint) {
            return Ok(self.caller.stranger(member.endpoint().clone()));
        }
        let during = |error: Error| error.during(operation.name);
        let endpoint = endpoint.check().map_err(during)?;
        let tls = self.caller.dialing().tls.as_ref();
        config::check_trust(std::slice::from_ref(&endpoint), tls).map_err(during)?;
        Ok(self.caller.stranger(endpoint))
    }
}
