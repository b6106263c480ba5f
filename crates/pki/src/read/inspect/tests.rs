//! What the tables look like, and what finding files does.

use std::fs;
use std::path::Path;

use super::*;
use crate::{Authority, Leaf};

/// Shortly after the samples were made.
fn now() -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(1_795_350_000).unwrap()
}

/// A directory with some of the samples, all readable by their owner alone.
fn directory_of(files: &[(&str, &str)]) -> tempfile::TempDir {
    let scratch = tempfile::tempdir().unwrap();
    for (from, to) in files {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples").join(from);
        write(&scratch.path().join(to), &fs::read(from).unwrap());
    }
    scratch
}

fn write(path: &Path, contents: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, contents).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    }
}

#[cfg(unix)]
#[test]
fn a_directory_as_a_table() {
    let scratch = directory_of(&[
        ("p256-sha256.crt", "ca.crt"),
        ("intermediate.crt", "intermediate.crt"),
        ("chain.crt", "infra1/server.crt"),
        ("p256.parameters.key", "infra1/server.key"),
        ("rsa.proc-type.key", "infra2/server.key"),
        ("ed25519.pkcs8.key", "infra3/server.key"),
        ("leaf.csr", "infra1/server.csr"),
        ("list.crl.der", "ca.crl"),
        ("make", "make"),
    ]);
    let inventory = directory(scratch.path()).unwrap();
    insta::assert_snapshot!(inventory.table(now()), @r"
    Certificates
    FILE                  MODE  SUBJECT                                            FOR                                NAMES                                 KEY    VALID UNTIL                  ISSUER                                             FINGERPRINT   SERIAL
    ca.crt                0600  CN=p256-sha256, OU=two, OU=one, O=Example\, Inc.…  authority                          -                                     P-256  2126-10-29, 36499 days left  itself                                             9ca462717cc8  7e736150ed496420c2dc3dfd67014d01b73fe6fb
    intermediate.crt      0600  CN=intermediate                                    authority, path length 0           -                                     P-384  2126-10-29, 36499 days left  CN=p256-sha256, OU=two, OU=one, O=Example\, Inc.…  b245e05dd8a2  ff00ff00ff00ff
    infra1/server.crt #1  0600  CN=leaf                                            server, client, 1.3.6.1.5.5.7.3.3  a.example.com, *.example.com,         P-256  2126-10-29, 36499 days left  CN=intermediate                                    5339ff894f73  01
                                                                                                                      10.0.0.1, 2001:db8::1,
                                                                                                                      spiffe://example/leaf, a@example.com
    infra1/server.crt #2  0600  CN=intermediate                                    authority, path length 0           -                                     P-384  2126-10-29, 36499 days left  CN=p256-sha256, OU=two, OU=one, O=Example\, Inc.…  b245e05dd8a2  ff00ff00ff00ff
    infra1/server.crt #3  0600  CN=p256-sha256, OU=two, OU=one, O=Example\, Inc.…  authority                          -                                     P-256  2126-10-29, 36499 days left  itself                                             9ca462717cc8  7e736150ed496420c2dc3dfd67014d01b73fe6fb

    Keys
    FILE               MODE  KEY        FORM     BELONGS TO
    infra1/server.key  0600  P-256      SEC 1    ca.crt, infra1/server.crt #1,
                                                 infra1/server.crt #3,
                                                 infra1/server.csr
    infra2/server.key  0600  encrypted  PKCS #1  -
    infra3/server.key  0600  Ed25519    PKCS #8  -

    Requests
    FILE               MODE  SUBJECT  FOR                                NAMES                                 KEY
    infra1/server.csr  0600  CN=leaf  server, client, 1.3.6.1.5.5.7.3.3  a.example.com, *.example.com,         P-256
                                                                         10.0.0.1, 2001:db8::1,
                                                                         spiffe://example/leaf, a@example.com

    Revocation lists
    FILE    MODE  ISSUER                                             FORM  NUMBER  MADE        NEXT                      REVOKED
    ca.crl  0600  CN=p256-sha256, OU=two, OU=one, O=Example\, Inc.…  DER   0a      2026-11-22  2026-12-22, 29 days left  3
    ");
    insta::assert_snapshot!(inventory.long(now()), @r"
    ca.crl: revocation list, mode 0600
      issuer        CN=p256-sha256, OU=two, OU=one, O=Example\, Inc., C=DE, which is ca.crt
      form          DER
      signed        ECDSA with SHA-256
      made          2026-11-22 07:13:46 UTC
      next          2026-12-22 07:13:46 UTC (29 days left)
      number        0a
      issuer's key  d0e7388e4d5688321de39f6743d880927d3fd66b
      revoked       01 on 2025-01-02, key compromised
      revoked       7fff on 2025-01-02, superseded
      revoked       80ff on 2025-01-02, no reason said

    ca.crt: certificate, mode 0600
      subject       CN=p256-sha256, OU=two, OU=one, O=Example\, Inc., C=DE
      issuer        itself
      for           authority
      key usages    keyCertSign, cRLSign
      key           P-256
      signed        ECDSA with SHA-256
      valid from    2026-11-22 07:13:46 UTC
      valid until   2126-10-29 07:13:46 UTC (36499 days left)
      serial        7e736150ed496420c2dc3dfd67014d01b73fe6fb
      subject key   d0e7388e4d5688321de39f6743d880927d3fd66b
      issuer's key  d0e7388e4d5688321de39f6743d880927d3fd66b
      SHA-256       9ca462717cc8708b60c3c7fb35884774286b8de4fab26c0f27578d6fa5fb80e6

    intermediate.crt: certificate, mode 0600
      subject       CN=intermediate
      issuer        CN=p256-sha256, OU=two, OU=one, O=Example\, Inc., C=DE, which is ca.crt
      for           authority, path length 0
      key usages    keyCertSign
      key           P-384
      signed        ECDSA with SHA-256
      valid from    2026-11-22 07:13:46 UTC
      valid until   2126-10-29 07:13:46 UTC (36499 days left)
      serial        ff00ff00ff00ff
      subject key   98abbb212d3385d1231001b5d5d7dda34ac3c7cb
      issuer's key  d0e7388e4d5688321de39f6743d880927d3fd66b
      SHA-256       b245e05dd8a27fd52a7f910bcd695d26704b754622f9784d567ffd7531b24f8d

    infra1/server.crt #1: certificate, mode 0600
      subject       CN=leaf
      issuer        CN=intermediate, which is intermediate.crt
      for           server, client, 1.3.6.1.5.5.7.3.3
      names         a.example.com, *.example.com, 10.0.0.1, 2001:db8::1, spiffe://example/leaf, a@example.com
      key usages    digitalSignature, keyEncipherment
      key           P-256
      signed        ECDSA with SHA-384
      valid from    2026-11-22 07:13:46 UTC
      valid until   2126-10-29 07:13:46 UTC (36499 days left)
      serial        01
      subject key   d0e7388e4d5688321de39f6743d880927d3fd66b
      issuer's key  98abbb212d3385d1231001b5d5d7dda34ac3c7cb
      SHA-256       5339ff894f73d1546e5fa0eac72712b394eff1c7fe0331c676ce0a75c309ef6f

    infra1/server.crt #2: certificate, mode 0600
      subject       CN=intermediate
      issuer        CN=p256-sha256, OU=two, OU=one, O=Example\, Inc., C=DE, which is ca.crt
      for           authority, path length 0
      key usages    keyCertSign
      key           P-384
      signed        ECDSA with SHA-256
      valid from    2026-11-22 07:13:46 UTC
      valid until   2126-10-29 07:13:46 UTC (36499 days left)
      serial        ff00ff00ff00ff
      subject key   98abbb212d3385d1231001b5d5d7dda34ac3c7cb
      issuer's key  d0e7388e4d5688321de39f6743d880927d3fd66b
      SHA-256       b245e05dd8a27fd52a7f910bcd695d26704b754622f9784d567ffd7531b24f8d

    infra1/server.crt #3: certificate, mode 0600
      subject       CN=p256-sha256, OU=two, OU=one, O=Example\, Inc., C=DE
      issuer        itself
      for           authority
      key usages    keyCertSign, cRLSign
      key           P-256
      signed        ECDSA with SHA-256
      valid from    2026-11-22 07:13:46 UTC
      valid until   2126-10-29 07:13:46 UTC (36499 days left)
      serial        7e736150ed496420c2dc3dfd67014d01b73fe6fb
      subject key   d0e7388e4d5688321de39f6743d880927d3fd66b
      issuer's key  d0e7388e4d5688321de39f6743d880927d3fd66b
      SHA-256       9ca462717cc8708b60c3c7fb35884774286b8de4fab26c0f27578d6fa5fb80e6

    infra1/server.csr: request, mode 0600
      subject       CN=leaf
      for           server, client, 1.3.6.1.5.5.7.3.3
      names         a.example.com, *.example.com, 10.0.0.1, 2001:db8::1, spiffe://example/leaf, a@example.com
      key usages    digitalSignature, keyEncipherment
      key           P-256
      signed        ECDSA with SHA-256, by its own key

    infra1/server.key: key, mode 0600
      key           P-256
      form          SEC 1
      belongs to    ca.crt, infra1/server.crt #1, infra1/server.crt #3, infra1/server.csr

    infra2/server.key: key, mode 0600
      key           encrypted: etcd reads no such key
      form          PKCS #1
      belongs to    nothing here

    infra3/server.key: key, mode 0600
      key           Ed25519
      form          PKCS #8
      belongs to    nothing here
    ");
}

#[cfg(unix)]
#[test]
fn what_is_easily_overlooked_is_said() {
    use std::os::unix::fs::PermissionsExt as _;
    let scratch = directory_of(&[
        ("leaf.crt", "leaf.crt"),
        ("rsa.pkcs1.key", "open.key"),
        ("k256-sha256.crt", "koblitz.crt"),
    ]);
    let path = |name: &str| scratch.path().join(name);
    fs::set_permissions(path("open.key"), fs::Permissions::from_mode(0o644)).unwrap();
    let (one, two) = (Authority::generate("one").unwrap(), Authority::generate("two").unwrap());
    let leaf = one.issue(&Leaf::client("leaf")).unwrap();
    write(&path("reversed.crt"), [one.certificate_pem(), leaf.chain_pem()].concat().as_bytes());
    write(&path("strange.crt"), [leaf.chain_pem(), two.certificate_pem()].concat().as_bytes());
    // No chains at all: authorities that are trusted.
    write(&path("trusted.crt"), [two.certificate_pem(), one.certificate_pem()].concat().as_bytes());
    write(&path("cut.crt"), &leaf.chain_pem().as_bytes()[..200]);
    write(&path("noise.crt"), b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    write(&path("large.pem"), &vec![b'x'; super::super::MAX_FILE_BYTES + 1]);
    write(&path("large.log"), &vec![b'x'; super::super::MAX_FILE_BYTES + 1]);

    let inventory = directory(scratch.path()).unwrap();
    insta::assert_snapshot!(inventory.notes().join("\n"), @r"
    koblitz.crt: Go does not read it: x509: unsupported elliptic curve
    open.key: it holds a key, and others than its owner can read it (0644)
    reversed.crt: its first certificate is an authority's; the leaf goes first
    strange.crt: certificate 2 did not sign certificate 1
    ");
    insta::assert_snapshot!(inventory.not_read().join("\n"), @r"
    cut.crt: the PEM block in line 1: CERTIFICATE begins there, and has no END line of its own or no sound base64: Go passes over it
    noise.crt: the PEM block in line 1: this is no certificate: x509: malformed certificate
    large.pem: 1048577 bytes are too many for certificates; at most 1048576 are read
    ");
}

#[test]
fn an_authority_of_the_same_name_is_told_apart() {
    let one = Authority::builder("ca").without_generation().generate().unwrap();
    let two = Authority::builder("ca").without_generation().generate().unwrap();
    let leaf = one.issue(&Leaf::client("leaf")).unwrap();
    let scratch = tempfile::tempdir().unwrap();
    write(&scratch.path().join("two.crt"), two.certificate_pem().as_bytes());
    write(&scratch.path().join("leaf.crt"), leaf.chain_pem().as_bytes());
    let table = || directory(scratch.path()).unwrap().table(now()).to_string();
    assert!(table().contains("CN=ca (not two.crt)"), "{}", table());
    write(&scratch.path().join("one.crt"), one.certificate_pem().as_bytes());
    assert!(!table().contains("(not "), "{}", table());
}

#[test]
fn days_are_counted() {
    let at = |seconds| now() + time::Duration::seconds(seconds);
    let day = 24 * 60 * 60;
    for (from, to, expected) in [
        (-day, 364 * day, "2027-11-21, 364 days left"),
        (-day, 2 * day, "2026-11-24, 2 days left"),
        (-day, 2 * day - 1, "2026-11-24, 47 hours left"),
        (-day, 2 * 60 * 60, "2026-11-22, 2 hours left"),
        (-day, 119 * 60, "2026-11-22, 119 minutes left"),
        (-day, 1, "2026-11-22, 1 second left"),
        // The last second is valid.
        (-day, 0, "2026-11-22, 0 seconds left"),
        (-day, -1, "2026-11-22, expired 1 second ago"),
        (-9 * day, -3 * day, "2026-11-19, expired 3 days ago"),
        (0, day, "2026-11-23, 24 hours left"),
        (1, day, "from 2026-11-22, in 1 second"),
        (3 * day, 9 * day, "from 2026-11-25, in 3 days"),
        (day, -day, "2026-11-21, ends before it begins"),
    ] {
        assert_eq!(words::validity(at(from), at(to), now()), expected);
    }
}

#[test]
fn numbers_are_as_openssl_prints_them() {
    for (bytes, expected) in [
        (&[0x00][..], "00"),
        (&[0x01], "01"),
        (&[0x00, 0xff], "ff"),
        (&[0x7f, 0xff], "7fff"),
        (&[0xff], "-01"),
        (&[0x80], "-80"),
        (&[0xff, 0x00], "-0100"),
    ] {
        assert_eq!(words::number(bytes), expected);
    }
}

#[test]
fn nothing_in_a_file_disturbs_a_terminal() {
    let text = words::printable("a\u{1b}[31mb\u{202e}c\nd");
    assert_eq!(text, "a\\u{1b}[31mb\\u{202e}c\\u{a}d");
    let inventory = bytes("name\u{1b}[31m", b"nothing");
    let table = inventory.table(now()).to_string();
    assert!(!table.contains('\u{1b}'), "{table}");
}

#[test]
fn nothing_is_said_to_be_nothing() {
    insta::assert_snapshot!(bytes("empty", b"").table(now()), @r"
    Not read
    empty: there is no certificate, key, request or revocation list in it, neither as PEM nor as DER
    ");
    let scratch = tempfile::tempdir().unwrap();
    insta::assert_snapshot!(directory(scratch.path()).unwrap().table(now()), @"There is no certificate, key, request or revocation list here.");
}

#[test]
fn what_is_not_there_is_an_error() {
    let error = at("/nowhere/at/all").unwrap_err();
    insta::assert_snapshot!(error, @"could not read /nowhere/at/all");
    insta::assert_snapshot!(std::error::Error::source(&error).unwrap(), @"No such file or directory (os error 2)");
    #[cfg(unix)]
    insta::assert_snapshot!(file("/dev/null").unwrap_err(), @"/dev/null is neither a file nor a directory");
}

#[cfg(unix)]
#[test]
fn links_make_no_loops_and_show_a_file_once() {
    use std::os::unix::fs::symlink;
    let scratch = tempfile::tempdir().unwrap();
    let root = scratch.path();
    let authority = Authority::generate("one").unwrap();
    // As Kubernetes lays out a secret.
    write(&root.join("..2026/tls.crt"), authority.certificate_pem().as_bytes());
    symlink("..2026", root.join("..data")).unwrap();
    symlink("..data/tls.crt", root.join("tls.crt")).unwrap();
    symlink(root, root.join("loop")).unwrap();
    symlink("nowhere", root.join("dangling")).unwrap();
    let inventory = directory(root).unwrap();
    let paths: Vec<_> = inventory.files().iter().map(|file| inventory.called(&file.path)).collect();
    assert_eq!(paths, ["tls.crt"]);
    let unreadable: Vec<_> = inventory.unreadable().iter().map(|it| &it.path).collect();
    assert_eq!(unreadable, [&root.join("dangling")]);
}

#[test]
fn it_goes_only_so_deep_and_says_so() {
    let scratch = tempfile::tempdir().unwrap();
    let authority = Authority::generate("one").unwrap();
    let mut path = scratch.path().to_owned();
    for depth in 1..=MAX_DEPTH + 1 {
        write(&path.join("ca.crt"), authority.certificate_pem().as_bytes());
        path.push(depth.to_string());
    }
    let inventory = directory(scratch.path()).unwrap();
    assert_eq!(inventory.files().len(), MAX_DEPTH);
    assert_eq!(inventory.unreadable().len(), 1);
}

#[cfg(unix)]
#[test]
fn a_pipe_is_not_waited_for() {
    let scratch = tempfile::tempdir().unwrap();
    let socket = std::os::unix::net::UnixListener::bind(scratch.path().join("socket")).unwrap();
    assert!(directory(scratch.path()).unwrap().unreadable().is_empty());
    drop(socket);
}

#[test]
fn keys_are_shown_nowhere() {
    let authority = Authority::generate("one").unwrap();
    let key = authority.key_pem();
    let inventory = bytes("ca.key", key.as_bytes());
    let shown = format!("{inventory:?}{}{}", inventory.table(now()), inventory.long(now()));
    let base64: String = key.lines().filter(|line| !line.starts_with('-')).collect();
    let secret = pem::parse(key.as_bytes()).unwrap();
    // The 32 bytes of the number, in the forms that they could be printed in.
    let scalar = &secret.contents()[36..68];
    assert!(!shown.contains(&base64[48..80]));
    assert!(!shown.contains(&words::hex(scalar)[..16]));
    assert!(!shown.contains(&format!("{:?}", &scalar[..4])[1..]));
}
