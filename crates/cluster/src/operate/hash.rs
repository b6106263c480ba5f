//! Whether all members have the same.

use std::collections::BTreeMap;
use std::fmt;
use std::time::{Duration, Instant};

use tercet_client::{ErrorKind, HashKvResponse};
use tokio::time::sleep;

use super::course::Course;
use super::error::{OperateError, Step};
use super::upkeep::voters_that_run;
use crate::cluster::{Cluster, Member, StartError};

/// Between two tries, while a compaction reaches one member after the other.
const TRY_EVERY: Duration = Duration::from_millis(20);

/// What the members' keys and values hash to, up to one revision.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "whether the members agree is in it"]
pub struct HashReport {
    revision: i64,
    members: Vec<MemberHash>,
}

/// What one member's keys and values hash to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemberHash {
    /// The member's name.
    pub member: String,
    /// Its number, as etcd's alarms give it.
    pub id: u64,
    /// The hash.
    pub hash: u32,
}

impl HashReport {
    /// The revision up to which all were hashed.
    #[must_use]
    pub fn revision(&self) -> i64 {
        self.revision
    }

    /// Each member with a vote that runs, in the order of [`Cluster::members`].
    #[must_use]
    pub fn members(&self) -> &[MemberHash] {
        &self.members
    }

    /// Whether all members have the same.
    #[must_use]
    pub fn agrees(&self) -> bool {
        self.differing().is_empty()
    }

    /// The members that have something else than a majority of those that run; all of them where no
    /// majority has the same.
    #[must_use]
    pub fn differing(&self) -> Vec<&MemberHash> {
        let mut counts = BTreeMap::<u32, usize>::new();
        for member in &self.members {
            *counts.entry(member.hash).or_default() += 1;
        }
        let right = counts
            .into_iter()
            .find_map(|(hash, count)| (count > self.members.len() / 2).then_some(hash));
        self.members.iter().filter(|member| Some(member.hash) != right).collect()
    }
}

impl fmt::Display for HashReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let differing = self.differing();
        if differing.is_empty() {
            return write!(f, "all members have the same up to revision {}", self.revision);
        }
        write!(f, "up to revision {}", self.revision)?;
        for (index, member) in self.members.iter().enumerate() {
            let comma = if index == 0 { ":" } else { "," };
            write!(f, "{comma} {} has {:08x}", member.member, member.hash)?;
            if differing.len() < self.members.len() && differing.contains(&member) {
                f.write_str(", which differs")?;
            }
        }
        Ok(())
    }
}

impl Cluster {
    /// Hashes the keys and values of all members with a vote that run, with their history, up to the
    /// same revision: the newest that all of them have. Members whose hash differs are corrupt. (A
    /// learner is not asked: etcd has it refuse.)
    ///
    /// It is asked of each member alone, and so answered while an alarm stops everything else.
    /// A member that differs is mended by taking it out of the fleet and a fresh one in.
    ///
    /// Cancel-safe.
    ///
    /// # Errors
    ///
    /// [`OperateError`] when a member that runs does not answer, or when for the time that the
    /// fleet may take to start ([`Spec::ready_within`](crate::Spec::ready_within)) there is no
    /// moment at which their hashes can be compared ([`Unsettled`]).
    pub async fn hash_kv(&self) -> Result<HashReport, OperateError> {
        let course = Course::beside_others(self, "hashing what the members have");
        let begin = Instant::now();
        loop {
            let answers = hash_all(self).await;
            let answers = answers
                .map_err(|(member, error)| course.failed(Step::Hash, Some(member), error))?;
            let (_, first) = answers
                .first()
                .ok_or_else(|| course.failed(Step::Hash, None, StartError::NoneRunning))?;
            if answers.iter().all(|(_, answer)| answer.agrees_with(first).is_some()) {
                return Ok(report(&answers));
            }
            // Some are further than others, with a write or a compaction: their hashes say nothing.
            if begin.elapsed() > self.ready_within {
                return Err(course.failed(Step::Hash, None, Unsettled));
            }
            sleep(TRY_EVERY).await;
        }
    }
}

type Answers<'a> = Vec<(Member<'a>, HashKvResponse)>;

/// What each says of the newest revision that all have.
async fn hash_all(cluster: &Cluster) -> Result<Answers<'_>, (Member<'_>, tercet_client::Error)> {
    let members: Vec<_> = voters_that_run(cluster).collect();
    let mut revision = i64::MAX;
    for &member in &members {
        let ask = async { member.direct_client().await?.status(member.direct_client_url()).await };
        let status = ask.await.map_err(|error| (member, error))?;
        revision = revision.min(status.revision());
    }
    let mut answers = Answers::with_capacity(members.len());
    for member in members {
        let ask = async {
            let (client, url) = (member.direct_client().await?, member.direct_client_url());
            match client.hash_kv(url, revision).await {
                // What was compacted to just this revision is hashed by 3.4 and 3.5 only as the
                // latest there is (`mvcc/kvstore.go`, `HashByRev`).
                Err(error) if error.kind() == ErrorKind::Compacted => client.hash_kv(url, 0).await,
                answer => answer,
            }
        };
        answers.push((member, ask.await.map_err(|error| (member, error))?));
    }
    Ok(answers)
}

fn report(answers: &[(Member<'_>, HashKvResponse)]) -> HashReport {
    let members = answers
        .iter()
        .map(|(member, answer)| MemberHash {
            member: member.name().to_owned(),
            id: answer.member_id(),
            hash: answer.hash(),
        })
        .collect();
    let revision = answers.first().map(|(_, answer)| answer.hash_revision()).unwrap_or_default();
    HashReport { revision, members }
}

/// There was no moment at which all members had come to one revision and compacted to one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the members never came to the same revision, so that their hashes say nothing")]
pub struct Unsettled;

#[cfg(test)]
mod tests {
    use super::*;

    fn report(hashes: &[u32]) -> HashReport {
        let members = hashes
            .iter()
            .zip(1..)
            .map(|(&hash, id)| MemberHash { member: format!("m{id}"), id, hash })
            .collect();
        HashReport { revision: 42, members }
    }

    #[test]
    fn a_majority_is_right() {
        assert!(report(&[7, 7, 7]).agrees());
        insta::assert_snapshot!(report(&[7, 7, 7]), @"all members have the same up to revision 42");
        let names = |report: &HashReport| {
            report.differing().iter().map(|one| one.member.clone()).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(names(&report(&[7, 8, 7])), "m2");
        insta::assert_snapshot!(report(&[7, 8, 7]), @"up to revision 42: m1 has 00000007, m2 has 00000008, which differs, m3 has 00000007");
        // Nobody can tell who is right.
        assert_eq!(names(&report(&[7, 8])), "m1 m2");
        insta::assert_snapshot!(report(&[7, 8]), @"up to revision 42: m1 has 00000007, m2 has 00000008");
        assert_eq!(names(&report(&[7, 8, 9])), "m1 m2 m3");
        assert!(report(&[7]).agrees());
    }
}
