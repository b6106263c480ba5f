use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _, symlink};
use std::path::PathBuf;
use std::process::Stdio;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::process::{
    Child, Launch, Machine, RECORD, RunDirectory, Spawned, Survival, look, spawn,
};

/// Where runs are, and what is made up there.
struct Stage {
    parent: TempDir,
    made: u64,
    gone: u32,
}

/// A process that waits for its input to end, and has these words on its command line.
fn process(words: &[&str]) -> Child {
    let mut arguments = vec!["-c".into(), "read -r x".into()];
    arguments.extend(words.iter().map(Into::into));
    let launch = Launch {
        program: "/bin/sh".into(),
        arguments,
        environment: Vec::new(),
        stdin: Stdio::piped(),
        log: None,
        survival: Survival::OutlivesOwner,
    };
    Child::new(spawn(launch).unwrap())
}

fn runs(child: &mut Child) -> bool {
    child.exit_status().unwrap().is_none()
}

fn start(pid: u32) -> u64 {
    look(pid).unwrap().unwrap().start.0
}

fn recorded(name: &str, child: &Child) -> Value {
    let pid = child.pid();
    json!({ "process": "member", "name": name, "pid": pid, "start": start(pid), "etcd": "3.5.1" })
}

impl Stage {
    fn new() -> Self {
        let mut over = process(&[]);
        over.kill().unwrap();
        Self { parent: tempfile::tempdir().unwrap(), made: 0, gone: over.pid() }
    }

    fn path(&self) -> PathBuf {
        self.parent.path().canonicalize().unwrap()
    }

    /// A new directory with such a name.
    fn directory(&mut self, owner: u32) -> PathBuf {
        self.made += 1;
        let path = self.path().join(format!("tercet-{owner}-{:016x}", self.made));
        std::fs::DirBuilder::new().mode(0o700).create(&path).unwrap();
        path
    }

    /// The first line of the record of a run whose owner is gone.
    fn head(&self, directory: &Path) -> Value {
        let machine = Machine::here();
        json!({
            "tercet": 1, "directory": directory, "host": machine.host, "boot": machine.boot,
            "pid_namespace": machine.pid_namespace, "pid": self.gone, "start": 1,
            "command": "cargo test", "began": 1_700_000_000 + self.made,
        })
    }

    /// A stale run with these processes.
    fn stale(&mut self, more: &[Value]) -> PathBuf {
        let directory = self.directory(self.gone);
        std::fs::create_dir(directory.join("m1")).unwrap();
        let lines: Vec<_> = std::iter::once(self.head(&directory)).chain(more.to_vec()).collect();
        write(&directory, &lines);
        directory
    }

    /// One whose head differs from a stale one's.
    fn with(&mut self, owner: u32, changes: Value) -> PathBuf {
        let directory = self.directory(owner);
        let mut head = self.head(&directory);
        head["pid"] = owner.into();
        for (key, value) in changes.as_object().unwrap() {
            head[key] = value.clone();
        }
        write(&directory, &[head]);
        directory
    }

    fn listed(&self) -> Listing {
        list(&self.path()).unwrap()
    }

    fn swept(&self, options: Sweep) -> Vec<String> {
        let swept = sweep(&self.path(), options).unwrap();
        swept.iter().map(|one| one.outcome.to_string()).collect()
    }
}

fn write(directory: &Path, lines: &[Value]) {
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    write_text(directory, &text);
}

