//! The search itself: one place after the other.

use std::path::{Path, PathBuf};

use super::error::{Attempt, ByHand, NotFound, chain};
use super::locator::Locator;
use super::{
    Binary, Cached, DEFAULT_VERSION, LocateError, Origin, ProbeError, Release, Request, Source,
    Version, pins, probe, search_path,
};

impl Locator {
    /// Finds the etcd that is asked for, or gets it. The order of places is that of [`Locator`].
    ///
    /// # Errors
    ///
    /// [`LocateError::Unusable`] when a named file is no etcd, [`LocateError::NotFound`] with every
    /// place that was tried when none has it, [`LocateError::Cache`] when it cannot be kept.
    pub fn locate(&self, request: &Request) -> Result<Binary, LocateError> {
        let version = match request {
            Request::Path(path) => return named(path, "the request", Origin::Path),
            Request::Version(version) => Some(Release::of(*version)?.version()),
            Request::Default => None,
        };
        let mut attempts = Vec::new();
        if let Some(binary) = self.in_environment(version, &mut attempts)? {
            return Ok(binary);
        }
        if let Some(binary) = self.in_cache(version.unwrap_or(DEFAULT_VERSION), None) {
            return Ok(binary);
        }
        attempts.push(self.not_in_cache());
        if let Some(binary) = self.in_search_path(version, &mut attempts) {
            return Ok(binary);
        }
        if version.is_none()
            && let Some(binary) = self.substitute()
        {
            return Ok(binary);
        }
        self.get(Wanted { version, from: None, again: false }, attempts)
    }

    /// Gets an etcd into the cache, unless it is there, whatever `PATH` and the environment have.
    ///
    /// Without a `version` it is the default one, or what `from` has; without `from` all sources
    /// are tried. Unlike [`Self::locate`] this tries to get the default again when an earlier
    /// start had to take another.
    ///
    /// # Errors
    ///
    /// Those of [`Self::locate`].
    pub fn fetch(
        &self,
        version: Option<Version>,
        from: Option<Source>,
    ) -> Result<Binary, LocateError> {
        let version = match version {
            Some(version) => Some(Release::of(version)?.version()),
            None => None,
        };
        let wanted = version.or_else(|| from.is_none().then_some(DEFAULT_VERSION));
        if let Some(wanted) = wanted
            && let Some(binary) = self.in_cache(wanted, from)
        {
            return Ok(binary);
        }
        self.get(Wanted { version, from, again: true }, vec![self.not_in_cache()])
    }
}

/// What the sources are asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    /// Nothing when the default will do, or what `from` has.
    pub(super) version: Option<Version>,
    /// Nothing when any source will do.
    pub(super) from: Option<Source>,
    /// Whether to ask for a default although another version is in the cache.
    pub(super) again: bool,
}

impl Wanted {
    /// Whether it is for the search to decide what it becomes.
    pub(super) fn is_any(self) -> bool {
        self.version.is_none() && self.from.is_none()
    }
}

/// The places that need no network.
impl Locator {
    fn in_environment(
        &self,
        version: Option<Version>,
        attempts: &mut Vec<Attempt>,
    ) -> Result<Option<Binary>, LocateError> {
        let Some(path) = self.environment_path() else {
            attempts.push(Attempt::new("TERCET_ETCD", "not set"));
            return Ok(None);
        };
        let binary = named(path, "TERCET_ETCD", Origin::Environment)?;
        if version.is_some_and(|version| version != binary.version()) {
            attempts.push(Attempt::new("TERCET_ETCD", format!("it is etcd {}", binary.version())));
            return Ok(None);
        }
        Ok(Some(binary))
    }

    pub(super) fn in_cache(&self, version: Version, from: Option<Source>) -> Option<Binary> {
        self.cache()?.find(version, from).and_then(|cached| from_cache(&cached))
    }

    /// What was taken when the default was not to be had, unless that is long ago.
    pub(super) fn substitute(&self) -> Option<Binary> {
        let binary = from_cache(&self.cache()?.substitute(DEFAULT_VERSION)?)?;
        Some(instead_of_default(binary, "was not to be had a while ago"))
    }

