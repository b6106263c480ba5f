//! The upkeep of the members' stores: forgetting, and making files smaller.

use tercet_client::{Alarm, Compact, ErrorKind, Range};

use super::course::Course;
use super::error::{OperateError, Step};
use crate::cluster::{Cluster, Member};

/// What defragmenting has done to one member's file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Defragmented {
    /// The member's name.
    pub member: String,
    /// How large its file was.
    pub before_bytes: u64,
    /// How large its file is.
    pub after_bytes: u64,
}

impl Cluster {
    /// Forgets what keys were before `revision`, on every member, and returns when the member that
    /// was asked has freed the space in its store. Where that was forgotten already, nothing
    /// happens.
    ///
    /// The space is there for new keys; files become smaller with [`defragment`](Self::defragment).
    ///
    /// Cancelled, it goes on or not.
    ///
    /// # Errors
    ///
    /// [`OperateError`] when the fleet does not answer, or has not come to that revision.
    pub async fn compact(&self, revision: i64) -> Result<(), OperateError> {
        let course = Course::beside_others(self, format!("compacting to revision {revision}"));
        let compact = async {
            let client = self.direct_client().await?;
            client.compact_with(Compact::to(revision).physical()).await
        };
        match compact.await {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == ErrorKind::Compacted => Ok(()),
            Err(error) => Err(course.failed(Step::Compact, None, error)),
        }
    }

    /// Forgets what keys were before now, as [`compact`](Self::compact). Returns the revision that
    /// now was.
    ///
    /// # Errors
    ///
    /// As [`compact`](Self::compact).
    pub async fn compact_all(&self) -> Result<i64, OperateError> {
        let course = Course::beside_others(self, "compacting all that is past");
        let ask = async {
            let client = self.direct_client().await?;
            client.range(Range::key(PROBE_KEY).count_only()).await
        };
        let answer = ask.await.map_err(|error| course.failed(Step::Compact, None, error))?;
        self.compact(answer.revision()).await?;
        Ok(answer.revision())
    }

    /// Rewrites the files of all members with a vote that run without the space that is free in
    /// them: one member after the other, since a member answers nothing meanwhile, and the leader
    /// last. Returns what it did to each, in that order. (A learner is not asked: etcd has it
    /// refuse.)
    ///
    /// Cancelled, the member at which it was still goes on to its end.
    ///
    /// # Errors
    ///
    /// [`OperateError`] when nobody leads, or a member does not answer: then the rest is left as it
    /// was.
    pub async fn defragment(&self) -> Result<Vec<Defragmented>, OperateError> {
        let course = Course::begin(self, "defragmenting one member after the other").await;
        let leader = self.leader().await;
        let leader = leader.map_err(|error| course.failed(Step::Leader, None, error))?;
        let mut members: Vec<_> = voters_that_run(self).collect();
        members.sort_by_key(|member| member.index() == leader.index());
        let mut done = Vec::with_capacity(members.len());
        for member in members {
            done.push(defragment(&course, member).await?);
        }
        Ok(done)
    }
}

impl Cluster {
    /// The alarms of all members.
    ///
    /// # Errors
    ///
    /// [`OperateError`] when the fleet does not answer, as when it has no majority.
    pub async fn alarms(&self) -> Result<Vec<Alarm>, OperateError> {
        let course = Course::beside_others(self, "asking for alarms");
        let ask = async { self.direct_client().await?.alarms().await };
        ask.await.map_err(|error| course.failed(Step::Alarm, None, error))
    }

    /// Takes back all alarms of all members, whether or not their reasons are gone. Returns those
    /// that were taken back.
    ///
    /// # Errors
    ///
    /// As [`alarms`](Self::alarms).
    pub async fn disarm(&self) -> Result<Vec<Alarm>, OperateError> {
        let course = Course::beside_others(self, "disarming alarms");
        let disarm = async {
            let client = self.direct_client().await?;
            let mut disarmed = Vec::new();
            for alarm in client.alarms().await? {
                disarmed.extend(client.alarm_disarm(alarm.member_id(), alarm.kind()).await?);
            }
            Ok::<_, tercet_client::Error>(disarmed)
        };
        disarm.await.map_err(|error| course.failed(Step::Alarm, None, error))
    }
}

impl Member<'_> {
    /// Rewrites this member's file without the space that is free in it. It answers nothing
    /// meanwhile.
    ///
    /// Cancelled, it goes on to its end.
    ///
    /// # Errors
    ///
    /// [`OperateError`] when the member does not answer, or is a learner.
    pub async fn defragment(&self) -> Result<Defragmented, OperateError> {
        let course = Course::begin(self.cluster(), "defragmenting").await;
        defragment(&course, *self).await
    }
}

/// Those that answer all requests: learners answer few (`server/etcdserver/api/v3rpc/util.go`,
/// `isRPCSupportedForLearner`).
pub(super) fn voters_that_run(cluster: &Cluster) -> impl Iterator<Item = Member<'_>> {
    cluster.members().filter(|member| member.is_running() && !member.is_learner())
}

/// A key to read; it need not exist.
const PROBE_KEY: &str = "tercet/upkeep";

async fn defragment(course: &Course<'_>, member: Member<'_>) -> Result<Defragmented, OperateError> {
    let defragment = async {
        let (client, url) = (member.direct_client().await?, member.direct_client_url());
        let before = client.status(url).await?;
        client.defragment(url).await?;
        let after = client.status(url).await?;
        Ok((before.db_size_bytes(), after.db_size_bytes()))
    };
    let sizes = defragment.await;
    let (before, after) = sizes.map_err(|error: tercet_client::Error| {
        course.failed(Step::Defragment, Some(member), error)
    })?;
    Ok(Defragmented {
        member: member.name().to_owned(),
        before_bytes: before.try_into().unwrap_or_default(),
        after_bytes: after.try_into().unwrap_or_default(),
    })
}
