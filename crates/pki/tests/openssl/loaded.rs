//! Authorities that openssl made.

use tercet_pki::{Authority, Leaf, RevocationReason, Revocations};

use crate::{Openssl, chain_of_causes};

const CONFIG: &str = "\
[req]
distinguished_name = dn
prompt = no
string_mask = MASK
[dn]
0.OU = First unit
1.OU = Second unit
0.DC = com
1.DC = example
O = Example
CN = Root of Example
[ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
[foreign_identifier]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = 01020304
[no_identifier]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = none
authorityKeyIdentifier = none
[short]
basicConstraints = critical, CA:TRUE, pathlen:0
subjectKeyIdentifier = hash
keyUsage = critical, keyCertSign
[narrow]
basicConstraints = critical, CA:TRUE
subjectKeyIdentifier = hash
keyUsage = critical, keyCertSign
nameConstraints = critical, permitted;DNS:example.com, permitted;IP:10.0.0.0/255.0.0.0
[leaf]
basicConstraints = CA:FALSE
[no_usage]
basicConstraints = critical, CA:TRUE
keyUsage = critical, digitalSignature
[nothing]
subjectKeyIdentifier = hash
";

/// A self-signed certificate `ca.crt` of `ca.key`.
fn make(openssl: &Openssl, key: &str, mask: &str, extensions: &str) {
    openssl.write("ca.cnf", CONFIG.replace("MASK", mask));
    openssl.run(key);
    openssl.run(&format!(
        "req -x509 -new -key ca.key -days 3650 -config ca.cnf -extensions {extensions} -out ca.crt"
    ));
}

fn load(openssl: &Openssl) -> Result<Authority, tercet_pki::LoadError> {
    Authority::from_pem(&openssl.read("ca.crt"), &openssl.read("ca.key"))
}

const RSA: &str = "genrsa -traditional -out ca.key 2048";
const P256: &str = "ecparam -genkey -name prime256v1 -out ca.key";
const P384: &str = "ecparam -genkey -name secp384r1 -out ca.key";
const ED25519: &str = "genpkey -algorithm ED25519 -out ca.key";

/// Whatever key and name it has, what it issues fits to it, for openssl as strict as it can be.
#[test]
fn authorities_of_openssl_issue() {
    let Some(openssl) = Openssl::find() else { return };
    for (key, mask, extensions) in [
        (RSA, "utf8only", "ca"),
        (RSA, "nombstr", "foreign_identifier"),
        (P256, "pkix", "ca"),
        (P384, "nombstr", "foreign_identifier"),
        (P384, "utf8only", "ca"),
        (ED25519, "nombstr", "ca"),
    ] {
        make(&openssl, key, mask, extensions);
        let authority = load(&openssl).unwrap();
        assert_eq!(authority.common_name(), "Root of Example");
        assert_eq!(authority.certificate_pem(), openssl.read("ca.crt"));
        let root = authority.certificate_pem();

        let server = authority.issue(&Leaf::server("infra1").host("localhost")).unwrap();
        openssl.assert_verifies(root, server.chain_pem(), "sslserver");
        let below = authority.intermediate("below").unwrap();
        let leaf = below.issue(&Leaf::client("alice")).unwrap();
        openssl.assert_verifies(root, leaf.chain_pem(), "sslclient");

        // Control: the real authority's certificate was needed.
        let other = authority.impostor().unwrap();
        assert!(!openssl.verify(other.certificate_pem(), server.chain_pem(), "sslserver").success);

        let revoked = Revocations::new()
            .certificate(server.certificate(), RevocationReason::Superseded)
            .unwrap();
        openssl.write("list.crl", authority.revoke(&revoked).unwrap().pem());
        openssl.write("leaf.crt", server.chain_pem());
        let said = openssl
            .try_run("verify -x509_strict -crl_check -CAfile ca.crt -CRLfile list.crl leaf.crt");
        assert!(said.text.contains("certificate revoked"), "{}", said.text);
        let says = openssl.run("crl -in list.crl -noout -CAfile ca.crt");
        assert!(says.contains("verify OK"), "{says}");
    }
}

/// The bytes, not the meaning: openssl would forgive another type of string, Go would not.
#[test]
fn the_name_is_taken_over_byte_for_byte() {
    let Some(openssl) = Openssl::find() else { return };
    let names = |pem: &str, which: &str| {
        openssl.write("one.crt", pem);
        openssl
            .run(&format!("x509 -in one.crt -noout -{which} -nameopt multiline,show_type"))
            .replace("subject=", "issuer=")
    };
    let mut seen = Vec::new();
    for mask in ["utf8only", "nombstr"] {
        make(&openssl, P256, mask, "ca");
        let authority = load(&openssl).unwrap();
        let leaf = authority.issue(&Leaf::client("alice")).unwrap();
        let subject = names(authority.certificate_pem(), "subject");
        assert_eq!(names(leaf.chain_pem(), "issuer"), subject);
        assert_eq!(subject.matches("organizationalUnitName").count(), 2, "{subject}");
        seen.push(subject);
    }
    // The control: the two are of different types.
    assert_ne!(seen[0], seen[1]);
}

/// Without an identifier there is nothing that could not fit; strict openssl wants one.
#[test]
fn an_authority_without_an_identifier_issues() {
    let Some(openssl) = Openssl::find() else { return };
    make(&openssl, P256, "utf8only", "no_identifier");
    assert!(!openssl.run("x509 -in ca.crt -noout -text").contains("Key Identifier"));
    let authority = load(&openssl).unwrap();
    let leaf = authority.issue(&Leaf::client("alice")).unwrap();
    openssl.write("leaf.crt", leaf.chain_pem());
    openssl.run("verify -CAfile ca.crt leaf.crt");
}

#[test]
fn what_an_authority_may_not_do_it_does_not() {
    let Some(openssl) = Openssl::find() else { return };
    make(&openssl, P256, "utf8only", "short");
    let short = load(&openssl).unwrap();
    assert_eq!(short.path_length(), Some(0));
    let below = short.intermediate("below").unwrap_err().to_string();
    let revoke = short.revoke(&Revocations::new()).unwrap_err().to_string();
    make(&openssl, P256, "utf8only", "narrow");
    let narrow = load(&openssl).unwrap();
    assert_eq!(narrow.path_length(), None);
    for host in ["a.example.com", "10.1.2.3"] {
        let identity = narrow.issue(&Leaf::server("infra1").host(host)).unwrap();
        openssl.assert_verifies(narrow.certificate_pem(), identity.chain_pem(), "sslserver");
    }
    let host = narrow.issue(&Leaf::server("infra1").host("localhost")).unwrap_err().to_string();
    let address = narrow.issue(&Leaf::server("infra1").host("::1")).unwrap_err().to_string();
    insta::assert_snapshot!([below, revoke, host, address].join("\n"), @r#"
    the authority "Root of Example" may have no authority below it: its path length is 0, and 1 is needed; make one with `.path_length(1)`
    the authority "Root of Example" may not sign revocation lists: its certificate has key usages, and cRLSign is not among them; have it issued again with cRLSign
    the authority "Root of Example" may not sign for "localhost": it permits "example.com" and below, 10.0.0.0/8; everyone would refuse the certificate
    the authority "Root of Example" may not sign for "::1": it permits "example.com" and below, 10.0.0.0/8; everyone would refuse the certificate
    "#);
}

#[test]
fn what_is_no_authority_is_refused_with_the_reason() {
    let Some(openssl) = Openssl::find() else { return };
    let mut errors = Vec::new();
    for extensions in ["leaf", "no_usage", "nothing"] {
        make(&openssl, P256, "utf8only", extensions);
        errors.push(chain_of_causes(&load(&openssl).unwrap_err()));
    }
    // Version 1, as the old tutorials have it.
    openssl.run("req -new -key ca.key -config ca.cnf -out ca.csr");
    openssl.run("x509 -req -in ca.csr -signkey ca.key -days 10 -out ca.crt");
    errors.push(chain_of_causes(&load(&openssl).unwrap_err()));

    let late = Authority::builder("late").without_generation().expired().generate().unwrap();
    let error = Authority::from_pem(late.certificate_pem(), &late.key_pem()).unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("the authority \"CN=late\" expired on 2"), "{text}");

    make(&openssl, P256, "utf8only", "ca");
    let certificate = openssl.read("ca.crt");
    openssl.run(P256);
    let other = openssl.read("ca.key");
    openssl.run("genrsa -aes256 -passout pass:secret -out ca.key 2048");
    let encrypted = openssl.read("ca.key");
    for (certificate, key) in
        [(&*certificate, &*other), (&certificate, &encrypted), (&certificate, ""), ("", &other)]
    {
        errors.push(chain_of_causes(&Authority::from_pem(certificate, key).unwrap_err()));
    }
    insta::assert_snapshot!(errors.join("\n"), @r#"
    the certificate of "CN=Root of Example, O=Example, DC=example, DC=com, OU=Second unit, OU=First unit" can sign no others: its basic constraints say CA:FALSE, so that it is a server's or a client's; give the authority's
    the certificate of "CN=Root of Example, O=Example, DC=example, DC=com, OU=Second unit, OU=First unit" can sign no others: keyCertSign is not among its key usages; it needs keyUsage=critical,keyCertSign,cRLSign
    the certificate of "CN=Root of Example, O=Example, DC=example, DC=com, OU=Second unit, OU=First unit" can sign no others: it has no basic constraints; it needs the extension basicConstraints=critical,CA:TRUE
    the certificate of "CN=Root of Example, O=Example, DC=example, DC=com, OU=Second unit, OU=First unit" can sign no others: it is X.509 version 1, which has no extensions to say so; make one with `openssl req -x509`, which makes version 3
    the key is not that of the certificate: it fits none of "CN=Root of Example, O=Example, DC=example, DC=com, OU=Second unit, OU=First unit"; find the key that was made with it, since a key cannot be computed from a certificate
    the key of the authority cannot be used: the private key is encrypted, and etcd cannot ask for a passphrase: decrypt it with `openssl pkey -in FILE -out NEW_FILE`
    the key of the authority cannot be used: there is no private key in the text: it has no PEM, which begins with -----BEGIN
    the certificate of the authority cannot be read: there is no certificate in it, neither as PEM nor as DER
    "#);
}

/// An intermediate and those above it, in any order, and with others between them.
#[test]
fn a_chain_loads_as_an_intermediate() {
    let Some(openssl) = Openssl::find() else { return };
    let root = Authority::builder("root").path_length(2).generate().unwrap();
    let middle = root.intermediate("middle").unwrap();
    let low = middle.intermediate("low").unwrap();
    let stranger = root.stranger().unwrap();
    let [root_pem, middle_pem, low_pem, strange_pem] =
        [&root, &middle, &low, &stranger].map(Authority::certificate_pem);
    for file in [
        [low_pem, middle_pem, root_pem].concat(),
        [low_pem, middle_pem].concat(),
        [root_pem, strange_pem, middle_pem, low_pem].concat(),
    ] {
        let loaded = Authority::from_pem(&file, &low.key_pem()).unwrap();
        assert_eq!(loaded.certificate(), low.certificate());
        assert_eq!(loaded.intermediates(), low.intermediates());
        let identity = loaded.issue(&Leaf::client("alice")).unwrap();
        openssl.assert_verifies(root_pem, identity.chain_pem(), "sslclient");
    }
    // A file of all that are trusted has the root in it, and nothing ships.
    let bundle = [strange_pem, root_pem].concat();
    let loaded = Authority::from_pem(&bundle, &root.key_pem()).unwrap();
    assert!(loaded.intermediates().is_empty());
    assert_eq!(loaded.certificate(), root.certificate());
}

/// A change from an authority of openssl to ours, by cross-signing.
#[test]
fn authorities_of_openssl_are_crossed_with_ours() {
    let Some(openssl) = Openssl::find() else { return };
    make(&openssl, RSA, "nombstr", "foreign_identifier");
    let theirs = load(&openssl).unwrap();
    let ours = Authority::generate("ours").unwrap();
    for (old, new) in [(&theirs, &ours), (&ours, &theirs)] {
        let new = new.clone().with_cross(old.cross_sign(new).unwrap()).unwrap();
        let identity = new.issue(&Leaf::client("alice")).unwrap();
        for trusted in [old, &new] {
            openssl.assert_verifies(trusted.certificate_pem(), identity.chain_pem(), "sslclient");
        }
    }
}
