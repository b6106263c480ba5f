//! What the doctor says that etcd says about its settings, beside what etcd says.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test may")]

use std::ffi::OsString;
use std::fs;
use std::path::Path;

use tercet_cluster::binary::{Binary, Locator, Request};
use tercet_pki::doctor::{FileState, Problem, Settings, look};
use tercet_pki::etcd::Flag;
use tercet_tests::{Port, RawEtcd};

fn etcd() -> Binary {
    Locator::from_env().locate(&Request::Default).unwrap()
}

/// What the doctor says that etcd says: of each problem, one that must be in etcd's output.
fn expected(settings: &Settings) -> Vec<String> {
    let said = settings.problems.iter().map(|problem| match problem {
        Problem::Unknown { today, .. } | Problem::Invalid { today, .. } => today.clone(),
        Problem::Shadowed { .. } => "is shadowed by corresponding command-line flag".to_owned(),
        other => panic!("{other:?} is nothing that etcd says"),
    });
    said.collect()
}

/// Whether etcd says `today`. Where the doctor leaves something out it writes an ellipsis.
fn says(output: &str, today: &str) -> bool {
    // In JSON.
    let output = output.replace("\\\"", "\"").replace("\\\\", "\\");
    today.split('…').all(|part| output.contains(part))
}

/// Runs etcd with this mistake, and compares.
fn refused(etcd: &Binary, arguments: &[&str], variables: &[(&str, &str)]) {
    let version = etcd.version();
    let pairs = variables.iter().map(|(name, value)| (name.into(), value.into()));
    let pairs: Vec<(OsString, OsString)> = pairs.collect();
    let settings = Settings::from_arguments(arguments, pairs, version).unwrap();
    compare(etcd, &settings, arguments, variables);
}

fn compare(etcd: &Binary, settings: &Settings, arguments: &[&str], variables: &[(&str, &str)]) {
    let expected = expected(settings);
    assert!(!expected.is_empty(), "the doctor sees nothing in {arguments:?} {variables:?}");
    let directory = tempfile::tempdir().unwrap();
    let data = format!("--data-dir={}", directory.path().join("data").display());
    // Before the others: some of them end the flags.
    let arguments = ["--logger=zap", &data].into_iter().chain(arguments.iter().copied());
    let arguments: Vec<String> = arguments.map(str::to_owned).collect();
    let variables: Vec<_> =
        variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let mut running =
        RawEtcd::start(etcd.path(), &arguments, &variables, &directory.path().join("log"));
    let output = running.wait_for_failure();
    for today in &expected {
        assert!(says(&output, today), "{arguments:?}\nthe doctor: {today}\netcd: {output}");
    }
}

#[test]
fn flags_that_etcd_refuses() {
    let etcd = etcd();
    for arguments in [
        &["--ca-file=x"][..],
        &["--cert-files=x"],
        &["--client-cert-auth=yes"],
        &["--client-cert-auth", "true"],
        &["--cert-file"],
        &["---name=x"],
        &["stray"],
        &["--", "--name=x"],
        &["--heartbeat-interval=abc"],
        &["--grpc-keepalive-timeout=5"],
        &["--quota-backend-bytes=99999999999999999999"],
        &["--initial-cluster-state=old"],
        &["--listen-peer-urls=127.0.0.1:2380"],
        &["--listen-peer-urls=localhost:2380"],
        &["--listen-peer-urls=http://127.0.0.1"],
        &["--listen-peer-urls=http://127.0.0.1:1/"],
        &["--listen-peer-urls=http://127.0.0.1:http"],
        &["--listen-peer-urls=http://127.0.0.1:99999"],
        &["--listen-peer-urls=http://[::1:2380"],
        &["--listen-peer-urls=ftp://127.0.0.1:2380"],
        &["--listen-peer-urls=http://a b:2380"],
        &["--listen-peer-urls=http://infra1:2380"],
        &["--listen-peer-urls=http://:2380"],
        &["--listen-client-urls=http://127.0.0.1:1"],
        &["--initial-advertise-peer-urls=http://:2380"],
        &["--initial-cluster=a"],
        &["--initial-cluster=a=http://127.0.0.1:1/x"],
        &["--cipher-suites=TLS_FOO"],
        // Unknown to the older, and wrong to the newer.
        &["--tls-min-version=1.2"],
    ] {
        refused(&etcd, arguments, &[]);
    }
}

#[test]
fn variables_that_etcd_refuses() {
    let etcd = etcd();
    refused(&etcd, &["--name=a"], &[("ETCD_NAME", "b")]);
    refused(&etcd, &["--name=a"], &[("ETCD_NAME", "")]);
    refused(&etcd, &[], &[("ETCD_CLIENT_CERT_AUTH", "yes")]);
    refused(&etcd, &[], &[("ETCD_LISTEN_PEER_URLS", "127.0.0.1:2380")]);
    // The first is only said: the second ends it.
    refused(&etcd, &[], &[("ETCD_CA_FILE", "x"), ("ETCD_CIPHER_SUITES", "TLS_FOO")]);
}

