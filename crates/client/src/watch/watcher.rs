//! A watch that runs.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_core::Stream;
use tokio::sync::oneshot;

use crate::client::Client;
use crate::error::{Error, ErrorKind, Failure, Fate, Result};
use crate::json::json_object;
use crate::transport::classify::no_answer;
use crate::watch::WATCH;
use crate::watch::feed::Shared;
use crate::watch::request::Watch;
use crate::watch::response::WatchResponse;
use crate::watch::trunk::Command;

/// By how much the client's own patience is longer than that of its requests, whose end says more.
const GRACE: Duration = Duration::from_millis(500);

/// A watch that runs; dropping it ends it at the server too.
///
/// It goes on whatever happens to the member that it is on: when the connection is lost, the member
/// ends, falls silent or is left without a leader, or a token has expired, it is put on another
/// member, or on the same one again, from the revision after the last that was told. Each change is
/// told once, in the order of the revisions, and all changes of one revision come in one
/// [`WatchResponse`]. A member that falls silent is noticed after twenty seconds, or as
/// [`Config::keep_alive`](crate::Config::keep_alive) says.
///
/// It goes on from the revision that it knows. So a fleet that is restored from a snapshot behind the
/// same endpoints must be restored with a later revision (`etcdutl snapshot restore --bump-revision`),
/// or watched anew: what happens below the revision that was told is not told.
///
/// All watches of a client share a few streams, on a connection to each member that requests do not
/// use. One that is not read holds up no other: when its buffer is full
/// ([`Watch::max_buffered_events`]) it is taken from the server until it is read again.
///
/// It is also a [`Stream`] of what [`next`](Self::next) returns.
#[must_use = "dropping it ends the watch"]
pub struct Watcher(Arc<Shared>);

impl Watcher {
    /// The next events; `None` after an error.
    ///
    /// Cancel safe: what was not returned is returned by the next call.
    ///
    /// # Errors
    ///
    /// Once, and then the watch is over. Only for what would be the same on any member:
    /// [`Compacted`](ErrorKind::Compacted) if it would start, or go on, before what the store still
    /// knows, with [`compact_revision`](Error::compact_revision);
    /// [`PermissionDenied`](ErrorKind::PermissionDenied) and the like if the user may not watch
    /// this, or no longer; [`InvalidRequest`](ErrorKind::InvalidRequest) if no server would take it;
    /// and [`ConnectionLost`](ErrorKind::ConnectionLost) if the client's runtime has ended.
    pub async fn next(&mut self) -> Option<Result<WatchResponse>> {
        poll_fn(|context| self.0.poll_next(context)).await
    }

    /// Asks how far the watch is: the answer comes by [`next`](Self::next), after all events that
    /// happened before, as a response that [is progress](WatchResponse::is_progress).
    ///
    /// It returns when the member was asked, and asks again until there is an answer, which etcd
    /// gives only when all watches of a stream have caught up.
    ///
    /// Cancel safe: the answer may come all the same.
    ///
    /// # Errors
    ///
    /// [`Unsupported`](ErrorKind::Unsupported) if the member is older than 3.4.25, or is a 3.5 older
    /// than 3.5.8: it would answer before events that are yet to come.
    pub async fn request_progress(&self) -> Result<()> {
        request_progress(&self.0).await
    }

    /// The member that it is on, or was last.
    #[must_use]
    pub fn endpoint(&self) -> String {
        self.0.endpoint().to_string()
    }

    /// Whether it is on a member now; otherwise it is between two, has ended, or waits to be read.
    #[must_use]
    pub fn is_in_place(&self) -> bool {
        self.0.is_in_place()
    }

    /// The store's revision when the watch began, as the member knew it: without a start revision
    /// exactly what happened after it is told.
    #[must_use]
    pub fn created_revision(&self) -> i64 {
        self.0.created_revision()
    }

    pub(super) fn shared(&self) -> Arc<Shared> {
        self.0.clone()
    }

    pub(super) fn poll_next_response(
        &self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<WatchResponse>>> {
        self.0.poll_next(context)
    }
}

/// See [`Watcher::request_progress`].
pub(super) async fn request_progress(watch: &Shared) -> Result<()> {
    loop {
        let (answer, asked) = oneshot::channel();
        watch.tell(Command::Progress(watch.key, answer));
        match asked.await {
            Ok(result) => return result,
            // It was moved to another stream meanwhile.
            Err(_) if !watch.is_over() => tokio::task::yield_now().await,
            Err(_) => {
                let failure = Failure::new(ErrorKind::Other, Fate::Refused, "the watch is over");
                return Err(WATCH.failed(failure, &watch.endpoint()));
            }
        }
    }
}

impl Stream for Watcher {
    type Item = Result<WatchResponse>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_next(context)
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.0.leave();
    }
}

json_object!(Watcher, it => {
    endpoint: it.endpoint(),
    created_revision: it.created_revision(),
    is_in_place: it.is_in_place(),
});

impl Client {
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
    /// Cancel safe: a watch that nobody waits for is taken back.
    ///
    /// # Errors
    ///
    /// If no endpoint confirms the watch in time, or if the server refuses it: for one, because it
    /// knows no leader.
    pub async fn watch(&self, watch: impl Into<Watch>) -> Result<Watcher> {
        let watch = watch.into();
        watch.check()?;
        let watcher = Watcher(self.watches.start(watch, &self.namespace));
        let created = poll_fn(|context| watcher.0.poll_created(context));
        let patience = self.caller.timeout();
        match tokio::time::timeout(patience.saturating_add(GRACE), created).await {
            Ok(result) => result.map(|()| watcher),
            Err(_) => Err(late(patience, &watcher.endpoint())),
        }
    }
}

fn late(patience: Duration, endpoint: &str) -> Error {
    WATCH.failed(no_answer(patience), endpoint)
}
