//! One member of a running fleet.

use std::fmt;
use std::path::Path;

use tercet_client::{Client, Config};

use super::cell::MemberState;
use super::error::{KillError, StartError};
use super::fleet::Cluster;
use super::start::{ATTEMPTS, replace_process};
use crate::binary::Binary;
use crate::observe::log_tail;
use crate::plan::MemberPlan;
use crate::process::Child;

/// A member, running or down; a view that costs nothing to copy.
#[derive(Clone, Copy)]
pub struct Member<'a> {
    cluster: &'a Cluster,
    index: usize,
}

impl<'a> Member<'a> {
    pub(crate) const fn new(cluster: &'a Cluster, index: usize) -> Self {
        Self { cluster, index }
    }

    /// Its place among the members, counted from 0.
    #[must_use]
    pub const fn index(&self) -> usize {
        self.index
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'a str {
        self.plan().name()
    }

    /// Where it answers clients, running or not.
    #[must_use]
    pub fn client_url(&self) -> &'a str {
        self.plan().client_url()
    }

    /// Where it answers the other members, running or not.
    #[must_use]
    pub fn peer_url(&self) -> &'a str {
        self.plan().peer_url()
    }

    /// Where it keeps its data.
    #[must_use]
    pub fn data_directory(&self) -> &'a Path {
        self.plan().data_directory()
    }

    /// Where all that it prints goes, over all its restarts.
    #[must_use]
    pub fn log(&self) -> &'a Path {
        self.plan().log()
    }

    /// The last `lines` lines of its log, oldest first.
    #[must_use]
    pub fn log_tail(&self, lines: usize) -> Vec<String> {
        log_tail(self.log(), lines)
    }

    /// What it is to be, from its next start on: its command line, environment and certificates.
    #[must_use]
    pub fn plan(&self) -> &'a MemberPlan {
        self.cluster.cell(self.index).plan()
    }

    /// The etcd that runs it, or will from its next start on.
    #[must_use]
    pub fn binary(&self) -> &'a Binary {
        self.cluster.cell(self.index).binary()
    }

    /// Whether it was removed from the fleet. It is down then, and stays so.
    #[must_use]
    pub fn is_removed(&self) -> bool {
        self.cluster.cell(self.index).is_removed()
    }

    /// Whether it follows without a vote: it came by
    /// [`add_learner`](Cluster::add_learner) and was not [promoted](Self::promote) yet.
    #[must_use]
    pub fn is_learner(&self) -> bool {
        self.cluster.cell(self.index).is_learner()
    }

    /// The other members of its fleet that have a vote, in the order of their indices; those that are
    /// down as well. Of the [leader](Cluster::leader) that was found, these are its followers.
    #[must_use]
    pub fn others(&self) -> Vec<Self> {
        let others = self.cluster.members().filter(|member| member.index != self.index);
        others.filter(|member| !member.is_learner()).collect()
    }

    /// The number by which the fleet knows it, once it has started once; it prints it in
    /// hexadecimal.
    #[must_use]
    pub fn id(&self) -> Option<u64> {
        let state = self.cluster.state(self.index);
        state.progress.id().and_then(|id| u64::from_str_radix(id, 16).ok())
    }

    /// The fleet that it belongs to.
    #[must_use]
    pub const fn cluster(&self) -> &'a Cluster {
        self.cluster
    }

    /// The id of its process, or none while it is down.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        let mut state = self.cluster.state(self.index);
        let child = state.child.as_mut()?;
        matches!(child.exit_status(), Ok(None)).then(|| child.pid())
    }

    /// Whether its process runs.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.pid().is_some()
    }

    /// A client of this member alone, for the runtime that calls.
    ///
    /// # Errors
    ///
    /// As [`Cluster::client`].
    pub async fn client(&self) -> Result<Client, tercet_client::Error> {
        Client::connect(self.cluster.client_config([self.client_url().to_owned()])?).await
    }

    /// Where the fleet's owner asks it: there is no link between them that can be broken.
    pub(crate) fn direct_client_url(&self) -> &'a str {
        self.plan().direct_client_url()
    }

    /// What makes a client for the owner's own questions to it.
    pub(crate) fn direct_client_config(&self) -> Result<Config, tercet_client::Error> {
        self.cluster.client_config([self.direct_client_url().to_owned()])
    }

    /// A client for the owner's own questions to it.
    pub(crate) async fn direct_client(&self) -> Result<Client, tercet_client::Error> {
        Client::connect(self.direct_client_config()?).await
    }

    /// Ends it at once (SIGKILL) and returns when it is gone. Its ports stay the fleet's: clients
    /// are refused, and nobody else is given them.
    ///
    /// It stays down until it is restarted, also when the [`Down`] is dropped.
    ///
    /// # Errors
    ///
    /// [`KillError`] when it is down already, or does not go.
    pub fn kill(&self) -> Result<Down<'a>, KillError> {
        if self.cluster.state(self.index).child_that_runs().is_none() {
            return Err(KillError::NotRunning { member: self.name().to_owned() });
        }
        self.end()?;
        Ok(Down::new(*self))
    }

    /// Makes sure that it is down on purpose: kills what still runs.
    pub(crate) fn end(&self) -> Result<(), KillError> {
        let id = {
            let mut state = self.cluster.state(self.index);
            if let Some(child) = &mut state.child {
                let (member, pid) = (self.name().to_owned(), child.pid());
                child.kill().map_err(|source| KillError::Stays { member, pid, source })?;
            }
            state.end_run()
        };
        self.links_to_it_are_lost(id.as_deref());
        Ok(())
    }

    /// Starts it again on its old data, after killing it if it runs, and waits until the running
    /// members are ready.
    ///
    /// Cancelled, it leaves the member started but perhaps not ready.
    ///
    /// # Errors
    ///
    /// [`StartError`], as at the fleet's start. Where the running members have no majority, they
    /// cannot become ready: use [`start`](Self::start) and wait when enough are back.
    pub async fn restart(&self) -> Result<(), StartError> {
        let mut attempt = 1;
        loop {
            self.start()?;
            match self.cluster.wait_until_ready().await {
                // See `ATTEMPTS`: on 3.4 its port may have been taken for a moment.
                Err(error) if error.is_port_taken() && attempt < ATTEMPTS => attempt += 1,
                result => return result,
            }
        }
    }

    /// Starts it again on its old data, after killing it if it runs, without waiting.
    ///
    /// # Errors
    ///
    /// [`StartError::Kill`] when its old process does not go, [`StartError::Directory`] when its log
    /// cannot be opened, [`StartError::Spawn`] when it cannot be run.
    pub fn start(&self) -> Result<(), StartError> {
        if self.is_removed() {
            return Err(StartError::Removed { member: self.name().to_owned() });
        }
        // Before it runs again, or its new links would be taken for the old ones.
        self.end()?;
        let mut state = self.cluster.state(self.index);
        if state.child.is_some() {
            // Somebody else has started it meanwhile.
            return Ok(());
        }
        replace_process(self.cluster, self.index, &mut state)
    }

    /// What the other members' logs have said up to here of their links to this member, whose id
    /// this is, is over.
    fn links_to_it_are_lost(&self, id: Option<&str>) {
        let Some(id) = id else { return };
        for other in self.cluster.indices().into_iter().filter(|&other| other != self.index) {
            let mut state = self.cluster.state(other);
            // A log that cannot be read shows when the member is waited for.
            let _ = state.progress.update();
            state.progress.lost(id);
        }
    }
}

