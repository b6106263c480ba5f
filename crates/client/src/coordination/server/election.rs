//! The service `v3electionpb.Election`.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_core::Stream;
use tonic::Streaming;

use super::check;
use crate::client::{Client, timed};
use crate::error::{ErrorKind, Failure, Fate, Result};
use crate::from_wire::FromWire as _;
use crate::generated::v3electionpb as pb;
use crate::generated::v3electionpb::election_client::ElectionClient;
use crate::json::json_object;
use crate::kv::{KeyValue, Namespace};
use crate::lease::LeaseId;
use crate::transport::call::{Lane, Operation};
use crate::transport::channel::Channel;
use crate::transport::classify::classify;

const CAMPAIGN: Operation = Operation::write("server campaign").long().compound();
const PROCLAIM: Operation = Operation::write("server proclaim");
/// It compares when the key came into being: a second time does nothing.
const RESIGN: Operation = Operation::repeatable("server resign");
const LEADER: Operation = Operation::read("server leader");
const OBSERVE: Operation = Operation::read("server observe");
/// How often a member may end a stream of leaders at once and without a word.
///
/// It does so of all that goes wrong (`server/etcdserver/api/v3election/election.go`, `Observe`). The
/// second time would be enough for a token, if it reached all members at once.
const SILENT_ENDS: usize = 3;

/// Elections in which a member stands for its client, as etcd's service `Election` has them.
///
/// [`Election`](crate::Election) takes part in the same elections, keeps its lease alive, tells when
/// leadership is lost, and goes on when a member dies. This is for what must speak this service.
#[derive(Debug, Clone)]
pub struct ElectionServer(Client);

/// What proves who leads: what [`campaign`](ElectionServer::campaign) returns, and what the other
/// requests of a leader take.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerLeadership {
    name: Bytes,
    key: Bytes,
    create_revision: i64,
    lease: LeaseId,
}

impl Client {
    /// Elections in which a member stands for its client; see [`ElectionServer`] for why
    /// [`Election`](crate::Election) is better.
    #[must_use]
    pub fn election_server(&self) -> ElectionServer {
        ElectionServer(self.clone())
    }
}

impl ServerLeadership {
    /// The key that is there while it leads.
    #[must_use]
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// When that key came into being: greater with each leader.
    #[must_use]
    pub fn create_revision(&self) -> i64 {
        self.create_revision
    }

    fn to_wire(&self, namespace: &Namespace) -> pb::LeaderKey {
        pb::LeaderKey {
            name: namespace.key(&self.name),
            key: namespace.key(&self.key),
            rev: self.create_revision,
            lease: self.lease.into(),
        }
    }
}

json_object!(ServerLeadership, it => {
    name: it.name,
    key: it.key,
    create_revision: it.create_revision,
    lease: it.lease,
});

impl ElectionServer {
    /// Waits until it leads, for as long as it takes, and announces `value`. It ends with the lease.
    ///
    /// Cancelling: the member gives its place up when it hears of it, and it may lead all the same;
    /// that ends with the lease.
    ///
    /// # Errors
    ///
    /// [`InvalidRequest`](crate::ErrorKind::InvalidRequest) without a name or a lease,
    /// [`LeaseNotFound`](crate::ErrorKind::LeaseNotFound) if there is no such lease, or whatever went
    /// wrong; [`Error::outcome`](crate::Error::outcome) says whether it may lead all the same.
    pub async fn campaign(
        &self,
        name: impl Into<Bytes>,
        lease: impl Into<LeaseId>,
        value: impl Into<Bytes>,
    ) -> Result<ServerLeadership> {
        let (name, lease, value) = (name.into(), lease.into(), value.into());
        check(CAMPAIGN.name, &name, Some(lease))?;
        let namespace = &self.0.namespace;
        let request =
            pb::CampaignRequest { name: namespace.key(&name), lease: lease.into(), value };
        let send = |channel, _| {
            // No deadline for the server: it waits for others.
            let request = tonic::Request::new(request.clone());
            async move { elections(channel).campaign(request).await }
        };
        let (answer, _) = self.0.caller.call(CAMPAIGN, Lane::Streams, send).await?;
        let leader = answer.into_inner().leader.unwrap_or_default();
        let mut key = leader.key;
        namespace.strip(&mut key);
        Ok(ServerLeadership { name, key, create_revision: leader.rev, lease })
    }

    /// Announces another value, if it still leads.
    ///
    /// Cancelling: it may happen all the same.
    ///
    /// # Errors
    ///
    /// [`NotHeld`](crate::ErrorKind::NotHeld) if it does not lead any more, or whatever went wrong.
    pub async fn proclaim(
        &self,
        leadership: &ServerLeadership,
        value: impl Into<Bytes>,
    ) -> Result<()> {
        let leader = Some(leadership.to_wire(&self.0.namespace));
        let request = pb::ProclaimRequest { leader, value: value.into() };
        let send = |channel, patience| {
            let request = timed(request.clone(), patience);
            async move { elections(channel).proclaim(request).await }
        };
        self.0.caller.call(PROCLAIM, Lane::Requests, send).await?;
        Ok(())
    }

