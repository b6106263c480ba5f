//! What a nemesis has done to a fleet, kept by the fleet itself: a test that fails can say it.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::schedule::{Schedule, Step};

/// What one [nemesis](super::Nemesis) has done to a fleet so far.
///
/// `Display` is what a failing test prints: how to do it again, and what was done when, and to whom.
#[derive(Clone, Debug)]
pub struct Rampage {
    pub(super) again: String,
    pub(super) schedule: Schedule,
    pub(super) deeds: Vec<Deed>,
    pub(super) ended: Option<&'static str>,
}

/// A step that was begun.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Deed {
    /// What was to be done.
    pub step: Step,
    /// The names of the members that it was done to.
    pub members: Vec<String>,
    /// When, after the nemesis had begun.
    pub begun: Duration,
    /// When it was taken back; none while it was not.
    pub healed: Option<Duration>,
    /// When all that runs was ready again; none while it was not.
    pub ready: Option<Duration>,
}

impl Rampage {
    /// The line of code that does the same again.
    #[must_use]
    pub fn again(&self) -> &str {
        &self.again
    }

    /// What was to be done.
    #[must_use]
    pub const fn schedule(&self) -> &Schedule {
        &self.schedule
    }

    /// What was done, and is being done, in order.
    #[must_use]
    pub fn deeds(&self) -> &[Deed] {
        &self.deeds
    }
}

impl fmt::Display for Rampage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "do the same again: {}", self.again)?;
        let ended = self.ended.unwrap_or("under way, or cut off");
        writeln!(f, "{} of {} steps, {ended}:", self.deeds.len(), self.schedule.steps().len())?;
        for (index, deed) in self.deeds.iter().enumerate() {
            let to = deed.members.join(", ");
            let to = if to.is_empty() { "all".to_owned() } else { to };
            write!(
                f,
                "  at {:>6} ms  {}. {}: {to}",
                deed.begun.as_millis(),
                index + 1,
                deed.step.act
            )?;
            match (deed.healed, deed.ready) {
                (None, _) => writeln!(f, "; not healed yet")?,
                (Some(healed), None) => {
                    writeln!(f, "; healed at {} ms, not ready yet", healed.as_millis())?;
                }
                (Some(healed), Some(ready)) => writeln!(
                    f,
                    "; healed at {} ms, ready {} ms later",
                    healed.as_millis(),
                    ready.saturating_sub(healed).as_millis()
                )?,
            }
        }
        writeln!(f, "the whole schedule, to be read by \"…\".parse::<Schedule>():")?;
        self.schedule.to_string().lines().try_for_each(|line| writeln!(f, "  {line}"))
    }
}

/// All that was ever done to a fleet.
#[derive(Debug, Default)]
pub(crate) struct Journal(Mutex<Vec<Rampage>>);

impl Journal {
    /// Begins another one, and returns its place.
    pub(super) fn begin(&self, again: String, schedule: Schedule) -> usize {
        let rampage = Rampage { again, schedule, deeds: Vec::new(), ended: None };
        self.with(|all| {
            all.push(rampage);
            all.len() - 1
        })
    }

    pub(super) fn change(&self, place: usize, change: impl FnOnce(&mut Rampage)) {
        self.with(|all| {
            if let Some(rampage) = all.get_mut(place) {
                change(rampage);
            }
        });
    }

    pub(super) fn all(&self) -> Vec<Rampage> {
        self.with(|all| all.clone())
    }

    fn with<T>(&self, act: impl FnOnce(&mut Vec<Rampage>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failing_test_says_it_so() {
        let schedule: Schedule = "seed 42, 3 members:
            kill the leader, for 400 ms, then quiet for 200 ms
            pause member 2, for 300 ms, then quiet for 100 ms
            stop follower 1, for 300 ms, then quiet for 100 ms"
            .parse()
            .unwrap();
        let journal = Journal::default();
        let place = journal.begin("Nemesis::seeded(42).run(&cluster, 3).await?".into(), schedule);
        let ms = Duration::from_millis;
        let deed = |index: usize, member: &str, begun, healed, ready| Deed {
            step: journal.all()[0].schedule.steps()[index].clone(),
            members: vec![member.to_owned()],
            begun: ms(begun),
            healed,
            ready,
        };
        let one = deed(0, "m3", 2, Some(ms(403)), Some(ms(612)));
        let two = deed(1, "m2", 815, None, None);
        journal.change(place, |rampage| rampage.deeds.extend([one, two]));
        insta::assert_snapshot!(journal.all()[0]);
    }
}
