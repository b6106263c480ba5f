//! `ps` shows what there is, and `sweep` clears what is left, and nothing else.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test may")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

fn command(program: &str) -> Command {
    #[expect(clippy::disallowed_methods, reason = "tests wait for what they run")]
    Command::new(program)
}

/// The command, with its runs in `place`.
fn run(place: &Path, arguments: &[&str]) -> Output {
    let mut xtask = command(env!("CARGO_BIN_EXE_xtask"));
    xtask.args(arguments).env("TMPDIR", place).stdin(Stdio::null()).output().unwrap()
}

/// What it prints, if it succeeds.
fn said(place: &Path, arguments: &[&str]) -> String {
    let output = run(place, arguments);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn json(place: &Path, arguments: &[&str]) -> Value {
    serde_json::from_str(&said(place, arguments)).unwrap()
}

fn kill(signal: &str, pid: u64) {
    assert!(command("kill").args(["-s", signal, &pid.to_string()]).status().unwrap().success());
}

/// Neither gone nor dead.
fn is_running(pid: u64) -> bool {
    let state = command("ps").args(["-o", "state=", "-p", &pid.to_string()]).output().unwrap();
    let state = String::from_utf8_lossy(&state.stdout).trim().to_owned();
    !state.is_empty() && !state.starts_with('Z')
}

fn eventually(mut condition: impl FnMut() -> bool) -> bool {
    let begin = Instant::now();
    while !condition() {
        if begin.elapsed() > Duration::from_secs(10) {
            return false;
        }
        #[expect(clippy::disallowed_methods, reason = "between two looks at another process")]
        std::thread::sleep(Duration::from_millis(5));
    }
    true
}

/// A fleet that `up` holds in a place of its own, and whose members live on when it is killed, if
/// there is a way to have that.
struct Fleet {
    place: TempDir,
    up: Child,
    said: Value,
    members_live_on: bool,
}

impl Fleet {
    fn start() -> Self {
        let place = tempfile::tempdir().unwrap();
        let wrappers = tempfile::tempdir().unwrap();
        let mut arguments = vec!["up".to_owned(), "--json".into(), "--hold".into(), "stdin".into()];
        let members_live_on = command("setpriv").arg("--version").output().is_ok();
        if members_live_on {
            let etcd = said(place.path(), &["etcd", "path"]);
            let wrapper = wrappers.path().join("etcd");
            let script = format!(
                "#!/bin/sh\n[ \"$1\" = --version ] && exec '{0}' \"$@\"\n\
                 exec setpriv --pdeathsig clear -- '{0}' \"$@\"\n",
                etcd.trim()
            );
            std::fs::write(&wrapper, script).unwrap();
            std::fs::set_permissions(&wrapper, std::fs::Permissions::from_mode(0o755)).unwrap();
            arguments.extend(["--etcd".into(), wrapper.display().to_string()]);
        }
        let mut up = command(env!("CARGO_BIN_EXE_xtask"))
            .args(arguments)
            .env("TMPDIR", place.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(up.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let said = serde_json::from_str(&line).unwrap();
        Self { place, up, said, members_live_on }
    }

    fn place(&self) -> &Path {
        self.place.path()
    }

    fn members(&self) -> Vec<u64> {
        let members = self.said["members"].as_array().unwrap();
        members.iter().map(|member| member["pid"].as_u64().unwrap()).collect()
    }

    /// The one run that there is.
    fn run(&self) -> Value {
        let mut listing = json(self.place(), &["ps", "--json"]);
        assert_eq!(listing["not_ours"], serde_json::json!([]));
        let runs = listing["runs"].as_array_mut().unwrap();
        assert_eq!(runs.len(), 1, "{runs:?}");
        runs.remove(0)
    }

    /// The owner dies, and its watchdog before it.
    fn is_left(&mut self) {
        let run = self.run();
        let processes = run["processes"].as_array().unwrap();
        let watchdog = processes.iter().find(|one| one["kind"] == "watchdog").unwrap();
        kill("KILL", watchdog["pid"].as_u64().unwrap());
        self.up.kill().unwrap();
        self.up.wait().unwrap();
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        let _ = self.up.kill();
        let _ = self.up.wait();
        let _ = run(self.place.path(), &["sweep", "--kept"]);
    }
}

#[test]
fn a_live_run_is_shown_and_not_swept() {
    let fleet = Fleet::start();
    let run = fleet.run();
    assert_eq!((&run["state"], &run["kept"]), (&"live".into(), &false.into()));
    assert_eq!(run["owner"]["pid"], u64::from(fleet.up.id()));
    assert_eq!(run["owner"]["running"], true);
    assert!(run["owner"]["command"].as_str().unwrap().contains("up --json"));
    let processes = run["processes"].as_array().unwrap();
    let of_kind = |kind: &str| processes.iter().filter(|one| one["kind"] == kind).count();
    assert_eq!((of_kind("member"), of_kind("watchdog"), processes.len()), (3, 1, 4));
    for member in fleet.said["members"].as_array().unwrap() {
        let shown = processes.iter().find(|one| one["name"] == member["name"]).unwrap();
        for key in ["pid", "client_url"] {
            assert_eq!(shown[key], member[key], "{key}");
        }
        assert_eq!(shown["etcd"], fleet.said["version"]);
        assert_eq!(shown["state"], "running");
    }

    kill("STOP", fleet.members()[1]);
    let text = said(fleet.place(), &["ps"]);
    let directory = run["directory"].as_str().unwrap();
    assert!(text.starts_with(&format!("live   {directory}")), "{text}");
    assert!(text.contains("  NAME"), "{text}");
    assert_eq!(text.lines().filter(|line| line.ends_with("paused")).count(), 1, "{text}");

    let text = said(fleet.place(), &["sweep", "--kept"]);
    assert!(text.starts_with(&format!("{directory}: left: its owner lives\n")), "{text}");
    assert!(text.contains("There is nothing to sweep in "), "{text}");
    assert!(fleet.members().into_iter().all(is_running));
    // Looked for elsewhere, it is not there.
    let elsewhere = tempfile::tempdir().unwrap();
    let elsewhere = elsewhere.path().to_str().unwrap();
    let text = said(fleet.place(), &["ps", elsewhere]);
    assert!(text.starts_with("No fleet of yours is in "), "{text}");
    // Each place is looked at once.
    let place = fleet.place().to_str().unwrap();
    let both = json(fleet.place(), &["ps", "--json", place, elsewhere, place]);
    assert_eq!(both["runs"].as_array().unwrap().len(), 1);
}

#[test]
fn what_an_owner_has_left_is_shown_and_swept() {
    let mut fleet = Fleet::start();
    let members = fleet.members();
    fleet.is_left();
    let run = fleet.run();
    assert_eq!((&run["state"], &run["owner"]["running"]), (&"stale".into(), &false.into()));
    if fleet.members_live_on {
        kill("STOP", members[0]);
        assert!(members.iter().copied().all(is_running), "the control");
    } else {
        assert!(eventually(|| !members.iter().copied().any(is_running)));
    }
    let text = said(fleet.place(), &["ps"]);
    assert!(text.starts_with("stale  "), "{text}");
    assert!(text.contains(", which is gone\n"), "{text}");

    let ended = if fleet.members_live_on { "3 processes ended, " } else { "" };
    let directory = PathBuf::from(run["directory"].as_str().unwrap());
    let text = said(fleet.place(), &["sweep", "--dry-run"]);
    assert_eq!(text, format!("{}: would be {ended}removed\n", directory.display()));
    assert!(directory.exists(), "the control");

    let swept = json(fleet.place(), &["sweep", "--json"]);
    assert_eq!(swept["dry_run"], false);
    let swept = &swept["runs"][0];
    assert_eq!(swept["outcome"], "removed");
    if fleet.members_live_on {
        let mut all: Vec<_> =
            swept["ended"].as_array().unwrap().iter().map(|pid| pid.as_u64().unwrap()).collect();
        all.sort_unstable();
        let mut expected = members.clone();
        expected.sort_unstable();
        assert_eq!(all, expected);
    }
    assert!(!directory.exists());
    assert!(!members.into_iter().any(is_running));
    let text = said(fleet.place(), &["sweep"]);
    assert!(text.starts_with("There is nothing to sweep in "), "{text}");
}

#[test]
fn kept_files_are_swept_when_that_is_asked() {
    let mut fleet = Fleet::start();
    let directory = PathBuf::from(fleet.run()["directory"].as_str().unwrap());
    let record = std::fs::File::options().append(true).open(directory.join("run.jsonl"));
    record.unwrap().write_all(b"{\"kept\":true}\n").unwrap();
    fleet.is_left();
    assert_eq!(fleet.run()["state"], "kept");
    let text = said(fleet.place(), &["sweep"]);
    let ended = if fleet.members_live_on { "3 processes ended, its" } else { "left: its" };
    assert!(text.contains(ended), "{text}");
    assert!(directory.join("m1/etcd.log").exists());
    let text = said(fleet.place(), &["sweep"]);
    assert!(text.contains("left: its files are to be kept"), "{text}");
    let text = said(fleet.place(), &["sweep", "--kept"]);
    assert!(text.ends_with(": removed\n"), "{text}");
    assert!(!directory.exists());
}

#[test]
fn what_is_no_run_is_named_and_not_touched() {
    let place = tempfile::tempdir().unwrap();
    let stranger = place.path().canonicalize().unwrap().join("tercet-7-00000000000000ff");
    std::fs::create_dir(&stranger).unwrap();
    std::fs::set_permissions(&stranger, std::fs::Permissions::from_mode(0o700)).unwrap();
    std::fs::write(stranger.join("file"), "x").unwrap();
    let because = "it has no record (run.jsonl)";
    let text = said(place.path(), &["ps"]);
    let line = format!("not touched: {}: {because}\n", stranger.display());
    assert!(text.ends_with(&line), "{text}");
    let listing = json(place.path(), &["ps", "--json"]);
    assert_eq!(listing["not_ours"][0]["reason"], because);
    let text = said(place.path(), &["sweep", "--kept"]);
    assert!(text.starts_with("There is nothing to sweep in "), "{text}");
    assert!(stranger.join("file").exists());
}

#[test]
fn bad_input_is_refused_in_words() {
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("file");
    std::fs::write(&file, "x").unwrap();
    let of_run = place.path().join("tercet-7-00000000000000ff");
    std::fs::create_dir(&of_run).unwrap();
    std::fs::write(of_run.join("run.jsonl"), "").unwrap();
    for command in ["ps", "sweep"] {
        for (argument, word) in [
            ("/nonexistent/tercet", "there is no /nonexistent/tercet"),
            (file.to_str().unwrap(), "file is no directory"),
            (of_run.to_str().unwrap(), "is a run itself: name the directory that it is in"),
            ("--frobnicate", "invalid option '--frobnicate'"),
            ("--json=yes", "unexpected argument"),
        ] {
            let output = run(place.path(), &[command, argument]);
            let error = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(!output.status.success(), "{command} {argument}");
            assert!(error.starts_with("error: ") && error.contains(word), "{argument}: {error}");
            assert!(output.stdout.is_empty());
        }
        let text = said(place.path(), &[command, "--help"]);
        assert!(text.contains(&format!("Usage: cargo xtask {command}")), "{text}");
    }
    let output = run(place.path(), &["ps", "--dry-run"]);
    assert!(!output.status.success(), "it is for sweeps");
}