    /// Ends its leadership; if that has ended, nothing happens.
    ///
    /// Cancel safe: it may be asked again.
    ///
    /// # Errors
    ///
    /// Whatever went wrong, on each endpoint that was tried.
    pub async fn resign(&self, leadership: &ServerLeadership) -> Result<()> {
        let request = pb::ResignRequest { leader: Some(leadership.to_wire(&self.0.namespace)) };
        let send = |channel, patience| {
            let request = timed(request.clone(), patience);
            async move { elections(channel).resign(request).await }
        };
        self.0.caller.call(RESIGN, Lane::Requests, send).await?;
        Ok(())
    }

    /// Who leads: its key, with what it announced; `None` if nobody does.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    ///
    /// Whatever went wrong, on each endpoint that was tried.
    pub async fn leader(&self, name: impl Into<Bytes>) -> Result<Option<KeyValue>> {
        let name = name.into();
        check(LEADER.name, &name, None)?;
        let request = pb::LeaderRequest { name: self.0.namespace.key(&name) };
        let send = |channel, patience| {
            let request = timed(request.clone(), patience);
            async move { elections(channel).leader(request).await }
        };
        match self.0.caller.call(LEADER, Lane::Requests, send).await {
            Ok((answer, _)) => Ok(leader(answer.into_inner(), &self.0.namespace)),
            // (`client/v3/concurrency/election.go`, `ErrElectionNoLeader`)
            Err(error) if error.server_message() == Some("election: no leader") => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Who leads, each time that this changes or another value is announced, for as long as the member
    /// that was asked is there. [`Election::observe`](crate::Election::observe) goes on at another.
    ///
    /// It returns when there is a leader: the member says nothing before.
    ///
    /// Cancel safe.
    ///
    /// # Errors
    ///
    /// Whatever went wrong, on each endpoint that was tried; as for [`leader`](Self::leader), which is
    /// asked when the member ends the stream at once, since it does not say why.
    pub async fn observe(&self, name: impl Into<Bytes>) -> Result<ServerLeaders> {
        let name = name.into();
        check(OBSERVE.name, &name, None)?;
        let request = pb::LeaderRequest { name: self.0.namespace.key(&name) };
        let open = |channel, _| {
            let request = tonic::Request::new(request.clone());
            async move {
                let mut answers = elections(channel).observe(request).await?.into_inner();
                Ok((answers.message().await?, answers))
            }
        };
        for _ in 0..SILENT_ENDS {
            let opened = self.0.caller.call(OBSERVE.long(), Lane::Streams, open).await?;
            if let ((Some(first), answers), endpoint) = opened {
                let namespace = self.0.namespace.clone();
                let first = Some(first);
                return Ok(ServerLeaders { first, answers, endpoint, namespace, done: false });
            }
            // A user who may not, or a token that it does not know, of which we get another so.
            self.leader(name.clone()).await.map_err(|error| error.during(OBSERVE.name))?;
        }
        let what = "the member ended the stream each time before it said who leads, and not why";
        let failure = Failure::new(ErrorKind::ConnectionLost, Fate::Refused, what);
        Err(OBSERVE.failed_anywhere(failure))
    }
}

/// Leaders as a member tells of them, until this is dropped: see [`ElectionServer::observe`]. It is a
/// [`Stream`], too.
#[must_use = "dropping it ends the stream"]
pub struct ServerLeaders {
    first: Option<pb::LeaderResponse>,
    answers: Streaming<pb::LeaderResponse>,
    endpoint: Arc<str>,
    namespace: Namespace,
    done: bool,
}

impl ServerLeaders {
    /// The next leader's key, with what it announced; `None` when the member says no more.
    ///
    /// Cancel safe: what was not returned is returned by the next call.
    ///
    /// # Errors
    ///
    /// Once, and then it is over: [`ConnectionLost`](crate::ErrorKind::ConnectionLost) if the member
    /// went away, or whatever it says.
    pub async fn next(&mut self) -> Option<Result<KeyValue>> {
        poll_fn(|context| self.poll_leader(context)).await
    }

    fn poll_leader(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<KeyValue>>> {
        while !self.done {
            let answer = match self.first.take() {
                Some(first) => Some(Ok(first)),
                None => ready!(Pin::new(&mut self.answers).poll_next(context)),
            };
            match answer {
                Some(Ok(answer)) => {
                    if let Some(kv) = leader(answer, &self.namespace) {
                        return Poll::Ready(Some(Ok(kv)));
                    }
                }
                None => self.done = true,
                Some(Err(status)) => {
                    self.done = true;
                    let error = OBSERVE.failed(classify(status), &self.endpoint);
                    return Poll::Ready(Some(Err(error)));
                }
            }
        }
        Poll::Ready(None)
    }
}

impl Stream for ServerLeaders {
    type Item = Result<KeyValue>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.get_mut().poll_leader(context)
    }
}

impl fmt::Debug for ServerLeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerLeaders")
            .field("endpoint", &self.endpoint)
            .field("done", &self.done)
            .finish_non_exhaustive()
    }
}

fn leader(answer: pb::LeaderResponse, namespace: &Namespace) -> Option<KeyValue> {
    let mut kv = answer.kv?;
    namespace.leave(&mut kv);
    Some(KeyValue::from_wire(kv))
}

fn elections(channel: Channel) -> ElectionClient {
    ElectionClient::new(channel)
}
