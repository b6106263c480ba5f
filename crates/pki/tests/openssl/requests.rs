//! Requests, ours and openssl's.

use std::time::Duration;

use tercet_pki::{Authority, KeyKind, Leaf, Policy, Refused, Request, SignError};

use crate::{Openssl, chain_of_causes, kinds, squeezed};

#[test]
fn our_requests_are_good_for_openssl_and_for_us() {
    let Some(openssl) = Openssl::find() else { return };
    let authority = Authority::generate("unit test").unwrap();
    for kind in kinds() {
        let leaf = Leaf::peer("infra1")
            .hosts(["localhost", "127.0.0.1"])
            .uri("spiffe://example.org/infra1")
            .organization("Example")
            .key(kind);
        let (request, key) = Request::new(&leaf).unwrap();
        openssl.write("one.csr", request.pem());
        let says = openssl.run("req -in one.csr -noout -verify -text -nameopt RFC2253");
        for expected in [
            "verify OK",
            "DNS:localhost, IP Address:127.0.0.1, URI:spiffe://example.org/infra1",
            "CN=infra1,O=Example",
        ] {
            assert!(says.contains(expected), "{says}");
        }
        let policy = Policy::peer()
            .allow_host("localhost")
            .allow_network("127.0.0.0/8")
            .allow_uri("spiffe://example.org/infra1")
            .allow_common_name("infra1");
        for file in [request.der().to_vec(), request.pem().into_bytes()] {
            let chain = authority.sign(&Request::read(&file).unwrap(), &policy).unwrap();
            openssl.assert_verifies(authority.certificate_pem(), &chain.pem(), "sslserver");
            openssl.write("one.crt", chain.pem());
            openssl.write("one.key", key.pem());
            let public = openssl.run("x509 -in one.crt -noout -pubkey");
            assert_eq!(public, openssl.run("pkey -in one.key -pubout"));
        }
    }
}

/// rcgen writes the key by the algorithm of the request's signature (rcgen issue 448).
#[test]
fn the_key_is_certified_bit_for_bit_whatever_signed_the_request() {
    let Some(openssl) = Openssl::find() else { return };
    for kind in kinds() {
        let authority = Authority::builder("unit test").key(kind).generate().unwrap();
        for (make, hash) in [
            ("ecparam -genkey -noout -name secp384r1 -out any.key", "sha256"),
            ("ecparam -genkey -noout -name secp384r1 -out any.key", "sha384"),
            ("ecparam -genkey -noout -name prime256v1 -out any.key", "sha384"),
            ("genrsa -out any.key 2048", "sha512"),
            ("genpkey -algorithm ED25519 -out any.key", "null"),
        ] {
            openssl.run(make);
            openssl.run(&format!("req -new -{hash} -key any.key -subj /CN=alice -out any.csr"));
            let request = Request::read(openssl.read("any.csr").as_bytes()).unwrap();
            let policy = Policy::client().allow_common_name("alice");
            let chain = authority.sign(&request, &policy).unwrap();
            openssl.assert_verifies(authority.certificate_pem(), &chain.pem(), "sslclient");
            openssl.write("any.crt", chain.pem());
            let public = openssl.run("x509 -in any.crt -noout -pubkey");
            assert_eq!(public, openssl.run("pkey -in any.key -pubout"), "{make} {hash}");
        }
    }
}

const EXTENSIONS: &str = "\
[req]
distinguished_name = dn
[dn]
[harmless]
subjectAltName = DNS:infra1.example.com, IP:10.0.0.1
subjectKeyIdentifier = hash
basicConstraints = CA:FALSE
keyUsage = digitalSignature, keyEncipherment
extendedKeyUsage = codeSigning
tlsfeature = status_request
1.2.3.4 = ASN1:UTF8String:hello
[authority]
subjectAltName = DNS:infra1.example.com
basicConstraints = critical, CA:TRUE
[signs]
subjectAltName = DNS:infra1.example.com
keyUsage = keyCertSign
[mail]
subjectAltName = DNS:infra1.example.com, email:root@example.com
[elsewhere]
subjectAltName = DNS:infra1.example.com, DNS:infra1.example.org
[wildcard]
subjectAltName = DNS:*.example.com
[address]
subjectAltName = IP:10.0.0.1, IP:192.168.0.1
[uri]
subjectAltName = DNS:infra1.example.com, URI:spiffe://example.org/root
[url]
subjectAltName = DNS:https://infra1.example.com
[typed]
subjectAltName = DNS:10.0.0.1
";

