//! From one version to another, on the same data.

use super::{Release, Version};

/// What it is, to etcd, that another version runs on a member's data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum VersionChange {
    /// Nothing.
    Same,
    /// Another release of the same minor version, which has the same files.
    Patch,
    /// The next minor version.
    Upgrade,
    /// The minor version before.
    Downgrade(DowngradeWay),
}

/// How a fleet goes down to the minor version before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DowngradeWay {
    /// It is announced, so that the members take their files back to what the older version reads;
    /// then they are replaced. From 3.6 on (`server/etcdserver/version/monitor.go`).
    Announced,
    /// The older one reads the files of the newer, with `--next-cluster-version-compatible`. Only
    /// 3.4 does, from 3.4.31 on (`etcdserver/api/membership/cluster.go` there, `detectDowngrade`).
    NextClusterVersionCompatible,
}

/// The first release that takes the files of the next minor version.
const FIRST_COMPATIBLE: Version = Version::new(3, 4, 31);

/// The first release that strikes members off one record that the other has not got yet
/// (`server/etcdserver/api/membership/cluster.go`, `CleanupZombieMembersIfNeeded`).
const FIRST_TIDY: Version = Version::new(3, 5, 26);

/// Releases that write what changes of a member after it has joined in one of their two records of
/// members only (etcd issues 19557 and 20793; `server/etcdserver/api/membership/store.go`,
/// `unsafeSaveMemberToBackend`).
const FORGETFUL: (Version, Version) = (Version::new(3, 5, 1), Version::new(3, 5, 19));

impl Release {
    /// What it is that `to` runs on the data of a member that this one has run.
    ///
    /// # Errors
    ///
    /// [`VersionChangeError`] when etcd has no such way.
    pub fn change_to(self, to: Self) -> Result<VersionChange, VersionChangeError> {
        let (from, to) = (self.version(), to.version());
        let step = i32::from(to.minor()) - i32::from(from.minor());
        match step {
            _ if to == from => Ok(VersionChange::Same),
            0 => Ok(VersionChange::Patch),
            1 => Ok(VersionChange::Upgrade),
            -1 if from.minor() >= FIRST_ANNOUNCED => {
                Ok(VersionChange::Downgrade(DowngradeWay::Announced))
            }
            -1 if to >= FIRST_COMPATIBLE => {
                Ok(VersionChange::Downgrade(DowngradeWay::NextClusterVersionCompatible))
            }
            -1 => Err(VersionChangeError::NoWayDown { from, to, needed: FIRST_COMPATIBLE }),
            _ => {
                let through = if step > 0 { from.minor() + 1 } else { from.minor() - 1 };
                Err(VersionChangeError::TooFar { from, to, through })
            }
        }
    }

    /// Whether `to` can follow this one in a fleet whose data the tool of `restorer` has made of a
    /// snapshot.
    ///
    /// The `etcdctl` of 3.4 leaves the members of the fleet that the snapshot was of in one of the
    /// two records of members, beside the new ones. 3.6 goes by that record, and takes them for
    /// members of its own that are down. From 3.5.26 on, 3.5 strikes them off when it starts (etcd
    /// issue 20967; `server/etcdserver/api/membership/cluster.go`, `CleanupZombieMembersIfNeeded`).
    ///
    /// # Errors
    ///
    /// [`VersionChangeError::LeftMembers`] when it cannot.
    pub fn check_restored(self, restorer: Self, to: Self) -> Result<(), VersionChangeError> {
        let (from, to) = (self.version(), to.version());
        let is_left = restorer.version().minor() < 5 && from < FIRST_TIDY;
        if is_left && from.minor() == 5 && to.minor() > 5 {
            return Err(VersionChangeError::LeftMembers { from, to, needed: FIRST_TIDY });
        }
        Ok(())
    }

    /// Whether a member must have a new snapshot on its disk before `to` reads its data, in a fleet
    /// that these have run, with members that came later or not. All are of the minor version
    /// before `to` by then.
    ///
    /// - From 3.5.26 on, 3.5 reads the log of 3.4 anew where no key was written after it, and with
    ///   each member that comes in it, takes those that come later for removed ones (see
    ///   `FIRST_TIDY`). It notes that down beside those that there are, and lives with it; 3.6 then
    ///   lets them in no more. Measured: of three that nobody had written to, 3.6 refused two.
    /// - 3.6 goes by the record of members that 3.5.1 to 3.5.19 have let get old: it takes learners
    ///   that were promoted for learners, and does not start with more than one. What is in a
    ///   snapshot of 3.5 it makes good (`server/etcdserver/bootstrap.go`,
    ///   `SyncLearnerPromotionIfNeeded`). Measured: without one, also with 3.5.30 in between, it
    ///   does not start.
    /// - 3.7 panics at a request of the second API in its log, and until 3.5 members agree on the
    ///   fleet's version by such requests (`server/etcdserver/apply/apply.go`). What is before the
    ///   last snapshot it does not read. Measured with a fleet of one.
    pub fn must_follow_snapshot(
        to: Self,
        history: impl IntoIterator<Item = Self>,
        has_joined: bool,
    ) -> bool {
        let (first, last) = FORGETFUL;
        let mut history = history.into_iter().map(Self::version);
        match to.version().minor() {
            5 => to.version() >= FIRST_TIDY && history.any(|version| version.minor() < 5),
            6 => has_joined && history.any(|version| (first..=last).contains(&version)),
            7 => history.any(|version| version.minor() < 6),
            _ => false,
        }
    }
}

