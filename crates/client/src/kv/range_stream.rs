//! A large range in one request, of which the server sends a part at a time.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use futures_core::Stream;
use tonic::Streaming;

use crate::client::Client;
use crate::error::Result;
use crate::from_wire::FromWire as _;
use crate::generated::etcdserverpb as pb;
use crate::generated::etcdserverpb::range_request::{SortOrder, SortTarget};
use crate::kv::calls::kv;
use crate::kv::check::{self, invalid};
use crate::kv::{Enter as _, Leave as _, Namespace, Range, RangeResponse};
use crate::transport::call::{Lane, Operation};
use crate::transport::classify::classify;

const RANGE_STREAM: Operation = Operation::read("range_stream").since("3.7");

impl Client {
    /// Reads keys as etcd 3.7 streams them: one request, all of one revision, and a member that
    /// holds a part of the answer at a time. For all versions there is [`pages`](Self::pages).
    ///
    /// It takes neither an order but that of the keys nor bounds for revisions
    /// (`server/etcdserver/api/v3rpc/key.go`, `checkRangeStreamRequest`).
    ///
    /// Cancel safe: dropping it asks for nothing more.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get), [`InvalidRequest`](crate::ErrorKind::InvalidRequest) if the range
    /// cannot be read so, and [`Unsupported`](crate::ErrorKind::Unsupported) before etcd 3.7.
    pub async fn range_stream(&self, range: impl Into<Range>) -> Result<RangeStream> {
        let mut range = range.into().into_wire();
        check_streamed(&range).map_err(|what| invalid(RANGE_STREAM, what))?;
        // etcd refuses even the order that it has.
        range.set_sort_order(SortOrder::None);
        range.set_sort_target(SortTarget::Key);
        range.enter(&self.namespace);
        let open = |channel, _| {
            // No deadline for the server: the stream may be as long as its reader is slow.
            let request = tonic::Request::new(range.clone());
            async move {
                let mut parts = kv(channel).range_stream(request).await?.into_inner();
                // What is wrong is said before the first part.
                let first = parts.message().await?;
                Ok((first, parts))
            }
        };
        let ((first, parts), endpoint) =
            self.caller.call(RANGE_STREAM, Lane::Streams, open).await?;
        let done = first.is_none();
        Ok(RangeStream { first, parts, endpoint, namespace: self.namespace.clone(), done })
    }
}

fn check_streamed(range: &pb::RangeRequest) -> Result<(), &'static str> {
    check::range(range)?;
    let ordered = range.sort_order() == SortOrder::None
        || (range.sort_target() == SortTarget::Key && range.sort_order() == SortOrder::Ascend);
    if !ordered {
        return Err("a stream comes in the order of the keys, and this has another");
    }
    let bounds = [
        range.min_mod_revision,
        range.max_mod_revision,
        range.min_create_revision,
        range.max_create_revision,
    ];
    if bounds != [0; 4] {
        return Err(
            "a stream takes no bounds for revisions (etcd 3.7 refuses them); read pages instead",
        );
    }
    Ok(())
}

/// A range under way, in parts; dropping it ends it: see [`Client::range_stream`]. It is a [`Stream`],
/// too.
#[must_use = "dropping it asks for nothing more"]
pub struct RangeStream {
    first: Option<pb::RangeStreamResponse>,
    parts: Streaming<pb::RangeStreamResponse>,
    endpoint: Arc<str>,
    namespace: Namespace,
    done: bool,
}

impl RangeStream {
    /// The next keys; `None` at the end, and after an error.
    ///
    /// The last part alone has the revision, how many keys there are, and whether the limit left
    /// some out (`server/etcdserver/v3_server.go`, `rangeStream`).
    ///
    /// Cancel safe: what was not returned is returned by the next call.
    ///
    /// # Errors
    ///
    /// Once, and then it is over: [`ConnectionLost`](crate::ErrorKind::ConnectionLost) if the member
    /// went away, or whatever it says.
    pub async fn next(&mut self) -> Option<Result<RangeResponse>> {
        poll_fn(|context| self.poll_part(context)).await
    }

    fn poll_part(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<RangeResponse>>> {
        if self.done {
            return Poll::Ready(None);
        }
        let part = match self.first.take() {
            Some(first) => Some(Ok(first)),
            None => ready!(Pin::new(&mut self.parts).poll_next(context)),
        };
        self.done = !matches!(part, Some(Ok(_)));
        Poll::Ready(part.map(|part| {
            let part = part.map_err(|s| RANGE_STREAM.failed(classify(s), &self.endpoint))?;
            let mut range = part.range_response.unwrap_or_default();
            range.leave(&self.namespace);
            Ok(RangeResponse::from_wire(range))
        }))
    }
}

impl Stream for RangeStream {
    type Item = Result<RangeResponse>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_part(context)
    }
}

impl fmt::Debug for RangeStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RangeStream")
            .field("endpoint", &self.endpoint)
            .field("done", &self.done)
            .finish_non_exhaustive()
    }
}
