use std::future::poll_fn;
use std::pin::Pin;

use futures_core::Stream;

/// The next item, as users of a crate of adapters get it.
pub async fn next_of<S: Stream + Unpin>(stream: &mut S) -> Option<S::Item> {
    poll_fn(|context| Pin::new(&mut *stream).poll_next(context)).await
}
