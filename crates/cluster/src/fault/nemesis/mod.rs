//! A nemesis: faults one after the other, by a seed, and the same again for the same seed.

mod act;
mod error;
mod journal;
mod menu;
mod parse;
mod run;
mod schedule;

use std::ops::RangeInclusive;
use std::time::Duration;

pub use self::act::{Act, Target};
pub use self::error::{NemesisError, StepError};
pub(crate) use self::journal::Journal;
pub use self::journal::{Deed, Rampage};
pub use self::menu::{Menu, ParseMenuError};
pub use self::parse::ParseScheduleError;
pub use self::schedule::{Schedule, Step};

use self::schedule::Wishes;
use crate::cluster::Cluster;

/// Breaks a fleet in one way after the other, by a seed: the same seed, menu and number of members is
/// the same [`Schedule`] for ever.
///
/// ```no_run
/// use tercet_cluster::{Cluster, Menu, Nemesis};
///
/// # async fn example(cluster: &Cluster) -> Result<(), Box<dyn std::error::Error>> {
/// // All that the fleet was made ready for, ten times.
/// Nemesis::seeded(42).run(cluster, 10).await?;
/// // Only these two.
/// Nemesis::seeded(42).menu(Menu::NONE.kills().pauses()).run(cluster, 10).await?;
/// # Ok(())
/// # }
/// ```
///
/// A step is done, lasts, is taken back, and when all that runs is ready again, the fleet is left alone
/// for a while before the next. Unless said, no step breaks so many members that no majority is left.
///
/// What it did is kept by the fleet ([`Cluster::rampages`]). A failing test prints it, and how to do the
/// same again.
#[derive(Clone, Debug)]
#[must_use = "a nemesis does nothing until it is run"]
pub struct Nemesis {
    seed: u64,
    menu: Option<Menu>,
    beyond_quorum: bool,
    lasting: RangeInclusive<Duration>,
    quiet: RangeInclusive<Duration>,
}

/// Longer than an election, and shorter than a person's patience.
const LASTING: RangeInclusive<Duration> = Duration::from_millis(200)..=Duration::from_millis(1500);

/// Long enough for requests to be answered in between.
const QUIET: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_millis(600);

impl Nemesis {
    /// One that does what comes of this seed.
    pub const fn seeded(seed: u64) -> Self {
        Self { seed, menu: None, beyond_quorum: false, lasting: LASTING, quiet: QUIET }
    }

    /// What it may do; by default all that can be done to the fleet, by what it was made ready for
    /// ([`Menu::of`]).
    pub const fn menu(mut self, menu: Menu) -> Self {
        self.menu = Some(menu);
        self
    }

    /// It may break so many members at once that the fleet stands still. Nothing that was acknowledged
    /// may be lost by that either.
    pub const fn beyond_quorum(mut self) -> Self {
        self.beyond_quorum = true;
        self
    }

    /// How long a step lasts, in steps of 10 ms; by default 200 to 1500 ms.
    pub const fn lasting(mut self, range: RangeInclusive<Duration>) -> Self {
        self.lasting = range;
        self
    }

    /// How long the fleet is left alone after each step, in steps of 10 ms; by default 100 to 600 ms.
    pub const fn quiet(mut self, range: RangeInclusive<Duration>) -> Self {
        self.quiet = range;
        self
    }

    /// What it would do to a fleet with so many members that vote, in so many steps. Nothing is done.
    ///
    /// # Errors
    ///
    /// [`NemesisError::NothingToDo`] when nothing on its menu leaves a majority of so few.
    pub fn schedule(
        &self,
        menu: Menu,
        members: usize,
        rounds: usize,
    ) -> Result<Schedule, NemesisError> {
        let ms = |range: &RangeInclusive<Duration>| {
            let ms = |time: &Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
            ms(range.start())..=ms(range.end())
        };
        let wishes = Wishes {
            seed: self.seed,
            menu,
            beyond_quorum: self.beyond_quorum,
            lasting_ms: ms(&self.lasting),
            quiet_ms: ms(&self.quiet),
        };
        schedule::schedule(&wishes, members, rounds)
            .ok_or_else(|| NemesisError::NothingToDo { menu: menu.to_string(), members })
    }