#[test]
fn files_that_etcd_refuses() {
    let etcd = etcd();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("etcd.yaml");
    for text in [
        "name: 1",
        "client-transport-security:\n  client-cert-auth: \"true\"",
        "client-transport-security:\n  cert-file: [a]",
        "Peer-Transport-Security:\n  Client-Cert-Auth: 1",
        "peer-transport-security: x",
        "cipher-suites: TLS_A,TLS_B",
        "heartbeat-interval: \"100\"",
        "grpc-keepalive-timeout: 5s",
        "auto-compaction-retention: 1",
        "listen-peer-urls: [http://127.0.0.1:1]",
        "listen-peer-urls: 127.0.0.1:1",
        "advertise-client-urls: 127.0.0.1:1",
        "listen-peer-urls: http://infra1:2380",
        "initial-cluster-state: old",
        "cipher-suites: [TLS_FOO]",
        "just text",
    ] {
        let data = directory.path().join("data");
        // Some of them are refused only once there is one.
        let text = match text {
            "just text" => text.to_owned(),
            text => format!("{text}\ndata-dir: {}\nlogger: zap\n", data.display()),
        };
        fs::write(&path, &text).unwrap();
        let settings = Settings::from_config_file(&path, text.as_bytes(), etcd.version()).unwrap();
        compare(&etcd, &settings, &["--config-file", path.to_str().unwrap()], &[]);
        let _ = fs::remove_dir_all(&data);
    }
}

/// Which flags there are, and which of them stand alone: Go's `flag` says both, at its first
/// mistake.
#[test]
fn the_table_of_flags_is_etcds() {
    let etcd = etcd();
    let directory = tempfile::tempdir().unwrap();
    for flag in Flag::ALL {
        let name = flag.name();
        // One that takes a value takes the first of the two that nobody has.
        let arguments = [format!("--{name}"), "--none-one".to_owned(), "--none-two".to_owned()];
        let log = directory.path().join("log");
        let output = RawEtcd::start(etcd.path(), &arguments, &[], &log).wait_for_failure();
        let undefined = |name: &str| output.contains(&format!("not defined: -{name}\n"));
        let refused = output.contains(&format!("\"--none-one\" for flag -{name}: "));
        assert_eq!(!undefined(name), flag.is_in(etcd.version()), "{name}: {output}");
        if flag.is_in(etcd.version()) {
            assert_eq!(undefined("none-one"), flag.stands_alone(), "{name}: {output}");
            assert_eq!(undefined("none-two") || refused, !flag.stands_alone(), "{name}: {output}");
        }
    }
}

/// The control: without a mistake it starts, and the doctor sees it run.
#[cfg(target_os = "linux")]
#[test]
fn a_member_that_runs_is_seen_as_it_was_told() {
    let etcd = etcd();
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name);
    let files = tercet_pki::Fleet::generate(["a"]).unwrap().write(at("pki")).unwrap();
    let ports = [Port::hold(), Port::hold()];
    let [client, peer] =
        [&ports[0], &ports[1]].map(|port| format!("https://127.0.0.1:{}", port.number()));
    let (server, peers) = (&files.members[0].server, &files.members[0].peer);
    let shown = |path: &Path| path.display().to_string();
    let text = format!(
        "name: a\ndata-dir: {}\nlogger: zap\nenable-grpc-gateway: true\n\
         listen-client-urls: {client}\nadvertise-client-urls: {client}\n\
         listen-peer-urls: {peer}\ninitial-advertise-peer-urls: {peer}\n\
         initial-cluster: a={peer}\n\
         client-transport-security: {{cert-file: {}, key-file: {}, trusted-ca-file: {}, \
         client-cert-auth: yes}}\n\
         peer-transport-security: {{cert-file: {}, key-file: {}, trusted-ca-file: {}, \
         client-cert-auth: on}}\n",
        shown(&at("data")),
        shown(&server.certificate),
        shown(&server.key),
        shown(&files.ca),
        shown(&peers.certificate),
        shown(&peers.key),
        shown(&files.ca),
    );
    fs::write(at("etcd.yaml"), text).unwrap();
    let arguments = ["--config-file".to_owned(), shown(&at("etcd.yaml"))];
    let mut running = RawEtcd::start(etcd.path(), &arguments, &[], &at("log"));
    running.wait_for_output("serving client traffic");

    let member = look::process(running.pid(), etcd.version()).unwrap();
    assert_eq!(member.settings.problems, []);
    assert_eq!(member.settings.name, "a");
    assert_eq!(member.settings.listen_client_urls, [client.parse().unwrap()]);
    assert!(member.settings.client.client_cert_auth && member.settings.peer.client_cert_auth);
    assert_eq!(member.files.len(), 5);
    for file in &member.files {
        assert!(matches!(file.state, FileState::Present { .. }), "{file:?}");
    }
    let started = member.started.unwrap();
    for file in &member.files {
        let FileState::Present { modified, .. } = &file.state else { continue };
        assert!(modified.unwrap() <= started, "it was there before the process");
    }
}
