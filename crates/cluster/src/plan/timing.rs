//! How fast the members' clocks tick.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// How often a leader is heard of, how soon one is missed, and whether writes wait for the disk.
///
/// | profile | heartbeat | election | fsync | for |
/// |---|---|---|---|---|
/// | [`Fast`](Self::Fast), up to three members | 10 ms | 50 ms | no | tests on a machine of one's own |
/// | [`Fast`](Self::Fast), more, or [`Auto`](super::Security::Auto) | 20 ms | 200 ms | no | the same |
/// | [`Ci`](Self::Ci) | 50 ms | 500 ms | no | tests on a busy or shared machine |
/// | [`Stock`](Self::Stock) | 100 ms | 1000 ms | yes | data that matters, and benchmarks |
///
/// Under load a `Fast` fleet can lose its leader for a moment, as any fleet can; a client that
/// retries does not notice. Choose [`Ci`](Self::Ci) when a test counts elections or leader changes
/// on a machine with less than a core per member.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Timing {
    /// Ready in about a tenth of a second.
    #[default]
    Fast,
    /// Five times the patience of etcd's own integration tests.
    Ci,
    /// What etcd does when it is told nothing.
    Stock,
}

/// Up to how many members find a leader fastest with the shortest patience.
///
/// Of five on two cores, three elect one while the others still start, and starve it: one start in
/// twenty-five took five seconds, since what a member told a leader that is lost it repeats only
/// then. With four times the patience none did in hundreds, and the median stayed (nine members: 631
/// instead of 769 ms).
pub(super) const FEW: usize = 3;

impl Timing {
    /// How often the leader of a fleet of `members` shows itself (`--heartbeat-interval`).
    #[must_use]
    pub const fn heartbeat(self, members: usize) -> Duration {
        match self {
            Self::Fast if members <= FEW => Duration::from_millis(10),
            Self::Fast => Duration::from_millis(20),
            Self::Ci => Duration::from_millis(50),
            Self::Stock => Duration::from_millis(100),
        }
    }

    /// How long a follower in a fleet of `members` waits for its leader (`--election-timeout`), at
    /// least five heartbeats (`embed.Config.Validate`). Each adds up to as much again at random.
    ///
    /// 50 ms for three that are `Fast`: the wait is on the path to the first leader, 100 ms cost 30 ms more in the
    /// median and 25 ms gained nothing.
    #[must_use]
    pub const fn election(self, members: usize) -> Duration {
        match self {
            Self::Fast if members <= FEW => Duration::from_millis(50),
            Self::Fast => Duration::from_millis(200),
            Self::Ci => Duration::from_millis(500),
            Self::Stock => Duration::from_secs(1),
        }
    }

    /// Whether a write waits until the disk has it.
    #[must_use]
    pub const fn fsync(self) -> bool {
        matches!(self, Self::Stock)
    }

    /// The `GOGC` that members run with: how much garbage, in per cent of what is alive, is let
    /// pile up before Go collects it.
    ///
    /// Of the 12 ms that collecting costs a start of three members, 400 takes 7 and 800 takes 11. `off`
    /// takes the last one, but a long test would grow without bound; a test's heap is small, and nine
    /// times a small heap is bearable.
    #[must_use]
    pub const fn gogc(self) -> Option<u32> {
        match self {
            Self::Fast | Self::Ci => Some(800),
            Self::Stock => None,
        }
    }
}

impl fmt::Display for Timing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fast => "fast",
            Self::Ci => "ci",
            Self::Stock => "stock",
        })
    }
}

impl FromStr for Timing {
    type Err = ParseTimingError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "fast" => Ok(Self::Fast),
            "ci" => Ok(Self::Ci),
            "stock" => Ok(Self::Stock),
            _ => Err(ParseTimingError { text: text.to_owned() }),
        }
    }
}

/// A word that names no timing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not a timing: use fast, ci or stock")]
pub struct ParseTimingError {
    text: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_values_agree() {
        for timing in [Timing::Fast, Timing::Ci, Timing::Stock] {
            assert_eq!(timing.to_string().parse(), Ok(timing));
            for members in 1..=9 {
                // etcd refuses to start otherwise.
                assert!(timing.election(members) >= 5 * timing.heartbeat(members));
            }
        }
        insta::assert_snapshot!(
            "slow".parse::<Timing>().unwrap_err(),
            @"'slow' is not a timing: use fast, ci or stock"
        );
    }
}
