//! What the package lists of this machine say, without asking apt.
//!
//! Any question that is put to apt itself makes it read all lists first: a second of processor time
//! where its own digest of them is not kept, as in most containers. That is too long for "there is
//! no such version". Its helper, which unpacks the lists, and grep take a tenth of it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::super::Version;
use super::super::search_path;
use super::super::tool::Outcome;
use super::apt::LOCAL_WITHIN;
use super::delivery::Job;

/// What is in the package lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Listed {
    /// The versions of etcd's server, whatever the architecture; none when there are no lists.
    Versions(Vec<Version>),
    /// The lists could not be read in this way.
    Unknown,
}

const SERVER: &str = "Package: etcd-server";

/// It comes last: without it, something went wrong on the way.
const END: &str = "Package: tercet-end-of-lists";

/// `$0` is the helper, and its arguments are the lists. Of each paragraph about etcd's server it
/// takes the head, where the version is.
const SCRIPT: &str = r#"
export LC_ALL=C
{ "$0" cat-file "$@" && echo 'Package: tercet-end-of-lists'; } 2>/dev/null |
    grep -A 8 -x -F -e 'Package: etcd-server' -e 'Package: tercet-end-of-lists'
"#;

/// What the lists of this machine have.
pub(super) fn listed(job: &Job<'_>) -> Listed {
    let Some((helper, lists)) = helper_and_lists(job) else { return Listed::Unknown };
    if lists.is_empty() {
        return Listed::Versions(Vec::new());
    }
    let tool = job.tool(Path::new("/bin/sh"), LOCAL_WITHIN);
    let tool = tool.args(["-c", SCRIPT]).args([helper]).args(lists);
    tool.run().map_or(Listed::Unknown, |outcome| versions(&outcome.text))
}

/// The program that unpacks lists, and the lists of binary packages; nothing when apt does not tell.
fn helper_and_lists(job: &Job<'_>) -> Option<(PathBuf, Vec<OsString>)> {
    let config = search_path::find(job.locator.search_path(), "apt-config")?;
    let names = ["shell", "LISTS", "Dir::State::lists/d", "METHODS", "Dir::Bin::methods/d"];
    let outcome = job.tool(&config, LOCAL_WITHIN).args(names).run().ok()?;
    let lists = directory(&outcome, "LISTS")?;
    // apt does not say where its helper is; it is beside the directory of its methods.
    let helper = directory(&outcome, "METHODS")?.parent()?.join("apt-helper");
    if !helper.is_file() {
        return None;
    }
    let entries = std::fs::read_dir(lists).ok()?.flatten();
    let lists = entries.filter(|entry| is_list(&entry.file_name().to_string_lossy()));
    Some((helper, lists.map(|entry| entry.path().into_os_string()).collect()))
}

/// The value in `NAME='/var/lib/apt/lists/'`.
fn directory(config: &Outcome, name: &str) -> Option<PathBuf> {
    let line = config.text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix("='"));
    line?.strip_suffix('\'').map(PathBuf::from)
}

/// `mirror.example_debian_dists_bookworm_main_binary-amd64_Packages.lz4`, packed or not.
fn is_list(name: &str) -> bool {
    let plain = name.rsplit_once("_Packages").map(|(_, packing)| packing);
    plain.is_some_and(|packing| packing.is_empty() || packing.starts_with('.'))
}

/// What [`SCRIPT`] has found.
fn versions(text: &str) -> Listed {
    if !text.lines().any(|line| line == END) {
        return Listed::Unknown;
    }
    let mut versions = Vec::new();
    let mut of_server = false;
    for line in text.lines() {
        if line.is_empty() || line.starts_with("Package: ") {
            of_server = line == SERVER;
        }
        if let Some(version) = line.strip_prefix("Version: ").filter(|_| of_server) {
            let version = version.split_once(':').map_or(version, |(_epoch, version)| version);
            versions.extend(version_of(version));
        }
    }
    versions.sort_unstable();
    versions.dedup();
    Listed::Versions(versions)
}

/// Upstream's part of a Debian version without its epoch: `3.4.23-4+b4`, `3.5.16~rc1-1`.
pub(super) fn version_of(debian: &str) -> Option<Version> {
    let end = debian.find(|c: char| !c.is_ascii_digit() && c != '.');
    debian[..end.unwrap_or(debian.len())].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_versions_of_the_server_are_read() {
        let text = "Package: etcd-server\nSource: etcd (3.4.23-4)\nVersion: 3.4.23-4+b4\n\n\
                    Package: golang-etcd-server-dev\nVersion: 3.4.24-1\n--\n\
                    Package: etcd-server\nArchitecture: arm64\nVersion: 1:3.5.16+dfsg-2\n\n--\n\
                    Package: etcd-server\nVersion: 3.4.23-4+b4\n";
        let expected = [Version::new(3, 4, 23), Version::new(3, 5, 16)];
        let whole = format!("{text}{END}\n");
        assert_eq!(versions(&whole), Listed::Versions(expected.to_vec()));
        assert_eq!(versions(text), Listed::Unknown, "it broke off");
        assert_eq!(versions(&format!("{END}\n")), Listed::Versions(Vec::new()));
        assert!(SCRIPT.contains(&format!("'{END}'; }}")) && SCRIPT.contains(SERVER));
    }

    #[test]
    fn lists_are_told_by_their_names() {
        for name in ["a_binary-amd64_Packages", "a_binary-amd64_Packages.lz4", "a_Packages.xz"] {
            assert!(is_list(name), "{name}");
        }
        for name in ["a_InRelease", "a_binary-amd64_Packagesque", "a_Components-amd64.yml.gz"] {
            assert!(!is_list(name), "{name}");
        }
    }
}
