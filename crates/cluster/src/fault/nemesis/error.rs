//! Why a nemesis did not do all that it was to do.

use crate::cluster::{KillError, LeaderError, StartError};
use crate::fault::FaultError;

/// Why a nemesis did not do all that it was to do. What it did is in
/// [`Cluster::rampages`](crate::Cluster::rampages).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NemesisError {
    /// Nothing on its menu can be done to such a fleet.
    #[error(
        "nothing of '{menu}' leaves a majority of {members} member(s): take more members, or allow \
         it with beyond_quorum()"
    )]
    NothingToDo {
        /// What it may do.
        menu: String,
        /// How many members have a vote.
        members: usize,
    },
    /// The schedule is for another fleet.
    #[error("the schedule is for {members} members with a vote, and the fleet has {there}")]
    OtherSize {
        /// For how many it is.
        members: usize,
        /// How many there are.
        there: usize,
    },
    /// The fleet cannot be broken so. Nothing was done.
    #[error("the fleet cannot be broken by '{step}'; nothing was done")]
    NotPossible {
        /// The first step that cannot be done.
        step: String,
        /// Why not.
        source: FaultError,
    },
    /// The fleet was not ready for a step, or did not become ready after it.
    #[error("the fleet is not ready {when} step {number}, '{step}'")]
    NotReady {
        /// `before` or `after`.
        when: &'static str,
        /// Which step, counted from 1.
        number: usize,
        /// What it was.
        step: String,
        /// Why not.
        source: Box<StartError>,
    },
    /// Nobody leads, and so nobody can be told from others.
    #[error("whom step {number}, '{step}', is about is not known")]
    NoLeader {
        /// Which step, counted from 1.
        number: usize,
        /// What it was.
        step: String,
        /// Why not.
        source: LeaderError,
    },
    /// A fault was not brought about.
    #[error("step {number}, '{step}', was not done")]
    Fault {
        /// Which step, counted from 1.
        number: usize,
        /// What it was.
        step: String,
        /// Why not.
        source: Box<StepError>,
    },
}

/// Why one step was not done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StepError {
    /// The fault was not brought about.
    #[error(transparent)]
    Fault(#[from] FaultError),
    /// A member was not killed.
    #[error(transparent)]
    Kill(#[from] KillError),
    /// A member was not started.
    #[error(transparent)]
    Start(#[from] StartError),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        let step = || "pause the leader, for 400 ms, then quiet for 200 ms".to_owned();
        let texts = [
            NemesisError::NothingToDo { menu: "kills".into(), members: 2 }.to_string(),
            NemesisError::OtherSize { members: 5, there: 3 }.to_string(),
            NemesisError::NotPossible { step: step(), source: FaultError::NetworkGone }.to_string(),
            NemesisError::NotReady {
                when: "after",
                number: 3,
                step: step(),
                source: Box::new(StartError::NoneRunning),
            }
            .to_string(),
            NemesisError::Fault {
                number: 3,
                step: step(),
                source: Box::new(FaultError::NotRunning { member: "m1".into() }.into()),
            }
            .to_string(),
        ];
        insta::assert_snapshot!(texts.join("\n"));
    }
}
