//! Each rule fires on its case; the sound fleets of `healthy` are the control of all.

use std::path::Path;

use time::Duration;

use super::lab::Lab;
use crate::doctor::{FileState, Finding, Rule, Severity, Url};
use crate::issue::der::ToBeSigned;
use crate::{Authority, Leaf, RevocationReason, Revocations};

use Severity::{Error, Note, Warning};

/// That it is found, and how badly; and gives it back.
#[track_caller]
fn fires(lab: &Lab, rule: Rule, severity: Severity) -> Finding {
    let report = lab.examine();
    let found = report.iter().find(|finding| (finding.rule, finding.severity) == (rule, severity));
    found.unwrap_or_else(|| panic!("{rule} {severity} is not in {report:#?}")).clone()
}

/// That it is not found.
#[track_caller]
fn is_silent(lab: &Lab, rule: Rule) {
    let report = lab.examine();
    assert!(report.iter().all(|finding| finding.rule != rule), "{rule} is in {report:#?}");
}

#[track_caller]
fn sound_but(words: &str) -> Lab {
    let (mut lab, _) = Lab::sound("3.5.1");
    lab.infra1(words);
    lab
}

fn file(path: &str) -> Option<std::path::PathBuf> {
    Some(Path::new(path).to_owned())
}

#[test]
fn a_chain_that_is_reversed() {
    let (mut lab, authority) = Lab::sound("3.5.1");
    let leaf = authority.issue(&Leaf::server("infra1").host("10.0.0.1")).unwrap();
    lab.write("server.crt", format!("{}{}", authority.certificate_pem(), leaf.chain_pem()));
    lab.write_with("server.key", leaf.key_pem(), 0o600);
    lab.infra1("");
    let found = fires(&lab, Rule::ChainReversed, Error);
    assert_eq!(found.file, file("server.crt"));
    assert_eq!(found.today, "tls: private key does not match public key");
    is_silent(&lab, Rule::KeyMismatch);
}

#[test]
fn a_key_of_another_certificate() {
    let lab = sound_but("--key-file=peer.key");
    let found = fires(&lab, Rule::KeyMismatch, Error);
    assert_eq!(found.member.as_deref(), Some("infra1"));
    insta::assert_snapshot!(found.meaning, @"The key in peer.key (--key-file) is not that of the certificate CN=infra1 in server.crt (--cert-file): one of them is from another issue, or only one was replaced. etcd does not start.");
    is_silent(&lab, Rule::ChainReversed);
}

#[test]
fn a_client_with_a_key_of_another() {
    let (mut lab, _) = Lab::sound("3.5.1");
    lab.infra1("").client("ca.crt", "client.crt", "peer.key");
    assert_eq!(fires(&lab, Rule::KeyMismatch, Error).member, None);
}

#[test]
fn keys_that_are_encrypted() {
    for key in [
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
        "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n\
         -----END EC PRIVATE KEY-----\n",
    ] {
        let (mut lab, _) = Lab::sound("3.5.1");
        lab.write_with("server.key", key, 0o600);
        lab.infra1("");
        let found = fires(&lab, Rule::KeyEncrypted, Error);
        assert_eq!(found.today, "tls: failed to parse private key");
        assert_eq!(lab.examine().len(), 1, "{:#?}", lab.examine());
    }
}

#[test]
fn files_of_authorities_without_any() {
    for contents in ["", "garbage", "-----BEGIN CERTIFICATE-----\n"] {
        let (mut lab, _) = Lab::sound("3.5.1");
        lab.write("empty.crt", contents);
        lab.infra1("--trusted-ca-file=empty.crt");
        assert_eq!(fires(&lab, Rule::AuthorityFileEmpty, Error).file, file("empty.crt"));
        is_silent(&lab, Rule::FileUnusable);
        let (mut lab, _) = Lab::sound("3.5.1");
        lab.write("empty.crt", contents);
        lab.infra1("").client("empty.crt", "client.crt", "client.key");
        assert_eq!(fires(&lab, Rule::AuthorityFileEmpty, Error).field.as_deref(), Some("--cacert"));
    }
}

