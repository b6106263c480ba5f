//! What OpenSSL writes is read as OpenSSL says that it is.

use std::fs;
use std::path::{Path, PathBuf};

use super::super::*;

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples").join(name)
}

fn sample(name: &str) -> Vec<u8> {
    fs::read(path(name)).unwrap()
}

fn certificate(name: &str) -> CertificateDetails {
    certificates(&sample(name)).unwrap().remove(0)
}

fn key(name: &str) -> PrivateKeyDetails {
    private_keys(&sample(name)).unwrap().remove(0)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02X}")).collect()
}

/// `iso_8601`, as OpenSSL has it.
fn moment(time: time::OffsetDateTime) -> String {
    let (hour, minute, second) = time.to_hms();
    format!("{} {hour:02}:{minute:02}:{second:02}Z", time.date())
}

#[test]
fn openssl_says_the_same() {
    let mut seen = 0;
    for entry in fs::read_dir(path("")).unwrap() {
        let says = entry.unwrap().path();
        if says.extension().is_none_or(|ending| ending != "says") {
            continue;
        }
        seen += 1;
        let read = certificates(&fs::read(says.with_extension("")).unwrap()).unwrap().remove(0);
        let fingerprint: Vec<_> =
            read.fingerprint.iter().map(|byte| format!("{byte:02X}")).collect();
        let ours = format!(
            "serial={}\nnotBefore={}\nnotAfter={}\nsha256 Fingerprint={}\nsubject={}\nissuer={}\n",
            hex(&read.serial).trim_start_matches("00"),
            moment(read.not_before),
            moment(read.not_after),
            fingerprint.join(":"),
            read.subject.text.replace(", ", ",").replace(r"\,,", r"\,"),
            read.issuer.text.replace(", ", ",").replace(r"\,,", r"\,"),
        );
        // The one comma that is part of a name has its space back.
        let ours = ours.replace(r"Example\,Inc.", r"Example\, Inc.");
        assert_eq!(ours, fs::read_to_string(&says).unwrap(), "{}", says.display());
        // P-256K is the one thing here that Go does not take.
        let is_koblitz = says.to_string_lossy().contains("k256");
        assert_eq!(read.go_objects.is_some(), is_koblitz, "{:?}", read.go_objects);
    }
    assert_eq!(seen, 17);
}

#[test]
fn everyone_signed_themselves_and_nobody_else() {
    let rsa = ["rsa-sha1", "rsa-sha256", "rsa-sha384", "rsa-sha512", "rsa-pss"];
    let elliptic =
        ["p256-sha256", "p256-sha384", "p256-sha512", "p384-sha256", "p384-sha384", "p521-sha512"];
    // What ring does not compute; 1024 bits are too few for PSS and SHA-384, everywhere.
    let unknown: &[&str] = if cfg!(feature = "aws-lc-rs") {
        &["rsa-pss", "rsa-sha384"]
    } else {
        &["rsa-pss", "rsa-sha384", "p256-sha512", "p521-sha512"]
    };
    for name in rsa.into_iter().chain(elliptic).chain(["ed25519"]) {
        let own = certificate(&format!("{name}.crt"));
        let expected = match unknown.contains(&name) {
            true => SignatureCheck::Unknown,
            false => SignatureCheck::Valid,
        };
        assert_eq!(own.signed_by(&own), expected, "{name}");
        let other = certificate(if name == "ed25519" { "p256-sha256.crt" } else { "ed25519.crt" });
        assert_eq!(own.signed_by(&other), SignatureCheck::Invalid, "{name}");
    }
    let koblitz = certificate("k256-sha256.crt");
    assert_eq!(koblitz.signed_by(&koblitz), SignatureCheck::Unknown);
    assert_eq!(koblitz.public_key, PublicKey::Other { oid: "1.3.132.0.10".to_owned() });
}

