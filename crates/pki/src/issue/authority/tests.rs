use std::error::Error;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::parse_x509_certificate;

use super::*;
use crate::{AUTHORITY_LIFETIME, BACKDATE, KeyKind, LEAF_LIFETIME, MISSED_BY, NameError};

fn read(certificate: &Certificate) -> X509Certificate<'_> {
    let (rest, x509) = parse_x509_certificate(certificate.der()).unwrap();
    assert!(rest.is_empty());
    x509
}

fn subject_key_id<'a>(x509: &'a X509Certificate<'_>) -> &'a [u8] {
    x509.iter_extensions()
        .find_map(|extension| match extension.parsed_extension() {
            ParsedExtension::SubjectKeyIdentifier(id) => Some(id.0),
            _ => None,
        })
        .unwrap()
}

fn authority_key_id<'a>(x509: &'a X509Certificate<'_>) -> &'a [u8] {
    x509.iter_extensions()
        .find_map(|extension| match extension.parsed_extension() {
            ParsedExtension::AuthorityKeyIdentifier(id) => id.key_identifier.as_ref(),
            _ => None,
        })
        .unwrap()
        .0
}

/// `(serverAuth, clientAuth)`, and nothing else.
fn usages(x509: &X509Certificate<'_>) -> (bool, bool) {
    let usage = x509.extended_key_usage().unwrap().unwrap();
    assert!(!usage.critical && !usage.value.any && usage.value.other.is_empty());
    (usage.value.server_auth, usage.value.client_auth)
}

/// Seconds since 1970.
fn now() -> i64 {
    seconds(SystemTime::now().duration_since(UNIX_EPOCH).unwrap())
}

fn seconds(duration: Duration) -> i64 {
    duration.as_secs().try_into().unwrap()
}

/// Begin and end of a certificate, in seconds from now.
fn window(authority: &Authority, leaf: &Leaf) -> (i64, i64) {
    let identity = authority.issue(leaf).unwrap();
    let x509 = read(identity.certificate());
    let now = now();
    let validity = x509.validity();
    (validity.not_before.timestamp() - now, validity.not_after.timestamp() - now)
}

/// A test may take its time; a second of it is a second of the window.
fn about(actual: i64, expected: i64) {
    assert!((expected - 30..=expected + 1).contains(&actual), "{actual} is not about {expected}");
}

fn chain_of_causes(error: &dyn Error) -> String {
    std::iter::successors(Some(error), |error| (*error).source())
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}

#[test]
fn an_authority_may_sign_certificates_and_revoke_them() {
    let authority = Authority::generate("unit test").unwrap();
    let x509 = read(authority.certificate());
    assert_eq!(x509.subject(), x509.issuer());
    x509.verify_signature(None).unwrap();

    let constraints = x509.basic_constraints().unwrap().unwrap();
    assert!(constraints.critical && constraints.value.ca);
    assert_eq!(constraints.value.path_len_constraint, Some(1));
    let usage = x509.key_usage().unwrap().unwrap();
    assert!(usage.critical);
    // Bits 5 and 6 alone: keyCertSign and cRLSign.
    assert_eq!(usage.value.flags, 0b110_0000);
    assert!(!subject_key_id(&x509).is_empty());
    assert!(x509.extended_key_usage().unwrap().is_none());

    let validity = x509.validity();
    about(validity.not_before.timestamp() - now(), -seconds(BACKDATE));
    about(validity.not_after.timestamp() - now(), seconds(AUTHORITY_LIFETIME));
}

#[test]
fn the_generation_tells_authorities_of_one_name_apart() {
    let [one, two] = [(); 2].map(|()| Authority::generate("unit test").unwrap());
    assert_ne!(one.common_name(), two.common_name());
    let generation = one.common_name().strip_prefix("unit test ").unwrap();
    assert_eq!(generation.len(), 16);
    assert!(generation.bytes().all(|byte| byte.is_ascii_hexdigit()));
    let x509 = read(one.certificate());
    assert_eq!(
        x509.subject().iter_common_name().next().unwrap().as_str().unwrap(),
        one.common_name()
    );
}

#[test]
fn a_leaf_hangs_on_its_authority_and_is_none() {
    let authority = Authority::generate("unit test").unwrap();
    let identity = authority.issue(&Leaf::peer("infra1").host("localhost")).unwrap();
    let (ca, leaf) = (read(authority.certificate()), read(identity.certificate()));

    leaf.verify_signature(Some(ca.public_key())).unwrap();
    assert_eq!(leaf.issuer(), ca.subject());
    assert_eq!(authority_key_id(&leaf), subject_key_id(&ca));
    assert_ne!(subject_key_id(&leaf), subject_key_id(&ca));
    assert_eq!(leaf.version(), x509_parser::x509::X509Version::V3);

    let constraints = leaf.basic_constraints().unwrap().unwrap();
    assert!(!constraints.value.ca);
    assert_eq!(constraints.value.path_len_constraint, None);
    let usage = leaf.key_usage().unwrap().unwrap();
    // Bit 0 alone: digitalSignature.
    assert_eq!(usage.value.flags, 1);

    // A control: another authority did not sign it.
    let stranger = Authority::generate("unit test").unwrap();
    let stranger = read(stranger.certificate());
    assert!(leaf.verify_signature(Some(stranger.public_key())).is_err());
}