#[test]
fn client_auth_without_an_authority() {
    let (mut lab, _) = Lab::sound("3.5.1");
    lab.member(
        "--listen-client-urls=https://127.0.0.1:2379 --advertise-client-urls=https://127.0.0.1:2379 \
         --cert-file=server.crt --key-file=server.key --client-cert-auth",
    );
    fires(&lab, Rule::ClientAuthWithoutAuthority, Error);
}

#[test]
fn revocation_lists_by_version() {
    let other = Authority::generate("other CA").unwrap();
    for (version, pem, der) in
        [("3.4.23", true, true), ("3.5.1", true, true), ("3.6.14", false, true)]
    {
        let (mut lab, authority) = Lab::sound(version);
        let list = authority.revoke(&Revocations::new()).unwrap();
        lab.write("list.pem", list.pem());
        lab.write("list.der", list.der());
        lab.write("garbage", "garbage");
        lab.write("late.der", list.der());
        lab.write("other.der", other.revoke(&Revocations::new()).unwrap().der());
        let judge = |name: &str| {
            let mut lab =
                Lab { members: Vec::new(), files: lab.files.clone(), ..Lab::new(version) };
            lab.infra1(&format!("--client-crl-file={name}"));
            let found = lab.fired();
            found.into_iter().find(|(rule, _)| *rule == Rule::RevocationList).map(|found| found.1)
        };
        assert_eq!(judge("list.pem"), (!pem).then_some(Error), "{version}");
        assert_eq!(judge("list.der"), (!der).then_some(Error), "{version}");
        assert_eq!(judge("garbage"), Some(Error), "{version}");
        assert_eq!(judge("missing"), Some(Error), "{version}");
        assert_eq!(judge("other.der"), Some(Warning), "{version}");
        lab.infra1("--client-crl-file=list.der");
        lab.now += Duration::days(400);
        let stale = fires(&lab, Rule::RevocationList, Warning);
        assert!(stale.meaning.contains("The next list was due on"), "{}", stale.meaning);
    }
}

#[test]
fn a_list_that_nobody_consults() {
    let (mut lab, authority) = Lab::sound("3.5.1");
    lab.write("list.der", authority.revoke(&Revocations::new()).unwrap().der());
    lab.member(
        "--listen-client-urls=https://127.0.0.1:2379 --advertise-client-urls=https://127.0.0.1:2379 \
         --cert-file=server.crt --key-file=server.key --client-crl-file=list.der",
    );
    fires(&lab, Rule::RevocationList, Warning);
}

#[test]
fn revocation_is_passed_by_on_versions_before_the_fix() {
    for (version, is_fixed) in [
        ("3.4.45", false),
        ("3.5.31", false),
        ("3.5.32", true),
        ("3.6.12", false),
        ("3.6.13", true),
    ] {
        let (mut lab, authority) = Lab::sound(version);
        lab.write("list.der", authority.revoke(&Revocations::new()).unwrap().der());
        lab.infra1("--client-crl-file=list.der --listen-client-http-urls=https://10.0.0.1:2378");
        if is_fixed {
            is_silent(&lab, Rule::RevocationBypassed);
        } else {
            fires(&lab, Rule::RevocationBypassed, Error);
        }
    }
}

#[test]
fn a_revoked_certificate() {
    let (mut lab, authority) = Lab::sound("3.5.1");
    let mallory = authority.issue(&Leaf::client("mallory")).unwrap();
    let revoked = Revocations::new()
        .certificate(mallory.certificate(), RevocationReason::KeyCompromise)
        .unwrap();
    lab.identity("mallory", &mallory);
    lab.write("list.der", authority.revoke(&revoked).unwrap().der());
    lab.infra1("--client-crl-file=list.der");
    lab.client("ca.crt", "client.crt", "client.key");
    is_silent(&lab, Rule::Revoked);
    lab.client("ca.crt", "mallory.crt", "mallory.key");
    let found = fires(&lab, Rule::Revoked, Error);
    assert!(found.today.starts_with("transport: certificate serial "), "{}", found.today);

    // Nobody consults the same list where it only lies beside.
    lab.members.clear();
    lab.infra1("");
    lab.loose.push("list.der".into());
    fires(&lab, Rule::Revoked, Warning);
}

