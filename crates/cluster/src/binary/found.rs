//! An etcd that was found.

use std::fmt;
use std::path::{Path, PathBuf};

use super::{Release, Source, Version};

/// An etcd that can be run on this machine, and where it was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binary {
    path: PathBuf,
    release: Release,
    origin: Origin,
    note: Option<String>,
}

impl Binary {
    pub(super) fn new(path: PathBuf, release: Release, origin: Origin) -> Self {
        Self { path, release, origin, note: None }
    }

    pub(super) fn with_note(self, note: String) -> Self {
        Self { note: Some(note), ..self }
    }

    /// The executable file, absolute.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its version, as it says itself or as it was recorded when it was put into the cache.
    #[must_use]
    pub fn version(&self) -> Version {
        self.release.version()
    }

    /// Its version and what that version can do.
    #[must_use]
    pub fn release(&self) -> Release {
        self.release
    }

    /// Where it was found.
    #[must_use]
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// A sentence for the user when this is not the default version although none was asked for:
    /// why, and how to get the default.
    #[must_use]
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    /// The `etcdctl` beside it, when there is one.
    #[must_use]
    pub fn etcdctl(&self) -> Option<PathBuf> {
        self.beside("etcdctl")
    }

    /// The `etcdutl` beside it, when there is one: from 3.5 on, and not from Debian.
    #[must_use]
    pub fn etcdutl(&self) -> Option<PathBuf> {
        self.beside("etcdutl")
    }

    fn beside(&self, name: &str) -> Option<PathBuf> {
        let path = self.path.with_file_name(name);
        path.is_file().then_some(path)
    }
}

/// Where a binary was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Origin {
    /// The path that the caller gave.
    Path,
    /// The path in `TERCET_ETCD`.
    Environment,
    /// The cache; it was once got from `source`.
    Cache {
        /// Where it came from then.
        source: Source,
    },
    /// A directory of `PATH`.
    SearchPath,
    /// Got just now, and in the cache from now on.
    Fetched {
        /// Where it came from.
        source: Source,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path => f.write_str("the given path"),
            Self::Environment => f.write_str("TERCET_ETCD"),
            Self::Cache { source } => write!(f, "the cache ({source})"),
            Self::SearchPath => f.write_str("PATH"),
            Self::Fetched { source } => f.write_str(source.description()),
        }
    }
}
