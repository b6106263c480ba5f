//! Whatever ends the owner of a cluster, nothing of the cluster is left two seconds later.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test may")]

use std::io::{Read as _, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::time::Duration;

use tercet_tests::{Owned, command, eventually};

const OWNER: &str = env!("CARGO_BIN_EXE_owner");

/// How long after the owner's end everything must be gone.
const GONE_WITHIN: Duration = Duration::from_secs(2);

/// Starts a cluster in another process, ends that process by `act`, and looks what is left.
fn ends(end: &str, act: impl FnOnce(&mut Owned)) -> std::process::ExitStatus {
    let parent = tempfile::tempdir().unwrap();
    let mut owned = Owned::start(OWNER, end, parent.path());
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

/// While it is starting: at a random moment, which the scheduler chooses.
#[test]
fn the_owner_is_killed_while_it_starts() {
    for round in 0..30 {
        let parent = tempfile::tempdir().unwrap();
        let mut owner = command(OWNER)
            .arg("hold")
            .env("TMPDIR", parent.path())
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let children = || std::fs::read_dir(parent.path()).unwrap().count();
        // Until its directory is there, and then a little further each round.
        assert!(eventually(Duration::from_secs(10), || children() > 0));
        eventually(Duration::from_millis(5 * round), || false);
        owner.kill().unwrap();
        owner.wait().unwrap();
        let marks = parent.path().to_str().unwrap().to_owned();
        let members = || {
            let mut text = String::new();
            for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
                let Ok(mut file) = std::fs::File::open(entry.path().join("cmdline")) else {
                    continue;
                };
                let mut line = Vec::new();
                let _ = file.read_to_end(&mut line);
                let line = String::from_utf8_lossy(&line).replace('\0', " ");
                if line.contains(&marks) && line.contains("--data-dir") {
                    text.push_str(&line);
                }
            }
            text
        };
        assert!(
            eventually(GONE_WITHIN, || children() == 0 && members().is_empty()),
            "left after round {round}: {} directories, {}",
            children(),
            members()
        );
    }
}
