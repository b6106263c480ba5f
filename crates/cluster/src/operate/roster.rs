//! Who is a member, and how the members agree on another answer.

use std::time::{Duration, Instant};

use tercet_client::{Client, ErrorKind, MemberListResponse};
use tokio::time::sleep;

use super::course::Course;
use super::error::{Cause, OperateRefusal};
use crate::cluster::{Cluster, Member, Role, Standing, leader};

/// How long members must have been connected before a strict fleet lets others come and go
/// (`server/etcdserver/server.go`, `HealthInterval`), and as long again: each looks for itself, and
/// connects anew when another restarts.
const HEALTHY_WITHIN: Duration = Duration::from_secs(10);

/// How long after a request that was refused for now the next one goes out.
pub(super) const ASK_EVERY: Duration = Duration::from_millis(10);

/// Has the members agree: asks the leader for its list, and as long as that is not what `reached`
/// looks for, sends `request`, which is given the list. So a request whose outcome is unknown is not sent twice, and what was
/// done before is not done again. `unsure` members with a vote may lose it by that.
pub(super) async fn agree<T, F>(
    course: &Course<'_>,
    unsure: usize,
    reached: impl Fn(&MemberListResponse) -> Option<T>,
    request: impl Fn(Client, MemberListResponse) -> F,
) -> Result<T, Cause>
where
    F: Future<Output = Result<(), tercet_client::Error>>,
{
    let begin = Instant::now();
    let limit = course.cluster.ready_within;
    loop {
        let attempt = async {
            let client = leader(course.cluster, unsure).await?.direct_client().await?;
            let list = client.member_list().await?;
            if let Some(answer) = reached(&list) {
                return Ok(Some(answer));
            }
            request(client, list).await.map(|()| None).map_err(Cause::from)
        };
        match attempt.await {
            Ok(Some(answer)) => return Ok(answer),
            // The next list has it, or it is asked for again.
            Ok(None) if begin.elapsed() < limit => sleep(ASK_EVERY).await,
            Ok(None) => return Err(Cause::NotSeen { elapsed: begin.elapsed() }),
            Err(Cause::Client(error)) if may_pass(error.kind(), begin.elapsed(), limit) => {
                sleep(ASK_EVERY).await;
            }
            Err(cause) => return Err(cause),
        }
    }
}

/// Whether what was refused may be granted later.
pub(super) fn may_pass(kind: ErrorKind, elapsed: Duration, limit: Duration) -> bool {
    match kind {
        ErrorKind::UnhealthyCluster => elapsed < HEALTHY_WITHIN,
        ErrorKind::LearnerNotReady
        | ErrorKind::Connect
        | ErrorKind::ConnectionLost
        | ErrorKind::DeadlineExceeded
        | ErrorKind::LeaderChanged
        | ErrorKind::NoLeader
        | ErrorKind::NotLeader
        | ErrorKind::Timeout
        | ErrorKind::Unavailable => elapsed < limit,
        _ => false,
    }
}

/// The number by which `list` knows `member`: by the one that it has told, or else by where it is.
pub(super) fn number(list: &MemberListResponse, member: Member<'_>) -> Option<u64> {
    let known = member.id();
    let is_it = |other: &&tercet_client::Member| match known {
        Some(id) => other.id() == id,
        None => other.peer_urls().iter().any(|url| url == member.peer_url()),
    };
    list.members().iter().find(is_it).map(tercet_client::Member::id)
}

/// What `--initial-cluster` is for one that joins these: all of them, itself too, each by its name.
/// One that was never started has told none, and those that we made are called as we did.
pub(super) fn initial_cluster(cluster: &Cluster, list: &MemberListResponse) -> String {
    let mut entries = Vec::new();
    for other in list {
        let ours = cluster
            .members()
            .find(|member| other.peer_urls().iter().any(|url| url == member.peer_url()));
        let name = ours.map_or_else(|| other.name(), |member| member.name());
        entries.extend(other.peer_urls().iter().map(|url| format!("{name}={url}")));
    }
    entries.join(",")
}

