//! The client's requests for leases.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tonic::Status;

use crate::client::{Client, timed};
use crate::error::{Error, ErrorKind, Failure, Fate, Result};
use crate::generated::etcdserverpb as pb;
use crate::generated::etcdserverpb::lease_client::LeaseClient;
use crate::lease::id::LeaseId;
use crate::lease::responses::{
    LeaseGrantResponse, LeaseRevokeResponse, LeaseTimeToLiveResponse, seconds, whole_seconds,
};
use crate::lease::stream::{KEEP_ALIVE, renew};
use crate::transport::call::{Caller, Lane, Operation};
use crate::transport::channel::Channel;
use crate::transport::classify::classify;

const GRANT: Operation = Operation::repeatable("lease grant");
const REVOKE: Operation = Operation::repeatable("lease revoke");
const TIME_TO_LIVE: Operation = Operation::read("lease time to live");
/// Since etcd 3.3.
const LEASES: Operation = Operation::read("leases");

impl Client {
    /// Grants a lease, which nobody keeps alive: for that, [`lease`](Self::lease).
    ///
    /// The client chooses its number, so that a request whose answer is lost can be sent again and
    /// leaves no second lease behind.
    ///
    /// Cancelling: a lease may have been granted all the same; it runs out by itself.
    ///
    /// # Errors
    ///
    /// [`InvalidRequest`](ErrorKind::InvalidRequest), with nothing sent, if `ttl` is zero, not in
    /// whole seconds, or more than [`MAX_LEASE_TTL`](crate::MAX_LEASE_TTL). Else whatever went wrong;
    /// of one whose outcome is unknown there may be a lease, which runs out by itself.
    pub async fn lease_grant(&self, ttl: Duration) -> Result<LeaseGrantResponse> {
        self.grant(LeaseId::random(), ttl).await
    }

    /// Grants a lease of this number, as [`lease_grant`](Self::lease_grant).
    ///
    /// Cancelling: it may be granted all the same, and then runs out by itself.
    ///
    /// # Errors
    ///
    /// As `lease_grant`, and [`LeaseExists`](ErrorKind::LeaseExists) if there is one of that number;
    /// with 0, which is none, [`InvalidRequest`](ErrorKind::InvalidRequest).
    pub async fn lease_grant_as(
        &self,
        id: impl Into<LeaseId>,
        ttl: Duration,
    ) -> Result<LeaseGrantResponse> {
        let id = id.into();
        if i64::from(id) == 0 {
            let what = "a lease cannot have the number 0, which says that there is none";
            let failure = Failure::new(ErrorKind::InvalidRequest, Fate::NeverSent, what);
            return Err(GRANT.failed_anywhere(failure));
        }
        self.grant(id, ttl).await
    }

    async fn grant(&self, id: LeaseId, ttl: Duration) -> Result<LeaseGrantResponse> {
        let request = pb::LeaseGrantRequest { ttl: whole_seconds(GRANT, ttl)?, id: id.into() };
        let doubtful = Doubtful::default();
        let send = |channel, patience| {
            let request = timed(request, patience);
            doubtful.count(async move { lease(channel).lease_grant(request).await })
        };
        match self.caller.call(GRANT, Lane::Requests, send).await {
            Ok((answer, _)) => {
                let wire = answer.into_inner();
                let revision = wire.header.unwrap_or_default().revision;
                Ok(LeaseGrantResponse { id: wire.id.into(), ttl: seconds(wire.ttl), revision })
            }
            // By an earlier attempt of ours, whose answer was lost.
            Err(error) if error.kind() == ErrorKind::LeaseExists && doubtful.any() => {
                // That it is there is known already; for how long it lives, at least as asked for.
                let there = self.lease_time_to_live(id).await.ok().flatten();
                let (ttl, revision) =
                    there.map_or((ttl, 0), |there| (there.granted(), there.revision()));
                Ok(LeaseGrantResponse { id, ttl, revision })
            }
            Err(error) => Err(error),
        }
    }

    /// Ends a lease, and deletes all keys that hang on it.
    ///
    /// Cancelling: it may be revoked all the same.
    ///
    /// # Errors
    ///
    /// [`LeaseNotFound`](ErrorKind::LeaseNotFound) if there is no such lease, or whatever went wrong.
    pub async fn lease_revoke(&self, id: impl Into<LeaseId>) -> Result<LeaseRevokeResponse> {
        revoke(&self.caller, id.into()).await
    }

