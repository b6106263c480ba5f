//! Leaves of every kind of key.

use tercet_pki::{Authority, Key, Leaf};

use crate::{Openssl, kinds, squeezed};

#[test]
fn leaves_of_every_kind_of_key_are_accepted() {
    let Some(openssl) = Openssl::find() else { return };
    for kind in kinds() {
        let authority = Authority::builder("unit test").key(kind).generate().unwrap();
        let leaf = || Leaf::peer("infra1").hosts(["localhost", "127.0.0.1"]).key(kind);
        let identity = authority.issue(&leaf()).unwrap();
        for purpose in ["sslserver", "sslclient"] {
            openssl.assert_verifies(authority.certificate_pem(), identity.chain_pem(), purpose);
        }
        // Controls: for another purpose, from another authority, and late.
        let client = authority.issue(&Leaf::client("alice").key(kind)).unwrap();
        let root = authority.certificate_pem();
        assert!(!openssl.verify(root, client.chain_pem(), "sslserver").success);
        let stranger = authority.stranger().unwrap();
        let strange = stranger.certificate_pem();
        assert!(!openssl.verify(strange, identity.chain_pem(), "sslserver").success);
        let late = authority.issue(&leaf().expired()).unwrap();
        assert!(!openssl.verify(root, late.chain_pem(), "sslserver").success);

        // And the key is that of the certificate.
        openssl.write("leaf.key", identity.key_pem());
        openssl.write("leaf.crt", identity.chain_pem());
        assert_eq!(
            openssl.run("pkey -in leaf.key -pubout"),
            openssl.run("x509 -in leaf.crt -noout -pubkey"),
        );
    }
}

#[test]
fn the_next_certificate_of_a_key_has_a_serial_number_of_its_own() {
    let Some(openssl) = Openssl::find() else { return };
    let authority = Authority::generate("unit test").unwrap();
    let leaf = Leaf::server("infra1").host("localhost");
    let first = authority.issue(&leaf).unwrap();
    let next = authority.issue_for(&leaf, &first.key().unwrap()).unwrap();
    let other = authority.issue(&leaf).unwrap();
    let says = |identity: &tercet_pki::Identity, what: &str| {
        openssl.write("leaf.crt", identity.chain_pem());
        openssl.run(&format!("x509 -in leaf.crt -noout {what}"))
    };
    assert_eq!(first.key_pem(), next.key_pem());
    assert_eq!(says(&first, "-pubkey"), says(&next, "-pubkey"));
    assert_ne!(says(&first, "-serial"), says(&next, "-serial"));
    // The control: another key is seen.
    assert_ne!(says(&first, "-pubkey"), says(&other, "-pubkey"));
    openssl.assert_verifies(authority.certificate_pem(), next.chain_pem(), "sslserver");
}

#[test]
fn organizations_and_uris_are_written() {
    let Some(openssl) = Openssl::find() else { return };
    let authority = Authority::generate("unit test").unwrap();
    let leaf = Leaf::client("alice")
        .organization("example:readers")
        .organization("example:writers")
        .uri("spiffe://example.org/alice")
        .uri("spiffe://example.org/alice");
    let identity = authority.issue(&leaf).unwrap();
    openssl.write("leaf.crt", identity.chain_pem());
    let says =
        openssl.run("x509 -in leaf.crt -noout -subject -ext subjectAltName -nameopt RFC2253");
    insta::assert_snapshot!(squeezed(&says), @"subject=CN=alice,O=example:writers,O=example:readers X509v3 Subject Alternative Name: URI:spiffe://example.org/alice");
    openssl.assert_verifies(authority.certificate_pem(), identity.chain_pem(), "sslclient");
}

/// Keys in all the ways that openssl writes them.
#[test]
fn keys_of_openssl_are_read() {
    let Some(openssl) = Openssl::find() else { return };
    for (make, labels) in [
        ("genrsa -out any.key 2048", "PRIVATE KEY"),
        ("genrsa -traditional -out any.key 2048", "RSA PRIVATE KEY"),
        ("ecparam -genkey -name prime256v1 -out any.key", "EC PARAMETERS EC PRIVATE KEY"),
        ("ecparam -genkey -noout -name secp384r1 -out any.key", "EC PRIVATE KEY"),
        ("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out any.key", "PRIVATE KEY"),
        ("genpkey -algorithm ED25519 -out any.key", "PRIVATE KEY"),
    ] {
        openssl.run(make);
        let text = openssl.read("any.key");
        let found: Vec<_> =
            text.lines().filter_map(|line| line.strip_prefix("-----BEGIN ")).collect();
        assert_eq!(found.join(" ").replace('-', ""), labels, "{make}");
        let key = Key::from_pem(&text).unwrap();
        openssl.write("ours.key", key.pem());
        let public = |name: &str| openssl.run(&format!("pkey -in {name} -pubout"));
        assert_eq!(public("any.key"), public("ours.key"), "{make}");

        // It signs, and is certified.
        let authority = Authority::generate("unit test").unwrap();
        let identity = authority.issue_for(&Leaf::client("alice"), &key).unwrap();
        openssl.assert_verifies(authority.certificate_pem(), identity.chain_pem(), "sslclient");
    }
}

#[test]
fn keys_that_cannot_be_used_say_why() {
    let Some(openssl) = Openssl::find() else { return };
    let mut errors = Vec::new();
    for make in [
        "genrsa -aes256 -passout pass:secret -out any.key 2048",
        "genrsa -traditional -aes256 -passout pass:secret -out any.key 2048",
        "genrsa -out any.key 1024",
        "ecparam -genkey -noout -name secp256k1 -out any.key",
        "genpkey -algorithm X25519 -out any.key",
    ] {
        openssl.run(make);
        errors.push(Key::from_pem(&openssl.read("any.key")).unwrap_err().to_string());
    }
    insta::assert_snapshot!(errors.join("\n"), @"
    the private key is encrypted, and etcd cannot ask for a passphrase: decrypt it with `openssl pkey -in FILE -out NEW_FILE`
    the private key is encrypted, and etcd cannot ask for a passphrase: decrypt it with `openssl pkey -in FILE -out NEW_FILE`
    the private key cannot be used: it is RSA, and either damaged or shorter than 2048 bits, which is too little to be safe
    the private key cannot be used: it is ECDSA on a curve that Go does not have either; use P-256 or P-384
    the private key cannot be used: it is of an algorithm that TLS has not; use P-256
    ");
    // With the command of the first two, it can.
    openssl.run("genrsa -traditional -aes256 -passout pass:secret -out any.key 2048");
    openssl.run("pkey -in any.key -passin pass:secret -out plain.key");
    Key::from_pem(&openssl.read("plain.key")).unwrap();
}
