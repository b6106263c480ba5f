//! A fleet that has lost its majority for good.

use std::time::Duration;

use tercet_client::Client;

use super::course::Course;
use super::entry::{delete_data, reread_certificates};
use super::error::{Cause, OperateError, OperateRefusal, Step};
use super::replace::{stand_in, successor};
use super::roster::Voters;
use super::stop::stop_in_peace;
use crate::cluster::{Cluster, Member, Role, Standing, StartError};

/// What makes a fleet of its own of a member.
const FORCE: &str = "force-new-cluster";

/// How long a member that runs may take to say how far it is. There is no leader, so it has nothing
/// to do.
const ANSWER_WITHIN: Duration = Duration::from_secs(1);

impl Cluster {
    /// Goes on with what `survivor` has, when so many of the others are lost that there is no
    /// majority any more: makes it a fleet of its own (`--force-new-cluster`, for one start), then
    /// brings in a fresh member in the stead of each other one, at its addresses and with a new name.
    /// Returns the new ones when the fleet is as large as it was, and ready.
    ///
    /// What was acknowledged and `survivor` has never heard of is lost: that is what a majority is
    /// for. Of several that are left take the one that is furthest. All others are ended and their
    /// data deleted, but only once `survivor` answers alone.
    ///
    /// Let `survivor` run, if it does: it is asked to end, and so keeps all that it has. One that was
    /// killed loses what is in its log and not noted as agreed upon, there or, from 3.5.22 and 3.6.1
    /// on, in its store (`server/etcdserver/bootstrap.go`, in 3.5 `raft.go`: "discard the previously
    /// uncommitted entries"). Before, its store may have what its log then has not, and those that
    /// are sent the log never get it: so at the end all are [compared](Self::hash_kv).
    ///
    /// Other ways back: members that are only down need a [start](Member::start) and nothing else,
    /// and what is better lost than guessed at is [restored](Self::restore) from a snapshot.
    ///
    /// Cancelled, `survivor` is down, or alone, or has got some of the others: called again, this goes
    /// on, and is refused where all was done.
    ///
    /// # Errors
    ///
    /// [`OperateError::Refused`] when a majority runs, or `survivor` has no vote, or another one that
    /// runs is further. When `survivor` does not come up alone, nobody's data are touched. When at the
    /// end the members differ ([`Cause::Differ`](crate::Cause::Differ)), save a snapshot of the
    /// survivor and [`restore`](Self::restore) that.
    pub async fn recover_quorum<'a>(
        &'a self,
        survivor: Member<'a>,
    ) -> Result<Vec<Member<'a>>, OperateError> {
        let course = Course::begin(self, format!("recovering from {}", survivor.name())).await;
        let member = || survivor.name().to_owned();
        if survivor.is_removed() {
            return Err(OperateRefusal::Removed { member: member() }.into());
        }
        if survivor.is_learner() {
            return Err(OperateRefusal::NoVote { member: member() }.into());
        }
        let voters = Voters::of(self);
        if !voters.have_majority() {
            let others: Vec<_> =
                self.members().filter(|other| other.index() != survivor.index()).collect();
            is_furthest(survivor, &others).await?;
            stand_alone(&course, survivor, &others).await?;
        } else if next_lost(self).is_none() {
            let Voters { all: voters, running } = voters;
            return Err(OperateRefusal::Majority { voters, running }.into());
        }
        do_not_force(&course, survivor).await?;
        let mut fresh = Vec::new();
        while let Some(old) = next_lost(self) {
            fresh.push(stand_in(&course, old).await?);
        }
        let report = self.hash_kv().await?;
        match report.agrees() {
            true => Ok(fresh),
            false => Err(course.failed(Step::Hash, None, Cause::Differ { report })),
        }
    }
}

/// A member that was taken out, and in whose stead nobody has come yet, or not all the way: that one
/// first, then those with a vote.
fn next_lost(cluster: &Cluster) -> Option<Member<'_>> {
    let removed = cluster.cells.iter().filter(|(_, cell)| cell.is_removed());
    removed
        .map(|(index, _)| Member::new(cluster, index))
        .filter_map(|member| {
            let cell = cluster.cell(member.index());
            let begun = successor(member).is_some();
            let learner = cell.standing().role() == Role::Learner;
            (begun || cell.has_ports()).then_some((!begun, learner, member))
        })
        .min_by_key(|(not_begun, learner, _)| (*not_begun, *learner))
        .map(|(_, _, member)| member)
}

