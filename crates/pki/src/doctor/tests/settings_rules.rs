//! Each rule on settings fires on its case; the sound fleets of `healthy` are the control of all.

use super::lab::Lab;
use super::rules::{fires, is_silent, sound_but};
use crate::doctor::{Rule, Severity, Url};

use Severity::{Error, Note, Warning};

#[test]
fn cipher_suites() {
    let lab = sound_but("--cipher-suites=TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384");
    assert!(fires(&lab, Rule::ProtocolMismatch, Error).today.contains("closed network connection"));
    let lab = sound_but("--cipher-suites=NONE");
    assert_eq!(
        fires(&lab, Rule::ProtocolMismatch, Error).today,
        "unexpected TLS cipher suite \"NONE\""
    );
    assert_eq!(
        lab.examine().iter().filter(|found| found.rule == Rule::ProtocolMismatch).count(),
        1
    );
    is_silent(
        &sound_but("--cipher-suites=TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"),
        Rule::ProtocolMismatch,
    );
    // The keys are ECDSA, and 3.5.1 speaks TLS 1.2 at most.
    let words = "--cipher-suites=TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256";
    let found = fires(&sound_but(words), Rule::ProtocolMismatch, Error);
    assert_eq!(found.today, "tls: no cipher suite supported by both client and server");
    let (mut lab, _) = Lab::sound("3.6.14");
    fires(lab.infra1(words), Rule::ProtocolMismatch, Warning);
    let words = "--cipher-suites=TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,TLS_RSA_WITH_RC4_128_SHA";
    fires(&sound_but(words), Rule::ProtocolMismatch, Warning);
}

#[test]
fn automatic_tls() {
    let words = "--listen-client-urls=https://127.0.0.1:2379 \
                 --advertise-client-urls=https://127.0.0.1:2379 --auto-tls";
    let mut lab = Lab::new("3.5.1");
    assert_eq!(lab.member(words).fired(), [(Rule::AutomaticTls, Warning)]);
    let (mut lab, _) = Lab::sound("3.5.1");
    lab.member(&format!("{words} --trusted-ca-file=ca.crt --client-cert-auth"));
    let found = fires(&lab, Rule::AutomaticTls, Error);
    assert!(
        found.meaning.contains("--client-cert-auth, --trusted-ca-file are"),
        "{}",
        found.meaning
    );
    fires(&sound_but("--auto-tls"), Rule::SettingConflict, Warning);
}

#[test]
fn a_common_name_over_the_gateway() {
    let (mut lab, _) = Lab::sound("3.5.1");
    lab.infra1("").client("ca.crt", "client.crt", "client.key");
    is_silent(&lab, Rule::CommonNameOverGateway);
    let mut url: Url = "https://10.0.0.1:2379".parse().unwrap();
    url.path = "/v3/kv/range".to_owned();
    lab.clients[0].urls.push(url);
    fires(&lab, Rule::CommonNameOverGateway, Note);
}

#[test]
fn settings_that_are_not_there() {
    let (mut lab, _) = Lab::sound("3.5.1");
    lab.member(
        "--listen-client-urls=https://10.0.0.1:2379 --advertise-client-urls=https://10.0.0.1:2379 \
         --cert-file=server.crt --key-file=server.key --client-cert-auth --ca-file ca.crt",
    );
    let found = fires(&lab, Rule::UnknownSetting, Error);
    assert_eq!(found.today, "flag provided but not defined: -ca-file");
    insta::assert_snapshot!(found.meaning, @"etcd 3.5.1 has no --ca-file (only etcd until 3.3 has it). It does not start.");
    is_silent(&lab, Rule::ClientAuthWithoutAuthority);
}

#[test]
fn variables_and_keys_that_are_not_there_are_only_ignored() {
    let (mut lab, _) = Lab::sound("3.5.1");
    lab.member_with("", &[("ETCD_CA_FILE", "ca.crt")]);
    let found = fires(&lab, Rule::UnknownSetting, Error);
    assert_eq!(found.field.as_deref(), Some("ETCD_CA_FILE"));

    let (mut lab, _) = Lab::sound("3.5.1");
    lab.configured(
        "name: infra1\nlisten-client-urls: https://127.0.0.1:2379\n\
         advertise-client-urls: https://127.0.0.1:2379\ntrusted-ca-file: ca.crt\n\
         client-transport-security:\n  cert-file: server.crt\n  key-file: server.key\n",
    );
    let found = fires(&lab, Rule::UnknownSetting, Error);
    assert_eq!(found.field.as_deref(), Some("trusted-ca-file"));
    let (mut lab, _) = Lab::sound("3.5.1");
    lab.configured("name: infra1\nno-such-thing: 1\n");
    fires(&lab, Rule::UnknownSetting, Warning);
}

#[test]
fn settings_that_contradict() {
    let (mut lab, _) = Lab::sound("3.5.1");
    lab.member_with("--name=a", &[("ETCD_NAME", "b")]);
    assert_eq!(lab.fired(), [(Rule::SettingConflict, Error)]);
    assert!(lab.examine()[0].fix.starts_with("unset ETCD_NAME"));
}

#[test]
fn ports_without_tls() {
    let http =
        |urls: &str| sound_but(&format!("--listen-client-urls=https://10.0.0.1:2379,{urls}"));
    fires(&http("http://10.0.0.1:2378"), Rule::PlaintextListener, Error);
    fires(&http("http://127.0.0.1:2378"), Rule::PlaintextListener, Warning);
    let (mut lab, _) = Lab::sound("3.5.1");
    lab.infra1("--listen-metrics-urls=http://10.0.0.1:2381");
    is_silent(&lab, Rule::PlaintextListener);
}

#[test]
fn names_of_two_kinds() {
    let both = "--peer-cert-allowed-cn=infra1 --peer-cert-allowed-hostname=localhost";
    let found = fires(&sound_but(both), Rule::SettingConflict, Error);
    insta::assert_snapshot!(found.today, @r#"AllowedCN and AllowedHostname are mutually exclusive (cn="infra1", hostname="localhost")"#);
    for one in both.split(' ') {
        is_silent(&sound_but(one), Rule::SettingConflict);
    }
}

#[test]
fn peers_that_nobody_asks() {
    let (mut lab, _) = Lab::sound("3.5.1");
    let peers = |host: &str, scheme: &str| {
        format!(
            "--listen-peer-urls={scheme}://{host}:2380 \
             --initial-advertise-peer-urls={scheme}://{host}:2380 \
             --initial-cluster=default={scheme}://{host}:2380"
        )
    };
    let with = "--peer-cert-file=peer.crt --peer-key-file=peer.key";
    for (words, severity) in [
        (format!("{} {with}", peers("10.0.0.1", "https")), Some(Error)),
        (format!("{} {with}", peers("127.0.0.1", "https")), Some(Warning)),
        (peers("10.0.0.1", "http"), Some(Error)),
        (peers("127.0.0.1", "http"), None),
    ] {
        lab.members.clear();
        lab.member(&words);
        match severity {
            Some(severity) => _ = fires(&lab, Rule::PeersUnauthenticated, severity),
            None => is_silent(&lab, Rule::PeersUnauthenticated),
        }
    }
}