#[test]
fn weak_certificates() {
    let (mut lab, _) = Lab::sound("3.5.1");
    lab.write("server.crt", include_bytes!("../../../fixtures/tutorial/server.crt"));
    lab.write_with("server.key", include_bytes!("../../../fixtures/tutorial/server.key"), 0o600);
    lab.infra1("");
    // Issued again with names, it is of version 3: that is not said twice.
    fires(&lab, Rule::NoNames, Error);
    is_silent(&lab, Rule::WeakCertificate);
    lab.write("old.crt", include_bytes!("../../../fixtures/tutorial/client.crt"));
    lab.loose.push("old.crt".into());
    assert_eq!(fires(&lab, Rule::WeakCertificate, Warning).field.as_deref(), Some("version"));
}

#[test]
fn certificates_that_depend_on_the_build() {
    for (version, severity) in
        [("3.4.23", Warning), ("3.5.1", Warning), ("3.6.14", Error), ("3.7.1", Error)]
    {
        let (mut lab, authority) = Lab::sound(version);
        let leaf = Leaf::server("infra1").host("10.0.0.1").negative_serial();
        lab.identity("server", &authority.issue(&leaf).unwrap());
        lab.infra1("");
        let found = fires(&lab, Rule::WeakCertificate, severity);
        assert_eq!(found.field.as_deref(), Some("serialNumber"), "{version}");
    }
    let (mut lab, authority) = Lab::sound("3.6.14");
    let leaf = Leaf::server("infra1").host("10.0.0.1").weak_rsa();
    lab.identity("server", &authority.issue(&leaf).unwrap());
    lab.infra1("");
    let found = fires(&lab, Rule::WeakCertificate, Warning);
    assert!(found.meaning.contains("has 1024 bits"), "{}", found.meaning);
}

#[test]
fn an_authority_that_may_not_sign() {
    // 2.5.29.19, which is basicConstraints.
    let basic_constraints = [0x55, 0x1d, 0x13];
    let (mut lab, authority) = Lab::sound("3.5.1");
    let mut certificate = ToBeSigned::read(authority.certificate().der()).unwrap();
    lab.infra1("");
    is_silent(&lab, Rule::WeakCertificate);
    certificate.remove_extension(&basic_constraints);
    let der = certificate.sign(authority.key().pair()).unwrap();
    lab.write("ca.crt", pem::encode(&pem::Pem::new("CERTIFICATE", der)));
    let report = lab.examine();
    let found = report.iter().find(|found| found.rule == Rule::WeakCertificate).unwrap();
    assert_eq!(found.severity, Error);
}

#[test]
fn serial_numbers_given_twice() {
    let (mut lab, authority) = Lab::sound("3.5.1");
    let first = authority.issue(&Leaf::client("alice")).unwrap();
    lab.write("first.crt", first.chain_pem());
    lab.write("again.crt", first.chain_pem());
    lab.loose.extend(["first.crt".into(), "again.crt".into()]);
    lab.infra1("");
    is_silent(&lab, Rule::SerialReused);
    // Another certificate of that number: the signature is not looked at.
    let mut der = first.certificate().der().to_vec();
    *der.last_mut().unwrap() ^= 1;
    lab.write("again.crt", pem::encode(&pem::Pem::new("CERTIFICATE", der)));
    let found = fires(&lab, Rule::SerialReused, Warning);
    assert!(found.meaning.contains("again.crt, first.crt"), "{}", found.meaning);
}

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
fn keys_that_others_can_read() {
    for (mode, is_sound) in
        [(0o600, true), (0o400, true), (0o640, true), (0o660, false), (0o644, false)]
    {
        let (mut lab, authority) = Lab::sound("3.5.1");
        let peer = authority.issue(&Leaf::peer("infra1").host("10.0.0.1")).unwrap();
        lab.identity("peer", &peer);
        lab.write_with("peer.key", peer.key_pem(), mode);
        lab.infra1("");
        if is_sound {
            is_silent(&lab, Rule::KeyReadable);
        } else {
            let fix = fires(&lab, Rule::KeyReadable, Warning).fix;
            assert!(fix.ends_with("\n  chmod 600 peer.key"), "{fix}");
        }
    }
}

