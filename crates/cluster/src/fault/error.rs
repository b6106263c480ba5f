//! Why a fault was not brought about.

/// Why a fault was not brought about. Nothing was changed then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FaultError {
    /// It would be done to a process that there is none of.
    #[error("member {member} is not running: start it first")]
    NotRunning {
        /// Which.
        member: String,
    },
    /// It does not belong to the fleet any more.
    #[error("member {member} was removed from the fleet: there is nothing of it to break")]
    Removed {
        /// Which.
        member: String,
    },
    /// The fleet was not started for it.
    #[error(
        "the fleet was not made ready for faults of its {kind}: start it with .faults(Faults::NONE.{kind}())"
    )]
    NotReadyFor {
        /// What of it was to be broken: `links`, `disk` or `clock`, a word of
        /// [`Faults`](crate::Faults).
        kind: &'static str,
    },
    /// The thread that the links of the fleet go through does not answer: its fleet is gone, or the
    /// machine stands still.
    #[error(
        "the network that the fleet's links go through does not answer: the fleet was dropped, or \
         the machine stood still for 10 seconds"
    )]
    NetworkGone,
}
