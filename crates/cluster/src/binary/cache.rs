//! What has been got before.
//!
//! `CACHE/etcd/VERSION-SOURCE/` holds `etcd`, `etcdctl`, `etcdutl` and [`MARKER`]. It is made under
//! another name and renamed when all is in it, so that what can be seen is complete. Reading takes
//! no lock, starts no program and works on a read-only disk.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::pins::platform;
use super::{Source, Version};

/// Written last into a directory: what is in it, from where.
pub(super) const MARKER: &str = "complete";

/// The directory `CACHE/etcd`.
#[derive(Clone, Debug)]
pub(super) struct Cache {
    directory: PathBuf,
}

/// An etcd in the cache.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cached {
    version: Version,
    source: Source,
    path: PathBuf,
}

impl Cached {
    pub(super) fn new(version: Version, source: Source, path: PathBuf) -> Self {
        Self { version, source, path }
    }

    /// Its version, as it said itself when it was unpacked.
    #[must_use]
    pub fn version(&self) -> Version {
        self.version
    }

    /// Where it came from.
    #[must_use]
    pub fn source(&self) -> Source {
        self.source
    }

    /// The executable file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Cache {
    /// The part of the cache directory that this room owns.
    pub(super) fn in_directory(cache: &Path) -> Self {
        // The paths of its binaries are given to children that run elsewhere.
        let cache = std::path::absolute(cache).unwrap_or_else(|_| cache.to_owned());
        Self { directory: cache.join("etcd") }
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Where `version` from `source` belongs.
    pub(super) fn place(&self, version: Version, source: Source) -> PathBuf {
        self.directory.join(format!("{version}-{source}"))
    }

    /// All that is complete and for this platform, the newest first, and of one version the
    /// earliest source first.
    pub(super) fn entries(&self) -> Vec<Cached> {
        // A cache that is not there, or not readable, holds nothing.
        let Ok(entries) = fs::read_dir(&self.directory) else { return Vec::new() };
        let mut found: Vec<_> =
            entries.filter_map(|entry| Self::read(&entry.ok()?.path())).collect();
        found.sort_by(|left, right| {
            right.version.cmp(&left.version).then(left.source.cmp(&right.source))
        });
        found
    }

    /// The best entry of `version`, from `source` if one is given.
    pub(super) fn find(&self, version: Version, source: Option<Source>) -> Option<Cached> {
        self.entries().into_iter().find(|cached| {
            cached.version == version && source.is_none_or(|source| cached.source == source)
        })
    }

    /// What was taken when `default` was not to be had, unless that is more than a day ago: then it
    /// is time to see whether it can be had now.
    ///
    /// Without this note every start on a machine that cannot reach upstream would wait for it; and
    /// if any other version in the cache did in its place, one that a single test had asked for
    /// would become the default of all.
    pub(super) fn substitute(&self, default: Version) -> Option<Cached> {
        const DAY: Duration = Duration::from_secs(24 * 60 * 60);
        let note = self.substitute_note(default);
        let written = note.metadata().ok()?.modified().ok()?;
        if written.elapsed().is_ok_and(|age| age > DAY) {
            return None;
        }
        let text = fs::read_to_string(note).ok()?;
        let (version, source) = text.trim_end().split_once(' ')?;
        self.find(version.parse().ok()?, Some(source.parse().ok()?))
    }

    pub(super) fn substitute_note(&self, default: Version) -> PathBuf {
        self.directory.join(format!(".instead-of-{default}"))
    }

    fn read(directory: &Path) -> Option<Cached> {
        let (version, source) = directory.file_name()?.to_str()?.rsplit_once('-')?;
        let (version, source) = (version.parse().ok()?, source.parse().ok()?);
        let marker = fs::read_to_string(directory.join(MARKER)).ok()?;
        let path = directory.join("etcd");
        // A cleaner of old files may have been here since, or a copy may have been cut short.
        let length_bytes = path.metadata().ok()?.len();
        let whole = Marker::parse(&marker)?.matches(version, source, length_bytes);
        whole.then(|| Cached::new(version, source, path))
    }
}

/// The contents of the file [`MARKER`].
#[derive(Debug)]
pub(super) struct Marker {
    pub(super) version: Version,
    pub(super) source: Source,
    /// A home directory may be shared by machines, or mounted into a container.
    pub(super) platform: String,
    pub(super) etcd_bytes: u64,
    /// What it was unpacked from; these two are for people.
    pub(super) file: String,
    pub(super) sha256: String,
}

impl Marker {
    pub(super) fn to_text(&self) -> String {
        let Self { version, source, platform, etcd_bytes, file, sha256 } = self;
        format!(
            "version {version}\nsource {source}\nplatform {platform}\netcd_bytes {etcd_bytes}\n\
             file {file}\nsha256 {sha256}\n"
        )
    }

    fn parse(text: &str) -> Option<Self> {
        let field =
            |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        Some(Self {
            version: field("version")?.parse().ok()?,
            source: field("source")?.parse().ok()?,
            platform: field("platform")?.to_owned(),
            etcd_bytes: field("etcd_bytes")?.parse().ok()?,
            file: field("file")?.to_owned(),
            sha256: field("sha256")?.to_owned(),
        })
    }

    fn matches(&self, version: Version, source: Source, etcd_bytes: u64) -> bool {
        self.version == version
            && self.source == source
            && self.platform == platform()
            && self.etcd_bytes == etcd_bytes
    }
}