    /// The last resort for a default.
    pub(super) fn newest_cached(&self) -> Option<Binary> {
        let binary = self.cached().iter().find_map(from_cache)?;
        Some(instead_of_default(binary, "is not in the cache"))
    }

    fn in_search_path(
        &self,
        version: Option<Version>,
        attempts: &mut Vec<Attempt>,
    ) -> Option<Binary> {
        let before = attempts.len();
        for path in search_path::find_all(self.search_path(), "etcd") {
            let release = match probe::release(&path) {
                Ok(release) => release,
                Err(error) => {
                    attempts.push(Attempt::new(format!("PATH {}", path.display()), chain(&error)));
                    continue;
                }
            };
            let found = release.version();
            if version.is_some_and(|version| version != found) {
                let place = format!("PATH {}", path.display());
                attempts.push(Attempt::new(place, format!("it is etcd {found}")));
                continue;
            }
            let binary = Binary::new(path, release, Origin::SearchPath);
            if version.is_none() && found != DEFAULT_VERSION {
                let note = format!(
                    "etcd {found} from PATH; the default is {DEFAULT_VERSION}. \
                     To get the default: cargo xtask etcd fetch {DEFAULT_VERSION}"
                );
                return Some(binary.with_note(note));
            }
            return Some(binary);
        }
        if attempts.len() == before {
            attempts.push(Attempt::new("PATH", "no etcd in it"));
        }
        None
    }

    fn not_in_cache(&self) -> Attempt {
        let Some(cache) = self.cache() else {
            return Attempt::new("the cache", "there is none: set TERCET_CACHE_DIR");
        };
        let cached = self.cached();
        let held: Vec<_> =
            cached.iter().map(|one| format!("{} ({})", one.version(), one.source())).collect();
        let held = if held.is_empty() { "nothing".to_owned() } else { held.join(", ") };
        Attempt::new(format!("cache {}", cache.directory().display()), format!("it has {held}"))
    }

    pub(super) fn not_found(
        &self,
        version: Option<Version>,
        attempts: Vec<Attempt>,
    ) -> LocateError {
        let pin = self.pins().archive(version.unwrap_or(DEFAULT_VERSION), &pins::platform());
        let base = self.upstream().first();
        let by_hand = pin
            .zip(base)
            .map(|(pin, base)| ByHand { url: pin.url(base), sha256: pin.sha256.clone() });
        LocateError::NotFound(NotFound::new(version, attempts, by_hand))
    }
}

/// An etcd that somebody named: it is used, or it is an error.
fn named(path: &Path, asked_by: &'static str, origin: Origin) -> Result<Binary, LocateError> {
    let found = || -> Result<(PathBuf, Release), ProbeError> {
        let executable = probe::executable(path)?;
        let release = probe::release(&executable)?;
        Ok((executable, release))
    };
    match found() {
        Ok((executable, release)) => Ok(Binary::new(executable, release, origin)),
        Err(source) => Err(LocateError::Unusable { asked_by, path: path.to_owned(), source }),
    }
}

fn instead_of_default(binary: Binary, why: &str) -> Binary {
    let note = format!(
        "etcd {DEFAULT_VERSION}, the default, {why}: using {} from {}. \
         To get the default: cargo xtask etcd fetch {DEFAULT_VERSION}",
        binary.version(),
        binary.origin(),
    );
    binary.with_note(note)
}

/// Nothing when a later Tercet, which knows newer versions, shares the cache.
fn from_cache(cached: &Cached) -> Option<Binary> {
    let release = Release::of(cached.version()).ok()?;
    let origin = Origin::Cache { source: cached.source() };
    Some(Binary::new(cached.path().to_owned(), release, origin))
}

#[cfg(not(feature = "download"))]
impl Locator {
    fn get(&self, wanted: Wanted, mut attempts: Vec<Attempt>) -> Result<Binary, LocateError> {
        let why = "this build cannot get etcd: the feature 'download' of tercet-cluster is off";
        attempts.push(Attempt::new("sources", why));
        if wanted.is_any()
            && let Some(binary) = self.newest_cached()
        {
            return Ok(binary);
        }
        Err(self.not_found(wanted.version, attempts))
    }
}