    /// How much longer a lease lives; `None` if there is no such lease.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    ///
    /// Whatever went wrong, on each endpoint that was tried.
    pub async fn lease_time_to_live(
        &self,
        id: impl Into<LeaseId>,
    ) -> Result<Option<LeaseTimeToLiveResponse>> {
        self.time_to_live(id.into(), false).await
    }

    /// The same, with the keys that go away with it.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    ///
    /// As [`lease_time_to_live`](Self::lease_time_to_live). Where authentication is enabled the user
    /// must be allowed to read them all.
    pub async fn lease_time_to_live_with_keys(
        &self,
        id: impl Into<LeaseId>,
    ) -> Result<Option<LeaseTimeToLiveResponse>> {
        self.time_to_live(id.into(), true).await
    }

    async fn time_to_live(
        &self,
        id: LeaseId,
        keys: bool,
    ) -> Result<Option<LeaseTimeToLiveResponse>> {
        let request = pb::LeaseTimeToLiveRequest { id: id.into(), keys };
        let send = |channel, patience| {
            let request = timed(request, patience);
            async move { lease(channel).lease_time_to_live(request).await }
        };
        let answer = self.caller.call(TIME_TO_LIVE, Lane::Requests, send).await;
        Ok(LeaseTimeToLiveResponse::from_wire(answer?.0.into_inner(), &self.namespace))
    }

    /// All leases that there are, of everybody.
    ///
    /// As the member that is asked knows them, which may be a moment behind.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    ///
    /// Whatever went wrong, on each endpoint that was tried.
    pub async fn leases(&self) -> Result<Vec<LeaseId>> {
        let send = |channel, patience| {
            let request = timed(pb::LeaseLeasesRequest {}, patience);
            async move { lease(channel).lease_leases(request).await }
        };
        let (answer, _) = self.caller.call(LEASES, Lane::Requests, send).await?;
        Ok(answer.into_inner().leases.into_iter().map(|status| status.id.into()).collect())
    }

    /// Renews a lease once, and says for how long.
    ///
    /// To keep a lease, [`keep_alive`](Self::keep_alive).
    ///
    /// Cancelling: it may be renewed all the same.
    ///
    /// # Errors
    ///
    /// [`LeaseNotFound`](ErrorKind::LeaseNotFound) if there is no such lease, or whatever went wrong.
    pub async fn lease_keep_alive_once(&self, id: impl Into<LeaseId>) -> Result<Duration> {
        let (ttl, endpoint) = renew(&self.caller, id.into().into()).await?;
        if ttl.is_zero() {
            return Err(not_found(&endpoint));
        }
        Ok(ttl)
    }
}

/// Ends a lease at the server.
pub(super) async fn revoke(caller: &Caller, id: LeaseId) -> Result<LeaseRevokeResponse> {
    let request = pb::LeaseRevokeRequest { id: id.into() };
    let doubtful = Doubtful::default();
    let send = |channel, patience| {
        let request = timed(request, patience);
        doubtful.count(async move { lease(channel).lease_revoke(request).await })
    };
    match caller.call(REVOKE, Lane::Requests, send).await {
        Ok((answer, _)) => {
            let revision = answer.into_inner().header.unwrap_or_default().revision;
            Ok(LeaseRevokeResponse { revision })
        }
        // By an earlier attempt of ours, or since: it is gone, as was asked for.
        Err(error) if error.kind() == ErrorKind::LeaseNotFound && doubtful.any() => {
            Ok(LeaseRevokeResponse { revision: 0 })
        }
        Err(error) => Err(error),
    }
}

/// How many attempts of a request may have been done, for all that was heard of them.
///
/// Not all that were made: one whose token is not taken, or that meets a connection at its end, is
/// made again and did nothing.
#[derive(Default)]
struct Doubtful(AtomicU32);

impl Doubtful {
    async fn count<T>(
        &self,
        attempt: impl Future<Output = Result<T, Status>>,
    ) -> Result<T, Status> {
        // One that is dropped stays counted.
        self.0.fetch_add(1, Ordering::Relaxed);
        attempt.await.inspect_err(|status| {
            if classify(status.clone()).fate != Fate::Unknown {
                self.0.fetch_sub(1, Ordering::Relaxed);
            }
        })
    }

    fn any(&self) -> bool {
        self.0.load(Ordering::Relaxed) > 0
    }
}

fn lease(channel: Channel) -> LeaseClient {
    // All leases there are may be many.
    LeaseClient::new(channel)
}

fn not_found(endpoint: &str) -> Error {
    let what = "requested lease not found";
    KEEP_ALIVE.failed(Failure::new(ErrorKind::LeaseNotFound, Fate::Refused, what), endpoint)
}
