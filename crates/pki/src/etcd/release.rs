//! What each etcd release can do: the one table of what differs by version.

use std::fmt;
use std::str::FromStr;

/// An etcd version: `major.minor.patch`, without the `v` of upstream's tags.
///
/// A suffix (`3.7.0-rc.0`, Debian's `3.4.23+dfsg-4`) is read and dropped: no flag depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version {
    major: u16,
    minor: u16,
    patch: u16,
}

impl Version {
    /// The version `major.minor.patch`.
    #[must_use]
    pub const fn new(major: u16, minor: u16, patch: u16) -> Self {
        Self { major, minor, patch }
    }

    /// The first number: 3 for every etcd that speaks the v3 API.
    #[must_use]
    pub const fn major(self) -> u16 {
        self.major
    }

    /// The second number; flags come and go with it.
    #[must_use]
    pub const fn minor(self) -> u16 {
        self.minor
    }

    /// The third number; flags are backported with it.
    #[must_use]
    pub const fn patch(self) -> u16 {
        self.patch
    }

    /// Whether a port of its own for HTTP (`--listen-client-http-urls`) keeps this etcd from looking
    /// at the clients' revocation list on the port for gRPC: GHSA-3wh4-j44w-pg92, fixed in 3.5.32,
    /// 3.6.13 and 3.7.0. Measured on 3.5.30.
    #[must_use]
    pub const fn skips_revocation_list_beside_http(self) -> bool {
        match (self.major, self.minor) {
            (3, 4) => true,
            (3, 5) => self.patch < 32,
            (3, 6) => self.patch < 13,
            _ => false,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl FromStr for Version {
    type Err = ParseVersionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ParseVersionError { text: text.to_owned() };
        let plain = text.strip_prefix('v').unwrap_or(text);
        let plain = plain.split(['-', '+']).next().unwrap_or(plain);
        let mut numbers = plain.split('.').map(str::parse::<u16>);
        let mut next = || numbers.next().and_then(Result::ok).ok_or_else(error);
        let version = Self { major: next()?, minor: next()?, patch: next()? };
        if numbers.next().is_some() { Err(error()) } else { Ok(version) }
    }
}

/// A text that is not a version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{text}' is not an etcd version: write it as 3.5.1 (three numbers, a leading v is allowed)"
)]
pub struct ParseVersionError {
    text: String,
}

/// A version together with what it can do.
///
/// Everything that differs between etcd versions is asked here and nowhere else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Release {
    version: Version,
}

impl Release {
    /// The oldest version that is supported: the first whose logs are JSON and whose v3 API is the
    /// default.
    pub const OLDEST: Version = Version::new(3, 4, 0);

    /// The newest minor that the table below was checked against. A later one is treated like it.
    pub const NEWEST_KNOWN: Version = Version::new(3, 7, 1);

    /// What `version` can do.
    ///
    /// # Errors
    ///
    /// [`UnsupportedVersion`] when it is older than [`Self::OLDEST`], or not an etcd 3.
    pub fn of(version: Version) -> Result<Self, UnsupportedVersion> {
        if version < Self::OLDEST || version.major() != Self::OLDEST.major() {
            return Err(UnsupportedVersion { version });
        }
        Ok(Self { version })
    }

    /// The version itself.
    #[must_use]
    pub const fn version(self) -> Version {
        self.version
    }

    /// A sentence for the user when this version is newer than the table knows.
    #[must_use]
    pub fn warning(self) -> Option<String> {
        let known = (Self::NEWEST_KNOWN.major(), Self::NEWEST_KNOWN.minor());
        ((self.version.major(), self.version.minor()) > known).then(|| {
            format!(
                "etcd {} is newer than any that Tercet knows: its flags are taken to be those of {}.{}",
                self.version, known.0, known.1
            )
        })
    }

    /// Whether this version has `feature`.
    #[must_use]
    pub fn has(self, feature: Feature) -> bool {
        let backported =
            |first: Version| first.minor() == self.version.minor() && self.version >= first;
        self.version >= feature.since() || feature.backport().is_some_and(backported)
    }
}

