//! Whatever ends the owner of a cluster, nothing of the cluster is left two seconds later.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test may")]

#[cfg(target_os = "linux")]
mod deaths;
#[cfg(target_os = "linux")]
mod drops;
#[cfg(target_os = "linux")]
mod left;

use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Stdio;
use std::time::Duration;

use tercet_tests::{Owned, command, command_lines_naming, eventually};

const OWNER: &str = env!("CARGO_BIN_EXE_owner");

/// How long after the owner's end everything must be gone.
const GONE_WITHIN: Duration = Duration::from_secs(2);

/// A number in the environment, for more rounds than a test run has time for.
fn number<T: std::str::FromStr>(name: &str) -> Option<T> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

/// Starts a cluster in another process, ends that process by `act`, and looks what is left.
fn ends(end: &str, act: impl FnOnce(&mut Owned)) -> std::process::ExitStatus {
    ends_with(end, &[], act)
}

/// The same, with more in the owner's environment.
fn ends_with(
    end: &str,
    environment: &[(&str, &str)],
    act: impl FnOnce(&mut Owned),
) -> std::process::ExitStatus {
    let parent = tempfile::tempdir().unwrap();
    let mut owned = Owned::start_with(OWNER, end, parent.path(), environment);
    // The control: there is something to be left.
    assert!(owned.is_whole(), "{owned:?}");
    act(&mut owned);
    let status = owned.owner.wait().unwrap();
    assert!(eventually(GONE_WITHIN, || owned.is_gone()), "{end}: left: {owned:?}");
    assert_eq!(std::fs::read_dir(parent.path()).unwrap().count(), 0);
    status
}

/// Tells the owner to end as it was told at its start.
fn now(owned: &mut Owned) {
    owned.owner.stdin.as_mut().unwrap().write_all(b"x").unwrap();
}

fn signal(name: &'static str) -> impl FnOnce(&mut Owned) {
    move |owned| {
        let status = command("kill").args(["-s", name, &owned.owner.id().to_string()]).status();
        assert!(status.unwrap().success());
    }
}

#[test]
fn it_is_dropped() {
    assert!(ends("drop", now).success());
}

#[test]
fn it_is_dropped_outside_any_runtime() {
    assert!(ends("drop outside any runtime", now).success());
}

#[test]
fn the_owner_exits() {
    assert!(ends("exit", now).success());
}

#[test]
fn the_owner_forgets_it_and_returns() {
    assert!(ends("leak", now).success());
}

#[test]
fn the_owner_panics() {
    assert_eq!(ends("panic", now).code(), Some(101));
}

#[test]
fn the_owner_aborts() {
    assert_eq!(ends("abort", now).signal(), Some(6));
}

#[test]
fn the_owner_is_interrupted() {
    assert_eq!(ends("hold", signal("INT")).signal(), Some(2));
}

#[test]
fn the_owner_is_killed_a_hundred_times() {
    for _ in 0..100 {
        assert_eq!(ends("hold", signal("KILL")).signal(), Some(9));
    }
}

/// A discovery, a gateway and a grpc-proxy are the owner's as the members are.
#[test]
fn of_discoveries_and_proxies_nothing_is_left_either() {
    let more = [("OWNER_HAS_MORE", "1")];
    assert!(ends_with("drop", &more, now).success());
    assert!(ends_with("exit", &more, now).success());
    assert_eq!(ends_with("hold", &more, signal("KILL")).signal(), Some(9));
}

