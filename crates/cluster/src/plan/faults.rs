//! Which faults a fleet is made ready for.

use std::fmt;

/// The faults that a fleet must be started for: each needs something between a member and the world
/// that cannot be put there later.
///
/// Members can be killed and paused, and their certificates exchanged, in any fleet.
///
/// ```
/// use tercet_cluster::{Faults, Spec};
///
/// let spec = Spec::default().faults(Faults::NONE.links().disk());
/// assert_eq!(spec.faults_ready_for().to_string(), "links and disk");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[must_use = "it does nothing until it is given to a spec"]
pub struct Faults {
    links: bool,
    disk: bool,
    clock: bool,
}

impl Faults {
    /// None of them, which is the default.
    pub const NONE: Self = Self { links: false, disk: false, clock: false };

    /// All of them.
    pub const ALL: Self = Self { links: true, disk: true, clock: true };

    /// Links between members, and between clients and members, can be cut and slowed.
    pub const fn links(mut self) -> Self {
        self.links = true;
        self
    }

    /// Members' disks can be slow, fail and be full. They write as a real disk has it then: what
    /// [`Timing`](super::Timing) leaves out of flushing is done. Linux only.
    pub const fn disk(mut self) -> Self {
        self.disk = true;
        self
    }

    /// Members' wall clocks can be put forward and back. Linux only.
    pub const fn clock(mut self) -> Self {
        self.clock = true;
        self
    }

    /// See [`links`](Self::links).
    #[must_use]
    pub const fn has_links(self) -> bool {
        self.links
    }

    /// See [`disk`](Self::disk).
    #[must_use]
    pub const fn has_disk(self) -> bool {
        self.disk
    }

    /// See [`clock`](Self::clock).
    #[must_use]
    pub const fn has_clock(self) -> bool {
        self.clock
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = [(self.links, "links"), (self.disk, "disk"), (self.clock, "clock")];
        let words: Vec<_> = words.iter().filter(|(has, _)| *has).map(|(_, word)| *word).collect();
        f.write_str(&match words.as_slice() {
            [] => "none".to_owned(),
            [all @ .., last] if !all.is_empty() => format!("{} and {last}", all.join(", ")),
            words => words.concat(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_said_in_words() {
        assert_eq!(Faults::NONE.to_string(), "none");
        assert_eq!(Faults::NONE.clock().to_string(), "clock");
        assert_eq!(Faults::ALL.to_string(), "links, disk and clock");
        assert_eq!(Faults::NONE.links().disk().clock(), Faults::ALL);
    }
}
