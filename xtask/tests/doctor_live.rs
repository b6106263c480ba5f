//! `cargo xtask doctor --endpoint`, on a fleet that runs.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test may")]

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tercet_cluster::binary::{Locator, Request};
use tercet_cluster::{Cluster, Spec, Timing};
use tercet_pki::{LOOPBACK_HOSTS, Leaf};

async fn fleet() -> Cluster {
    let etcd = Locator::from_env().locate(&Request::Default).unwrap();
    let spec = Spec::default().timing(Timing::Ci);
    Cluster::start(&spec, &etcd, &std::env::temp_dir()).await.unwrap()
}

/// Runs it: how it ended, and both streams.
fn doctor(arguments: &[&str]) -> (Option<i32>, String, String) {
    #[expect(clippy::disallowed_methods, reason = "tests wait for what they run")]
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    let output = command.arg("doctor").args(arguments).stdin(Stdio::null()).output();
    let Output { status, stdout, stderr } = output.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

/// The words that a client of the fleet is given, for one endpoint.
fn client(cluster: &Cluster, endpoint: usize) -> Vec<String> {
    let files = cluster.plan().files();
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let url = cluster.member(endpoint).client_url().to_owned();
    let [ca, cert, key] =
        [&files.ca, &files.client.certificate, &files.client.key].map(|file| text(file));
    ["--endpoint", &url, "--cacert", &ca, "--cert", &cert, "--key", &key].map(str::to_owned).into()
}

fn run(words: &[String], more: &[&str]) -> (Option<i32>, String, String) {
    let words: Vec<_> = words.iter().map(String::as_str).chain(more.iter().copied()).collect();
    doctor(&words)
}

fn findings(stdout: &str) -> Vec<(String, Option<String>)> {
    let all: Value = serde_json::from_str(stdout).unwrap();
    let findings = all["findings"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().map(str::to_owned);
    findings.map(|one| (text(&one["id"]).unwrap(), text(&one["member"]))).collect()
}

#[tokio::test]
async fn one_endpoint_leads_to_all_ports() {
    let cluster = fleet().await;
    let words = client(&cluster, 1);
    let (code, stdout, stderr) = run(&words, &["--json"]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{stdout}");
    let all: Value = serde_json::from_str(&stdout).unwrap();
    assert_eq!(all["etcd"], cluster.binary().version().to_string(), "it says so itself");
    assert_eq!(all["unseen"].as_array().unwrap().len(), 0, "{stdout}");
    let ports = all["ports"].as_array().unwrap();
    let mut seen: Vec<_> = ports
        .iter()
        .map(|port| (port["member"].as_str().unwrap(), port["port"].as_str().unwrap()))
        .collect();
    seen.sort_unstable();
    let expected = ["m1", "m2", "m3"].map(|name| [(name, "client"), (name, "peer")]).concat();
    assert_eq!(seen, expected);
    for port in ports {
        let is_client = port["port"] == "client";
        assert_eq!(port["ending"] == "accepted", is_client, "{port}");
        assert_eq!(port["asks_for"].as_array().unwrap().len(), 1, "{port}");
        assert_eq!(port["shown"][0]["subject"], format!("CN={}", port["member"].as_str().unwrap()));
    }
    // The order of the keys is part of the line.
    let wanted = r#","ports":[{"url":"https://127.0.0.1:"#;
    assert!(stdout.starts_with(r#"{"etcd":"#) && stdout.contains(wanted), "{stdout}");
    let keys = r#""port":"client","member":"m2","dialled_by":"the client","ending":"accepted","alert":null,"tls_version":""#;
    assert!(stdout.contains(keys), "{stdout}");

    let (code, people, _) = run(&words, &[]);
    assert_eq!(code, Some(0), "{people}");
    assert!(people.contains("  the client: let in\n"), "{people}");
    assert!(people.contains("\nsound: 1 client, 6 ports, by the rules of etcd "), "{people}");
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn with_the_processes_every_link_is_asked() {
    let cluster = fleet().await;
    let mut words = client(&cluster, 0);
    for member in cluster.members() {
        words.extend(["--pid".to_owned(), member.pid().unwrap().to_string()]);
    }
    let (code, stdout, stderr) = run(&words, &["--json"]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{stdout}");
    assert_eq!(findings(&stdout), []);
    let all: Value = serde_json::from_str(&stdout).unwrap();
    let links = all["ports"].as_array().unwrap().iter().filter(|port| port["port"] == "peer");
    let links: Vec<_> = links.collect();
    assert_eq!(links.len(), 6, "each ordered pair of three");
    assert!(links.iter().all(|link| link["ending"] == "accepted"), "{links:#?}");

    // The file of authorities gets one more, and nobody was restarted.
    let files = cluster.plan().files();
    let old = std::fs::read_to_string(&files.ca).unwrap();
    let more = tercet_pki::Authority::generate("next CA").unwrap();
    std::fs::write(&files.ca, format!("{old}{}", more.certificate_pem())).unwrap();
    let (code, stdout, _) = run(&words, &["--json"]);
    assert_eq!(code, Some(0), "a restart is pending, and nothing fails: {stdout}");
    let pending =
        ["m1", "m2", "m3"].map(|name| ("TLS027-ca-in-memory".to_owned(), Some(name.to_owned())));
    assert_eq!(findings(&stdout), pending);
    std::fs::write(&files.ca, old).unwrap();

    // One direction of one member's links.
    let leaf = Leaf::peer("m2").hosts(LOOPBACK_HOSTS).server_only();
    let identity = cluster.identities().issue(&leaf).unwrap();
    identity.replace(cluster.plan().certificates().join("m2"), "peer").unwrap();
    let (code, stdout, _) = run(&words, &["--json"]);
    assert_eq!(code, Some(1), "{stdout}");
    assert_eq!(
        findings(&stdout),
        [("TLS017-peer-usage-missing".to_owned(), Some("m2".to_owned()))]
    );
    let (_, people, _) = run(&words, &[]);
    assert!(people.contains("  m2: refused, with the alert \"bad certificate\"\n"), "{people}");
    assert!(!people.contains("PRIVATE"), "{people}");
}

#[tokio::test]
async fn a_member_that_is_down_is_found_through_the_others() {
    let cluster = fleet().await;
    cluster.member(2).kill().unwrap();
    let (code, stdout, _) = run(&client(&cluster, 0), &["--json"]);
    assert_eq!(code, Some(1), "{stdout}");
    assert_eq!(
        findings(&stdout),
        [("TLS041-port-not-answering".to_owned(), Some("m3".to_owned()))]
    );
    // Also by the last of them, which can agree with nobody.
    cluster.member(1).kill().unwrap();
    let (code, stdout, _) = run(&client(&cluster, 0), &["--json"]);
    assert_eq!(code, Some(1), "{stdout}");
    let down =
        ["m2", "m3"].map(|name| ("TLS041-port-not-answering".to_owned(), Some(name.to_owned())));
    assert_eq!(findings(&stdout), down);
}

#[tokio::test]
async fn without_a_certificate_it_is_said_what_is_missing() {
    let cluster = fleet().await;
    let url = cluster.member(0).client_url();
    let (code, stdout, _) = doctor(&["--endpoint", url]);
    assert_eq!(code, Some(1), "{stdout}");
    assert!(stdout.contains("[TLS020-client-certificate-demanded]"), "{stdout}");
    let hint = "not seen: further members: without --cacert nobody is believed who names them";
    assert!(stdout.contains(hint), "{stdout}");
    // The peer port is only looked at: that it refuses is as it should be.
    let (code, stdout, _) = doctor(&["--peer-endpoint", cluster.member(0).peer_url()]);
    assert_eq!(code, Some(0), "{stdout}");
    assert!(stdout.contains("takes certificates of CN=tercet CA"), "{stdout}");
}

/// A pair that cannot be shown is the finding; that nobody is let in without one is not.
#[tokio::test]
async fn a_pair_that_does_not_fit_is_told_once() {
    let cluster = fleet().await;
    let other = cluster.identities().issue(&Leaf::client("other")).unwrap();
    let scratch = tempfile::tempdir().unwrap();
    other.write(scratch.path(), "other").unwrap();
    let mut words = client(&cluster, 0);
    *words.last_mut().unwrap() = scratch.path().join("other.key").to_str().unwrap().to_owned();
    let (code, stdout, _) = run(&words, &["--json"]);
    assert_eq!(code, Some(1), "{stdout}");
    assert_eq!(findings(&stdout), [("TLS012-key-mismatch".to_owned(), None)]);
    assert!(stdout.contains("whether the client is let in"), "{stdout}");
}

#[test]
fn bad_input_is_told_before_anybody_is_asked() {
    let error = |arguments: &[&str]| {
        let (code, stdout, stderr) = doctor(arguments);
        assert_eq!((code, stdout.as_str()), (Some(2), ""), "{arguments:?}: {stderr}");
        stderr
    };
    let texts = [
        error(&["--endpoint", "http://127.0.0.1:2379"]),
        error(&["--endpoint", "127.0.0.1:2379"]),
        error(&["--endpoint", "https://127.0.0.1"]),
        error(&["--endpoint", ""]),
        error(&["--peer-endpoint", "unix://etcd:1"]),
        error(&["--endpoint", "https://127.0.0.1:1", "--cert", "/nowhere/client.crt"]),
        error(&["--endpoint", "https://127.0.0.1:1", "--key", "Cargo.toml"]),
    ];
    insta::assert_snapshot!(texts.concat(), @r"
    error: http://127.0.0.1:2379 is without TLS, and this looks at TLS: write https://127.0.0.1:2379; if the port speaks none, that will be told
    error: '127.0.0.1:2379' does not begin with a scheme: write https://127.0.0.1:2379
    error: 'https://127.0.0.1' has no port: write HOST:2379 for clients, HOST:2380 for peers
    error: --endpoint has no URL: write https://HOST:PORT
    error: unix://etcd:1 is a socket and cannot be asked: write https://HOST:PORT
    error: --cert /nowhere/client.crt cannot be read: there is no such file
    error: --key is half of a pair: give --cert as well
    ");
}

#[test]
fn nobody_there_is_a_finding() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let (code, stdout, _) = doctor(&["--endpoint", &format!("https://{address}")]);
    assert_eq!(code, Some(1), "{stdout}");
    assert!(stdout.contains("[TLS041-port-not-answering]"), "{stdout}");
}
