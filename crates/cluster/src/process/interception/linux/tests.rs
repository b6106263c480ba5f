//! Real children, with a disk and a clock of ours.

use std::fs::File;
use std::io::{Read as _, Seek as _};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::*;
use crate::process::interception::{Intercepted, Policy, Rule, check_support};
use crate::process::spawner::Survival;

/// How long anything may take that takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(20);

/// Whether it cannot be tried here, which is said.
fn left_out(calls: Intercepted) -> bool {
    match check_support(calls) {
        Ok(()) => false,
        Err(unsupported) => {
            println!("left out: {unsupported}");
            true
        }
    }
}

/// A child whose calls are answered by a policy of its own.
struct Tried {
    policy: Arc<Policy>,
    calls: Intercepted,
}

impl Tried {
    fn new(calls: Intercepted) -> Self {
        Self { policy: Arc::default(), calls }
    }

    fn spawn(&self, script: &str, log: Option<File>) -> Child {
        let launch = Launch {
            program: "/bin/sh".into(),
            arguments: vec!["-c".into(), script.into()],
            environment: vec![("PATH".into(), std::env::var_os("PATH").unwrap_or_default())],
            stdin: Stdio::null(),
            log,
            survival: Survival::DiesWithOwner,
        };
        spawn_intercepted(launch, &self.interception()).unwrap()
    }

    fn interception(&self) -> Interception {
        Interception { calls: self.calls, policy: Arc::clone(&self.policy), name: "try".into() }
    }

    /// Runs it to its end: whether it went well, what it printed, and how long it took.
    fn run(&self, script: &str) -> (bool, String, Duration) {
        let mut log = tempfile::tempfile().unwrap();
        let begin = Instant::now();
        let mut child = self.spawn(script, Some(log.try_clone().unwrap()));
        let status = child.wait_for_end(PATIENCE).unwrap().expect("it ends");
        let elapsed = begin.elapsed();
        let mut text = String::new();
        log.rewind().unwrap();
        log.read_to_string(&mut text).unwrap();
        (status.success(), text, elapsed)
    }
}

/// Writes a block to a file, and has it flushed.
fn flush(directory: &Path, name: &str) -> String {
    let path = directory.join(name);
    format!("exec dd if=/dev/zero of={} bs=4096 count=1 conv=fsync", path.display())
}

#[test]
fn flushes_are_slow_and_fail_while_the_rule_holds() {
    if left_out(Intercepted::DISK) {
        return;
    }
    let (tried, directory) = (Tried::new(Intercepted::DISK), tempfile::tempdir().unwrap());
    let script = flush(directory.path(), "a");
    let (ok, text, _) = tried.run(&script);
    assert!(ok, "the control: {text}");

    let delay = Duration::from_millis(300);
    let slow = tried.policy.impose(Rule::SlowFlush(delay));
    let (ok, text, elapsed) = tried.run(&script);
    assert!(ok && elapsed >= delay, "{elapsed:?} {text}");
    assert_eq!(slow.hits(), 1);
    let failing = tried.policy.impose(Rule::FailFlush(libc::EIO));
    let (ok, text, elapsed) = tried.run(&script);
    assert!(!ok && text.contains("Input/output error") && elapsed >= delay, "{elapsed:?} {text}");
    drop((slow, failing));
    let (ok, text, _) = tried.run(&script);
    assert!(ok, "healed: {text}");
    assert_eq!(std::fs::metadata(directory.path().join("a")).unwrap().len(), 4096);
}

#[test]
fn a_healed_call_goes_on_at_once_and_nobody_waits_for_another() {
    if left_out(Intercepted::DISK) {
        return;
    }
    let (tried, directory) = (Tried::new(Intercepted::DISK), tempfile::tempdir().unwrap());
    let slow = tried.policy.impose(Rule::SlowFlush(Duration::from_secs(3600)));
    let mut child = tried.spawn(&flush(directory.path(), "a"), None);
    // A second child of the same policy, and another one's, both while the first waits.
    let mut second = tried.spawn(&flush(directory.path(), "b"), None);
    let (ok, ..) = Tried::new(Intercepted::DISK).run(&flush(directory.path(), "c"));
    assert!(ok);
    let begin = Instant::now();
    while slow.hits() < 2 {
        assert!(begin.elapsed() < PATIENCE);
        std::thread::yield_now();
    }
    assert!(child.exit_status().unwrap().is_none() && second.exit_status().unwrap().is_none());
    drop(slow);
    for child in [&mut child, &mut second] {
        assert!(child.wait_for_end(PATIENCE).unwrap().expect("it goes on").success());
    }
}

