//! What a nemesis may do.

use std::fmt;
use std::str::FromStr;

use tercet_pki::Layout;

use crate::plan::{Faults, Security, Spec};

/// What a [nemesis](super::Nemesis) may do.
///
/// ```
/// use tercet_cluster::Menu;
///
/// let menu = Menu::NONE.kills().pauses();
/// assert_eq!(menu.to_string(), "kills,pauses");
/// assert_eq!("kills,pauses".parse(), Ok(menu));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[must_use = "a menu does nothing until a nemesis has it"]
pub struct Menu(u16);

/// One word of a menu.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dish {
    Kills,
    Pauses,
    Restarts,
    Crashes,
    Certificates,
    Links,
    Disk,
    Clock,
}

impl Dish {
    /// All of them. Their order decides what a seed means: new ones come last.
    pub(super) const ALL: [(Self, &'static str); 8] = [
        (Self::Kills, "kills"),
        (Self::Pauses, "pauses"),
        (Self::Restarts, "restarts"),
        (Self::Crashes, "crashes"),
        (Self::Certificates, "certificates"),
        (Self::Links, "links"),
        (Self::Disk, "disk"),
        (Self::Clock, "clock"),
    ];
}

impl Menu {
    /// Nothing.
    pub const NONE: Self = Self(0);

    /// Members are killed, and started again later.
    pub const fn kills(self) -> Self {
        self.with(Dish::Kills)
    }

    /// Members stand still for a while.
    pub const fn pauses(self) -> Self {
        self.with(Dish::Pauses)
    }

    /// Members are asked to end, and started again later.
    pub const fn restarts(self) -> Self {
        self.with(Dish::Restarts)
    }

    /// Members are killed while they start.
    pub const fn crashes(self) -> Self {
        self.with(Dish::Crashes)
    }

    /// Members are restarted with a certificate that is wrong.
    pub const fn certificates(self) -> Self {
        self.with(Dish::Certificates)
    }

    /// Links between members are cut and slowed. The fleet must be made ready for it.
    pub const fn links(self) -> Self {
        self.with(Dish::Links)
    }

    /// Disks are slow, fail, and are full. The fleet must be made ready for it.
    pub const fn disk(self) -> Self {
        self.with(Dish::Disk)
    }

    /// Wall clocks are put forward and back. The fleet must be made ready for it.
    pub const fn clock(self) -> Self {
        self.with(Dish::Clock)
    }

    /// All that can be done to such a fleet.
    pub fn of(spec: &Spec) -> Self {
        let ready = spec.faults_ready_for();
        let mut menu = Self::NONE.kills().pauses().restarts().crashes();
        if can_spoil(spec) {
            menu = menu.certificates();
        }
        if ready.has_links() {
            menu = menu.links();
        }
        if ready.has_disk() {
            menu = menu.disk();
        }
        if ready.has_clock() {
            menu = menu.clock();
        }
        menu
    }

    /// The faults that a fleet must be made ready for, for all of this.
    pub const fn needs(self) -> Faults {
        let mut faults = Faults::NONE;
        if self.has(Dish::Links) {
            faults = faults.links();
        }
        if self.has(Dish::Disk) {
            faults = faults.disk();
        }
        if self.has(Dish::Clock) {
            faults = faults.clock();
        }
        faults
    }

    pub(super) const fn has(self, dish: Dish) -> bool {
        self.0 & (1 << dish as u16) != 0
    }

    const fn with(self, dish: Dish) -> Self {
        Self(self.0 | 1 << dish as u16)
    }

    fn words(self) -> impl Iterator<Item = &'static str> {
        Dish::ALL.into_iter().filter(move |(dish, _)| self.has(*dish)).map(|(_, word)| word)
    }

    /// How it is written in Rust.
    pub(super) fn code(self) -> String {
        let calls: String = self.words().map(|word| format!(".{word}()")).collect();
        format!("Menu::NONE{calls}")
    }
}

/// Whether each member of such a fleet has certificates of its own.
pub(super) fn can_spoil(spec: &Spec) -> bool {
    let security = spec.security_of_links();
    ![Security::Plaintext, Security::Auto].contains(&security)
        && spec.certificate_layout() == Layout::PerMember
}

impl fmt::Display for Menu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words().collect::<Vec<_>>().join(","))
    }
}

/// A word that is on no menu.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{word}' is nothing that a nemesis does: kills, pauses, restarts, crashes, certificates, links, \
     disk, clock"
)]
pub struct ParseMenuError {
    word: String,
}

impl FromStr for Menu {
    type Err = ParseMenuError;

    fn from_str(text: &str) -> Result<Self, ParseMenuError> {
        text.split(',').map(str::trim).filter(|word| !word.is_empty()).try_fold(
            Self::NONE,
            |menu, word| {
                let dish = Dish::ALL.iter().find(|(_, known)| *known == word);
                let (dish, _) = dish.ok_or_else(|| ParseMenuError { word: word.to_owned() })?;
                Ok(menu.with(*dish))
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_menu_is_what_the_fleet_was_made_ready_for() {
        let spec = Spec::default();
        assert_eq!(Menu::of(&spec).to_string(), "kills,pauses,restarts,crashes,certificates");
        let plain = spec.clone().security(Security::Plaintext).faults(Faults::NONE.disk());
        assert_eq!(Menu::of(&plain).to_string(), "kills,pauses,restarts,crashes,disk");
        assert_eq!(
            Menu::of(&spec.layout(Layout::Shared)).code(),
            "Menu::NONE.kills().pauses().restarts().crashes()"
        );
        assert_eq!(Menu::NONE.links().clock().needs(), Faults::NONE.links().clock());
    }

    #[test]
    fn what_is_written_is_read() {
        for bits in 0..1 << Dish::ALL.len() {
            assert_eq!(Menu(bits).to_string().parse(), Ok(Menu(bits)));
        }
        insta::assert_snapshot!("kills,meteors".parse::<Menu>().unwrap_err(), @"'meteors' is nothing that a nemesis does: kills, pauses, restarts, crashes, certificates, links, disk, clock");
    }
}