    /// Does so many steps to a fleet. Members that were down before stay so; at the end all others run,
    /// and are ready.
    ///
    /// Cancelled, or dropped, at any moment: what is broken is healed at once, as all faults are that
    /// are dropped; but members that were killed stay down, as after [`kill`](crate::Member::kill).
    ///
    /// # Errors
    ///
    /// [`NemesisError`]: what cannot be done to this fleet is refused before anything is;
    /// [`NemesisError::NotReady`] when the fleet does not become ready after a step, which is what a
    /// nemesis is to find out.
    pub async fn run(&self, cluster: &Cluster, rounds: usize) -> Result<Rampage, NemesisError> {
        let menu = self.menu.unwrap_or_else(|| Menu::of(cluster.plan().spec()));
        let schedule = self.schedule(menu, run::voters(cluster).len(), rounds)?;
        run::run(&schedule, self.code(menu, rounds), cluster).await
    }

    /// How the same is written in Rust.
    fn code(&self, menu: Menu, rounds: usize) -> String {
        let mut code = format!("Nemesis::seeded({}).menu({})", self.seed, menu.code());
        if self.beyond_quorum {
            code.push_str(".beyond_quorum()");
        }
        let range = |range: &RangeInclusive<Duration>| {
            let ms = |time: &Duration| format!("Duration::from_millis({})", time.as_millis());
            format!("{}..={}", ms(range.start()), ms(range.end()))
        };
        if self.lasting != LASTING {
            code.push_str(&format!(".lasting({})", range(&self.lasting)));
        }
        if self.quiet != QUIET {
            code.push_str(&format!(".quiet({})", range(&self.quiet)));
        }
        format!("{code}.run(&cluster, {rounds}).await?")
    }
}

impl Schedule {
    /// Does it to a fleet, step by step; see [`Nemesis::run`].
    ///
    /// # Errors
    ///
    /// As [`Nemesis::run`], and [`NemesisError::OtherSize`] where the fleet has more or fewer members
    /// with a vote.
    pub async fn run(&self, cluster: &Cluster) -> Result<Rampage, NemesisError> {
        let again = "SCHEDULE.parse::<Schedule>()?.run(&cluster).await?, with the schedule below";
        run::run(self, again.to_owned(), cluster).await
    }
}

impl Cluster {
    /// What every [nemesis](Nemesis) has done to this fleet, and is doing.
    #[must_use]
    pub fn rampages(&self) -> Vec<Rampage> {
        self.journal.all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_to_do_the_same_again_is_code() {
        let plain = Nemesis::seeded(42);
        insta::assert_snapshot!(plain.code(Menu::NONE.kills().pauses(), 5), @"Nemesis::seeded(42).menu(Menu::NONE.kills().pauses()).run(&cluster, 5).await?");
        let ms = Duration::from_millis;
        let all = plain.beyond_quorum().lasting(ms(10)..=ms(20)).quiet(ms(0)..=ms(10));
        insta::assert_snapshot!(all.code(Menu::NONE.disk(), 1), @"Nemesis::seeded(42).menu(Menu::NONE.disk()).beyond_quorum().lasting(Duration::from_millis(10)..=Duration::from_millis(20)).quiet(Duration::from_millis(0)..=Duration::from_millis(10)).run(&cluster, 1).await?");
    }

    #[test]
    fn nothing_to_do_is_said() {
        let error = Nemesis::seeded(1).schedule(Menu::NONE.kills(), 2, 1).unwrap_err();
        insta::assert_snapshot!(error, @"nothing of 'kills' leaves a majority of 2 member(s): take more members, or allow it with beyond_quorum()");
    }
}