/// The members with a vote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Voters {
    pub(super) all: usize,
    pub(super) running: usize,
}

impl Voters {
    pub(super) fn of(cluster: &Cluster) -> Self {
        let voters: Vec<_> = cluster.members().filter(|member| !member.is_learner()).collect();
        let running = voters.iter().filter(|member| member.is_running()).count();
        Self { all: voters.len(), running }
    }

    /// Whether enough run for the fleet to agree on anything.
    pub(super) const fn have_majority(self) -> bool {
        self.running >= Self::majority_of(self.all)
    }

    const fn majority_of(voters: usize) -> usize {
        voters / 2 + 1
    }

    /// The others, once this one is none of them.
    pub(super) fn without(self, member: Member<'_>) -> Self {
        Self { all: self.all - 1, running: self.running - usize::from(member.is_running()) }
    }

    /// Whether those that run are a majority also of these and one more.
    pub(super) const fn is_majority_of_one_more(self) -> bool {
        self.running >= Self::majority_of(self.all + 1)
    }

    /// Whether one may be added: with it, and while it does not run, there must be a majority that
    /// does. As `isConnectedToQuorumAfterAddingNewMemberSince` has it in etcd's
    /// `server/etcdserver/util.go`, from 3.5.30 on; before, all had to run.
    ///
    /// The only one may always have a second: that comes as a learner first.
    pub(super) fn may_add(self, role: Role) -> Result<(), OperateRefusal> {
        let Self { all, running } = self;
        let needed = match role {
            Role::Voter if all > 1 => Self::majority_of(all + 1),
            Role::Voter | Role::Learner => Self::majority_of(all),
        };
        if running >= needed {
            return Ok(());
        }
        Err(OperateRefusal::TooFewToAdd { voters: all, running, needed })
    }

    /// Whether one of them may be removed: of those that stay, a majority must run.
    pub(super) fn may_remove(self, member: Member<'_>) -> Result<(), OperateRefusal> {
        let name = member.name().to_owned();
        let Self { all, running } = self;
        let Self { all: voters, running: stay } = self.without(member);
        if voters == 0 {
            return Err(OperateRefusal::LastVoter { member: name });
        }
        let needed = Self::majority_of(voters);
        // All of them agree on it while it still is one.
        if stay < needed || running < Self::majority_of(all) {
            return Err(OperateRefusal::TooFewToRemove {
                member: name,
                voters,
                running: stay,
                needed,
            });
        }
        Ok(())
    }
}

/// A member that was begun to be added and is not in yet, and what it was to be.
pub(super) fn entering(cluster: &Cluster) -> Option<(Member<'_>, Role)> {
    cluster.members().find_map(|member| match cluster.cell(member.index()).standing() {
        Standing::Entering { wanted, .. } => Some((member, wanted)),
        Standing::Belongs(_) | Standing::Removed { .. } => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_majority_must_run_with_the_new_one_down() {
        let may = |all, running| Voters { all, running }.may_add(Role::Voter).is_ok();
        assert!(may(1, 1));
        assert!(!may(1, 0));
        assert!(may(2, 2));
        assert!(!may(2, 1));
        assert!(may(3, 3));
        assert!(!may(3, 2));
        assert!(may(4, 3));
        assert!(may(5, 4));
        assert!(!may(5, 3));
        let learner = |all, running| Voters { all, running }.may_add(Role::Learner).is_ok();
        assert!(learner(3, 2));
        assert!(!learner(3, 1));
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        let soon = Duration::from_millis(1);
        assert!(may_pass(ErrorKind::UnhealthyCluster, soon, Duration::ZERO));
        assert!(!may_pass(ErrorKind::UnhealthyCluster, HEALTHY_WITHIN, Duration::MAX));
        assert!(may_pass(ErrorKind::LearnerNotReady, soon, Duration::from_secs(1)));
        assert!(!may_pass(ErrorKind::LearnerNotReady, soon, soon));
        assert!(!may_pass(ErrorKind::MemberExists, soon, Duration::MAX));
    }
}