#[test]
fn each_profile_has_the_usages_that_etcd_needs() {
    let authority = Authority::generate("unit test").unwrap();
    let usages_of = |leaf: Leaf| {
        let identity = authority.issue(&leaf.host("localhost")).unwrap();
        usages(&read(identity.certificate()))
    };
    assert_eq!(usages_of(Leaf::server("a")), (true, true));
    assert_eq!(usages_of(Leaf::peer("a")), (true, true));
    assert_eq!(usages_of(Leaf::client("a")), (false, true));
}

#[test]
fn names_and_addresses_are_of_their_own_kinds() {
    let authority = Authority::generate("unit test").unwrap();
    let leaf = Leaf::server("infra1")
        .hosts(["localhost", "127.0.0.1", "::1", "*.example.com"])
        .host("127.0.0.1");
    let identity = authority.issue(&leaf).unwrap();
    let x509 = read(identity.certificate());
    let names = &x509.subject_alternative_name().unwrap().unwrap().value.general_names;
    let v6 = std::net::Ipv6Addr::LOCALHOST.octets();
    assert_eq!(
        *names,
        [
            GeneralName::DNSName("localhost"),
            GeneralName::IPAddress(&[127, 0, 0, 1]),
            GeneralName::IPAddress(&v6),
            GeneralName::DNSName("*.example.com"),
        ]
    );

    let client = authority.issue(&Leaf::client("alice")).unwrap();
    assert!(read(client.certificate()).subject_alternative_name().unwrap().is_none());
}

#[test]
fn serial_numbers_are_random_positive_and_short_enough() {
    let authority = Authority::generate("unit test").unwrap();
    let leaf = Leaf::client("alice");
    // One key for all: the serial number does not hang on it.
    let key = Key::generate(KeyKind::P256).unwrap();
    let mut serials = Vec::new();
    for _ in 0..1000 {
        let identity = authority.issue_for(&leaf, &key).unwrap();
        let x509 = read(identity.certificate());
        let raw = x509.raw_serial();
        assert_eq!(raw.len(), 16);
        assert_eq!(raw[0] & 0x80, 0, "negative");
        serials.push(raw.to_vec());
    }
    // Their halves differ as well: no counter, no clock.
    for half in [0..8, 8..16] {
        let mut halves: Vec<_> = serials.iter().map(|serial| &serial[half.clone()]).collect();
        halves.sort_unstable();
        halves.dedup();
        assert_eq!(halves.len(), 1000);
    }
}

#[test]
fn of_attributes_that_repeat_none_is_lost() {
    let authority = Authority::generate("unit test").unwrap();
    let leaf = |names: &[&str]| {
        names.iter().fold(Leaf::client("alice"), |leaf, name| leaf.organization(*name))
    };
    for names in [&[][..], &["one"], &["one", "two", "three"]] {
        let identity = authority.issue(&leaf(names)).unwrap();
        let x509 = read(identity.certificate());
        let found: Vec<_> =
            x509.subject().iter_organization().map(|name| name.as_str().unwrap()).collect();
        assert_eq!(found, names);
        assert_eq!(x509.subject().iter_common_name().count(), 1);
        let ca = read(authority.certificate());
        x509.verify_signature(Some(ca.public_key())).unwrap();
    }
    let error = authority.issue(&leaf(&["one", ""])).unwrap_err();
    assert!(matches!(error, IssueError::Organization(NameError::Empty)));
}

#[test]
fn a_client_may_be_without_a_common_name_only_when_that_is_said() {
    let authority = Authority::generate("unit test").unwrap();
    let identity = authority.issue(&Leaf::unnamed_client("grpc-proxy")).unwrap();
    let x509 = read(identity.certificate());
    assert_eq!(x509.subject().to_string(), "O=grpc-proxy");
    let error = authority.issue(&Leaf::client("").organization("grpc-proxy")).unwrap_err();
    assert!(matches!(error, IssueError::Name(NameError::Empty)), "{error:?}");
    let error = authority.issue(&Leaf::unnamed_client("")).unwrap_err();
    assert!(matches!(error, IssueError::Organization(NameError::Empty)), "{error:?}");
}