fn ask(openssl: &Openssl, subject: &str, extensions: Option<&str>) -> Request {
    openssl.write("any.cnf", EXTENSIONS);
    let extensions = extensions.map(|name| format!("-reqexts {name}")).unwrap_or_default();
    openssl.run("ecparam -genkey -noout -name prime256v1 -out any.key");
    openssl.run(&format!(
        "req -new -key any.key -subj {subject} -config any.cnf {extensions} -out any.csr"
    ));
    Request::read(openssl.read("any.csr").as_bytes()).unwrap()
}

fn policy() -> Policy {
    Policy::server()
        .allow_suffix("example.com")
        .allow_network("10.0.0.0/8")
        .allow_common_name("infra1")
        .allow_common_name("infra2.example.com")
}

#[test]
fn usages_come_from_the_policy_and_harmless_wishes_are_passed_over() {
    let Some(openssl) = Openssl::find() else { return };
    let authority = Authority::generate("unit test").unwrap();
    let request = ask(&openssl, "/C=DE/O=Example/OU=A/OU=B/CN=infra1", Some("harmless"));
    let chain = authority.sign(&request, &policy()).unwrap();
    openssl.write("any.crt", chain.pem());
    let says = openssl.run(
        "x509 -in any.crt -noout -subject -nameopt RFC2253 -ext \
         subjectAltName,basicConstraints,keyUsage,extendedKeyUsage,tlsfeature,1.2.3.4",
    );
    insta::assert_snapshot!(squeezed(&says), @"subject=CN=infra1 X509v3 Subject Alternative Name: DNS:infra1.example.com, IP Address:10.0.0.1 X509v3 Key Usage: critical Digital Signature X509v3 Extended Key Usage: TLS Web Server Authentication, TLS Web Client Authentication X509v3 Basic Constraints: critical CA:FALSE");
    openssl.assert_verifies(authority.certificate_pem(), &chain.pem(), "sslserver");

    let chain = authority.sign(&request, &policy().allow_organization("Example")).unwrap();
    openssl.write("any.crt", chain.pem());
    let says = openssl.run("x509 -in any.crt -noout -subject -nameopt RFC2253");
    assert_eq!(says.trim(), "subject=CN=infra1,O=Example");
}

#[test]
fn a_common_name_alone_is_enough_where_it_is_a_host_that_is_allowed() {
    let Some(openssl) = Openssl::find() else { return };
    let authority = Authority::generate("unit test").unwrap();
    let request = ask(&openssl, "/CN=infra2.example.com", None);
    let chain = authority.sign(&request, &policy()).unwrap();
    openssl.write("any.crt", chain.pem());
    let says = openssl.run("x509 -in any.crt -noout -ext subjectAltName");
    assert!(says.contains("DNS:infra2.example.com"), "{says}");
    // A client needs none, and gets none.
    let client = Policy::client().allow_any_common_name();
    openssl.write("any.crt", authority.sign(&request, &client).unwrap().pem());
    let says = openssl.run("x509 -in any.crt -noout -text");
    assert!(!says.contains("Alternative Name"), "{says}");
}

