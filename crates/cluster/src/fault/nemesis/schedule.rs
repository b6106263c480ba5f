//! What is to be done, step by step: pure, and the same for the same seed for ever.

use std::collections::HashSet;
use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use tercet_pki::doctor::Port;

use super::act::{Act, Target};
use super::menu::{Dish, Menu};
use crate::fault::dice::SplitMix64;
use crate::fault::{CertificateFlaw, StartPoint};
use crate::plan::Faults;

/// What is to be done to a fleet, step by step.
///
/// It is written so that a person reads it, and read again exactly so:
///
/// ```
/// use tercet_cluster::Schedule;
///
/// let text = "\
/// seed 42, 3 members:
/// 1. kill the leader, for 400 ms, then quiet for 200 ms
/// 2. pause member 2, for 1500 ms, then quiet for 100 ms
/// ";
/// let schedule: Schedule = text.parse()?;
/// assert_eq!(schedule.to_string(), text);
/// # Ok::<(), tercet_cluster::ParseScheduleError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Schedule {
    pub(super) seed: u64,
    pub(super) members: usize,
    pub(super) steps: Vec<Step>,
}

/// One step of a schedule.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Step {
    /// What is done.
    pub act: Act,
    /// For how long.
    pub lasts: Duration,
    /// How long the fleet is left alone afterwards, once it is ready again.
    pub quiet: Duration,
}

/// What a schedule is made from.
#[derive(Clone, Debug)]
pub(super) struct Wishes {
    pub(super) seed: u64,
    pub(super) menu: Menu,
    pub(super) beyond_quorum: bool,
    pub(super) lasting_ms: RangeInclusive<u64>,
    pub(super) quiet_ms: RangeInclusive<u64>,
}

impl Schedule {
    /// The seed that it is of.
    #[must_use]
    pub const fn seed(&self) -> u64 {
        self.seed
    }

    /// For how many members with a vote it is.
    #[must_use]
    pub const fn members(&self) -> usize {
        self.members
    }

    /// The faults that a fleet must be made ready for, for all of it.
    pub fn needs(&self) -> Faults {
        self.steps.iter().fold(Faults::NONE, |faults, step| match step.act.needs() {
            Some("links") => faults.links(),
            Some("disk") => faults.disk(),
            Some("clock") => faults.clock(),
            _ => faults,
        })
    }

    /// What is done, in order.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }
}

/// The schedule of so many steps for so many members with a vote; none when nothing on the menu can
/// be done to so few.
pub(super) fn schedule(wishes: &Wishes, members: usize, rounds: usize) -> Option<Schedule> {
    let mut chance = Chance {
        dice: SplitMix64::seeded(wishes.seed),
        members,
        // A majority of all must be left.
        may_break: if wishes.beyond_quorum { members } else { members.saturating_sub(1) / 2 },
    };
    let menu: Vec<_> = Dish::ALL
        .into_iter()
        .filter(|(dish, _)| wishes.menu.has(*dish) && chance.can(*dish))
        .collect();
    if menu.is_empty() && rounds > 0 {
        return None;
    }
    let steps = (0..rounds)
        .map(|_| {
            let (dish, _) = *chance.one_of(&menu);
            let act = chance.act(dish);
            let lasts = chance.milliseconds(&wishes.lasting_ms);
            Step { act, lasts, quiet: chance.milliseconds(&wishes.quiet_ms) }
        })
        .collect();
    Some(Schedule { seed: wishes.seed, members, steps })
}

/// Draws what is done. Each draw is one number of the dice: what is changed here changes what seeds
/// mean, which the test below notices.
struct Chance {
    dice: SplitMix64,
    members: usize,
    may_break: usize,
}

impl Chance {
    /// Whether there is anything of it that breaks no more than it may.
    fn can(&self, dish: Dish) -> bool {
        match dish {
            Dish::Disk => self.may_break > 0 || self.members > 0,
            Dish::Links => self.members > 1 && self.may_break > 0,
            _ => self.may_break > 0,
        }
    }

    fn act(&mut self, dish: Dish) -> Act {
        match dish {
            Dish::Kills => Act::Kill(self.several(self.may_break)),
            Dish::Pauses => Act::Pause(self.several(self.may_break)),
            Dish::Restarts => Act::Stop(self.one()),
            Dish::Crashes => {
                let target = self.one();
                Act::KillAt(target, *self.one_of(&StartPoint::ALL))
            }
            Dish::Certificates => {
                let target = self.one();
                let port = *self.one_of(&[Port::Client, Port::Peer]);
                Act::Spoil(target, port, *self.one_of(&FLAWS))
            }
            Dish::Links => self.links(),
            Dish::Disk => self.disk(),
            Dish::Clock => self.clock(),
        }
    }

