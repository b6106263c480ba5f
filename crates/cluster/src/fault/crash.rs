//! Members that are killed while they start, again and again, and members that come back as another.

use std::time::Duration;

use tokio::time::timeout;

use crate::cluster::{ATTEMPTS, Down, Member, StartError, wait_for};
use crate::observe::Progress;
use crate::plan::{MemberSpec, PlanError};

/// A moment in the start of a member, as its log tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StartPoint {
    /// Its process runs, and has done nothing yet.
    Spawned,
    /// Its ports are bound, and whoever connects waits; it has not read its data yet
    /// (`embed/etcd.go`, `StartEtcd`).
    Listens,
    /// It has read its data, or asked its peers who is there, and becomes a member.
    PastDiscovery,
    /// It has been told who leads, and answers clients.
    ServesClients,
}

impl StartPoint {
    /// All of them, in their order.
    pub const ALL: [Self; 4] =
        [Self::Spawned, Self::Listens, Self::PastDiscovery, Self::ServesClients];

    /// Whether a member has come so far, and what one lacks that has not.
    fn reached(self) -> (fn(&Progress) -> bool, &'static str) {
        match self {
            Self::Spawned => (|_| true, ""),
            Self::PastDiscovery => {
                (Progress::is_past_discovery, "has not started its local member")
            }
            Self::Listens => (Progress::listens, "does not listen"),
            Self::ServesClients => (Progress::serves_clients, "does not serve clients"),
        }
    }
}

/// When a member of a [crash loop](Member::crash_loop) is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CrashAt {
    /// When it has come so far.
    Point(StartPoint),
    /// So long after it was spawned, however far it is.
    After(Duration),
}

impl From<StartPoint> for CrashAt {
    fn from(point: StartPoint) -> Self {
        Self::Point(point)
    }
}

impl From<Duration> for CrashAt {
    fn from(up_for: Duration) -> Self {
        Self::After(up_for)
    }
}

impl<'a> Member<'a> {
    /// Starts it again, after killing it if it runs, and kills it (SIGKILL) at this moment of its
    /// start: within a millisecond or two of the line in its log that says so, on a machine that is
    /// not busy. It is down then, as after [`kill`](Self::kill).
    ///
    /// Where the running members have no majority, none gets to [`StartPoint::ServesClients`].
    ///
    /// Cancel-safe: the member is killed in any case, and down.
    ///
    /// # Errors
    ///
    /// [`StartError::Exited`] when it ends by itself before, with its status and the end of its log;
    /// [`StartError::NotReady`] when it does not come so far in the time that the fleet may take to
    /// become ready ([`Spec::ready_within`](crate::Spec::ready_within)); others as of
    /// [`start`](Self::start). It is down then too.
    pub async fn kill_at(&self, point: StartPoint) -> Result<Down<'a>, StartError> {
        self.crash_loop(1, point).await
    }

    /// [Kills it while it starts](Self::kill_at), `times` times in a row: at a moment of its start, or
    /// so long after it was spawned each time. What does not get to be ready in between has no time to
    /// catch up, as under a supervisor that restarts what it should not. It is down at the end; with
    /// 0 times, it is only killed.
    ///
    /// Cancel-safe: the member is killed in any case, and down.
    ///
    /// # Errors
    ///
    /// As [`kill_at`](Self::kill_at), for each start; the first that fails is the last.
    pub async fn crash_loop(
        &self,
        times: u32,
        at: impl Into<CrashAt>,
    ) -> Result<Down<'a>, StartError> {
        let at = at.into();
        let doomed = Doomed { member: *self };
        for _ in 0..times {
            doomed.start_until(at).await?;
        }
        doomed.end()
    }

    /// Starts it again, after killing it if it runs, with other flags from now on: what `change` makes
    /// of its spec is planned first, and nothing is killed when there is no such plan.
    ///
    /// ```no_run
    /// # async fn example(member: tercet_cluster::Member<'_>) -> Result<(), tercet_cluster::StartError> {
    /// member.restart_with(|spec| spec.flag("snapshot-count", "50")).await?;
    /// member.restart_with(|spec| spec.without_flag("snapshot-count")).await
    /// # }
    /// ```
    ///
    /// When it does not come up so, it is as before from its next start on, and whatever of it still
    /// runs is left for somebody to look at.
    ///
    /// Cancelled, it has the new flags and is started but perhaps not ready.
    ///
    /// # Errors
    ///
    /// [`StartError::Plan`] when it cannot be so, or would be another member: nothing was done then.
    /// Others as of [`restart`](Self::restart).
    pub async fn restart_with(
        &self,
        change: impl FnOnce(MemberSpec) -> MemberSpec,
    ) -> Result<(), StartError> {
        let (old, binary) = (self.plan().clone(), self.binary().clone());
        let spec = change(old.spec().clone());
        if !spec.differs_in_flags_only(old.spec()) {
            return Err(PlanError::OtherMember { member: self.name().to_owned() }.into());
        }
        let new = self.cluster().plan.member(spec)?;
        let cell = self.cluster().cell(self.index());
        cell.install(new, binary.clone());
        let restarted = self.restart().await;
        if restarted.is_err() {
            cell.install(old, binary);
        }
        restarted
    }
}

/// A member that is down when this is dropped.
struct Doomed<'a> {
    member: Member<'a>,
}

impl<'a> Doomed<'a> {
    /// Starts it, and returns when it is to be killed.
    async fn start_until(&self, at: CrashAt) -> Result<(), StartError> {
        let mut attempt = 1;
        loop {
            self.member.start()?;
            match self.wait(at).await {
                // See `ATTEMPTS`: on 3.4 its port may have been taken for a moment.
                Err(error) if error.is_port_taken() && attempt < ATTEMPTS => attempt += 1,
                result => return result,
            }
        }
    }

    async fn wait(&self, at: CrashAt) -> Result<(), StartError> {
        let (cluster, indices) = (self.member.cluster(), [self.member.index()]);
        let until = async |limit, (reached, lack): (fn(&Progress) -> bool, &str)| {
            wait_for(cluster, &indices, limit, reached, lack).await
        };
        match at {
            CrashAt::Point(point) => until(cluster.ready_within, point.reached()).await,
            // It never gets there: only its end can come before.
            CrashAt::After(up_for) => {
                let ended = timeout(up_for, until(Duration::MAX, (|_| false, "")));
                ended.await.unwrap_or(Ok(()))
            }
        }
    }

    fn end(self) -> Result<Down<'a>, StartError> {
        self.member.end()?;
        Ok(Down::new(self.member))
    }
}

impl Drop for Doomed<'_> {
    fn drop(&mut self) {
        // What does not go is killed again when the fleet is dropped.
        let _ = self.member.end();
    }
}