#[test]
fn each_leaf_is_valid_when_it_says() {
    let authority = Authority::generate("unit test").unwrap();
    let (backdate, missed) = (seconds(BACKDATE), seconds(MISSED_BY));
    let year = seconds(LEAF_LIFETIME);

    let (begin, end) = window(&authority, &Leaf::client("a"));
    about(begin, -backdate);
    about(end, year);
    let (begin, end) = window(&authority, &Leaf::client("a").valid_for(Duration::from_secs(90)));
    about(begin, -backdate);
    about(end, 90);
    let (begin, end) = window(&authority, &Leaf::client("a").expires_in(Duration::from_secs(90)));
    about(begin, 90 - year);
    about(end, 90);
    let (begin, end) = window(&authority, &Leaf::client("a").expired());
    about(begin, -missed - year);
    about(end, -missed);
    let (begin, end) = window(&authority, &Leaf::client("a").not_yet_valid());
    about(begin, missed);
    about(end, missed + year);
}

#[test]
fn expired_is_expired_to_another_reader() {
    let authority = Authority::generate("unit test").unwrap();
    let valid =
        |leaf: Leaf| read(authority.issue(&leaf).unwrap().certificate()).validity().is_valid();
    assert!(valid(Leaf::client("a")));
    assert!(valid(Leaf::client("a").expires_in(Duration::from_secs(60))));
    assert!(!valid(Leaf::client("a").expired()));
    assert!(!valid(Leaf::client("a").not_yet_valid()));
}

#[test]
fn what_cannot_be_issued_is_refused_with_the_reason() {
    let authority = Authority::generate("unit test").unwrap();
    let errors: Vec<_> = [
        Leaf::client(""),
        Leaf::client("x".repeat(65)),
        Leaf::client("a\tb"),
        Leaf::server("infra1"),
        Leaf::peer("infra1"),
        Leaf::server("infra1").host("https://10.0.0.1:2379"),
        Leaf::client("alice").valid_for(Duration::MAX),
        Leaf::client("alice").uri("example.org/alice"),
        Leaf::client("alice").organization("a\0b"),
    ]
    .iter()
    .map(|leaf| chain_of_causes(&authority.issue(leaf).unwrap_err()))
    .collect();
    insta::assert_snapshot!(errors.join("\n"), @r#"
    the common name of the certificate cannot be used: a name is empty
    the common name of the certificate cannot be used: "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" has 65 characters, and a certificate's common name at most 64
    the common name of the certificate cannot be used: "a\tb" has '\t' in it, and control characters hide what a name is
    the certificate of "infra1" names no host, and nobody could dial it: add `.host("localhost")` or what its URLs say
    the certificate of "infra1" names no host, and nobody could dial it: add `.host("localhost")` or what its URLs say
    a host of the certificate cannot be used: "https://10.0.0.1:2379" is a URL, and certificates name hosts: write "10.0.0.1"
    the certificate would be valid past the year 9999
    a URI of the certificate cannot be used: "example.org/alice" is no URI that a certificate can have: it has no scheme: write one such as "spiffe://example.org/etcd/infra1"
    an organization of the certificate cannot be used: "a\0b" has '\0' in it, and control characters hide what a name is
    "#);

    let error = Authority::generate(&"x".repeat(48)).unwrap_err();
    assert!(matches!(error, IssueError::Name(NameError::TooLong { length: 65, .. })));
    Authority::generate(&"x".repeat(47)).unwrap();
}

#[test]
fn debug_shows_no_key() {
    let authority = Authority::generate("unit test").unwrap();
    let identity = authority.issue(&Leaf::client("alice")).unwrap();
    let shown = format!("{authority:#?}{identity:#?}");
    assert!(shown.contains("[redacted]"));
    for pem in [&*authority.key_pem(), identity.key_pem()] {
        // Control: this is what we look for.
        assert!(pem.starts_with("-----BEGIN PRIVATE KEY-----"));
        for line in pem.lines() {
            assert!(!shown.contains(line));
        }
    }
    assert!(!shown.contains("key: [\n"), "bytes of a key: {shown}");
}

#[test]
fn the_pem_is_that_certificate_alone() {
    let authority = Authority::generate("unit test").unwrap();
    let identity = authority.issue(&Leaf::client("alice")).unwrap();
    for (pem, certificate) in [
        (authority.certificate_pem(), authority.certificate()),
        (identity.chain_pem(), identity.certificate()),
    ] {
        let (rest, block) = x509_parser::pem::parse_x509_pem(pem.as_bytes()).unwrap();
        assert!(rest.is_empty());
        assert_eq!(block.contents, certificate.der());
    }
    assert_ne!(*authority.key_pem(), identity.key_pem());
}