    fn links(&mut self) -> Act {
        const KINDS: u64 = 7;
        match self.dice.below(KINDS) {
            0 => {
                let [one, other] = self.two();
                Act::Cut(one, other)
            }
            1 => {
                let [from, to] = self.two();
                Act::CutOneWay(from, to)
            }
            2 => Act::Isolate(self.one()),
            // Somebody has to be left on the other side.
            3 => Act::SplitOff(self.several(self.may_break.min(self.members - 1))),
            4 if self.may_ring() => Act::Ring,
            5 if self.members > 2 => Act::Bridge(self.one()),
            _ => {
                let [one, other] = self.two();
                Act::SlowLink(one, other, self.delay())
            }
        }
    }

    fn disk(&mut self) -> Act {
        let target = self.one();
        match self.dice.below(3) {
            0 if self.may_break > 0 => Act::FailDisk(target),
            1 if self.may_break > 0 => Act::FillDisk(target),
            _ => Act::SlowDisk(target, self.delay()),
        }
    }

    fn clock(&mut self) -> Act {
        /// More and less than certificates and leases are off by.
        const OFF: [Duration; 3] = [
            Duration::from_secs(60),
            Duration::from_secs(60 * 60),
            Duration::from_secs(10 * 24 * 60 * 60),
        ];
        let (target, by) = (self.one(), *self.one_of(&OFF));
        match self.dice.below(2) {
            0 => Act::ClockForward(target, by),
            _ => Act::ClockBack(target, by),
        }
    }

    /// One member, by its role as often as by its place.
    fn one(&mut self) -> Target {
        let followers = self.members as u64 - 1;
        match self.dice.below(3) {
            0 => Target::Leader,
            1 if followers > 0 => Target::Follower(self.dice.below(followers) as usize + 1),
            _ => Target::Member(self.dice.below(self.members as u64) as usize + 1),
        }
    }

    /// Two that are not the same, of which one leads or both do not.
    fn two(&mut self) -> [Target; 2] {
        let followers = self.members as u64 - 1;
        let follower = self.dice.below(followers) as usize + 1;
        match self.dice.below(3) {
            0 if followers > 1 => {
                let other =
                    (follower + self.dice.below(followers - 1) as usize) % followers as usize + 1;
                [Target::Follower(follower), Target::Follower(other)]
            }
            1 => [Target::Follower(follower), Target::Leader],
            _ => [Target::Leader, Target::Follower(follower)],
        }
    }

    /// In a ring of three everybody hears of everybody; in one of six, nobody of a majority.
    fn may_ring(&self) -> bool {
        self.members > 3 && (self.members < 6 || self.may_break == self.members)
    }

    /// So many, or fewer: the leader and followers, or members by their places.
    fn several(&mut self, most: usize) -> Vec<Target> {
        let many = self.dice.below(most as u64) as usize + 1;
        if many == 1 {
            return vec![self.one()];
        }
        if self.dice.below(2) == 0 {
            let leader = std::iter::once(Target::Leader);
            return leader.chain((1..many).map(Target::Follower)).collect();
        }
        let first = self.dice.below(self.members as u64) as usize;
        (0..many).map(|next| Target::Member((first + next) % self.members + 1)).collect()
    }

    fn delay(&mut self) -> Duration {
        self.milliseconds(&(10..=100))
    }

    /// In whole tens, for the eye.
    fn milliseconds(&mut self, range: &RangeInclusive<u64>) -> Duration {
        let tens = (range.end().saturating_sub(*range.start())) / 10 + 1;
        Duration::from_millis(range.start() + 10 * self.dice.below(tens))
    }

    fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.dice.below(all.len() as u64) as usize]
    }
}

/// Those that everybody minds, on any port.
const FLAWS: [CertificateFlaw; 5] = [
    CertificateFlaw::Expired,
    CertificateFlaw::NotYetValid,
    CertificateFlaw::Stranger,
    CertificateFlaw::WrongHost,
    CertificateFlaw::ClientOnly,
];

impl Act {
    /// Whether there are such members among so many, and none is named twice, as far as that can be
    /// told before who leads is known.
    pub(super) fn fits(&self, members: usize) -> bool {
        let targets = self.targets();
        let there = |target: &Target| match *target {
            Target::Leader => members > 0,
            Target::Follower(number) => number < members,
            Target::Member(number) => number <= members,
        };
        let by_place = |target: &Target| matches!(target, Target::Member(_));
        let distinct: HashSet<_> = targets.iter().collect();
        let mixed = targets.iter().any(by_place) && !targets.iter().all(by_place);
        targets.iter().all(there) && distinct.len() == targets.len() && !mixed
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { act, lasts, quiet } = self;
        write!(f, "{act}, for {} ms, then quiet for {} ms", lasts.as_millis(), quiet.as_millis())
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let members = if self.members == 1 { "member" } else { "members" };
        writeln!(f, "seed {}, {} {members}:", self.seed, self.members)?;
        let numbered = self.steps.iter().enumerate();
        numbered.into_iter().try_for_each(|(index, step)| writeln!(f, "{}. {step}", index + 1))
    }
}

#[cfg(test)]
mod tests;