#[test]
fn one_changed_bit_is_no_signature() {
    for name in
        ["rsa-sha1.crt", "rsa-sha256.crt", "p256-sha256.crt", "p384-sha384.crt", "ed25519.crt"]
    {
        let own = certificate(name);
        let mut der = own.certificate.der().to_vec();
        let last = der.len() - 1;
        der[last] ^= 1;
        let changed = CertificateDetails::parse(&der).unwrap();
        assert_eq!(changed.signed_by(&own), SignatureCheck::Invalid, "{name}");
    }
}

#[test]
fn keys_in_every_form_are_known_and_find_their_certificates() {
    let p256 = PublicKey::Ecdsa { bits: 256 };
    let rsa = PublicKey::Rsa { bits: 1024 };
    let (pkcs1, pkcs8, sec1) = (KeyFormat::Pkcs1, KeyFormat::Pkcs8, KeyFormat::Sec1);
    for (name, format, kind, owner, not_owner) in [
        ("rsa.pkcs1.key", pkcs1, rsa.clone(), "rsa-sha1.crt", "p256-sha256.crt"),
        ("rsa.pkcs8.key", pkcs8, rsa, "rsa-sha1.crt", "ed25519.crt"),
        ("p256.parameters.key", sec1, p256.clone(), "leaf.crt", "p384-sha384.crt"),
        ("p256.no-public.key", sec1, p256.clone(), "leaf.crt", "p384-sha384.crt"),
        ("p256.pkcs8.key", pkcs8, p256.clone(), "leaf.crt", "rsa-sha1.crt"),
        ("p256.key.der", pkcs8, p256, "leaf.crt", "rsa-sha1.crt"),
        ("p384.sec1.key", sec1, PublicKey::Ecdsa { bits: 384 }, "intermediate.crt", "leaf.crt"),
        ("p521.sec1.key", sec1, PublicKey::Ecdsa { bits: 521 }, "p521-sha512.crt", "leaf.crt"),
        ("ed25519.pkcs8.key", pkcs8, PublicKey::Ed25519, "ed25519.crt", "leaf.crt"),
    ] {
        let key = key(name);
        assert!(!key.encrypted);
        assert_eq!((key.format, key.key.as_ref()), (format, Some(&kind)), "{name}");
        assert_eq!(key.belongs_to(&certificate(owner)), Some(true), "{name}");
        assert_eq!(key.belongs_to(&certificate(not_owner)), Some(false), "{name}");
    }
    // Of one kind, and another one.
    let stranger = crate::Authority::generate("stranger").unwrap();
    let stranger = CertificateDetails::parse(stranger.certificate().der()).unwrap();
    for name in ["p256.parameters.key", "p256.no-public.key", "p256.pkcs8.key"] {
        assert_eq!(key(name).belongs_to(&stranger), Some(false), "{name}");
    }
    assert_eq!(key("k256.sec1.key").belongs_to(&certificate("k256-sha256.crt")), None);
}

#[test]
fn encrypted_keys_are_told_apart_and_belong_to_nobody_yet() {
    for (name, format) in
        [("rsa.proc-type.key", KeyFormat::Pkcs1), ("rsa.encrypted.key", KeyFormat::Pkcs8)]
    {
        let key = key(name);
        assert!(key.encrypted, "{name}");
        assert_eq!((key.format, &key.key), (format, &None));
        assert_eq!(key.belongs_to(&certificate("rsa-sha1.crt")), None);
    }
}

