//! `cargo xtask doctor` as a user, or a program in another language, runs it.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test may")]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tercet_pki::Fleet;

/// The directory that a tutorial's openssl script leaves behind.
fn tutorial() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/pki/fixtures/tutorial")
}

/// Runs it in `directory`, with no variables of etcd's.
fn doctor(directory: &Path, arguments: &[&str]) -> (Option<i32>, String, String) {
    #[expect(clippy::disallowed_methods, reason = "tests wait for what they run")]
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("ETCD_") {
            command.env_remove(name);
        }
    }
    let Output { status, stdout, stderr } = command
        .arg("doctor")
        .args(arguments)
        .current_dir(directory)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

/// The first member of the tutorial's fleet, as its script starts it.
const FIRST: [&str; 25] = [
    "./etcd/etcd",
    "--name",
    "infra1",
    "--advertise-client-urls",
    "https://localhost:23791",
    "--listen-client-urls",
    "https://localhost:23791",
    "--cert-file",
    "./server.crt",
    "--key-file",
    "./server.key",
    "--client-cert-auth",
    "--ca-file",
    "ca.crt",
    "--initial-advertise-peer-urls",
    "https://localhost:23801",
    "--listen-peer-urls",
    "https://localhost:23801",
    "--peer-cert-file",
    "./server.crt",
    "--peer-key-file",
    "./server.key",
    "--peer-ca-file=./ca.crt",
    "--initial-cluster",
    "infra1=https://localhost:23801,infra2=https://localhost:23802",
];

fn findings(stdout: &str) -> Vec<Value> {
    let all: Value = serde_json::from_str(stdout).unwrap();
    all["findings"].as_array().unwrap().clone()
}

