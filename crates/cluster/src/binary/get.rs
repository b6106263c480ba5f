//! The last resort: the sources, one after the other, under the lock of the cache.

use super::error::Attempt;
use super::locate::Wanted;
use super::locator::Locator;
use super::source::{Failure, deliver};
use super::store::CacheLock;
use super::{Binary, DEFAULT_VERSION, LocateError, Origin, Release, Source, Version};

impl Locator {
    /// Gets what is wanted from the first source that has it.
    pub(super) fn get(
        &self,
        wanted: Wanted,
        mut attempts: Vec<Attempt>,
    ) -> Result<Binary, LocateError> {
        let last_resort = || self.newest_cached().filter(|_| wanted.is_any());
        if self.is_offline() {
            if let Some(binary) = last_resort() {
                return Ok(binary);
            }
            attempts.push(Attempt::new(
                "sources",
                "not tried: offline, as TERCET_OFFLINE or the program says",
            ));
            return Err(self.not_found(wanted.version, attempts));
        }
        let cache = self.cache().ok_or(LocateError::NoCache)?;
        let lock = CacheLock::take(cache, self.progress())?;
        if let Some(binary) = self.got_meanwhile(wanted) {
            return Ok(binary);
        }
        let sources = match &wanted.from {
            Some(source) => std::slice::from_ref(source),
            None => self.source_order(),
        };
        let mut tried = Vec::new();
        for &source in sources {
            let version = wanted.version.or_else(|| self.own_choice(source));
            let cached = version.and_then(|version| self.in_cache(version, Some(source)));
            if let Some(binary) = cached {
                return Ok(self.explained(binary, wanted, source, &tried, &lock));
            }
            match deliver(self, &lock, source, version) {
                Ok(cached) => {
                    let release = Release::of(cached.version())?;
                    let origin = Origin::Fetched { source };
                    let binary = Binary::new(cached.path().to_owned(), release, origin);
                    return Ok(self.explained(binary, wanted, source, &tried, &lock));
                }
                Err(Failure::Source(more)) => tried.extend(more),
                Err(Failure::Cache(error)) => return Err(error),
            }
        }
        if let Some(binary) = last_resort() {
            return Ok(binary);
        }
        attempts.extend(tried);
        Err(self.not_found(wanted.version, attempts))
    }

    /// What another process put into the cache while this one waited for the lock.
    fn got_meanwhile(&self, wanted: Wanted) -> Option<Binary> {
        let version = wanted.version.or_else(|| wanted.from.is_none().then_some(DEFAULT_VERSION));
        let cached = version.and_then(|version| self.in_cache(version, wanted.from));
        // Eight processes that start at once shall not ask eight times for a default that the first
        // of them could not get.
        let substitute = || self.substitute().filter(|_| wanted.is_any() && !wanted.again);
        cached.or_else(substitute)
    }

    /// What is taken from `source` when any version will do; apt tells only when it is asked.
    fn own_choice(&self, source: Source) -> Option<Version> {
        match source {
            Source::Upstream => Some(DEFAULT_VERSION),
            Source::Pip => self.pins().wheel_versions().first().copied(),
            Source::Apt => None,
        }
    }

    /// Says it, and remembers it, when the default was wanted and this is not it.
    fn explained(
        &self,
        binary: Binary,
        wanted: Wanted,
        source: Source,
        tried: &[Attempt],
        lock: &CacheLock<'_>,
    ) -> Binary {
        if !wanted.is_any() || binary.version() == DEFAULT_VERSION {
            return binary;
        }
        let why: Vec<_> = tried.iter().map(Attempt::in_short).collect();
        let note = format!(
            "etcd {DEFAULT_VERSION} is not to be had here ({}), using {} from {}",
            why.join("; "),
            binary.version(),
            source.description(),
        );
        self.progress().say(&note);
        lock.remember_substitute(DEFAULT_VERSION, binary.version(), source);
        binary.with_note(note)
    }
}