/// The first minor version that can announce that it goes down.
const FIRST_ANNOUNCED: u16 = 6;

/// Why a version cannot follow another.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VersionChangeError {
    /// There are minor versions between them.
    #[error("etcd goes from {from} to {to} one minor version at a time: go to 3.{through} first")]
    TooFar {
        /// What runs.
        from: Version,
        /// What shall.
        to: Version,
        /// The minor version that comes next.
        through: u16,
    },
    /// The older one cannot read what the newer has written.
    #[error(
        "etcd {to} cannot read what {from} has written: only {needed} and later can, with --next-cluster-version-compatible"
    )]
    NoWayDown {
        /// What runs.
        from: Version,
        /// What shall.
        to: Version,
        /// The first that could.
        needed: Version,
    },
    /// It would take members for its own that are none.
    #[error(
        "the fleet was restored by a tool of etcd 3.4, and {to} would take those that were members before for members of it: go from {from} to {needed} or later first, which forgets them"
    )]
    LeftMembers {
        /// What runs.
        from: Version,
        /// What shall.
        to: Version,
        /// The first that forgets them.
        needed: Version,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(from: &str, to: &str) -> Result<VersionChange, VersionChangeError> {
        let release = |text: &str| Release::of(text.parse().unwrap()).unwrap();
        release(from).change_to(release(to))
    }

    #[test]
    fn one_minor_version_at_a_time() {
        assert_eq!(change("3.5.1", "3.5.1"), Ok(VersionChange::Same));
        for (from, to) in [("3.5.1", "3.5.30"), ("3.5.30", "3.5.1")] {
            assert_eq!(change(from, to), Ok(VersionChange::Patch));
        }
        for (from, to) in [("3.4.23", "3.5.1"), ("3.5.30", "3.6.0"), ("3.6.14", "3.7.1")] {
            assert_eq!(change(from, to), Ok(VersionChange::Upgrade));
        }
        let announced = Ok(VersionChange::Downgrade(DowngradeWay::Announced));
        for (from, to) in [("3.6.0", "3.5.1"), ("3.7.1", "3.6.14"), ("3.8.0", "3.7.1")] {
            assert_eq!(change(from, to), announced);
        }
        let compatible = DowngradeWay::NextClusterVersionCompatible;
        assert_eq!(change("3.5.1", "3.4.31"), Ok(VersionChange::Downgrade(compatible)));
    }

    #[test]
    fn some_versions_need_a_snapshot_of_the_one_before() {
        let must = |to: &str, history: &[&str], has_joined| {
            let release = |text: &&str| Release::of(text.parse().unwrap()).unwrap();
            Release::must_follow_snapshot(release(&to), history.iter().map(release), has_joined)
        };
        assert!(must("3.6.14", &["3.4.23", "3.5.1"], true));
        assert!(must("3.6.14", &["3.5.19", "3.5.30"], true));
        assert!(!must("3.6.14", &["3.5.1"], false));
        assert!(!must("3.6.14", &["3.4.23", "3.5.30"], true));
        assert!(must("3.7.1", &["3.5.30", "3.6.14"], false));
        assert!(!must("3.7.1", &["3.6.14"], true));
        assert!(must("3.5.26", &["3.4.23"], false));
        assert!(!must("3.5.25", &["3.4.23"], true));
    }

    #[test]
    fn who_was_left_behind_by_a_tool_of_3_4_is_forgotten_before_3_6() {
        let check = |from: &str, restorer: &str, to: &str| {
            let release = |text: &str| Release::of(text.parse().unwrap()).unwrap();
            release(from).check_restored(release(restorer), release(to))
        };
        assert_eq!(check("3.4.23", "3.4.23", "3.5.1"), Ok(()));
        assert_eq!(check("3.5.1", "3.4.23", "3.5.26"), Ok(()));
        assert_eq!(check("3.5.26", "3.4.23", "3.6.0"), Ok(()));
        assert_eq!(check("3.5.25", "3.5.1", "3.6.0"), Ok(()));
        assert_eq!(check("3.6.0", "3.4.23", "3.7.0"), Ok(()));
        insta::assert_snapshot!(
            check("3.5.1", "3.4.23", "3.6.14").unwrap_err(),
            @"the fleet was restored by a tool of etcd 3.4, and 3.6.14 would take those that were members before for members of it: go from 3.5.1 to 3.5.26 or later first, which forgets them"
        );
    }

    #[test]
    fn what_etcd_has_no_way_for_is_refused_with_the_way_that_there_is() {
        insta::assert_snapshot!(
            change("3.4.23", "3.6.14").unwrap_err(),
            @"etcd goes from 3.4.23 to 3.6.14 one minor version at a time: go to 3.5 first"
        );
        insta::assert_snapshot!(
            change("3.7.1", "3.5.30").unwrap_err(),
            @"etcd goes from 3.7.1 to 3.5.30 one minor version at a time: go to 3.6 first"
        );
        insta::assert_snapshot!(
            change("3.5.1", "3.4.30").unwrap_err(),
            @"etcd 3.4.30 cannot read what 3.5.1 has written: only 3.4.31 and later can, with --next-cluster-version-compatible"
        );
    }
}
