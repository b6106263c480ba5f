//! Wall clocks that are ahead or behind.

use std::time::Duration;

use super::error::FaultError;
use super::support::{running_system, system};
use crate::cluster::{Cluster, Member};
use crate::plan::Faults;
use crate::process::{Imposed, Rule};

/// Wall clocks that are wrong until this is dropped, or [healed](Self::heal).
///
/// Faults of one clock add up. Each holds as long as its own guard, over all restarts of the member;
/// it does nothing any more once the fleet is gone. A clock jumps, both when it is broken and when it
/// is healed.
#[derive(Debug)]
#[must_use = "the clocks are healed when this is dropped"]
pub struct ClockFault {
    imposed: Vec<Imposed>,
}

impl ClockFault {
    /// The same as dropping it, in a word.
    pub fn heal(self) {}

    /// How often a member was told a wrong time so far.
    #[must_use]
    pub fn hits(&self) -> u64 {
        self.imposed.iter().map(Imposed::hits).sum()
    }
}

impl Member<'_> {
    /// Puts its wall clock forward by `by`; the clock goes on from there.
    ///
    /// It is the time of day that is wrong (`clock_gettime` of the wall clocks, `gettimeofday`,
    /// `time`). Clocks that only measure how much time goes by are right, and with them all of
    /// etcd's timeouts, elections and, from 3.5 on, leases. What etcd asks the time of day for is
    /// whether a certificate is valid, at each handshake; whether a JSON web token is; and the time
    /// in its log. Times of files are the kernel's, and right.
    ///
    /// On 3.4, leases wait for their end in a queue by the time of day
    /// ([`LeasesIgnoreWallClock`](crate::binary::Feature::LeasesIgnoreWallClock)): on a leader whose
    /// clock is put back, or put right after it was ahead, those granted before end late by as much.
    /// None ends early. With a clock put forward they end a few seconds late.
    ///
    /// No clock is put beyond the year 2262, where the kernel's ends. The clock of a process is
    /// asked over and over while the member runs, and each time is an errand to us: a put takes 0.5
    /// to 1 ms longer in a fleet that was made ready for it, whether a clock is wrong or not.
    ///
    /// The fleet must have been started for it: [`Faults::clock`].
    ///
    /// # Errors
    ///
    /// [`FaultError`] when the member is down or removed, or the fleet not made ready.
    pub fn clock_forward(&self, by: Duration) -> Result<ClockFault, FaultError> {
        self.shift_clock(nanoseconds(by))
    }

    /// Puts its wall clock back by `by`, as [`clock_forward`](Self::clock_forward) does it forward.
    /// No clock is put back beyond 1970, where it would stand still.
    ///
    /// # Errors
    ///
    /// Those of [`clock_forward`](Self::clock_forward).
    pub fn clock_back(&self, by: Duration) -> Result<ClockFault, FaultError> {
        self.shift_clock(-nanoseconds(by))
    }

    fn shift_clock(&self, ahead: i128) -> Result<ClockFault, FaultError> {
        let system = running_system(self, "clock", Faults::has_clock)?;
        Ok(ClockFault { imposed: vec![system.impose(Rule::ShiftClock(ahead))] })
    }
}

impl Cluster {
    /// Puts the wall clocks of all its members forward by `by`, also of those that are down: see
    /// [`Member::clock_forward`]. Members that come later have a right one.
    ///
    /// # Errors
    ///
    /// [`FaultError`] when the fleet was not made ready for it.
    pub fn clocks_forward(&self, by: Duration) -> Result<ClockFault, FaultError> {
        self.shift_clocks(nanoseconds(by))
    }

    /// Puts the wall clocks of all its members back by `by`: see [`Member::clock_back`].
    ///
    /// # Errors
    ///
    /// Those of [`clocks_forward`](Self::clocks_forward).
    pub fn clocks_back(&self, by: Duration) -> Result<ClockFault, FaultError> {
        self.shift_clocks(-nanoseconds(by))
    }

    fn shift_clocks(&self, ahead: i128) -> Result<ClockFault, FaultError> {
        let imposed = self.members().map(|member| {
            Ok(system(&member, "clock", Faults::has_clock)?.impose(Rule::ShiftClock(ahead)))
        });
        Ok(ClockFault { imposed: imposed.collect::<Result<_, FaultError>>()? })
    }
}

/// No `Duration` has more than fit.
fn nanoseconds(duration: Duration) -> i128 {
    i128::try_from(duration.as_nanos()).unwrap_or(i128::MAX)
}
