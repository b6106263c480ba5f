//! The service `v3lockpb.Lock`.

use bytes::Bytes;

use super::check;
use crate::client::{Client, timed};
use crate::error::Result;
use crate::generated::v3lockpb as pb;
use crate::generated::v3lockpb::lock_client::LockClient;
use crate::lease::LeaseId;
use crate::transport::call::{Lane, Operation};
use crate::transport::channel::Channel;

const LOCK: Operation = Operation::write("server lock").long().compound();
/// Not repeatable: the same lease has the same key when it takes the lock again, and a deletion that
/// is late would give that back.
const UNLOCK: Operation = Operation::write("server unlock");

/// Locks that a member waits for on behalf of its client, as etcd's service `Lock` has them.
///
/// One request takes a lock and one gives it back; that is all there is to say for it. The member
/// that waits may die, and then nobody knows whether the lock was taken; there is no fence, and
/// nothing keeps the lease alive. [`Mutex`](crate::Mutex) takes part in the same lock, with all of
/// that. This is for what must speak this service, for one through etcd's gRPC proxy.
///
/// ```no_run
/// # async fn run(client: tercet_client::Client) -> tercet_client::Result<()> {
/// use std::time::Duration;
///
/// let lease = client.lease(Duration::from_secs(10)).await?;
/// let locks = client.lock_server();
/// let key = locks.lock("locks/reports", lease.id()).await?;
/// locks.unlock(key).await?;
/// # Ok(()) }
/// ```
#[derive(Debug, Clone)]
pub struct LockServer(Client);

impl Client {
    /// Locks that a member waits for; see [`LockServer`] for why [`Mutex`](crate::Mutex) is better.
    #[must_use]
    pub fn lock_server(&self) -> LockServer {
        LockServer(self.clone())
    }
}

impl LockServer {
    /// Waits until the lock of this name is taken, for as long as it takes, and returns the key that
    /// is there while it is held. It goes away with the lease.
    ///
    /// Cancelling: the member gives its place up when it hears of it, and the lock may be taken all the
    /// same; then the key goes away with the lease.
    ///
    /// # Errors
    ///
    /// [`InvalidRequest`](crate::ErrorKind::InvalidRequest) without a name or a lease,
    /// [`LeaseNotFound`](crate::ErrorKind::LeaseNotFound) if there is no such lease,
    /// [`NotHeld`](crate::ErrorKind::NotHeld) if the lease ran out meanwhile, or whatever went wrong;
    /// [`Error::outcome`](crate::Error::outcome) says whether the lock may have been taken.
    pub async fn lock(&self, name: impl Into<Bytes>, lease: impl Into<LeaseId>) -> Result<Bytes> {
        let (name, lease) = (name.into(), lease.into());
        check(LOCK.name, &name, Some(lease))?;
        let namespace = &self.0.namespace;
        let request = pb::LockRequest { name: namespace.key(&name), lease: lease.into() };
        let send = |channel, _| {
            // No deadline for the server: it waits for others.
            let request = tonic::Request::new(request.clone());
            async move { locks(channel).lock(request).await }
        };
        let (answer, _) = self.0.caller.call(LOCK, Lane::Streams, send).await?;
        let mut key = answer.into_inner().key;
        namespace.strip(&mut key);
        Ok(key)
    }

    /// Gives back a lock, by the key that [`lock`](Self::lock) returned.
    ///
    /// Cancelling: it may happen all the same.
    ///
    /// # Errors
    ///
    /// Whatever went wrong; [`Error::outcome`](crate::Error::outcome) says whether it may have happened.
    pub async fn unlock(&self, key: impl Into<Bytes>) -> Result<()> {
        let key = key.into();
        check(UNLOCK.name, &key, None)?;
        let request = pb::UnlockRequest { key: self.0.namespace.key(&key) };
        let send = |channel, patience| {
            let request = timed(request.clone(), patience);
            async move { locks(channel).unlock(request).await }
        };
        self.0.caller.call(UNLOCK, Lane::Requests, send).await?;
        Ok(())
    }
}

fn locks(channel: Channel) -> LockClient {
    LockClient::new(channel)
}