/// A thing that some supported versions of etcd have and others have not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Feature {
    /// `--socket-reuse-port`: listeners may share a port with our hold on it.
    SocketReusePort,
    /// `--unsafe-no-fsync`: neither the log nor the database waits for the disk.
    UnsafeNoFsync,
    /// `--peer-cert-allowed-cn` and both flags of allowed host names take several, with commas
    /// between them (`flags.NewStringsValue`).
    AllowedNameLists,
    /// A snapshot is restored by `etcdutl` only, and no more by `etcdctl`.
    RestoreByEtcdutlOnly,
    /// A restore can have the revisions go on further up: `--bump-revision`, `--mark-compacted`.
    RestoreBumpsRevision,
    /// `/health` leaves out alarms that the request names: `?exclude=NOSPACE`.
    HealthWithoutAlarms,
    /// `/health` can be asked about this member alone: `?serializable=true`.
    SerializableHealth,
    /// `/livez` and `/readyz`.
    Livez,
    /// Runs on 64-bit ARM without `ETCD_UNSUPPORTED_ARCH=arm64`.
    Arm64,
    /// A fleet of one acknowledges a write only once its log is flushed (`shouldWaitWALSync` in
    /// `etcdserver/raft.go`). Before, it could lose what it had acknowledged.
    AloneFlushesFirst,
    /// Leases end by a clock that nobody can put. Before, the queue in which they wait for their end
    /// had the time of day (`LeaseWithTime` in `lease/lease_queue.go`).
    LeasesIgnoreWallClock,
    /// A member that is killed while it applies what was agreed upon has, after its restart, applied
    /// all of it once. 3.5.0 to 3.5.2 may leave some of it out: how far it had come was written to the
    /// disk before what it had done (`txPostLockHook` in `server/storage/backend/batch_tx.go` mended
    /// that). The stores of the members then differ for good.
    AppliesOnceWhenKilled,
}

impl Feature {
    /// The first version from which on all have it. Sources: `server/embed/config.go` (3.4:
    /// `etcdmain/config.go`), `server/etcdmain/etcd.go` (`checkSupportArch`), and
    /// `snapshot_command.go` of `etcdctl` and `etcdutl`, and `etcdhttp` (`health.go`; before 3.5.11
    /// `metrics.go`) at these tags.
    #[must_use]
    pub const fn since(self) -> Version {
        match self {
            Self::SocketReusePort | Self::Arm64 | Self::LeasesIgnoreWallClock => {
                Version::new(3, 5, 0)
            }
            Self::AppliesOnceWhenKilled => Version::new(3, 5, 3),
            Self::AloneFlushesFirst => Version::new(3, 5, 5),
            Self::AllowedNameLists => Version::new(3, 5, 15),
            Self::UnsafeNoFsync => Version::new(3, 4, 10),
            Self::RestoreByEtcdutlOnly => Version::new(3, 6, 0),
            Self::RestoreBumpsRevision => Version::new(3, 5, 10),
            Self::HealthWithoutAlarms => Version::new(3, 5, 0),
            Self::SerializableHealth => Version::new(3, 5, 3),
            Self::Livez => Version::new(3, 5, 11),
        }
    }

    /// The first version that has it in an older minor, which it was brought to later.
    #[must_use]
    pub const fn backport(self) -> Option<Version> {
        match self {
            Self::RestoreBumpsRevision => Some(Version::new(3, 4, 27)),
            Self::HealthWithoutAlarms => Some(Version::new(3, 4, 16)),
            Self::AppliesOnceWhenKilled => Some(Version::new(3, 4, 0)),
            Self::AloneFlushesFirst => Some(Version::new(3, 4, 21)),
            Self::SerializableHealth | Self::Livez => Some(Version::new(3, 4, 29)),
            _ => None,
        }
    }
}

/// A version that Tercet cannot run.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("etcd {version} is not supported: use 3.4 or later (3.x)")]
pub struct UnsupportedVersion {
    version: Version,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(text: &str) -> Release {
        Release::of(text.parse().unwrap()).unwrap()
    }

    #[test]
    fn versions_are_read_as_people_write_them() {
        for text in ["3.5.1", "v3.5.1", "3.5.1-rc.0", "3.5.1+dfsg-4"] {
            assert_eq!(text.parse(), Ok(Version::new(3, 5, 1)), "{text}");
        }
        for text in ["", "3", "3.5", "3.5.x", "3.5.1.2", "latest", "-3.5.1"] {
            assert!(text.parse::<Version>().is_err(), "{text}");
        }
        assert!(Version::new(3, 5, 10) > Version::new(3, 5, 9));
    }

    #[test]
    fn the_table_follows_upstream() {
        assert!(!release("3.4.9").has(Feature::UnsafeNoFsync));
        assert!(release("3.4.10").has(Feature::UnsafeNoFsync));
        assert!(!release("3.4.45").has(Feature::SocketReusePort));
        assert!(release("3.5.0").has(Feature::SocketReusePort));
        let once = |text| release(text).has(Feature::AppliesOnceWhenKilled);
        assert!(
            once("3.4.23") && !once("3.5.0") && !once("3.5.2") && once("3.5.3") && once("3.6.0")
        );
    }

    #[test]
    fn old_versions_are_refused_and_future_ones_warned_about() {
        insta::assert_snapshot!(
            Release::of(Version::new(3, 3, 27)).unwrap_err(),
            @"etcd 3.3.27 is not supported: use 3.4 or later (3.x)"
        );
        assert!(Release::of(Version::new(4, 0, 0)).is_err());
        assert_eq!(release("3.7.9").warning(), None);
        insta::assert_snapshot!(
            release("3.9.0").warning().unwrap(),
            @"etcd 3.9.0 is newer than any that Tercet knows: its flags are taken to be those of 3.7"
        );
        assert!(release("3.9.0").has(Feature::SocketReusePort));
    }
}