/// While it is starting: a little later each round, from before there is anything to when it is
/// ready.
#[test]
fn the_owner_is_killed_while_it_starts() {
    let mut with_members = 0;
    for round in 0..40 {
        let parent = tempfile::tempdir().unwrap();
        let mut owner = command(OWNER)
            .arg("hold")
            .env("TMPDIR", parent.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // Never true: this is a pause.
        eventually(Duration::from_millis(5 * round), || false);
        let members = |lines: &[String]| lines.iter().any(|line| line.contains("--data-dir="));
        with_members += usize::from(members(&command_lines_naming(parent.path())));
        owner.kill().unwrap();
        owner.wait().unwrap();
        let is_gone = || {
            std::fs::read_dir(parent.path()).unwrap().count() == 0
                && command_lines_naming(parent.path()).is_empty()
        };
        assert!(
            eventually(GONE_WITHIN, is_gone),
            "left after round {round}: {:?}",
            command_lines_naming(parent.path())
        );
    }
    assert!(with_members > 0, "the control: members were running when the owner was killed");
}

/// What is to be kept is kept, also when the owner is killed.
#[test]
fn what_is_to_be_kept_outlives_the_owner() {
    let parent = tempfile::tempdir().unwrap();
    let mut owned = Owned::start_with(OWNER, "hold", parent.path(), &[("TERCET_KEEP", "always")]);
    owned.owner.kill().unwrap();
    owned.owner.wait().unwrap();
    assert!(eventually(GONE_WITHIN, || command_lines_naming(&owned.directory).is_empty()));
    assert!(owned.directory.join("m1/etcd.log").exists());
}

/// An etcd in this directory that no signal tells of its owner's death. None where that cannot be had.
#[cfg(target_os = "linux")]
fn immortal_etcd(directory: &std::path::Path) -> Option<std::path::PathBuf> {
    use std::os::unix::fs::PermissionsExt as _;
    use tercet_cluster::binary::{Locator, Request};

    command("setpriv").arg("--version").output().ok()?;
    let wrapper = directory.join("etcd");
    let real = Locator::from_env().locate(&Request::Default).unwrap();
    let script = format!(
        "#!/bin/sh\n[ \"$1\" = --version ] && exec '{0}' \"$@\"\n\
         exec setpriv --pdeathsig clear -- '{0}' \"$@\"\n",
        real.path().display()
    );
    std::fs::write(&wrapper, script).unwrap();
    std::fs::set_permissions(&wrapper, std::fs::Permissions::from_mode(0o755)).unwrap();
    Some(wrapper)
}

/// Where there is a signal that tells members of the owner's death, and a way to take it from them.
#[cfg(target_os = "linux")]
mod watchdog {
    use std::path::Path;

    use tercet_cluster::Configuration;
    use tercet_tests::say;

    use super::*;

    /// In whatever form the members are told what they are, and though no signal tells them of the
    /// owner's death: then there is the watchdog alone. It knows proxies and the members of a
    /// discovery as well.
    #[test]
    fn the_watchdog_knows_members_in_all_forms() {
        let scratch = tempfile::tempdir().unwrap();
        let Some(wrapper) = immortal_etcd(scratch.path()) else {
            say("there is no setpriv here: the watchdog is not tested alone");
            return;
        };
        let start = |form: Configuration, more: bool, parent: &Path| {
            let form = form.to_string();
            let words =
                [("TERCET_ETCD", wrapper.to_str().unwrap()), ("OWNER_CONFIGURATION", &form)];
            let more = more.then_some(("OWNER_HAS_MORE", "1"));
            let words: Vec<_> = words.into_iter().chain(more).collect();
            let owned = Owned::start_with(OWNER, "hold", parent, &words);
            assert!(owned.is_whole());
            owned
        };
        let members_alone = Configuration::ALL.map(|form| (form, false));
        for (form, more) in members_alone.into_iter().chain([(Configuration::Flags, true)]) {
            let parent = tempfile::tempdir().unwrap();
            let mut owned = start(form, more, parent.path());
            owned.owner.kill().unwrap();
            owned.owner.wait().unwrap();
            assert!(eventually(GONE_WITHIN, || owned.is_gone()), "{form}: left: {owned:?}");
        }
        // The control: it is the watchdog.
        let parent = tempfile::tempdir().unwrap();
        let mut owned = start(Configuration::File, false, parent.path());
        let kill =
            |pid: &str| assert!(command("kill").args(["-9", pid]).status().unwrap().success());
        let watchdog = children(owned.owner.id()).into_iter().find(|(_, line)| {
            line.contains("tercet-watchdog") && line.contains(owned.directory.to_str().unwrap())
        });
        kill(&watchdog.expect("there is one").0);
        owned.owner.kill().unwrap();
        owned.owner.wait().unwrap();
        let gone = eventually(Duration::from_millis(500), || owned.is_gone());
        owned.members.iter().for_each(|pid| kill(&pid.to_string()));
        assert!(!gone);
    }

    /// The processes that this one has started, each with its command line.
    fn children(pid: u32) -> Vec<(String, String)> {
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        let all = processes.filter_map(|entry| {
            let status = std::fs::read_to_string(entry.path().join("status")).ok()?;
            let line = std::fs::read(entry.path().join("cmdline")).ok()?;
            let is_child = status.lines().any(|line| line == format!("PPid:\t{pid}"));
            let name = entry.file_name().into_string().ok()?;
            is_child.then(|| (name, String::from_utf8_lossy(&line).replace('\0', " ")))
        });
        all.collect()
    }
}