#[test]
fn a_chain_with_text_and_carriage_returns() {
    let chain = certificates(&sample("chain.crt")).unwrap();
    let names: Vec<_> = chain.iter().map(|it| it.subject.common_name.as_str()).collect();
    assert_eq!(names, ["leaf", "intermediate", "p256-sha256"]);
    assert_eq!(chain[0].signed_by(&chain[1]), SignatureCheck::Valid);
    assert_eq!(chain[1].signed_by(&chain[2]), SignatureCheck::Valid);
    assert_eq!(chain[0].signed_by(&chain[2]), SignatureCheck::Invalid);
    assert_eq!(chain[1].basic_constraints.unwrap().path_length, Some(0));
    let names = chain[0].names.clone().unwrap();
    assert_eq!(names.dns, ["a.example.com", "*.example.com"]);
    let ip: Vec<_> = names.ip.iter().map(ToString::to_string).collect();
    assert_eq!(ip, ["10.0.0.1", "2001:db8::1"]);
    assert_eq!(names.uri, ["spiffe://example/leaf"]);
    assert_eq!(names.email, ["a@example.com"]);
    assert_eq!(
        chain[0].extended_key_usages.as_deref().unwrap(),
        [
            ExtendedKeyUsage::ServerAuth,
            ExtendedKeyUsage::ClientAuth,
            ExtendedKeyUsage::Other("1.3.6.1.5.5.7.3.3".to_owned()),
        ]
    );
    assert_eq!(certificates(&sample("p256-sha256.der")).unwrap(), chain[2..]);
}

#[test]
fn name_constraints() {
    let constraints = certificate("constrained.crt").name_constraints.unwrap();
    assert_eq!(constraints.permitted_dns, ["example.com"]);
    assert_eq!(constraints.excluded_dns, [".bad.example.com"]);
    let network = ("10.0.0.0".parse().unwrap(), "255.0.0.0".parse().unwrap());
    assert_eq!(constraints.permitted_ip, [network]);
}

#[test]
fn requests() {
    let pem = request(&sample("leaf.csr")).unwrap();
    assert_eq!(pem, request(&sample("leaf.csr.der")).unwrap());
    assert_eq!(pem.subject.text, "CN=leaf");
    assert_eq!(pem.names, certificate("leaf.crt").names);
    assert!(pem.key_usages.unwrap().key_encipherment);
    assert_eq!(pem.signed_by_itself(), SignatureCheck::Valid);
    let mut changed = pem.der.clone();
    *changed.last_mut().unwrap() ^= 1;
    let changed = RequestDetails::parse(&changed).unwrap();
    assert_eq!(changed.signed_by_itself(), SignatureCheck::Invalid);
}

#[test]
fn revocation_lists() {
    let pem = revocation_list(&sample("list.crl")).unwrap();
    let der = revocation_list(&sample("list.crl.der")).unwrap();
    assert_eq!((pem.encoding, der.encoding), (Encoding::Pem, Encoding::Der));
    assert_eq!((pem.version, pem.number.as_deref()), (2, Some([0x0a].as_slice())));
    let after_text = [b"\n".as_slice(), &sample("list.crl")].concat();
    assert_eq!(revocation_list(&after_text).unwrap().encoding, Encoding::PemAfterText);
    assert_eq!(pem.der, der.der);
    let entries: Vec<_> = pem
        .entries
        .iter()
        .map(|entry| (hex(&entry.serial), moment(entry.revoked_at), entry.reason))
        .collect();
    assert_eq!(
        entries,
        [
            ("01".to_owned(), "2025-01-02 03:04:05Z".to_owned(), Some(1)),
            ("7FFF".to_owned(), "2025-01-02 03:04:07Z".to_owned(), Some(4)),
            ("0080FF".to_owned(), "2025-01-02 03:04:06Z".to_owned(), None),
        ]
    );
    assert!(pem.next_update.unwrap() - pem.this_update == time::Duration::days(30));
    assert!(pem.entry(&certificate("leaf.crt")).is_some());
    assert!(pem.entry(&certificate("intermediate.crt")).is_none());
    let authority = certificate("p256-sha256.crt");
    assert_eq!(pem.authority_key_identifier, authority.subject_key_identifier);
    assert_eq!(pem.signed_by(&authority), SignatureCheck::Valid);
    assert_eq!(pem.signed_by(&certificate("intermediate.crt")), SignatureCheck::Invalid);

    let old = revocation_list(&sample("version1.crl")).unwrap();
    assert_eq!((old.version, old.number, old.entries.len()), (1, None, 0));
    assert_eq!(old.go_objects.as_deref(), Some("x509: unsupported crl version"));
}
