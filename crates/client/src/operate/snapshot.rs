//! A member's whole store, as it is handed out.

mod check;
mod file;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};
use tonic::{Request, Streaming};

use self::check::Check;
pub use self::file::SavedSnapshot;
use crate::client::{Client, maintenance};
use crate::config::Endpoint;
use crate::error::{Error, ErrorKind, Failure, Fate, Result};
use crate::generated::etcdserverpb as pb;
use crate::json::json_object;
use crate::transport::call::{Lane, Member, Operation};
use crate::transport::classify::{classify, own};

const SNAPSHOT: Operation = Operation::read("snapshot");

/// How long a snapshot may stand still; see [`Snapshot::stall_timeout`].
///
/// As long as a disk with much to write may let etcd wait. A member that is gone is noticed before,
/// by its pings.
pub const SNAPSHOT_STALL_TIMEOUT: Duration = Duration::from_secs(30);

impl Client {
    /// Asks one member for all that is in its store: keys with their history, leases, users, and
    /// who the members are. What the others have and this one has not yet is not in it.
    ///
    /// ```no_run
    /// # async fn run(client: tercet_client::Client) -> tercet_client::Result<()> {
    /// let saved = client.snapshot("https://etcd-1:2379").await?.save("backup.db").await?;
    /// println!("{} bytes", saved.bytes());
    /// # Ok(()) }
    /// ```
    ///
    /// It comes over a connection of its own, so that it holds up no request and no watch. The
    /// client's timeout is for its beginning only. The endpoint need not be one that the client was
    /// made with, as for [`status`](Self::status).
    ///
    /// Cancel safe: dropping it asks for nothing more.
    ///
    /// # Errors
    ///
    /// As [`status`](Self::status).
    pub async fn snapshot(&self, endpoint: impl Into<Endpoint>) -> Result<Snapshot> {
        let connection = self.stranger(SNAPSHOT, &endpoint.into())?;
        let begin = |channel, _| async move {
            // Without a deadline, which would be that of the whole.
            let request = Request::new(pb::SnapshotRequest {});
            let mut responses = maintenance(channel).snapshot(request).await?.into_inner();
            match responses.message().await? {
                Some(first) => Ok((first, responses)),
                None => {
                    let what = "the server ended the stream before it sent anything";
                    Err(own(ErrorKind::DamagedSnapshot, what))
                }
            }
        };
        let patience = self.caller.timeout();
        let caller = &self.caller;
        let (first, responses) =
            caller.call_at(SNAPSHOT, &connection, Lane::Streams, patience, begin).await?;
        let check = Check::new(first.remaining_bytes.saturating_add(first.blob.len() as u64));
        Ok(Snapshot {
            version: Some(first.version.clone()).filter(|version| !version.is_empty()),
            first: Some(first),
            responses,
            check,
            endpoint: connection.url().to_string(),
            stall_timeout: SNAPSHOT_STALL_TIMEOUT,
            done: false,
            _connection: connection,
        })
    }
}

/// A snapshot under way; dropping it ends it.
///
/// All its bytes, one after the other, are a file as `etcdutl snapshot restore` takes it: the
/// store, and the SHA-256 of it (`server/etcdserver/api/v3rpc/maintenance.go`). Both are compared
/// as they come, and the end is not reached without an error if they differ.
#[must_use = "nothing is saved until it is read"]
pub struct Snapshot {
    first: Option<pb::SnapshotResponse>,
    responses: Streaming<pb::SnapshotResponse>,
    check: Check,
    version: Option<String>,
    endpoint: String,
    stall_timeout: Duration,
    done: bool,
    /// Kept for as long as it is used.
    _connection: Member,
}

impl Snapshot {
    /// How many bytes it has in all.
    #[must_use]
    pub fn total_bytes(&self) -> u64 {
        self.check.total_bytes()
    }

    /// The version that the store is written for, as `3.6.0`; `None` before etcd 3.6.
    #[must_use]
    pub fn storage_version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// How long it may stand still, with no byte coming, before it is given up;
    /// [`SNAPSHOT_STALL_TIMEOUT`] unless set. Only while a byte is waited for: who reads slowly may.
    pub fn stall_timeout(mut self, timeout: Duration) -> Self {
        self.stall_timeout = timeout;
        self
    }

    /// The next bytes; `None` at the end, when all of them have been checked, and after an error.
    ///
    /// Until then what came may be damaged: whoever writes it somewhere must throw it away when
    /// this fails. [`save`](Self::save) does.
    ///
    /// Cancel safe: what was not returned is returned by the next call.
    ///
    /// # Errors
    ///
    /// Once, and then it is over: [`DamagedSnapshot`](ErrorKind::DamagedSnapshot) if it ends too
    /// early or is not what its digest says, [`DeadlineExceeded`](ErrorKind::DeadlineExceeded) if it
    /// stands still, [`ConnectionLost`](ErrorKind::ConnectionLost) if the member went away, or
    /// whatever the server says.
    pub async fn next(&mut self) -> Option<Result<SnapshotChunk>> {
        if self.done {
            return None;
        }
        let result = self.receive().await;
        self.done = !matches!(result, Ok(Some(_)));
        result.map_err(|failure| SNAPSHOT.failed(failure, &self.endpoint)).transpose()
    }

