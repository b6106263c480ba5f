//! Members that go.

use super::course::Course;
use super::entry::{delete_data, expel, reread_certificates};
use super::error::{OperateError, Step};
use super::leader::{heir, lead};
use super::roster::Voters;
use crate::cluster::{KillError, Member, Standing};

impl Member<'_> {
    /// Removes it from the fleet for good: has it hand over when it leads, ends it, has the others
    /// forget it, deletes its data, and lets its ports go. Its log and certificates stay. It may be
    /// down. Where it was removed already, nothing happens.
    ///
    /// Of two, one is forgotten before it is ended: alone, the other could agree on nothing. What it
    /// has under way for clients is cut off then.
    ///
    /// Cancelled, it belongs to the fleet or not, and runs or not; calling it again goes on.
    ///
    /// # Errors
    ///
    /// [`OperateError::Refused`] when it is the only one with a vote, or when too few of those that
    /// stay run.
    pub async fn remove(&self) -> Result<(), OperateError> {
        let course = Course::begin(self.cluster(), format!("removing {}", self.name())).await;
        let cluster = self.cluster();
        if self.is_removed() {
            // Whatever was cut off then: its end was the first of it.
            delete_data(*self).map_err(|cause| course.failed(Step::Data, Some(*self), cause))?;
            cluster.let_go_of_place(self.index());
            return Ok(());
        }
        take_out(&course, *self).await?;
        cluster.let_go_of_place(self.index());
        cluster.wait_until_ready().await.map_err(|error| course.failed(Step::Ready, None, error))
    }
}

/// As [`Member::remove`], as a part of something: its ports stay held, and the others are not waited
/// for.
pub(super) async fn take_out(course: &Course<'_>, member: Member<'_>) -> Result<(), OperateError> {
    let cluster = course.cluster;
    let failed = |step, cause| course.failed(step, Some(member), cause);
    if !member.is_learner() {
        Voters::of(cluster).may_remove(member)?;
        let leader = cluster.leader().await;
        let leader = leader.map_err(|error| course.failed(Step::Leader, None, error))?;
        if leader.index() == member.index()
            && let Some(heir) = heir(cluster, leader).await
        {
            lead(course, heir).await?;
        }
    }
    // What it has under way is finished so; who is thrown out while it runs drops it.
    let first =
        member.is_learner() || Voters::of(cluster).without(member).is_majority_of_one_more();
    if first {
        end(member).await.map_err(|error| course.failed(Step::Stop, Some(member), error))?;
    }
    expel(course, member).await.map_err(|cause| failed(Step::Expel, cause))?;
    end(member).await.map_err(|error| course.failed(Step::Stop, Some(member), error))?;
    let cell = cluster.cell(member.index());
    cell.stand(Standing::Removed { was: cell.standing().role() });
    delete_data(member).map_err(|cause| failed(Step::Data, cause))?;
    reread_certificates(cluster).map_err(|cause| failed(Step::Certificates, cause))
}

/// Ends it as an operator does, if it runs.
async fn end(member: Member<'_>) -> Result<(), KillError> {
    match member.stop().await {
        // It ends by itself when it hears that it is none any more.
        Ok(_) | Err(KillError::NotRunning { .. }) => member.end(),
        Err(error) => Err(error),
    }
}
