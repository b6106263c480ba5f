//! Endpoints that follow the cluster's members.

use std::sync::Weak;
use std::time::Duration;

use tokio::task::AbortHandle;

use crate::client::{Client, cluster, timed};
use crate::config::check_trust;
use crate::error::{ErrorKind, Failure, Fate, Result};
use crate::generated::etcdserverpb as pb;
use crate::random::jittered;
use crate::transport::call::{Caller, Lane, Operation};
use crate::transport::endpoint::Endpoint;

const SYNC: Operation = Operation::read("sync_endpoints");

impl Client {
    /// Asks the cluster for its members and takes the URLs at which they say that clients reach them
    /// for the client's endpoints. Those of members that are gone are asked no more; requests and
    /// streams that are under way there end where they began.
    ///
    /// Left out are learners, members that have not started yet, URLs that are encrypted where the
    /// client's endpoints are not, or the other way round, and sockets of the file system unless one
    /// is among the client's endpoints: of another machine they lead nowhere. A URL of which the
    /// client was made with a [server name](crate::Endpoint::server_name) keeps it.
    ///
    /// The URLs are those of `--advertise-client-urls`: where a client reaches the members otherwise,
    /// through a proxy or a forwarded port, do not call this.
    ///
    /// Cancel safe: either all endpoints are replaced or none.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get), and [`Protocol`](ErrorKind::Protocol) if no member has a URL that the
    /// client could use. The endpoints are then as they were.
    pub async fn sync_endpoints(&self) -> Result<()> {
        self.caller.sync().await
    }
}

impl Caller {
    async fn sync(&self) -> Result<()> {
        let ask = |channel, patience| {
            let request = timed(pb::MemberListRequest { linearizable: true }, patience);
            async move { cluster(channel).member_list(request).await }
        };
        let (answer, url) = self.call(SYNC, Lane::Requests, ask).await?;
        let tls = self.dialing().tls.as_ref();
        let takes_sockets = self.members().iter().any(|member| member.endpoint().is_socket());
        let usable = |url: &String| {
            let endpoint = match self.member(&url.into()) {
                Some(member) => member.endpoint().clone(),
                None => Endpoint::parse(url).ok()?,
            };
            if endpoint.is_socket() && !takes_sockets {
                return None;
            }
            check_trust(std::slice::from_ref(&endpoint), tls).is_ok().then_some(endpoint)
        };
        let members = answer.into_inner().members;
        let voters = members.iter().filter(|member| !member.is_learner && !member.name.is_empty());
        let endpoints: Vec<_> =
            voters.flat_map(|member| member.client_urls.iter().filter_map(usable)).collect();
        if endpoints.is_empty() {
            let what = "no member has a client URL that could be used";
            let failure = Failure::new(ErrorKind::Protocol, Fate::Refused, what)
                .fix("see --advertise-client-urls");
            return Err(SYNC.failed(failure, &url));
        }
        self.replace(endpoints);
        Ok(())
    }
}

/// Asks now and then; it ends with its owner.
#[derive(Debug)]
pub(crate) struct AutoSync(AbortHandle);

impl AutoSync {
    pub(crate) fn begin(caller: &Weak<Caller>, every: Duration) -> Self {
        Self(tokio::spawn(follow(caller.clone(), every)).abort_handle())
    }
}

impl Drop for AutoSync {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn follow(caller: Weak<Caller>, every: Duration) {
    loop {
        // Not all clients at once.
        tokio::time::sleep(jittered(every)).await;
        let Some(caller) = caller.upgrade() else {
            return;
        };
        // The endpoints that there are serve until one of them answers.
        let _ = caller.sync().await;
    }
}
