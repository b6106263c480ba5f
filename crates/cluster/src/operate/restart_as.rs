//! A crash, and back as another release of the same minor version.

use super::change::turn;
use super::course::Course;
use super::error::{OperateError, OperateRefusal, Step};
use super::upgrade::refused;
use crate::binary::{Binary, VersionChange};
use crate::cluster::Member;

impl Member<'_> {
    /// Kills it (SIGKILL) and starts it again on its old data, run by another etcd of the same minor
    /// version from now on, older or newer; and waits until the running members are ready. A crash
    /// into another patch release, where [`upgrade`](Self::upgrade) asks the member to end.
    ///
    /// Another minor version takes more than a restart: [`upgrade`](Self::upgrade) and
    /// [`Cluster::downgrade`](crate::Cluster::downgrade) do what must be done before. They are not
    /// called in its stead.
    ///
    /// When it does not come up so, it is run by the old one again from its next start on.
    ///
    /// Cancelled, it is the new one's, and started but perhaps not ready.
    ///
    /// # Errors
    ///
    /// [`OperateError::Refused`] when it cannot be run by that etcd, or not by this word: nothing was
    /// done then. [`OperateError::Failed`] when it does not come back.
    pub async fn restart_as(&self, etcd: &Binary) -> Result<(), OperateError> {
        let member = *self;
        let course = Course::begin(
            member.cluster(),
            format!("restarting {} as {}", member.name(), etcd.version()),
        )
        .await;
        let name = || member.name().to_owned();
        if member.is_removed() {
            return Err(OperateRefusal::Removed { member: name() }.into());
        }
        let (from, to) = (member.binary().release(), etcd.release());
        match from.change_to(to).map_err(|reason| refused(member, reason))? {
            VersionChange::Same | VersionChange::Patch => {}
            _ => {
                let (from, to) = (from.version(), to.version());
                return Err(OperateRefusal::MinorVersion { member: name(), from, to }.into());
            }
        }
        // One that runs like that already is killed all the same.
        let new = turn(member, etcd, |spec| spec)?;
        let old = new.is_some().then(|| (member.plan().clone(), member.binary().clone()));
        let ended = member.end();
        ended.map_err(|error| course.failed(Step::Stop, Some(member), error))?;
        if let Some(new) = new {
            new.install();
        }
        let Err(error) = member.restart().await else { return Ok(()) };
        let error = course.failed(Step::Ready, Some(member), error);
        if let Some((plan, binary)) = old {
            member.cluster().cell(member.index()).install(plan, binary);
        }
        Err(error)
    }
}
