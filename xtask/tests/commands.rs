//! The commands as a user, or a program in another language, runs them.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test may")]

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

fn xtask() -> Command {
    #[expect(clippy::disallowed_methods, reason = "tests wait for what they run")]
    Command::new(env!("CARGO_BIN_EXE_xtask"))
}

fn run(arguments: &[&str]) -> Output {
    xtask().args(arguments).stdin(Stdio::null()).output().unwrap()
}

fn said(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

/// A fleet that `up --json` holds.
struct Held {
    process: Child,
    stdout: BufReader<std::process::ChildStdout>,
    said: Value,
}

impl Held {
    fn start(arguments: &[&str]) -> Self {
        let mut process = xtask()
            .args(["up", "--json"])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        stdout.read_line(&mut line).unwrap();
        Self { process, stdout, said: serde_json::from_str(&line).unwrap() }
    }

    fn path(&self, key: &str) -> PathBuf {
        self.said[key].as_str().unwrap().into()
    }

    fn members(&self) -> &[Value] {
        self.said["members"].as_array().unwrap()
    }

    /// Ends it, and says whether all that it held is gone and nothing more was printed.
    fn ends(mut self, end: impl FnOnce(&mut Child)) {
        assert!(self.path("ca").exists(), "the control");
        end(&mut self.process);
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        assert!(self.process.wait().unwrap().success());
        assert_eq!(rest, "");
        assert!(!self.path("ca").exists());
        for member in self.members() {
            let pid = member["pid"].as_u64().unwrap();
            assert!(!PathBuf::from(format!("/proc/{pid}")).exists());
        }
    }
}

fn signal(name: &'static str) -> impl FnOnce(&mut Child) {
    move |process| {
        #[expect(clippy::disallowed_methods, reason = "tests wait for what they run")]
        let kill = Command::new("kill").args(["-s", name, &process.id().to_string()]).status();
        assert!(kill.unwrap().success());
    }
}

#[test]
fn up_prints_one_line_that_says_all_and_ends_with_its_input() {
    let held = Held::start(&["--hold", "stdin"]);
    let keys: Vec<_> = held.said.as_object().unwrap().keys().map(String::as_str).collect();
    let wanted = ["ca", "cert", "endpoints", "key", "members", "ready_ms", "version"];
    assert_eq!(keys, wanted);
    assert_eq!(held.said["endpoints"].as_array().unwrap().len(), 3);
    assert!(held.said["ready_ms"].as_u64().unwrap() > 0);
    for (number, member) in held.members().iter().enumerate() {
        assert_eq!(member["name"], format!("m{}", number + 1));
        assert_eq!(member["client_url"], held.said["endpoints"][number]);
        assert!(member["peer_url"].as_str().unwrap().starts_with("https://"));
        assert!(PathBuf::from(member["data_dir"].as_str().unwrap()).is_dir());
        assert!(PathBuf::from(member["log"].as_str().unwrap()).is_file());
        assert!(member["pid"].is_u64());
    }
    for key in ["ca", "cert", "key"] {
        let pem = std::fs::read_to_string(held.path(key)).unwrap();
        assert!(pem.starts_with("-----BEGIN"), "{key}");
    }
    held.ends(|process| drop(process.stdin.take()));
}

#[test]
fn up_ends_with_ctrl_c_and_with_a_term_signal() {
    Held::start(&["--members", "1"]).ends(signal("INT"));
    Held::start(&["--members", "1", "--shared-cert", "--timing", "ci"]).ends(signal("TERM"));
}

/// Without `--hold stdin` the end of standard input means nothing.
#[test]
fn up_holds_without_an_input() {
    let mut held = Held::start(&["--members", "1"]);
    drop(held.process.stdin.take());
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_millis(300) {
        assert!(held.process.try_wait().unwrap().is_none());
    }
    held.ends(signal("TERM"));
}

#[test]
fn what_cannot_be_done_is_refused_at_once() {
    let cases: [(&[&str], &str); 8] = [
        (&["up", "--members", "0"], "a fleet of 0 members is not possible"),
        (&["up", "--members", "10"], "a fleet of 10 members is not possible"),
        (&["up", "--members", "three"], "three"),
        (&["up", "--timing", "slow"], "'slow' is not a timing: use fast, ci or stock"),
        (&["up", "--etcd", "/nonexistent/etcd"], "/nonexistent/etcd"),
        (&["up", "--hold", "door"], "cannot hold on 'door'"),
        (&["up", "--security"], "--security"),
        (&["dance"], "there is no command 'dance'"),
    ];
    for (arguments, reason) in cases {
        let begin = Instant::now();
        let output = run(arguments);
        let (stdout, stderr) = said(&output);
        assert!(!output.status.success(), "{arguments:?}");
        assert!(begin.elapsed() < Duration::from_secs(1), "{arguments:?}");
        assert!(
            stderr.starts_with("error: ") && stderr.contains(reason),
            "{arguments:?}: {stderr}"
        );
        assert_eq!(stdout, "", "{arguments:?}");
    }
}

#[test]
fn the_demo_goes_as_it_must() {
    let output = run(&["demo", "--json"]);
    let (stdout, stderr) = said(&output);
    assert!(output.status.success(), "{stdout}{stderr}");
    assert_eq!(stdout.lines().count(), 1);
    let all: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(all["ok"], true);
    let steps = all["steps"].as_array().unwrap();
    let names: Vec<_> = steps.iter().map(|step| step["name"].as_str().unwrap()).collect();
    assert_eq!(
        names,
        [
            "get etcd",
            "make the certificates",
            "start three members",
            "ask each who it is",
            "set hello to world",
            "get hello",
            "refuse: no certificate",
            "refuse: a stranger's",
            "refuse: plain HTTP",
            "kill the leader",
            "elect another",
            "get hello again",
            "stop",
        ]
    );
    assert!(steps.iter().all(|step| step["ok"] == true && step["ms"].is_f64()));
    let members = all["members"].as_array().unwrap();
    assert_eq!(members.iter().filter(|member| member["role"] == "leader").count(), 1);

    let (stdout, _) = said(&run(&["demo"]));
    assert!(stdout.contains("all as it must be"), "{stdout}");
    assert!(!stdout.contains('\x1b'), "no colour where there is no terminal");
}

#[test]
fn a_demo_that_does_not_go_as_it_must_fails() {
    let output = xtask().args(["demo", "--json"]).env("TERCET_ETCD", "/nonexistent").output();
    let output = output.unwrap();
    assert!(!output.status.success());
    let all: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(all["ok"], false);
    assert!(all["error"].as_str().unwrap().contains("/nonexistent"));
}