#[test]
fn the_tutorials_member_is_diagnosed() {
    let arguments: Vec<_> = ["--etcd", "3.5.1", "--json", "--"].into_iter().chain(FIRST).collect();
    let (code, stdout, stderr) = doctor(&tutorial(), &arguments);
    assert_eq!((code, stderr.as_str()), (Some(1), ""), "{stdout}");
    assert_eq!(stdout.lines().count(), 1);
    assert!(stdout.starts_with(r#"{"etcd":"3.5.1","findings":[{"id":"TLS"#), "{stdout}");
    // As text: the order of the keys is part of it.
    let wanted = r#"{"id":"TLS031-unknown-setting","severity":"error","member":"infra1","file":null,"field":"--ca-file","today":"flag provided but not defined: -ca-file","meaning":""#;
    assert!(stdout.contains(wanted), "{stdout}");
    for finding in findings(&stdout) {
        let keys = ["id", "severity", "member", "file", "field", "today", "meaning", "fix"];
        let object = finding.as_object().unwrap();
        assert_eq!(object.len(), keys.len());
        for key in keys {
            assert!(object[key].is_string() || object[key].is_null(), "{finding}");
        }
    }
    let has = |id: &str, field: &str| {
        findings(&stdout).iter().any(|one| one["id"] == id && one["field"] == field)
    };
    assert!(has("TLS031-unknown-setting", "--peer-ca-file"), "{stdout}");

    let (code, people, _) = doctor(
        &tutorial(),
        &arguments.iter().copied().filter(|a| *a != "--json").collect::<Vec<_>>(),
    );
    assert_eq!(code, Some(1));
    assert!(people.contains("write --trusted-ca-file instead of --ca-file"), "{people}");
    assert!(!people.contains('\x1b'));
}

/// The tutorial's files, with the mode that keys are to have.
fn copied() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for file in ["ca.crt", "server.crt", "server.key", "client.crt", "client.key"] {
        let path = directory.path().join(file);
        fs::copy(tutorial().join(file), &path).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    directory
}

/// The whole line: ids, keys, their order and the texts are what other programs read.
#[test]
fn the_line_for_programs_is_stable() {
    let client = "--client-cacert ca.crt --client-cert client.crt --client-key client.key --url https://localhost:23791";
    let arguments = ["--etcd", "3.5.1", "--json"].into_iter().chain(client.split(' '));
    let arguments: Vec<_> = arguments.chain(["--"]).chain(FIRST).collect();
    let (code, stdout, stderr) = doctor(copied().path(), &arguments);
    assert_eq!((code, stderr.as_str()), (Some(1), ""), "{stdout}");
    insta::assert_snapshot!(stdout);
}

/// Two kinds of lines: those that are wrapped, and commands, which are whole.
#[test]
fn what_people_read_has_commands_to_copy() {
    let client = "--client-cacert ca.crt --client-cert client.crt --client-key client.key";
    let arguments = ["--etcd", "3.5.1"].into_iter().chain(client.split(' '));
    let arguments: Vec<_> = arguments.chain(["--"]).chain(FIRST).collect();
    let (code, stdout, stderr) = doctor(copied().path(), &arguments);
    assert_eq!((code, stderr.as_str()), (Some(1), ""), "{stdout}");
    insta::assert_snapshot!(stdout);
}

#[test]
fn a_sound_fleet_is_sound_however_it_is_shown() {
    let directory = tempfile::tempdir().unwrap();
    let files = Fleet::generate(["a"]).unwrap().write(directory.path().join("pki")).unwrap();
    let shown = |path: &Path| path.display().to_string();
    let (server, peer) = (&files.members[0].server, &files.members[0].peer);
    let client = [
        "--client-cacert".to_owned(),
        shown(&files.ca),
        "--client-cert".to_owned(),
        shown(&files.client.certificate),
        "--client-key".to_owned(),
        shown(&files.client.key),
        "--url".to_owned(),
        "https://127.0.0.1:2379".to_owned(),
    ];
    let client: Vec<_> = client.iter().map(String::as_str).collect();
    let sound = |arguments: &[&str]| {
        let arguments: Vec<_> = ["--json"].iter().chain(arguments).copied().collect();
        let (code, stdout, stderr) = doctor(directory.path(), &arguments);
        assert_eq!((code, stderr.as_str()), (Some(0), ""), "{arguments:?}\n{stdout}");
        assert_eq!(findings(&stdout), Vec::<Value>::new(), "{arguments:?}");
    };
    sound(&["pki"]);
    let text = format!(
        "name: a\n\
         listen-client-urls: https://127.0.0.1:2379\n\
         advertise-client-urls: https://127.0.0.1:2379\n\
         listen-peer-urls: https://127.0.0.1:2380\n\
         initial-advertise-peer-urls: https://127.0.0.1:2380\n\
         initial-cluster: a=https://127.0.0.1:2380\n\
         client-transport-security: {{cert-file: {}, key-file: {}, trusted-ca-file: {}, \
         client-cert-auth: true}}\n\
         peer-transport-security: {{cert-file: {}, key-file: {}, trusted-ca-file: {}, \
         client-cert-auth: true}}\n",
        shown(&server.certificate),
        shown(&server.key),
        shown(&files.ca),
        shown(&peer.certificate),
        shown(&peer.key),
        shown(&files.ca),
    );
    fs::write(directory.path().join("a.yaml"), &text).unwrap();
    sound(&[&["--etcd", "3.6.14"][..], &client, &["--config", "a.yaml"]].concat());

    // The control: the same with one thing wrong.
    let wrong = text.replace(&shown(&peer.key), &shown(&server.key));
    fs::write(directory.path().join("a.yaml"), wrong).unwrap();
    let (code, stdout, _) = doctor(directory.path(), &["--json", "--config", "a.yaml"]);
    assert_eq!(code, Some(1), "{stdout}");
    assert_eq!(findings(&stdout)[0]["id"], "TLS012-key-mismatch", "{stdout}");
}

#[test]
fn what_cannot_be_looked_at_is_told_from_what_is_wrong() {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("large.yaml"), vec![b'#'; 1 << 20]).unwrap();
    for (arguments, reason) in [
        (&[][..], "there is nothing to look at"),
        (&["none"], "none cannot be read"),
        (&["."], "has no certificates"),
        (&["--config", "none.yaml"], "none.yaml cannot be read"),
        (&["--config", "large.yaml"], "which no etcd configuration has"),
        (&["--pid", "0"], "process 0 cannot be looked at"),
        (&["--pid", "one"], "one"),
        (&["--etcd", "3.3.1", "."], "etcd 3.3.1 is not supported"),
        (&["--etcd", "new", "."], "'new' is not an etcd version"),
        (&["--url", "localhost:2379", "."], "does not begin with a scheme"),
        (&["--", "gateway", "start"], "'etcd gateway' is not a member"),
        (&["--colour", "."], "--colour"),
    ] {
        let (code, stdout, stderr) = doctor(directory.path(), arguments);
        assert_eq!((code, stdout.as_str()), (Some(2), ""), "{arguments:?}: {stderr}");
        assert!(stderr.starts_with("error: "), "{arguments:?}: {stderr}");
        assert!(stderr.contains(reason), "{arguments:?}: {stderr}");
    }
    let (code, stdout, _) = doctor(directory.path(), &["--help"]);
    assert_eq!(code, Some(0));
    assert!(stdout.contains("Exit status: 0 it is sound"), "{stdout}");
}
