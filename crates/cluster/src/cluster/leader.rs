//! Who leads.

use std::time::{Duration, Instant};

use tercet_client::Client;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::error::LeaderError;
use super::fleet::Cluster;
use super::member::Member;
use crate::binary::chain;

/// How long a fleet may be without a leader before that is an error: several elections even with
/// stock timing.
const LIMIT: Duration = Duration::from_secs(10);

/// How long one member may take to say whom it follows; it asks nobody for that.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// How long after a round of questions the next one starts.
const ASK_EVERY: Duration = Duration::from_millis(5);

/// The leader of all that have a vote. `unsure` of them may have none any more: they are asked, but
/// not needed.
pub(crate) async fn leader(cluster: &Cluster, unsure: usize) -> Result<Member<'_>, LeaderError> {
    let begin = Instant::now();
    loop {
        let said = match ask_all(cluster, unsure).await {
            Ok(index) => return Ok(cluster.member(index)),
            Err(said) => said,
        };
        let elapsed = begin.elapsed();
        if elapsed >= LIMIT {
            let name = |index: usize| cluster.cell(index).plan().name();
            let said = said
                .iter()
                .map(|(index, answer)| match answer {
                    Ok(answer) => format!("{} {answer}", name(*index)),
                    Err(error) => format!("{}: {error}", name(*index)),
                })
                .collect();
            return Err(LeaderError { elapsed, said });
        }
        sleep(ASK_EVERY).await;
    }
}

/// What a member says of itself and its leader.
#[derive(Debug)]
struct Answer {
    id: u64,
    leader: Option<u64>,
    term: u64,
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { id, leader, term } = self;
        match leader {
            None => write!(f, "({id:x}) knows no leader in term {term}"),
            Some(leader) => write!(f, "({id:x}) follows {leader:x} in term {term}"),
        }
    }
}

type Said = Vec<(usize, Result<Answer, String>)>;

/// Asks all running members with a vote at once. Returns the leader as soon as enough agree, without waiting
/// for a member that does not answer; else what each said, in the order of their indices.
async fn ask_all(cluster: &Cluster, unsure: usize) -> Result<usize, Said> {
    let voters: Vec<_> = cluster.members().filter(|member| !member.is_learner()).collect();
    let mut questions = JoinSet::new();
    for member in voters.iter().filter(|member| member.is_running()) {
        let (index, url, config) =
            (member.index(), member.direct_client_url().to_owned(), member.direct_client_config());
        questions.spawn(async move {
            let ask = async {
                let config = config?.request_timeout(ANSWER_WITHIN);
                let status = Client::connect(config).await?.status(&url).await?;
                let (id, leader) = (status.member_id(), status.leader());
                Ok::<_, tercet_client::Error>(Answer { id, leader, term: status.raft_term() })
            };
            (index, ask.await.map_err(|error| chain(&error)))
        });
    }
    let mut said = Said::new();
    while let Some(answer) = questions.join_next().await {
        // A task that panicked has said nothing.
        said.extend(answer.ok());
        if let Some(index) = agreed(&said, voters.len().saturating_sub(unsure)) {
            return Ok(index);
        }
    }
    said.sort_by_key(|(index, _)| *index);
    Err(said)
}

/// The running member that a majority of all `voters` follows in one and the same term.
fn agreed(said: &Said, voters: usize) -> Option<usize> {
    let answers =
        || said.iter().filter_map(|(index, answer)| Some((*index, answer.as_ref().ok()?)));
    answers().find_map(|(index, candidate)| {
        let followers = answers()
            .filter(|(_, other)| other.leader == Some(candidate.id) && other.term == candidate.term)
            .count();
        (followers > voters / 2).then_some(index)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// (id, leader or 0, term) of each member.
    fn said(answers: &[(u64, u64, u64)]) -> Said {
        answers
            .iter()
            .enumerate()
            .map(|(index, &(id, leader, term))| {
                (index, Ok(Answer { id, leader: (leader != 0).then_some(leader), term }))
            })
            .collect()
    }

    #[test]
    fn a_majority_of_all_members_makes_a_leader() {
        assert_eq!(agreed(&said(&[(7, 8, 2), (8, 8, 2), (9, 8, 2)]), 3), Some(1));
        assert_eq!(agreed(&said(&[(7, 8, 2), (8, 8, 2)]), 3), Some(1));
        // A deposed leader still believes in itself.
        assert_eq!(agreed(&said(&[(7, 7, 2), (8, 8, 3), (9, 8, 3)]), 3), Some(1));
        assert_eq!(agreed(&said(&[(7, 7, 2), (8, 8, 3)]), 3), None);
        assert_eq!(agreed(&said(&[(7, 0, 3), (8, 0, 3), (9, 0, 3)]), 3), None);
        // The leader is down, and the others have not noticed.
        assert_eq!(agreed(&said(&[(7, 9, 2), (8, 9, 2)]), 3), None);
        assert_eq!(agreed(&said(&[(7, 7, 2)]), 1), Some(0));
    }
}