fn write_text(directory: &Path, text: &str) {
    use std::io::Write as _;
    let mut options = std::fs::File::options();
    let mut file =
        options.create_new(true).write(true).mode(0o600).open(directory.join(RECORD)).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

#[test]
fn what_is_stale_is_ended_and_removed_and_nothing_else() {
    let mut stage = Stage::new();
    let (mut member, mut paused, mut stranger) = (process(&[]), process(&[]), process(&[]));
    paused.pause();
    let mut reused = recorded("m3", &stranger);
    reused["start"] = (start(stranger.pid()) + 100).into();
    let lines = [recorded("m1", &member), recorded("m2", &paused), reused];
    let directory = stage.stale(&lines);
    let told = format!("--data-dir={}/m4", directory.display());
    let log = format!("{}/m1/etcd.log", directory.display());
    let (mut unrecorded, mut reader) = (process(&[&told]), process(&[&log]));

    let listing = stage.listed();
    assert!(listing.not_ours.is_empty());
    let [run] = &listing.runs[..] else { panic!("{listing:?}") };
    assert_eq!((run.state, run.owner.is_running, run.kept), (RunState::Stale, false, false));
    assert_eq!(run.owner.command, "cargo test");
    let states: Vec<_> = run.processes.iter().map(|one| (one.name.as_str(), one.state)).collect();
    let name = format!("unrecorded {}", unrecorded.pid());
    assert_eq!(
        states,
        [
            ("m1", ProcessState::Running),
            ("m2", ProcessState::Paused),
            ("m3", ProcessState::Gone),
            (&name, ProcessState::Running)
        ]
    );

    // The control: to say what would be done does nothing.
    assert_eq!(stage.swept(Sweep::default().dry_run(true)), ["3 processes ended, removed"]);
    assert!([&mut member, &mut paused, &mut unrecorded].into_iter().all(runs));
    assert!(directory.exists());

    assert_eq!(stage.swept(Sweep::default()), ["3 processes ended, removed"]);
    assert!(!directory.exists());
    assert!(![&mut member, &mut paused, &mut unrecorded].into_iter().any(runs));
    assert!([&mut stranger, &mut reader].into_iter().all(runs), "these are not ours");
    assert!(stage.swept(Sweep::default()).is_empty());
}

#[test]
fn a_run_whose_owner_lives_is_left_alone() {
    let stage = Stage::new();
    let directory = RunDirectory::create(&stage.path()).unwrap();
    let member = process(&[]);
    directory.spawned(&Spawned {
        kind: RunProcessKind::Member,
        name: "m1".into(),
        pid: member.pid(),
        etcd: Some("3.5.1".into()),
        url: Some("https://127.0.0.1:2379".into()),
    });
    let all = Sweep::default().kept(true);
    assert_eq!(stage.swept(all), ["left: its owner lives"]);
    let run = stage.listed().runs.remove(0);
    assert_eq!((run.state, run.owner.is_running), (RunState::Live, true));
    assert_eq!(run.owner.pid, std::process::id());
    let [watchdog, listed] = &run.processes[..] else { panic!("{run:?}") };
    assert_eq!(watchdog.kind, RunProcessKind::Watchdog);
    assert_eq!(watchdog.state, ProcessState::Running);
    assert_eq!((listed.pid, listed.state), (member.pid(), ProcessState::Running));
    assert_eq!(listed.client_url.as_deref(), Some("https://127.0.0.1:2379"));
    let record = directory.path().join(RECORD).metadata().unwrap();
    assert_eq!(record.permissions().mode() & 0o777, 0o600);
    drop(directory);
    assert!(stage.listed().runs.is_empty());
}

/// What the owner starts does not hold its lock.
#[test]
fn the_lock_is_not_inherited() {
    let stage = Stage::new();
    let mut directory = RunDirectory::create(&stage.path()).unwrap();
    directory.keep();
    let path = directory.path().to_owned();
    let record = || std::fs::File::open(path.join(RECORD)).unwrap();
    let mut child = process(&[]);
    assert!(record().try_lock().is_err(), "the control");
    drop(directory);
    assert!(runs(&mut child));
    record().try_lock().unwrap();
    // This process lives, though it has let go of it.
    assert_eq!(stage.swept(Sweep::default().kept(true)), ["left: its owner lives"]);
}

#[test]
fn an_owner_is_told_by_its_start_too() {
    let mut stage = Stage::new();
    let me = std::process::id();
    let began = start(me);
    // It has lost its lock, whatever the reason.
    let mine = stage.with(me, json!({ "start": began }));
    assert_eq!(stage.swept(Sweep::default()), ["left: its owner lives"]);
    assert!(mine.exists());
    std::fs::remove_dir_all(mine).unwrap();
    // The control: another process had the id before.
    let other = stage.with(me, json!({ "start": began + 100 }));
    assert_eq!(stage.swept(Sweep::default()), ["removed"]);
    assert!(!other.exists());
}

#[cfg(target_os = "linux")]
#[test]
fn after_a_reboot_no_process_is_taken_for_one_from_before() {
    let mut stage = Stage::new();
    let mut member = process(&[]);
    let directory = stage.stale(&[recorded("m1", &member)]);
    let text = std::fs::read_to_string(directory.join(RECORD)).unwrap();
    let boot = Machine::here().boot;
    std::fs::write(directory.join(RECORD), text.replace(&boot, "the one before")).unwrap();
    assert_eq!(stage.listed().runs[0].processes[0].state, ProcessState::Gone);
    assert_eq!(stage.swept(Sweep::default()), ["removed"]);
    assert!(runs(&mut member) && !directory.exists());
    // The control: without a reboot, it is one of its own.
    stage.stale(&[recorded("m1", &member)]);
    assert_eq!(stage.swept(Sweep::default()), ["1 process ended, removed"]);
    assert!(!runs(&mut member));
}

#[test]
fn what_is_locked_is_left_alone() {
    let mut stage = Stage::new();
    let directory = stage.stale(&[]);
    let record = std::fs::File::open(directory.join(RECORD)).unwrap();
    record.lock().unwrap();
    assert_eq!(stage.swept(Sweep::default()), ["left: it is locked by another process"]);
    assert_eq!(stage.listed().runs[0].state, RunState::Live);
    record.unlock().unwrap();
    assert_eq!(stage.swept(Sweep::default()), ["removed"]);
}

#[test]
fn what_is_kept_is_removed_only_when_that_is_asked() {
    let mut stage = Stage::new();
    let mut member = process(&[]);
    let directory = stage.stale(&[recorded("m1", &member), json!({ "kept": true })]);
    assert_eq!(stage.listed().runs[0].state, RunState::Kept);
    assert_eq!(stage.swept(Sweep::default()), ["1 process ended, its files are kept"]);
    assert!(!runs(&mut member), "as its watchdog would have");
    assert_eq!(stage.swept(Sweep::default()), ["left: its files are to be kept"]);
    // Somebody looks into it with an etcd.
    let told = format!("--data-dir={}/m1/data", directory.display());
    let mut looking = process(&[&told]);
    assert_eq!(stage.swept(Sweep::default()), ["left: its files are to be kept"]);
    let asked = Sweep::default().kept(true);
    let used = format!("left: process {} uses its kept files", looking.pid());
    assert_eq!(stage.swept(asked), [used]);
    assert!(runs(&mut looking) && directory.join("m1").exists());
    looking.kill().unwrap();
    assert_eq!(stage.swept(asked), ["removed"]);
    assert!(!directory.exists());
}

#[test]
fn what_is_only_called_like_a_run_is_left_alone() {
    let mut stage = Stage::new();
    let (parent, gone) = (stage.path(), stage.gone);
    let mut expected = Vec::new();
    let mut expect = |path: PathBuf, reason: &str| expected.push((path, reason.to_owned()));

    expect(stage.directory(gone), "it has no record (run.jsonl)");
    let path = stage.directory(gone);
    std::fs::remove_dir(&path).unwrap();
    std::fs::write(&path, "x").unwrap();
    expect(path, "it is no directory");
    let path = stage.stale(&[]);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    expect(path, "others may enter it (its mode is 755, and a run's is 700)");
    // Links, to a run that is stale by itself and somewhere else, and of its record.
    let elsewhere = tempfile::tempdir().unwrap();
    let mut other = Stage { parent: elsewhere, made: 1000, gone };
    let real = other.stale(&[]);
    let path = parent.join(real.file_name().unwrap());
    symlink(&real, &path).unwrap();
    expect(path, "it is a symbolic link");
    let path = stage.directory(gone);
    symlink(real.join(RECORD), path.join(RECORD)).unwrap();
    expect(path, "its record (run.jsonl) is not a file of this user's alone");
    // Copied with its record.
    let path = stage.directory(gone);
    std::fs::copy(real.join(RECORD), path.join(RECORD)).unwrap();
    let moved = format!("it was moved or copied: its record is that of {}", real.display());
    expect(path, &moved);
    for text in ["", "garbage\n", "{}\n", "{\"tercet\":1}\n", "[1]\n", "\u{0}\u{0}\n"] {
        let path = stage.directory(gone);
        write_text(&path, text);
        expect(path, "its record (run.jsonl) is not understood");
    }
    let path = stage.directory(gone);
    // Its first line was cut off.
    let head = stage.head(&path).to_string();
    write_text(&path, &head);
    expect(path, "its record (run.jsonl) is not understood");
    let path = stage.with(gone, json!({ "tercet": 2 }));
    expect(path, "its record (run.jsonl) has format 2, which another version of Tercet knows");
    let path = stage.with(gone, json!({ "pid": gone + 1 }));
    expect(path, "its record (run.jsonl) is not understood");
    if cfg!(target_os = "linux") {
        let text = "it is of another machine or container: its processes cannot be seen from here";
        expect(stage.with(gone, json!({ "host": "elsewhere" })), text);
        expect(stage.with(gone, json!({ "pid_namespace": "pid:[1]" })), text);
    }
    if rustix::process::geteuid().is_root() {
        let path = stage.stale(&[]);
        std::os::unix::fs::chown(&path, Some(1), None).unwrap();
        expect(path, "it belongs to user 1");
        let path = stage.stale(&[]);
        std::os::unix::fs::chown(path.join(RECORD), Some(1), None).unwrap();
        expect(path, "its record (run.jsonl) is not a file of this user's alone");
    }
    for name in ["tercet-cache", "tercet-", "tercet-1-2", "other"] {
        std::fs::create_dir(parent.join(name)).unwrap();
    }

    let listing = stage.listed();
    assert!(listing.runs.is_empty());
    let mut found: Vec<_> =
        listing.not_ours.into_iter().map(|one| (one.path, one.reason.to_string())).collect();
    found.sort();
    expected.sort();
    assert_eq!(found, expected);

    let before = std::fs::read_dir(&parent).unwrap().count();
    // The control: a stale one beside them is swept.
    stage.stale(&[]);
    assert_eq!(stage.swept(Sweep::default().kept(true)), ["removed"]);
    assert_eq!(std::fs::read_dir(&parent).unwrap().count(), before);
    assert!(real.join(RECORD).exists());
}

#[test]
fn the_end_of_a_record_may_be_cut_off() {
    let mut stage = Stage::new();
    let mut member = process(&[]);
    let directory = stage.directory(stage.gone);
    let head = stage.head(&directory);
    write_text(&directory, &format!("{head}\n{}\n{{\"process\":\"mem", recorded("m1", &member)));
    assert_eq!(stage.swept(Sweep::default()), ["1 process ended, removed"]);
    assert!(!runs(&mut member));
}

#[test]
fn what_a_discovery_has_spawned_is_its_fleets() {
    let mut stage = Stage::new();
    let mut member = process(&[]);
    let directory = stage.stale(&[]);
    let inner = directory.join(format!("tercet-{}-00000000000000ff", stage.gone));
    std::fs::create_dir(&inner).unwrap();
    let mut head = stage.head(&inner);
    write(&inner, &[head.clone(), recorded("m1", &member)]);
    assert_eq!(stage.listed().runs[0].processes[0].name, "discovery/m1");
    // What is of another owner within it is not.
    let other = directory.join(format!("tercet-{}-0000000000000100", stage.gone));
    std::fs::create_dir(&other).unwrap();
    let mut stranger = process(&[]);
    head["directory"] = json!(other);
    head["start"] = 2.into();
    write(&other, &[head, recorded("m1", &stranger)]);
    assert_eq!(stage.swept(Sweep::default()), ["1 process ended, removed"]);
    assert!(!runs(&mut member) && runs(&mut stranger));
}

#[test]
fn several_may_sweep_at_once() {
    let mut stage = Stage::new();
    let mut members: Vec<_> = (0..8).map(|_| process(&[])).collect();
    for member in &members {
        stage.stale(&[recorded("m1", member)]);
    }
    let path = stage.path();
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let sweeps: Vec<_> =
            (0..4).map(|_| scope.spawn(|| sweep(&path, Sweep::default()).unwrap())).collect();
        sweeps.into_iter().flat_map(|sweep| sweep.join().unwrap()).collect()
    });
    let removed =
        outcomes.iter().filter(|one| matches!(one.outcome, SweepOutcome::Removed { .. })).count();
    assert_eq!(removed, members.len(), "each by one of them");
    assert!(!outcomes.iter().any(|one| matches!(one.outcome, SweepOutcome::Failed(_))));
    assert!(!members.iter_mut().any(runs));
    assert_eq!(std::fs::read_dir(&path).unwrap().count(), 0);
}

#[test]
fn where_nothing_can_be_listed_that_is_said() {
    let error = list(Path::new("/nonexistent/tercet")).unwrap_err();
    assert_eq!(error.to_string(), "cannot look for runs in /nonexistent/tercet");
    assert!(sweep(Path::new("/dev/null"), Sweep::default()).is_err());
}
