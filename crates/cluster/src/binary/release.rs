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
#[error("'{text}' is not an etcd version: write it as 3.5.1 (three numbers, a leading v is allowed)")]
pub struct ParseVersionError {
    text: String,
}