impl MemberState {
    /// Its process, unless it has ended.
    pub(crate) fn child_that_runs(&mut self) -> Option<&mut Child> {
        let child = self.child.as_mut()?;
        // One that cannot be asked is taken to run: what follows says why.
        if let Ok(Some(_)) = child.exit_status() { None } else { Some(child) }
    }

    /// Its process has ended. Returns the member's id, if it got as far as to say it.
    fn end_run(&mut self) -> Option<String> {
        self.child = None;
        // A log that cannot be read shows when the member is waited for.
        let _ = self.progress.restart();
        self.progress.id().map(str::to_owned)
    }
}

impl fmt::Debug for Member<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Member")
            .field("name", &self.name())
            .field("client_url", &self.client_url())
            .field("peer_url", &self.peer_url())
            .field("pid", &self.pid())
            .finish_non_exhaustive()
    }
}

/// A member that was taken down on purpose, and knows how to come back.
#[derive(Clone, Copy, Debug)]
pub struct Down<'a> {
    member: Member<'a>,
}

impl<'a> Down<'a> {
    pub(crate) const fn new(member: Member<'a>) -> Self {
        Self { member }
    }

    /// The member that is down.
    #[must_use]
    pub const fn member(&self) -> Member<'a> {
        self.member
    }

    /// Starts it again on its old data and waits until the running members are ready.
    ///
    /// Cancelled, it leaves the member started but perhaps not ready.
    ///
    /// # Errors
    ///
    /// As [`Member::restart`].
    pub async fn restart(self) -> Result<(), StartError> {
        self.member.restart().await
    }
}