#[test]
fn an_authority_that_changed_after_the_start() {
    let mut lab = sound_but("");
    lab.members[0].1 = Some(lab.now - Duration::hours(1));
    is_silent(&lab, Rule::AuthorityInMemory);
    lab.members[0].1 = Some(lab.now - Duration::days(2));
    fires(&lab, Rule::AuthorityInMemory, Warning);
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
fn files_that_are_missing_and_halves() {
    let found = fires(&sound_but("--cert-file=nope.crt"), Rule::FileMissing, Error);
    assert_eq!(found.today, "open nope.crt: no such file or directory");
    let (mut lab, _) = Lab::sound("3.5.1");
    let state = FileState::Unreadable("is a directory".to_owned());
    lab.files.insert("server.key".into(), state);
    let found = fires(lab.infra1(""), Rule::FileMissing, Error);
    assert_eq!(found.today, "open server.key: is a directory");

    let mut lab = Lab::new("3.5.1");
    lab.member(
        "--listen-client-urls=https://127.0.0.1:2379 --advertise-client-urls=https://127.0.0.1:2379",
    );
    assert_eq!(
        fires(&lab, Rule::FileMissing, Error).today,
        "TLS key/cert (--cert-file, --key-file) must be provided for client url \
         https://127.0.0.1:2379 with HTTPS scheme"
    );
    let (mut lab, _) = Lab::sound("3.5.1");
    lab.member(
        "--listen-client-urls=https://127.0.0.1:2379 --advertise-client-urls=https://127.0.0.1:2379 \
         --cert-file=server.crt",
    );
    assert_eq!(
        fires(&lab, Rule::FileMissing, Error).today,
        "KeyFile and CertFile must both be present[key: , cert: server.crt]"
    );
}

#[test]
fn files_that_are_something_else() {
    let (mut lab, authority) = Lab::sound("3.5.1");
    lab.write("ca.der", authority.certificate().der());
    lab.write("bundle.pem", format!("{}{}", authority.certificate_pem(), *authority.key_pem()));
    for (words, today) in [
        ("--cert-file=ca.der", "tls: failed to find any PEM data in certificate input"),
        (
            "--cert-file=server.key",
            "tls: failed to find certificate PEM data in certificate input, but did find a private \
             key; PEM inputs may have been switched",
        ),
        (
            "--key-file=server.crt",
            "tls: found a certificate rather than a key in the PEM for the private key",
        ),
        (
            "--trusted-ca-file=bundle.pem",
            "x509: malformed tbs certificate (built with Go before 1.17: asn1: structure error)",
        ),
    ] {
        let mut lab = Lab { files: lab.files.clone(), ..Lab::new("3.5.1") };
        lab.infra1(words);
        assert_eq!(fires(&lab, Rule::FileUnusable, Error).today, today);
        is_silent(&lab, Rule::KeyMismatch);
    }
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

#[test]
fn certificates_that_expire_soon() {
    let (mut lab, authority) = Lab::sound("3.5.1");
    let days = |days: u64| std::time::Duration::from_secs(days * 86_400);
    for (left, is_soon) in [(40, false), (20, true)] {
        let leaf = Leaf::client("alice").expires_in(days(left));
        lab.identity("client", &authority.issue(&leaf).unwrap());
        lab.members.clear();
        lab.clients.clear();
        lab.infra1("").client("ca.crt", "client.crt", "client.key");
        if is_soon {
            assert_eq!(fires(&lab, Rule::ExpiresSoon, Warning).file, file("client.crt"));
        } else {
            is_silent(&lab, Rule::ExpiresSoon);
        }
    }
    // A life of ten days is not over at its beginning.
    lab.identity("client", &authority.issue(&Leaf::client("alice").valid_for(days(10))).unwrap());
    lab.clients.clear();
    lab.client("ca.crt", "client.crt", "client.key");
    is_silent(&lab, Rule::ExpiresSoon);
}
