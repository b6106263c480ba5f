//! Two futures, of which the first to be ready counts.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

/// Which of two futures was ready first.
pub(crate) enum Raced<A, B> {
    First(A),
    Second(B),
}

/// Waits for either; the other one is dropped. If both are ready it is the first.
///
/// As `tokio::select!`, for which a dependency on its macros would be needed.
pub(crate) async fn race<A: Future, B: Future>(first: A, second: B) -> Raced<A::Output, B::Output> {
    let (mut first, mut second) = (pin!(first), pin!(second));
    poll_fn(|context| {
        if let Poll::Ready(output) = first.as_mut().poll(context) {
            return Poll::Ready(Raced::First(output));
        }
        second.as_mut().poll(context).map(Raced::Second)
    })
    .await
}