#[test]
fn a_full_disk_gives_no_room() {
    if left_out(Intercepted::DISK) {
        return;
    }
    let (tried, directory) = (Tried::new(Intercepted::DISK), tempfile::tempdir().unwrap());
    let at = directory.path().display();
    let scripts = [
        format!(": > {at}/made"),
        format!("mkdir {at}/directory"),
        format!("exec dd if=/dev/zero of={at}/there bs=1 seek=100 count=0"),
    ];
    std::fs::write(directory.path().join("there"), "some").unwrap();
    let full = tried.policy.impose(Rule::NoRoom(libc::ENOSPC));
    for script in &scripts {
        let (ok, text, _) = tried.run(script);
        assert!(!ok && text.contains("No space left on device"), "{script}: {text}");
    }
    // What takes no room is done.
    let (ok, text, _) =
        tried.run(&format!("read -r word < {at}/there; echo $word more; rm {at}/there"));
    assert!(ok && text.contains("some more"), "{text}");
    assert!(full.hits() >= 3);
    drop(full);
    for script in &scripts {
        let (ok, text, _) = tried.run(script);
        assert!(ok, "the control: {script}: {text}");
    }
}

#[test]
fn the_clock_is_ahead_and_behind_and_right_again() {
    if left_out(Intercepted::CLOCK) {
        return;
    }
    let now = || {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        i64::try_from(now.as_secs()).unwrap()
    };
    let tried = Tried::new(Intercepted::CLOCK);
    // It is the first program that has no vDSO: not a shell that begins another one.
    let say = || {
        let mut log = tempfile::tempfile().unwrap();
        let launch = Launch {
            program: "/bin/date".into(),
            arguments: vec!["+%s".into()],
            environment: Vec::new(),
            stdin: Stdio::null(),
            log: Some(log.try_clone().unwrap()),
            survival: Survival::DiesWithOwner,
        };
        let mut child = spawn_intercepted(launch, &tried.interception()).unwrap();
        assert!(child.wait_for_end(PATIENCE).unwrap().expect("it ends").success());
        let mut text = String::new();
        log.rewind().unwrap();
        log.read_to_string(&mut text).unwrap();
        text.trim().parse::<i64>().unwrap() - now()
    };
    assert!(say().abs() < 60, "the control");
    const DAY: i64 = 86_400;
    for days in [10, -10, 4000] {
        let shifted = i128::from(days * DAY) * 1_000_000_000;
        let shift = tried.policy.impose(Rule::ShiftClock(shifted));
        let said = say();
        assert!((said - days * DAY).abs() < 60, "{said}");
        assert!(shift.hits() >= 1);
    }
    assert!(say().abs() < 60, "healed");
}

#[test]
fn a_child_that_waits_for_an_answer_is_killed_at_once() {
    if left_out(Intercepted::DISK) {
        return;
    }
    let (tried, directory) = (Tried::new(Intercepted::DISK), tempfile::tempdir().unwrap());
    let slow = tried.policy.impose(Rule::SlowFlush(Duration::from_secs(3600)));
    let child = tried.spawn(&flush(directory.path(), "a"), None);
    let begin = Instant::now();
    while slow.hits() == 0 {
        assert!(begin.elapsed() < PATIENCE);
        std::thread::yield_now();
    }
    let threads = || {
        std::fs::read_dir("/proc/self/task")
            .unwrap()
            .flatten()
            .filter(|task| {
                std::fs::read_to_string(task.path().join("comm"))
                    .is_ok_and(|name| name == "tercet-sys-late\n")
            })
            .count()
    };
    let begin = Instant::now();
    drop(child);
    println!("killed and answered no more after {:?}", begin.elapsed());
    assert!(begin.elapsed() < PATIENCE);
    // Its thread went with it: the same, by a name of its own.
    let late = Interception { name: "late".into(), ..tried.interception() };
    let launch = Launch {
        program: "/bin/sh".into(),
        arguments: vec!["-c".into(), flush(directory.path(), "b").into()],
        environment: vec![("PATH".into(), std::env::var_os("PATH").unwrap_or_default())],
        stdin: Stdio::null(),
        log: None,
        survival: Survival::DiesWithOwner,
    };
    let child = spawn_intercepted(launch, &late).unwrap();
    let begin = Instant::now();
    while threads() == 0 {
        assert!(begin.elapsed() < PATIENCE, "the control");
    }
    drop(child);
    assert_eq!(threads(), 0);
}

#[test]
fn a_program_that_is_not_there_is_said_as_ever() {
    let both = Intercepted { disk: true, clock: true };
    if left_out(both) {
        return;
    }
    let launch = Launch {
        program: "/nonexistent/etcd".into(),
        arguments: Vec::new(),
        environment: Vec::new(),
        stdin: Stdio::null(),
        log: None,
        survival: Survival::DiesWithOwner,
    };
    let error = spawn_intercepted(launch, &Tried::new(both).interception()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::NotFound);
}

/// What was held back while the child was prepared is let through after it.
#[test]
fn signals_reach_a_child_with_a_clock_of_ours() {
    if left_out(Intercepted::CLOCK) {
        return;
    }
    let tried = Tried::new(Intercepted::CLOCK);
    let (ok, text, _) = tried.run("while read -r key value; do [ \"$key\" = SigBlk: ] && echo $value; done < /proc/self/status; :");
    assert!(ok);
    assert_eq!(text.trim().trim_matches('0'), "", "{text}");
    let mut child = tried.spawn("exec sleep 60", None);
    child.terminate();
    let status = child.wait_for_end(PATIENCE).unwrap().expect("it ends");
    use std::os::unix::process::ExitStatusExt as _;
    assert_eq!(status.signal(), Some(libc::SIGTERM));
}
