//! What a link does with the bytes that it is given.

use std::fmt;
use std::num::NonZeroU64;
use std::time::Duration;

use crate::plan::Slot;

/// One end of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum End {
    /// A member.
    Member(Slot),
    /// All clients together: who comes to a member's client port.
    Clients,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Member(slot) => slot.fmt(f),
            Self::Clients => f.write_str("clients"),
        }
    }
}

/// What becomes of the bytes from one end to the other.
///
/// A link is one direction: what A says to B, on connections that A has dialled **and** on those
/// that B has. (A Raft stream is dialled by the member that listens to it.) What B says to A is
/// another link, with a policy of its own. A TCP handshake needs both, so a new connection looks at
/// both links, whoever dials.
///
/// | | open connections | new connections, dialled by either | bytes in flight | at heal |
/// |---|---|---|---|---|
/// | `Pass` | carried | carried | carried | – |
/// | `Hold` | stay open; nothing of this direction arrives, nor that it has ended. The sender notices when the buffers are full | wait; one whose dialler gives up is forgotten | kept | all goes on where it was. Nothing is lost, no connection is aborted, and those that wait are made |
/// | `Drop` | stay open; bytes of this direction are taken from the sender and thrown away, and so is that it has ended or was reset | wait, as with `Hold` | lost | every connection that was open between the two is aborted with RST at both ends, whether it had lost a byte or not: its TLS stream would be damaged, and so the outcome is always the same. Those that wait are made |
/// | `Reset` | aborted with RST at both ends, before the fault is in force | refused with RST at once; those that wait too | lost | new ones are made |
///
/// In flight is what the network has read and not yet passed on, and what it has not read yet. What
/// is in the receiver's own buffers, in its kernel, has arrived.
///
/// A client's TCP connection to a member's port is accepted by the network whatever the policy, since
/// that is the kernel's doing; if it has to wait, it does so with its first byte. A member's
/// connection to a member waits with its `CONNECT`.
///
/// The order is that of severity: of several faults on one link, the severest counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Carriage {
    /// They arrive.
    #[default]
    Pass,
    /// They are kept.
    Hold,
    /// They are lost.
    Drop,
    /// They are refused.
    Reset,
}

/// What one link does.
///
/// Bytes arrive `delay` ± `jitter` after they were read, in the order in which they were sent; up to
/// a megabyte of them are on their way at once in each direction of a connection,
/// and then the sender has to wait, as with a window of TCP. A new connection takes one round trip of
/// both links' delays more. Bandwidth is that of the link: all connections between the two share it.
///
/// A change of delay or bandwidth holds also for what is on its way: after a heal, nothing arrives
/// later than it would if it were sent then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkPolicy {
    /// Whether they arrive.
    pub carriage: Carriage,
    /// When they arrive.
    pub delay: Duration,
    /// By how much, at most, each arrives earlier or later than that.
    pub jitter: Duration,
    /// How many arrive; none for as many as there are.
    pub bytes_per_second: Option<NonZeroU64>,
}

impl LinkPolicy {
    /// Bytes arrive, at once.
    pub const PASS: Self = Self {
        carriage: Carriage::Pass,
        delay: Duration::ZERO,
        jitter: Duration::ZERO,
        bytes_per_second: None,
    };

    /// Bytes are kept.
    pub const HOLD: Self = Self { carriage: Carriage::Hold, ..Self::PASS };
    /// Bytes are lost.
    pub const DROP: Self = Self { carriage: Carriage::Drop, ..Self::PASS };
    /// Connections are refused and aborted.
    pub const RESET: Self = Self { carriage: Carriage::Reset, ..Self::PASS };

    /// Later by `delay`, give or take `jitter`.
    pub const fn late(delay: Duration, jitter: Duration) -> Self {
        Self { delay, jitter, ..Self::PASS }
    }

    /// Not faster than this.
    pub const fn at_most(bytes_per_second: NonZeroU64) -> Self {
        Self { bytes_per_second: Some(bytes_per_second), ..Self::PASS }
    }

    /// Both in force at once: the severest carriage and the smallest bandwidth. Delays add up, as
    /// those of two wires one behind the other do: with the largest only, a fault would have no
    /// effect where there is a larger one, and nothing would heal when the smaller is taken back.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let slowest = match (self.bytes_per_second, other.bytes_per_second) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        Self {
            carriage: self.carriage.max(other.carriage),
            delay: self.delay.saturating_add(other.delay),
            jitter: self.jitter.saturating_add(other.jitter),
            bytes_per_second: slowest,
        }
    }

    /// Whether bytes are lost, and connections with them.
    pub(crate) const fn loses_bytes(&self) -> bool {
        matches!(self.carriage, Carriage::Drop | Carriage::Reset)
    }

    /// Whether bytes that pass do so at once.
    pub(super) const fn is_prompt(&self) -> bool {
        self.delay.is_zero() && self.jitter.is_zero() && self.bytes_per_second.is_none()
    }
}

impl fmt::Display for Carriage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pass => "passes",
            Self::Hold => "holds",
            Self::Drop => "drops",
            Self::Reset => "resets",
        })
    }
}

impl fmt::Display for LinkPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.carriage.fmt(f)?;
        if !self.delay.is_zero() || !self.jitter.is_zero() {
            write!(f, ", {:?}", self.delay)?;
            if !self.jitter.is_zero() {
                write!(f, " ± {:?}", self.jitter)?;
            }
            f.write_str(" late")?;
        }
        match self.bytes_per_second {
            Some(bytes) => write!(f, ", at most {bytes} bytes a second"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn bandwidth(bytes: u64) -> LinkPolicy {
        LinkPolicy::at_most(NonZeroU64::new(bytes).unwrap())
    }

    #[test]
    fn several_faults_on_one_link_are_all_felt() {
        let carriages = [LinkPolicy::PASS, LinkPolicy::HOLD, LinkPolicy::DROP, LinkPolicy::RESET];
        for (index, milder) in carriages.iter().enumerate() {
            for severer in &carriages[index..] {
                assert_eq!(milder.and(*severer), *severer);
                assert_eq!(severer.and(*milder), *severer);
            }
        }
        let late = LinkPolicy::late(20 * MS, 5 * MS);
        assert_eq!(late.and(late), LinkPolicy::late(40 * MS, 10 * MS));
        assert_eq!(late.and(LinkPolicy::PASS), late);
        assert_eq!(bandwidth(7).and(bandwidth(3)), bandwidth(3));
        assert_eq!(bandwidth(7).and(LinkPolicy::PASS), bandwidth(7));
        assert_eq!(LinkPolicy::PASS.and(bandwidth(7)), bandwidth(7));
        let most = LinkPolicy::late(Duration::MAX, Duration::MAX);
        assert_eq!(most.and(late), most);
    }

    #[test]
    fn in_words() {
        let shown = |policy: LinkPolicy| policy.to_string();
        assert_eq!(shown(LinkPolicy::HOLD), "holds");
        assert_eq!(shown(LinkPolicy::late(20 * MS, Duration::ZERO)), "passes, 20ms late");
        assert_eq!(
            shown(LinkPolicy::late(20 * MS, 5 * MS).and(bandwidth(1000)).and(LinkPolicy::DROP)),
            "drops, 20ms ± 5ms late, at most 1000 bytes a second"
        );
    }
}