/// Refuses where another member that runs has what `survivor` has not.
async fn is_furthest(survivor: Member<'_>, others: &[Member<'_>]) -> Result<(), OperateError> {
    let Some(index) = how_far(survivor).await else { return Ok(()) };
    for other in others.iter().filter(|other| !other.is_learner()) {
        if let Some(further) = how_far(*other).await.filter(|&further| further > index) {
            return Err(OperateRefusal::Further {
                member: survivor.name().to_owned(),
                index,
                other: other.name().to_owned(),
                further,
            }
            .into());
        }
    }
    Ok(())
}

/// How much of the log this member has applied, if it runs and says so.
async fn how_far(member: Member<'_>) -> Option<u64> {
    if !member.is_running() {
        return None;
    }
    let config = member.direct_client_config().ok()?.request_timeout(ANSWER_WITHIN);
    let client = Client::connect(config).await.ok()?;
    Some(client.status(member.direct_client_url()).await.ok()?.raft_applied_index())
}

/// Makes `survivor` a fleet of its own. Where that fails the others have their data still.
async fn stand_alone(
    course: &Course<'_>,
    survivor: Member<'_>,
    others: &[Member<'_>],
) -> Result<(), OperateError> {
    let cluster = course.cluster;
    for &other in others {
        other.end().map_err(|error| course.failed(Step::Stop, Some(other), error))?;
    }
    if let Err((step, cause)) = force(course, survivor).await {
        let why = course.seen(step, Some(survivor), cause);
        // It shall not be a fleet of its own at its next start.
        let spec = survivor.plan().spec().clone().without_flag(FORCE);
        let undone = survivor.end().map_err(Cause::from).and_then(|()| {
            let plan = cluster.plan.member(spec).map_err(StartError::from)?;
            cluster.cell(survivor.index()).install(plan, survivor.binary().clone());
            Ok(())
        });
        return Err(match undone {
            Ok(()) => why.now(),
            Err(cause) => why.not_undone(&cause),
        });
    }
    for &other in others {
        let cell = cluster.cell(other.index());
        let was = match cell.standing() {
            Standing::Entering { wanted, .. } => wanted,
            standing => standing.role(),
        };
        cell.stand(Standing::Removed { was });
    }
    for &other in others {
        delete_data(other).map_err(|cause| course.failed(Step::Data, Some(other), cause))?;
    }
    let named = reread_certificates(cluster);
    named.map_err(|cause| course.failed(Step::Certificates, Some(survivor), cause))
}

/// Starts `survivor` so that it forgets the others, and sees that it has.
async fn force(course: &Course<'_>, survivor: Member<'_>) -> Result<(), (Step, Cause)> {
    let cluster = course.cluster;
    let forced = survivor.plan().spec().clone().flag(FORCE, "true");
    let plan = cluster.plan.member(forced);
    let plan = plan.map_err(|error| (Step::Plan, StartError::from(error).into()))?;
    stop_in_peace(survivor).await.map_err(|error| (Step::Stop, error.into()))?;
    cluster.cell(survivor.index()).install(plan, survivor.binary().clone());
    survivor.restart().await.map_err(|error| (Step::Alone, error.into()))?;
    let list = async {
        let client = survivor.direct_client().await?;
        // Before 3.5.25 and 3.6.6, and in all of 3.4, it may forget only those with a vote
        // (`server/etcdserver/raft.go` and `server/storage/util.go`, `getIDs`). It can rid itself
        // of the others: nobody asks them.
        for other in client.member_list().await?.members().iter().filter(|one| one.is_learner()) {
            client.member_remove(other.id()).await?;
        }
        client.member_list().await
    };
    let list = list.await.map_err(|error: tercet_client::Error| (Step::Alone, error.into()))?;
    match list.len() {
        1 => Ok(()),
        members => Err((Step::Alone, Cause::NotAlone { members })),
    }
}

/// Has `survivor` start as any other from now on: forced once more, it would forget those that come.
async fn do_not_force(course: &Course<'_>, survivor: Member<'_>) -> Result<(), OperateError> {
    let cluster = course.cluster;
    let spec = survivor.plan().spec();
    let plain = spec.clone().without_flag(FORCE);
    if plain == *spec {
        return Ok(());
    }
    let failed = |error| course.failed(Step::Plan, Some(survivor), StartError::from(error));
    let plan = cluster.plan.member(plain).map_err(failed)?;
    let stopped = stop_in_peace(survivor).await;
    stopped.map_err(|error| course.failed(Step::Stop, Some(survivor), error))?;
    cluster.cell(survivor.index()).install(plan, survivor.binary().clone());
    let ready = survivor.restart().await;
    ready.map_err(|error| course.failed(Step::Ready, Some(survivor), error))
}
