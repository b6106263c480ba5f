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
        // Whatever it is secured by, there is a log of its first member.
        let log = PathBuf::from(self.members()[0]["log"].as_str().unwrap());
        assert!(log.exists(), "the control");
        end(&mut self.process);
        let mut rest = String::new();
        self.stdout.read_to_string(&mut rest).unwrap();
        assert!(self.process.wait().unwrap().success());
        assert_eq!(rest, "");
        assert!(!log.exists());
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
fn up_has_its_members_find_each_other_and_puts_proxies_before_them() {
    let held = Held::start(&[
        "--members",
        "1",
        "--discovery",
        "1",
        "--proxy",
        "gateway",
        "--proxy",
        "grpc-proxy",
        "--hold",
        "stdin",
    ]);
    assert_eq!(held.said["discovery"].as_array().unwrap().len(), 1);
    let proxies = held.said["proxies"].as_array().unwrap().clone();
    let kinds: Vec<_> = proxies.iter().map(|proxy| proxy["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["gateway", "grpc-proxy"]);
    let runs =
        |proxy: &Value| PathBuf::from(format!("/proc/{}", proxy["pid"].as_u64().unwrap())).exists();
    assert!(proxies.iter().all(runs), "the control");
    held.ends(|process| drop(process.stdin.take()));
    assert!(!proxies.iter().any(runs));
}

#[test]
fn up_prints_one_line_that_says_all_and_ends_with_its_input() {
    let held = Held::start(&["--hold", "stdin"]);
    let keys: Vec<_> = held.said.as_object().unwrap().keys().map(String::as_str).collect();
    let wanted = [
        "ca",
        "cert",
        "config",
        "crl",
        "discovery",
        "endpoints",
        "key",
        "members",
        "proxies",
        "ready_ms",
        "security",
        "version",
    ];
    assert_eq!(keys, wanted);
    assert_eq!((&held.said["security"], &held.said["config"]), (&"mutual".into(), &"flags".into()));
    assert_eq!(held.said["crl"], Value::Null);
    assert_eq!(held.said["discovery"], Value::Null);
    assert_eq!(held.said["proxies"], serde_json::json!([]));
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

/// What a way of securing a fleet has not is null.
#[test]
fn up_says_what_each_word_has() {
    for (word, ca, client, server, peer) in [
        ("plaintext", false, false, false, false),
        ("server-tls", true, false, true, false),
        ("client-auth", true, true, true, false),
        ("mutual", true, true, true, true),
        ("auto", false, false, false, false),
    ] {
        let held = Held::start(&["--security", word, "--members", "1"]);
        assert_eq!(held.said["security"], word);
        let all = &held.said;
        let member = &held.members()[0];
        for (of, key, there) in [
            (all, "ca", ca),
            (all, "cert", client),
            (all, "key", client),
            (member, "cert", server),
            (member, "key", server),
            (member, "peer_cert", peer),
            (member, "peer_key", peer),
            (member, "http_url", false),
            (member, "config_file", false),
        ] {
            match &of[key] {
                Value::Null => assert!(!there, "{word} {key}"),
                path => {
                    let path = PathBuf::from(path.as_str().unwrap());
                    assert!(there && path.is_file(), "{word} {key} {path:?}");
                }
            }
        }
        held.ends(signal("TERM"));
    }
}

/// What is printed for people works when it is pasted, and says no more than it must.
#[test]
fn up_prints_lines_that_work() {
    for (word, curl, variables) in [
        ("plaintext", "curl http://", 1),
        ("server-tls", "curl --cacert ", 2),
        ("client-auth", "curl --cacert ", 4),
        ("mutual", "curl --cacert ", 4),
        ("auto", "curl -k https://", 3),
    ] {
        let mut process = xtask()
            .args(["up", "--hold", "stdin", "--members", "1", "--security", word])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        let (mut script, mut exports) = ("set -e\n".to_owned(), 0);
        loop {
            let mut line = String::new();
            assert!(stdout.read_line(&mut line).unwrap() > 0, "{word}: it ended");
            let line = line.trim();
            exports += usize::from(line.starts_with("export "));
            if line.starts_with("curl ") {
                assert!(line.starts_with(curl), "{word}: {line}");
                script.push_str(&format!("{line} --silent --show-error --fail\n"));
                break;
            }
            if line.starts_with("export ")
                || line.ends_with("hello world")
                || line.ends_with("get hello")
            {
                script.push_str(&format!("{line}\n"));
            }
        }
        assert_eq!(exports, variables, "{word}: {script}");
        #[expect(clippy::disallowed_methods, reason = "tests wait for what they run")]
        let mut shell = Command::new("/bin/sh");
        // etcdctl where it is not beside the etcd is any other.
        let output = shell.args(["-c", &script]).env("ETCDCTL_API", "3").output().unwrap();
        let (out, err) = said(&output);
        assert!(output.status.success(), "{word}: {script}{out}{err}");
        assert!(out.contains("OK\nhello\nworld\n{\"health\":\"true\""), "{word}: {out}");
        drop(process.stdin.take());
        assert!(process.wait().unwrap().success());
    }
}

/// The commands of the page of modes are commands.
#[test]
fn up_does_what_its_page_says() {
    let page = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/modes.md");
    let page = std::fs::read_to_string(page).unwrap();
    let pieces = page.split('`').filter_map(|piece| piece.strip_prefix("cargo xtask up"));
    let mut commands: Vec<_> = pieces.collect();
    commands.sort_unstable();
    commands.dedup();
    assert!(commands.len() > 7, "the control: {commands:?}");
    for command in commands {
        let mut words: Vec<_> = command.split_whitespace().collect();
        words.extend(["--members", "1"]);
        if words.contains(&"--v2") {
            // Where the default is a newer one, it has not got it.
            words.extend(["--etcd", "3.5.1"]);
        }
        Held::start(&words).ends(signal("TERM"));
    }
}

/// All that it can be asked for at once, of what every etcd from 3.5 on has.
#[test]
fn up_takes_all_its_options() {
    let held = Held::start(&[
        "--members",
        "1",
        "--cipher-suites",
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        "--allow-client-host",
        "a.example",
        "--allow-peer-name",
        "peers",
        "--separate-outgoing",
        "--skip-peer-address",
        "--config",
        "file",
        "--no-gateway",
        "--crl",
        "--flag",
        "--max-txn-ops=77",
    ]);
    let path = |key: &str| held.path(key);
    assert!(path("crl").is_file());
    let file = held.members()[0]["config_file"].as_str().unwrap().to_owned();
    let text = std::fs::read_to_string(file).unwrap();
    assert!(text.contains("max-txn-ops: 77") && text.contains("cipher-suites"), "{text}");
    held.ends(signal("TERM"));
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
    let suite = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256";
    let cases: [(&[&str], &str); 23] = [
        (&["up", "--members", "0"], "a fleet of 0 members is not possible"),
        (&["up", "--members", "10"], "a fleet of 10 members is not possible"),
        (&["up", "--members", "three"], "three"),
        (&["up", "--timing", "slow"], "'slow' is not a timing: use fast, ci or stock"),
        (&["up", "--etcd", "/nonexistent/etcd"], "/nonexistent/etcd"),
        (&["up", "--hold", "door"], "cannot hold on 'door'"),
        (&["up", "--security"], "--security"),
        (&["up", "--security", "tls"], "'tls' is no security: use plaintext, server-tls"),
        (&["up", "--config", "yaml"], "'yaml' is no form of configuration: use flags, env or file"),
        (&["up", "--tls-min", "1.1"], "'1.1' is no version of TLS that etcd speaks"),
        (&["up", "--tls-min", "1.3", "--cipher-suites", suite], "exclude each other"),
        (&["up", "--cipher-suites", "TLS_A"], "\"TLS_A\" cannot be a cipher suite"),
        (&["up", "--security", "plaintext", "--crl"], "a revocation list cannot be had with"),
        (&["up", "--allow-client-host", "a.example"], "the gateway exclude each other"),
        (&["up", "--allow-peer-name", ""], "cannot be an allowed name of members: it is empty"),
        (&["up", "--flag", "max-txn-ops"], "write NAME=VALUE"),
        (&["up", "--flag", "max-txn-ops=many"], "cannot be the value of --max-txn-ops"),
        (&["up", "--flag", "data-dir=/x"], "--data-dir is planned for each member"),
        (&["up", "--flag", "no-such=1"], "no etcd has a flag --no-such"),
        (&["up", "--etcd", "3.4.23", "--tls-min", "1.3"], "has no --tls-min-version"),
        (&["up", "--etcd", "3.7.1", "--v2"], "has no --enable-v2, which is there until 3.5"),
        (&["up", "--shared-cert", "--separate-outgoing"], "exclude each other"),
        (&["dance"], "there is no command 'dance'"),
    ];
    for (arguments, reason) in cases {
        let begin = Instant::now();
        let output = run(arguments);
        let (stdout, stderr) = said(&output);
        assert!(!output.status.success(), "{arguments:?}");
        // Nothing was looked for or started: that may take minutes.
        assert!(begin.elapsed() < Duration::from_secs(30), "{arguments:?}");
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
