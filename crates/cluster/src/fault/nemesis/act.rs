//! What is done in one step, and to whom.

use std::fmt;
use std::time::Duration;

use tercet_pki::doctor::Port;

use crate::fault::{CertificateFlaw, StartPoint};

/// Whom a step is about. Who that is turns out when it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Target {
    /// Whoever leads.
    Leader,
    /// One of those that do not lead, counted from 1 in the order in which they came.
    Follower(usize),
    /// One of the members with a vote, counted from 1 in the order in which they came.
    Member(usize),
}

/// What is done in one step.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Act {
    /// They are killed, and started again at the end.
    Kill(Vec<Target>),
    /// They stand still.
    Pause(Vec<Target>),
    /// It is asked to end, and started again at the end.
    Stop(Target),
    /// It is restarted, killed at this moment of its start, and started again at the end.
    KillAt(Target, StartPoint),
    /// It is restarted, and shows a certificate that is wrong on this port.
    Spoil(Target, Port, CertificateFlaw),
    /// The two hear nothing of each other.
    Cut(Target, Target),
    /// What the first sends does not reach the second.
    CutOneWay(Target, Target),
    /// It and all others hear nothing of each other.
    Isolate(Target),
    /// They and all others hear nothing of each other.
    SplitOff(Vec<Target>),
    /// What the two send each other takes so much longer.
    SlowLink(Target, Target, Duration),
    /// Each hears of its two neighbours only.
    Ring,
    /// The others are two halves that hear nothing of each other, and of it both.
    Bridge(Target),
    /// Each flush of its files takes so much longer.
    SlowDisk(Target, Duration),
    /// Each flush of its files fails, by which it ends; it is started again at the end.
    FailDisk(Target),
    /// Its disk has no room.
    FillDisk(Target),
    /// Its wall clock is so far ahead.
    ClockForward(Target, Duration),
    /// Its wall clock is so far behind.
    ClockBack(Target, Duration),
}

impl Act {
    /// How many members cannot be counted on meanwhile.
    #[must_use]
    pub fn broken(&self) -> usize {
        match self {
            Self::Kill(targets) | Self::Pause(targets) | Self::SplitOff(targets) => targets.len(),
            Self::SlowLink(..) | Self::SlowDisk(..) => 0,
            _ => 1,
        }
    }

    /// What the fleet must have been made ready for, a word of [`Faults`](crate::Faults).
    pub(super) fn needs(&self) -> Option<&'static str> {
        match self {
            Self::Cut(..)
            | Self::CutOneWay(..)
            | Self::Isolate(_)
            | Self::SplitOff(_)
            | Self::SlowLink(..)
            | Self::Ring
            | Self::Bridge(_) => Some("links"),
            Self::SlowDisk(..) | Self::FailDisk(_) | Self::FillDisk(_) => Some("disk"),
            Self::ClockForward(..) | Self::ClockBack(..) => Some("clock"),
            _ => None,
        }
    }

    /// Whom it names.
    pub(super) fn targets(&self) -> Vec<Target> {
        match self {
            Self::Kill(targets) | Self::Pause(targets) | Self::SplitOff(targets) => targets.clone(),
            Self::Cut(one, other) | Self::CutOneWay(one, other) | Self::SlowLink(one, other, _) => {
                vec![*one, *other]
            }
            Self::Ring => Vec::new(),
            Self::Stop(target)
            | Self::KillAt(target, _)
            | Self::Spoil(target, ..)
            | Self::Isolate(target)
            | Self::Bridge(target)
            | Self::SlowDisk(target, _)
            | Self::FailDisk(target)
            | Self::FillDisk(target)
            | Self::ClockForward(target, _)
            | Self::ClockBack(target, _) => vec![*target],
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Leader => f.write_str("the leader"),
            Self::Follower(number) => write!(f, "follower {number}"),
            Self::Member(number) => write!(f, "member {number}"),
        }
    }
}

/// The words for the moments of a start.
pub(super) const POINTS: [(StartPoint, &str); 4] = [
    (StartPoint::Spawned, "is spawned"),
    (StartPoint::Listens, "listens"),
    (StartPoint::PastDiscovery, "is past its discovery"),
    (StartPoint::ServesClients, "serves clients"),
];

impl fmt::Display for Act {
    /// As its parser reads it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = |targets: &[Target]| {
            targets.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ")
        };
        let ms = Duration::as_millis;
        match self {
            Self::Kill(targets) => write!(f, "kill {}", all(targets)),
            Self::Pause(targets) => write!(f, "pause {}", all(targets)),
            Self::Stop(target) => write!(f, "stop {target}"),
            Self::KillAt(target, point) => {
                let words = POINTS.iter().find(|(known, _)| known == point);
                write!(f, "restart {target} and kill it when it {}", words.map_or("", |(_, w)| w))
            }
            Self::Spoil(target, port, flaw) => {
                write!(f, "restart {target} with a certificate on its {port} port that is {flaw}")
            }
            Self::Cut(one, other) => write!(f, "cut {one} from {other}"),
            Self::CutOneWay(from, to) => write!(f, "cut what {from} sends to {to}"),
            Self::Isolate(target) => write!(f, "isolate {target}"),
            Self::SplitOff(targets) => write!(f, "split off {}", all(targets)),
            Self::SlowLink(one, other, by) => {
                write!(f, "slow the link of {one} and {other} by {} ms", ms(by))
            }
            Self::Ring => f.write_str("make the links a ring"),
            Self::Bridge(target) => write!(f, "make {target} a bridge"),
            Self::SlowDisk(target, by) => write!(f, "slow the disk of {target} by {} ms", ms(by)),
            Self::FailDisk(target) => write!(f, "fail the disk of {target}"),
            Self::FillDisk(target) => write!(f, "fill the disk of {target}"),
            Self::ClockForward(target, by) => {
                write!(f, "put the clock of {target} forward by {} ms", ms(by))
            }
            Self::ClockBack(target, by) => {
                write!(f, "put the clock of {target} back by {} ms", ms(by))
            }
        }
    }
}
