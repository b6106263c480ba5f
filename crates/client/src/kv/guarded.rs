//! Writes of which it can be found out afterwards whether they happened.

mod calls;
mod resolve;
mod slots;
mod wrap;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use self::slots::Slots;
use crate::client::Client;

pub(crate) use self::resolve::Pending;
pub use self::resolve::Resolution;

/// For how long at least after it began a guarded write can be [resolved](crate::Error::resolve).
///
/// The guards of a client that is gone stay in the store for up to twice as long.
pub const EVIDENCE_TIME: Duration = Duration::from_secs(15 * 60);

/// Writes of which it can be found out afterwards whether they happened.
///
/// A plain write whose answer is lost ([`Outcome::Unknown`](crate::Outcome::Unknown)) cannot be
/// settled by reading: what is not there now may still be under way, in a member that is cut off or
/// paused, and appear later. So each write here is a transaction that depends on a *guard*, a key of
/// this handle that nobody else writes: it is only done if the guard has not changed since, and it
/// changes the guard. [`Error::resolve`](crate::Error::resolve) changes the guard as well, under the
/// same condition. Of these two only the first in the store's order can be done, so that afterwards
/// the write either was, once, or never will be.
///
/// ```no_run
/// # async fn run(client: tercet_client::Client) -> tercet_client::Result<()> {
/// use tercet_client::Resolution;
///
/// let guarded = client.guarded("guards/");
/// match guarded.put("balance", "100").await {
///     Ok(_) => {}
///     Err(error) if error.is_resolvable() => match error.resolve(&client).await? {
///         Resolution::Applied { revision, .. } => println!("it was written at {revision}"),
///         Resolution::NotApplied => println!("it was not, and never will be"),
///         Resolution::Undecidable => println!("nobody knows any more"),
///     },
///     Err(error) => return Err(error),
/// }
/// # Ok(()) }
/// ```
///
/// What it costs: one more put in the same transaction, and as many guards as there were guarded
/// writes under way at once. They are kept for up to half an hour after the last use, by a lease, and
/// each quarter of an hour new ones are made, which takes two more requests.
///
/// Where authentication is enabled the user needs to read and write the guards' prefix. As any other
/// key they are seen by who reads or watches it, and whoever writes or deletes them takes the evidence
/// away: a write that is then under way is not done, and what cannot be told any more is
/// [`Undecidable`](Resolution::Undecidable).
///
/// Cloning it is cheap, and clones share their guards.
#[derive(Clone)]
pub struct Guarded {
    client: Client,
    slots: Arc<Slots>,
}

impl Client {
    /// Writes of which it can be found out afterwards whether they happened, with keys for that
    /// under `prefix`, which should have no other use.
    #[must_use]
    pub fn guarded(&self, prefix: impl Into<Bytes>) -> Guarded {
        Guarded { client: self.clone(), slots: Arc::new(Slots::new(&prefix.into())) }
    }
}

impl Guarded {
    /// The client that it was made of, whose own writes have no guard.
    #[must_use]
    pub fn client(&self) -> &Client {
        &self.client
    }
}

impl fmt::Debug for Guarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guarded")
            .field("client", &self.client)
            .field("prefix", self.slots.prefix())
            .finish()
    }
}
