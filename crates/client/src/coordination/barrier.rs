//! A gate that one closes and all wait at.

use bytes::Bytes;

use super::session::Session;
use crate::client::Client;
use crate::error::{ErrorKind, Result};
use crate::kv::{Compare, Op, Put, Txn};
use crate::watch::Watch;

/// A gate: while somebody holds it, all who wait at it wait.
///
/// It is one key, as the barrier of etcd's Go client has it
/// (`client/v3/experimental/recipes/barrier.go`), so that both can share one.
///
/// ```no_run
/// # async fn run(client: tercet_client::Client) -> tercet_client::Result<()> {
/// let migration = client.barrier("migration");
/// migration.hold().await?;
/// // Elsewhere: migration.wait().await?;
/// migration.release().await?;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct Barrier {
    client: Client,
    key: Bytes,
}

impl Client {
    /// The barrier at `key`. Nothing is sent.
    #[must_use]
    pub fn barrier(&self, key: impl Into<Bytes>) -> Barrier {
        Barrier { client: self.clone(), key: key.into() }
    }
}

impl Barrier {
    /// Holds it until somebody releases it, and says whether it was free before.
    ///
    /// If its holder dies it stays held: where that is not meant use
    /// [`hold_within`](Self::hold_within).
    ///
    /// Cancelling: it may be held all the same.
    ///
    /// # Errors
    ///
    /// As [`Client::txn`]. After one whose outcome is unknown it may come to be held later.
    pub async fn hold(&self) -> Result<bool> {
        self.hold_by(Put::new(self.key.clone(), "")).await
    }

    /// The same until the session ends, if nobody releases it before.
    ///
    /// Cancelling: it may be held all the same.
    ///
    /// # Errors
    ///
    /// As [`hold`](Self::hold); also if the session is over.
    pub async fn hold_within(&self, session: &Session) -> Result<bool> {
        let put = Put::new(self.key.clone(), "").lease(session.lease_id());
        session.within("hold", self.hold_by(put)).await
    }

    async fn hold_by(&self, put: Put) -> Result<bool> {
        let hold = Txn::when([Compare::missing(self.key.clone())]).then([Op::put_with(put)]);
        let answer = self.client.txn(hold).await.map_err(|error| error.during("hold"))?;
        Ok(answer.succeeded())
    }

    /// Lets all go on who wait, whoever holds it, and says whether it was held.
    ///
    /// Cancelling: it may be released all the same.
    ///
    /// # Errors
    ///
    /// As [`Client::delete`].
    pub async fn release(&self) -> Result<bool> {
        let released = self.client.delete(self.key.clone()).await;
        Ok(released.map_err(|error| error.during("release"))?.deleted() > 0)
    }

    /// Waits until it is released; at once if it is not held. Who has waited goes on even if it is held
    /// again by then.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    ///
    /// If the cluster does not answer.
    pub async fn wait(&self) -> Result<()> {
        loop {
            let found = self.client.range(self.key.clone()).await?;
            if found.kvs().is_empty() {
                return Ok(());
            }
            let watch = Watch::key(self.key.clone()).no_puts();
            let mut deletions =
                self.client.watch(watch.start_revision(found.revision() + 1)).await?;
            match deletions.next().await {
                Some(Ok(_)) => return Ok(()),
                // The deletion may be among what is forgotten.
                Some(Err(error)) if error.kind() != ErrorKind::Compacted => return Err(error),
                Some(Err(_)) | None => {}
            }
        }
    }
}
