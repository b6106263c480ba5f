//! Each rule fires on its case; the sound fleets of `healthy` are the control of all.

use std::path::Path;

use time::Duration;

use super::lab::Lab;
use crate::doctor::{FileState, Finding, Rule, Severity};
use crate::issue::der::ToBeSigned;
use crate::{Authority, Leaf, RevocationReason, Revocations};

use Severity::{Error, Warning};

/// That it is found, and how badly; and gives it back.
#[track_caller]
pub(super) fn fires(lab: &Lab, rule: Rule, severity: Severity) -> Finding {
    let report = lab.examine();
    let found = report.iter().find(|finding| (finding.rule, finding.severity) == (rule, severity));
    found.unwrap_or_else(|| panic!("{rule} {severity} is not in {report:#?}")).clone()
}

/// That it is not found.
#[track_caller]
pub(super) fn is_silent(lab: &Lab, rule: Rule) {
    let report = lab.examine();
    assert!(report.iter().all(|finding| finding.rule != rule), "{rule} is in {report:#?}");
}

#[track_caller]
pub(super) fn sound_but(words: &str) -> Lab {
    let (mut lab, _) = Lab::sound("3.5.1");
    lab.infra1(words);
    lab
}

pub(super) fn file(path: &str) -> Option<std::path::PathBuf> {
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
