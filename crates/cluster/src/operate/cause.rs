//! Why a step of an operation failed.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use super::hash::{HashReport, Unsettled};
use super::versions::MemberVersions;
use crate::binary::Version;
use crate::cluster::{KillError, LeaderError, StartError};
use crate::http::HttpError;

/// Why a step failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// A member did not come up, or the fleet is not ready.
    #[error(transparent)]
    Start(#[from] StartError),
    /// A member does not go down.
    #[error(transparent)]
    Kill(#[from] KillError),
    /// Nobody leads.
    #[error(transparent)]
    Leader(#[from] LeaderError),
    /// The fleet, or one member of it, refused a request or did not answer.
    #[error(transparent)]
    Client(#[from] tercet_client::Error),
    /// The members do not have the same.
    #[error("the members do not have the same: {report}")]
    Differ {
        /// What each has.
        report: HashReport,
    },
    /// The members could not be compared.
    #[error(transparent)]
    Unsettled(#[from] Unsettled),
    /// A member does not say its version.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// What a member says is no version.
    #[error("{url} says no versions, but {said:?}")]
    NoVersions {
        /// What was asked.
        url: String,
        /// What it said.
        said: String,
    },
    /// Members are not of the version that was waited for.
    #[error("the fleet should be of {wanted} after {elapsed:.1?}: {}", versions(late))]
    Versions {
        /// What was waited for.
        wanted: Version,
        /// What those say that are not.
        late: Vec<MemberVersions>,
        /// How long was waited.
        elapsed: Duration,
    },
    /// Its certificates could not be made.
    #[error(transparent)]
    Fleet(#[from] tercet_pki::FleetError),
    /// A certificate could not be written.
    #[error(transparent)]
    Write(#[from] tercet_pki::WriteError),
    /// The certificates are not as they were left.
    #[error(transparent)]
    Certificates(#[from] tercet_pki::FleetLoadError),
    /// Files could not be removed.
    #[error("cannot remove {}", path.display())]
    Data {
        /// What was to be removed.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It was done, and it does not show.
    #[error("it was agreed on, but is not to be seen after {elapsed:.1?}")]
    NotSeen {
        /// For how long it was looked for.
        elapsed: Duration,
    },
    /// It has a vote, and does not say so.
    #[error(
        "it was given a vote, but {} after {elapsed:.1?}",
        if source.is_some() { "does not answer" } else { "has not heard of it" }
    )]
    VoteNotSeen {
        /// For how long it was asked.
        elapsed: Duration,
        /// Why it did not answer the last time, if it did not.
        source: Option<tercet_client::Error>,
    },
    /// It was to forget the others.
    #[error("it still counts {members} members")]
    NotAlone {
        /// How many it counts.
        members: usize,
    },
    /// A learner has not caught up.
    #[error(
        "it has not caught up: it is at {}, and the leader at {}",
        index(*learner), index(*leader)
    )]
    Behind {
        /// How far the learner's log is, if it says.
        learner: Option<u64>,
        /// How far the leader's log is, if it says.
        leader: Option<u64>,
        /// What the leader said.
        source: tercet_client::Error,
    },
}

fn versions(said: &[MemberVersions]) -> String {
    let each = said.iter().map(|MemberVersions { member, server, cluster, storage }| {
        let known = |version: &Option<Version>| {
            version.map_or_else(|| "none".to_owned(), |version| version.to_string())
        };
        format!(
            "{member} is {server}, in a fleet of {}, on files of {}",
            known(cluster),
            known(storage)
        )
    });
    each.collect::<Vec<_>>().join("; ")
}

fn index(index: Option<u64>) -> String {
    index.map_or_else(|| "no known entry".to_owned(), |index| format!("entry {index}"))
}

impl Cause {
    /// Whether its text has the end of a log.
    pub(super) fn has_log(&self) -> bool {
        matches!(self, Self::Start(error) if error.log().is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vote_that_is_not_seen_is_told_apart_from_no_answer() {
        let not_seen = |source| Cause::VoteNotSeen { elapsed: Duration::from_millis(2500), source };
        insta::assert_snapshot!(
            not_seen(None),
            @"it was given a vote, but has not heard of it after 2.5s"
        );
        let refused = tercet_client::Config::new(Vec::<String>::new());
        let error = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
            .block_on(tercet_client::Client::connect(refused))
            .unwrap_err();
        insta::assert_snapshot!(
            not_seen(Some(error)),
            @"it was given a vote, but does not answer after 2.5s"
        );
    }
}