    /// Writes it to a file, which is there only when all of it is written, checked and on the disk.
    /// Then it replaces what was there before. Only its owner may read it.
    ///
    /// Cancelling: what was written is removed soon after. Of one that has come to its end the file may
    /// be there all the same, and then it is whole.
    ///
    /// # Errors
    ///
    /// As [`next`](Self::next), and [`Io`](ErrorKind::Io) if the file cannot be written. There is
    /// then no file, or the one that was there before.
    ///
    /// # Panics
    ///
    /// Outside of a tokio runtime.
    pub async fn save(self, path: impl AsRef<Path>) -> Result<SavedSnapshot> {
        file::save(self, path.as_ref()).await
    }

    /// Writes it anywhere, and flushes.
    ///
    /// Cancelling: a part of it may be written.
    ///
    /// # Errors
    ///
    /// As [`next`](Self::next), and [`Io`](ErrorKind::Io) if it cannot be written. What was written
    /// until then is worth nothing.
    pub async fn write_to(
        mut self,
        writer: &mut (impl AsyncWrite + Unpin),
    ) -> Result<SavedSnapshot> {
        while let Some(chunk) = self.next().await {
            let written = writer.write_all(chunk?.bytes()).await;
            written.map_err(|error| self.not_written("the snapshot cannot be written", error))?;
        }
        let flushed = writer.flush().await;
        flushed.map_err(|error| self.not_written("the snapshot cannot be flushed", error))?;
        Ok(self.saved())
    }

    async fn receive(&mut self) -> Result<Option<SnapshotChunk>, Failure> {
        let stalled = Instant::now().checked_add(self.stall_timeout);
        loop {
            let response = match self.first.take() {
                Some(first) => Some(first),
                None => self.message(stalled).await?,
            };
            let Some(response) = response else {
                return self.check.end().map(|()| None);
            };
            // An etcd that cannot read its own file goes on sending nothing (`Snapshot` in its
            // `maintenance.go`), so that only bytes are progress.
            if !response.blob.is_empty() {
                self.check.add(&response.blob)?;
                return Ok(Some(SnapshotChunk {
                    bytes: response.blob,
                    total_bytes: self.check.total_bytes(),
                    remaining_bytes: self.check.remaining_bytes(),
                }));
            }
        }
    }

    async fn message(
        &mut self,
        stalled: Option<Instant>,
    ) -> Result<Option<pb::SnapshotResponse>, Failure> {
        let message = self.responses.message();
        let result = match stalled {
            Some(stalled) => timeout_at(stalled, message).await,
            // Longer than a clock can tell.
            None => Ok(message.await),
        };
        let stands_still = |_| {
            let what = format!("nothing came for {:.1?}", self.stall_timeout);
            Failure::new(ErrorKind::DeadlineExceeded, Fate::Unknown, what)
        };
        let failure = match result.map_err(stands_still) {
            Ok(Ok(message)) => return Ok(message),
            Ok(Err(status)) => classify(status),
            Err(failure) => failure,
        };
        let what = format!("{}, {}", failure.what, self.check.how_far());
        Err(Failure { what, ..failure })
    }

    fn saved(&self) -> SavedSnapshot {
        SavedSnapshot::new(self.check.total_bytes(), self.check.digest(), self.version.clone())
    }

    fn not_written(&self, what: &str, error: std::io::Error) -> Error {
        let failure = Failure::new(ErrorKind::Io, Fate::Refused, what);
        SNAPSHOT.failed(failure, &self.endpoint).caused_by(error)
    }
}

impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot")
            .field("endpoint", &self.endpoint)
            .field("total_bytes", &self.total_bytes())
            .field("remaining_bytes", &self.check.remaining_bytes())
            .finish_non_exhaustive()
    }
}

/// Some of the bytes of a [`Snapshot`].
#[derive(Clone, PartialEq, Eq)]
pub struct SnapshotChunk {
    bytes: Bytes,
    total_bytes: u64,
    remaining_bytes: u64,
}

impl SnapshotChunk {
    /// The bytes, never none; etcd sends 32 KiB at a time.
    #[must_use]
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The bytes, to keep.
    #[must_use]
    pub fn into_bytes(self) -> Bytes {
        self.bytes
    }

    /// How many bytes the snapshot has in all.
    #[must_use]
    pub fn total_bytes(&self) -> u64 {
        self.total_bytes
    }

    /// How many are yet to come after these.
    #[must_use]
    pub fn remaining_bytes(&self) -> u64 {
        self.remaining_bytes
    }
}

// Not the bytes: they are of a file of the server's.
json_object!(SnapshotChunk, it => {
    bytes: it.bytes.len(),
    total_bytes: it.total_bytes,
    remaining_bytes: it.remaining_bytes,
});
