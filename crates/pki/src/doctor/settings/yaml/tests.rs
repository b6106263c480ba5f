use super::*;
use crate::doctor::Url;

fn version(text: &str) -> Version {
    text.parse().unwrap()
}

fn read(text: &str, etcd: &str) -> Settings {
    Settings::from_config_file("etcd.yaml", text.as_bytes(), version(etcd)).unwrap()
}

fn said(settings: &Settings) -> String {
    let lines = settings.problems.iter().map(|problem| match problem {
        Problem::Unknown { setting, instead, versions, .. } => {
            format!("{setting}: unknown; instead {instead:?}; versions '{versions}'")
        }
        Problem::Invalid { setting, value, today, fix } => {
            format!("{setting}: {value:?}\n  {today}\n  {fix}")
        }
        other => format!("{other:?}"),
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_file_is_read() {
    let text = "\
name: infra1
listen-client-urls: https://10.0.0.1:2379,https://127.0.0.1:2379
advertise-client-urls: https://10.0.0.1:2379
listen-peer-urls: https://10.0.0.1:2380
initial-advertise-peer-urls: https://10.0.0.1:2380
initial-cluster: infra1=https://10.0.0.1:2380,infra2=https://10.0.0.2:2380
auto-compaction-retention: \"1\"
cipher-suites: [TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256]
Client-Transport-Security:
  cert-file: server.crt
  key-file: 'server.key'
  trusted-ca-file: &ca ca.crt
  client-cert-auth: yes
peer-transport-security:
  cert-file: peer.crt
  key-file: peer.key
  trusted-ca-file: *ca
  client-cert-auth: true
  allowed-cn: [infra1, infra2]
PeerTLSInfo:
  CRLFile: peers.crl
---
name: other
";
    let settings = read(text, "3.6.14");
    assert_eq!(said(&settings), "");
    assert_eq!(settings.origin, Origin::ConfigFile);
    assert_eq!(settings.config_file, Some("etcd.yaml".into()));
    assert_eq!(settings.name, "infra1");
    assert_eq!(settings.listen_client_urls.len(), 2);
    assert_eq!(settings.initial_cluster[1].1.to_string(), "https://10.0.0.2:2380");
    assert_eq!(settings.client.cert_file, Some("server.crt".into()));
    assert!(settings.client.client_cert_auth && settings.peer.client_cert_auth);
    assert_eq!(settings.peer.trusted_ca_file, Some("ca.crt".into()));
    assert_eq!(settings.peer.allowed_common_names, ["infra1", "infra2"]);
    assert_eq!(settings.peer.crl_file, Some("peers.crl".into()));
    assert_eq!(settings.cipher_suites.len(), 1);
}

#[test]
fn defaults_are_etcds() {
    let settings = read("", "3.5.1");
    assert_eq!(settings.name, "default");
    let shown = |urls: &[Url]| urls.iter().map(Url::to_string).collect::<Vec<_>>().join(",");
    assert_eq!(shown(&settings.listen_client_urls), "http://localhost:2379");
    assert_eq!(shown(&settings.advertise_peer_urls), "http://localhost:2380");
    assert!(settings.grpc_gateway);
    assert!(!read("", "3.4.23").grpc_gateway, "3.4 has no default for it in a file");
    assert!(read("enable-grpc-gateway: true", "3.4.23").grpc_gateway);
    // With flags etcd wants one; in a file the default stays.
    let settings = read("listen-client-urls: https://10.0.0.1:2379", "3.5.1");
    assert_eq!(said(&settings), "");
}

#[test]
fn keys_that_etcd_does_not_look_at() {
    let text = "\
cert-file: server.crt
peer-client-cert-auth: true
client-crl-file: a.crl
nonsense: {a: [b, {c: d}]}
tls-min-version: TLS1.3
lissten-peer-urls: x
client-transport-security:
  ca-file: ca.crt
  cert-files: x
  client-cert-file: client.crt
peer-transport-security:
  peer-cert-file: peer.crt
  allowed-cn: [a]
  nothing: 1
";
    insta::assert_snapshot!(said(&read(text, "3.4.23")));
}

#[test]
fn values_of_the_wrong_type() {
    let text = "\
name: 1
client-transport-security:
  client-cert-auth: \"true\"
  cert-file: [a]
cipher-suites: TLS_A,TLS_B
heartbeat-interval: \"100\"
grpc-keepalive-timeout: 5s
auto-compaction-retention: 1
listen-peer-urls: [https://10.0.0.1:2380]
peer-transport-security: yes
enable-pprof: 1
advertise-client-urls: 10.0.0.1:2379
listen-client-urls: https://infra1:2379
initial-cluster-state: old
";
    insta::assert_snapshot!(said(&read(text, "3.5.1")));
}

#[test]
fn what_is_no_map_leaves_nothing_to_judge() {
    for text in ["a: b: c\n", "name: x\n\tname: y\n", "[a", "just text", "- a"] {
        let settings = read(text, "3.5.1");
        assert_eq!(settings.problems.len(), 1, "{text}");
        assert!(settings.listen_client_urls.is_empty(), "{text}");
    }
    insta::assert_snapshot!(said(&read("just text", "3.5.1")));
}

#[test]
fn what_is_not_read_here_is_said() {
    let read = |text: &[u8]| Settings::from_config_file("x", text, version("3.5.1")).unwrap_err();
    insta::assert_snapshot!(
        read(b"name: a\n<<: {name: b}\n"),
        @"line 2 has a merge of maps (<<), which is not read here: write it out"
    );
    insta::assert_snapshot!(
        read(b"a: &a {cert-file: x}\nclient-transport-security: *a\n"),
        @"line 2 has an alias of a list or a map, which is not read here: write it out"
    );
    insta::assert_snapshot!(read(b"name: \xff"), @"it is not UTF-8 text");
    assert!(matches!(
        read(&vec![b'#'; CONFIG_FILE_MAX_BYTES + 1]),
        ConfigFileError::TooLarge { .. }
    ));
}

/// Deep, wide and self-referring files end soon and take little.
#[test]
fn a_hostile_file_is_only_a_file() {
    let half = CONFIG_FILE_MAX_BYTES / 2;
    let mut laughs = format!("name: &a {}\nlog-outputs: [", "x".repeat(half));
    while laughs.len() < CONFIG_FILE_MAX_BYTES - 8 {
        laughs.push_str("*a,");
    }
    laughs.push(']');
    for text in [
        "[".repeat(CONFIG_FILE_MAX_BYTES),
        "{".repeat(half),
        "a: ".repeat(half / 2),
        "- ".repeat(half),
        "? ".repeat(half),
        "&a ".repeat(half / 2),
        "x: *x\n".repeat(1000),
        format!("x: {}{}", "[".repeat(200), "]".repeat(200)),
        format!("client-transport-security: {}", "{a: ".repeat(200)),
        "k: v\n".repeat(half / 4),
        "\"".repeat(half),
        "|\n".repeat(half / 2),
        "!!str ".repeat(half / 4),
        laughs,
    ] {
        let _ = Settings::from_config_file("x", text.as_bytes(), version("3.6.0"));
    }
}
