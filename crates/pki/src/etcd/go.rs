//! Which Go an etcd was built with. TLS and certificates are Go's, not etcd's.

use std::fmt;
use std::str::FromStr;

use super::{Release, Version};

/// A Go release, by its minor number: Go 1.26 is `Go::new(26)`. What patches changed is told
/// where it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Go {
    minor: u8,
}

impl Go {
    /// The newest Go whose rules are known here. A later one is judged like it.
    pub const NEWEST_KNOWN: Self = Self::new(26);

    /// Go 1.`minor`.
    #[must_use]
    pub const fn new(minor: u8) -> Self {
        Self { minor }
    }

    /// The number after the `1.`
    #[must_use]
    pub const fn minor(self) -> u8 {
        self.minor
    }
}

/// As `etcd --version` and `go version` write it, `go1.19.8`, and as people do, `1.19`.
impl FromStr for Go {
    type Err = ParseGoError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ParseGoError { text: text.to_owned() };
        let plain = text.strip_prefix("go").unwrap_or(text).strip_prefix("1.").ok_or_else(error)?;
        let (minor, patch) = match plain.find(|c: char| !c.is_ascii_digit()) {
            Some(end) => plain.split_at(end),
            None => (plain, ""),
        };
        // A patch, a release candidate, or what a distribution adds.
        let known = patch.is_empty() || patch.starts_with(['.', 'r', 'b', '-', '+', ' ']);
        minor.parse().ok().filter(|_| known).map(Self::new).ok_or_else(error)
    }
}

/// A text that is no Go release.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is not a Go release: write it as 1.19, or as etcd --version does")]
pub struct ParseGoError {
    text: String,
}

impl fmt::Display for Go {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Go 1.{}", self.minor)
    }
}

/// The Go releases that a build of an etcd release may come from.
///
/// etcd's version does not say it: Debian's 3.4.23 is built with Go 1.19, where upstream's was
/// older, and anyone may build an old etcd with a new Go. Go became stricter with each release, so
/// what its oldest refuses all builds refuse, and what only its newest refuses depends on the
/// build.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GoRange {
    /// What upstream built the release with, or older where that is not known.
    pub oldest: Go,
    /// What a builder may have taken: always [`Go::NEWEST_KNOWN`] unless someone looked.
    pub newest: Go,
}

impl GoRange {
    /// A build that someone looked at (`go version -m /usr/bin/etcd`).
    #[must_use]
    pub const fn exactly(go: Go) -> Self {
        Self { oldest: go, newest: go }
    }
}

/// The first releases of etcd that upstream built with a newer Go, and which; between two of them,
/// the earlier holds.
///
/// Sources, at the tags themselves: `.go-version` from 3.4.26 and 3.5.9 on; before that the
/// `go-version` of `.github/workflows/release.yaml` (3.4.19 to 3.4.25, 3.5.5 to 3.5.8), and before
/// that `.travis.yml` (for 3.4.16 the changelog: it was tested with two). 3.4.17 and 3.4.18 have
/// only the changelog ("Compile with Go 1.12.17"; 3.4.18 does not say, and stands with it).
const UPSTREAM: [(Version, Go); 23] = [
    (Version::new(3, 4, 0), Go::new(12)),
    (Version::new(3, 4, 19), Go::new(16)),
    (Version::new(3, 4, 23), Go::new(17)),
    (Version::new(3, 4, 25), Go::new(19)),
    (Version::new(3, 4, 28), Go::new(20)),
    (Version::new(3, 4, 31), Go::new(21)),
    (Version::new(3, 4, 34), Go::new(22)),
    (Version::new(3, 4, 36), Go::new(23)),
    (Version::new(3, 4, 38), Go::new(24)),
    (Version::new(3, 4, 42), Go::new(25)),
    (Version::new(3, 5, 0), Go::new(16)),
    (Version::new(3, 5, 7), Go::new(17)),
    (Version::new(3, 5, 8), Go::new(19)),
    (Version::new(3, 5, 10), Go::new(20)),
    (Version::new(3, 5, 13), Go::new(21)),
    (Version::new(3, 5, 16), Go::new(22)),
    (Version::new(3, 5, 19), Go::new(23)),
    (Version::new(3, 5, 23), Go::new(24)),
    (Version::new(3, 5, 28), Go::new(25)),
    (Version::new(3, 6, 0), Go::new(23)),
    (Version::new(3, 6, 5), Go::new(24)),
    (Version::new(3, 6, 9), Go::new(25)),
    (Version::new(3, 7, 0), Go::new(26)),
];

impl Release {
    /// The Go releases that this etcd may be built with.
    #[must_use]
    pub fn go(self) -> GoRange {
        let oldest = UPSTREAM
            .iter()
            .rev()
            .find(|(since, _)| *since <= self.version())
            .map_or(Go::new(12), |(_, go)| *go);
        GoRange { oldest, newest: Go::NEWEST_KNOWN }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn oldest(text: &str) -> String {
        Release::of(text.parse().unwrap()).unwrap().go().oldest.to_string()
    }

    #[test]
    fn each_release_has_the_go_of_its_upstream_build() {
        assert!(UPSTREAM.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert_eq!(oldest("3.4.0"), "Go 1.12");
        assert_eq!(oldest("3.4.18"), "Go 1.12");
        assert_eq!(oldest("3.4.22"), "Go 1.16");
        assert_eq!(oldest("3.4.23"), "Go 1.17");
        assert_eq!(oldest("3.4.45"), "Go 1.25");
        assert_eq!(oldest("3.5.1"), "Go 1.16");
        assert_eq!(oldest("3.5.9"), "Go 1.19");
        assert_eq!(oldest("3.5.33"), "Go 1.25");
        assert_eq!(oldest("3.6.4"), "Go 1.23");
        assert_eq!(oldest("3.6.14"), "Go 1.25");
        assert_eq!(oldest("3.9.0"), "Go 1.26");
    }

    #[test]
    fn a_go_is_read_as_programs_and_people_write_it() {
        for text in ["1.19", "go1.19", "go1.19.8", "1.19rc2", "go1.19.8 X:nocoverageredesign"] {
            assert_eq!(text.parse(), Ok(Go::new(19)), "{text}");
        }
        for text in ["", "19", "go", "go2.0", "1.", "1.x", "1.999", "1.19x", "devel +abc"] {
            assert!(text.parse::<Go>().is_err(), "{text}");
        }
        insta::assert_snapshot!(
            "19".parse::<Go>().unwrap_err(),
            @"'19' is not a Go release: write it as 1.19, or as etcd --version does"
        );
    }

    #[test]
    fn no_range_is_empty() {
        for (version, _) in UPSTREAM {
            let range = Release::of(version).unwrap().go();
            assert!(range.oldest <= range.newest, "{version}");
        }
    }
}