#[test]
fn what_is_not_allowed_is_refused_with_what_is() {
    let Some(openssl) = Openssl::find() else { return };
    let authority = Authority::generate("unit test").unwrap();
    let mut texts = Vec::new();
    let mut kinds = Vec::new();
    for (subject, extensions) in [
        ("/CN=infra1", "authority"),
        ("/CN=infra1", "signs"),
        ("/CN=root", "harmless"),
        ("/CN=infra1", "mail"),
        ("/CN=infra1", "elsewhere"),
        ("/CN=infra1", "wildcard"),
        ("/CN=infra1", "address"),
        ("/CN=infra1", "uri"),
        ("/CN=infra1", "url"),
        ("/CN=infra1", "typed"),
        ("/CN=infra1", ""),
        ("/O=nobody", ""),
    ] {
        let request = ask(&openssl, subject, Some(extensions).filter(|name| !name.is_empty()));
        let error = authority.sign(&request, &policy()).unwrap_err();
        texts.push(chain_of_causes(&error));
        if let SignError::Refused(refusal) = error {
            kinds.push(refusal.what);
        }
    }
    insta::assert_snapshot!(texts.join("\n"), @r#"
    the request is refused: the request asks for the right to be an authority (CA:TRUE), and the policy allows it to nobody
    the request is refused: the request asks for the right to sign certificates (keyCertSign), and the policy allows it to nobody
    the request is refused: the request asks for the common name "root", and the policy allows "infra1", "infra2.example.com"
    the request is refused: the request asks for the mail address "root@example.com", and the policy allows DNS names, addresses and URIs alone
    the request is refused: the request asks for the host "infra1.example.org", and the policy allows example.com and below, 10.0.0.0/8
    the request is refused: the request asks for the host "*.example.com", and the policy allows example.com and below, 10.0.0.0/8
    the request is refused: the request asks for the host "192.168.0.1", and the policy allows example.com and below, 10.0.0.0/8
    the request is refused: the request asks for the URI "spiffe://example.org/root", and the policy allows none
    a host of the request cannot be used: "https://infra1.example.com" is a URL, and certificates name hosts: write "infra1.example.com"
    a host of the request cannot be used: "10.0.0.1" is neither an IP address nor a DNS name: the request has an IP address as a DNS name; ask for IP:… instead
    the request is refused: the request asks for the host "infra1" (its common name, for want of others), and the policy allows example.com and below, 10.0.0.0/8
    the common name of the request cannot be used: a name is empty
    "#);
    assert_eq!(
        kinds,
        [
            Refused::Authority,
            Refused::Authority,
            Refused::CommonName,
            Refused::OtherName,
            Refused::Host,
            Refused::Host,
            Refused::Host,
            Refused::Uri,
            Refused::Host,
        ]
    );

    // The control: allowed, each of them passes.
    let wide = policy()
        .allow_common_name("root")
        .allow_host("infra1.example.org")
        .allow_host("*.example.com")
        .allow_host("192.168.0.1")
        .allow_uri("spiffe://example.org/root");
    for (subject, extensions) in [
        ("/CN=root", "harmless"),
        ("/CN=infra1", "elsewhere"),
        ("/CN=infra1", "wildcard"),
        ("/CN=infra1", "address"),
        ("/CN=infra1", "uri"),
    ] {
        let request = ask(&openssl, subject, Some(extensions));
        let chain = authority.sign(&request, &wide).unwrap();
        openssl.assert_verifies(authority.certificate_pem(), &chain.pem(), "sslserver");
    }
}

#[test]
fn keys_and_lifetimes_are_limited() {
    let Some(openssl) = Openssl::find() else { return };
    let authority = Authority::generate("unit test").unwrap();
    let policy = Policy::client().allow_any_common_name();
    let mut texts = Vec::new();
    let mut refused = |error: SignError| texts.push(chain_of_causes(&error));

    openssl.run("genrsa -out any.key 1024");
    openssl.run("req -new -key any.key -subj /CN=alice -out any.csr");
    let weak = Request::read(openssl.read("any.csr").as_bytes()).unwrap();
    refused(authority.sign(&weak, &policy).unwrap_err());

    let (request, _) = Request::new(&Leaf::client("alice")).unwrap();
    let only = policy.clone().allow_keys([KeyKind::P384, KeyKind::Rsa2048]);
    refused(authority.sign(&request, &only).unwrap_err());
    let (other, _) = Request::new(&Leaf::client("alice").key(KeyKind::P384)).unwrap();
    authority.sign(&other, &only).unwrap();

    let day = Duration::from_secs(24 * 60 * 60);
    let short = policy.lifetime(day);
    refused(authority.sign_for(&request, &short, 2 * day).unwrap_err());
    for chain in [authority.sign(&request, &short), authority.sign_for(&request, &short, day / 2)] {
        openssl.write("any.crt", chain.unwrap().pem());
        // Good for now, and not in a day and a second.
        openssl.run("x509 -in any.crt -noout -checkend 3600");
        assert!(!openssl.try_run("x509 -in any.crt -noout -checkend 86401").success);
    }
    insta::assert_snapshot!(texts.join("\n"), @"
    the request is refused: the request asks for a key that is RSA 1024, and the policy allows ECDSA from P-256 on, Ed25519, and RSA with 2048 to 8192 bits
    the request is refused: the request asks for a key that is P-256, and the policy allows P-384, RSA 2048
    the request is refused: the request asks for a certificate for 48 hours, and the policy allows at most 24 hours
    ");
}

#[test]
fn what_is_no_request_of_its_key_is_refused() {
    let (request, _) = Request::new(&Leaf::client("alice")).unwrap();
    let mut changed = request.der().to_vec();
    let at = changed.windows(5).position(|window| window == b"alice").unwrap();
    changed[at] = b'A';
    let errors: Vec<_> = [&b"hello"[..], b"", &changed, &request.der()[..100]]
        .iter()
        .map(|file| chain_of_causes(&Request::read(file).unwrap_err()))
        .collect();
    insta::assert_snapshot!(errors.join("\n"), @"
    the request cannot be read: there is no request in it, neither as PEM nor as DER
    the request cannot be read: there is no request in it, neither as PEM nor as DER
    the request is not signed by the key that it asks for: whoever sent it may not have the key, or it was changed on its way; make it again
    the request cannot be read: this is no request: x509: malformed certificate request
    ");
    // The control.
    Request::read(request.der()).unwrap();
}
