use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer as _, X509Certificate, X509Version};
use x509_parser::public_key::PublicKey;

use super::*;
use crate::{Certificate, LOOPBACK_HOSTS};

fn read(certificate: &Certificate) -> X509Certificate<'_> {
    X509Certificate::from_der(certificate.der()).unwrap().1
}

fn is_signed_by(certificate: &Certificate, authority: &Authority) -> bool {
    let authority = read(authority.certificate());
    read(certificate).verify_signature(Some(authority.public_key())).is_ok()
}

/// The alternative names as text: `DNS:localhost`, `IP:…`.
fn names(x509: &X509Certificate<'_>) -> Vec<String> {
    let Some(names) = x509.subject_alternative_name().unwrap() else { return Vec::new() };
    let names = names.value.general_names.iter().map(|name| match name {
        GeneralName::DNSName(name) => format!("DNS:{name}"),
        GeneralName::IPAddress(bytes) => format!("IP:{bytes:?}"),
        other => format!("{other:?}"),
    });
    names.collect()
}

/// `(serverAuth, clientAuth)`.
fn usages(x509: &X509Certificate<'_>) -> (bool, bool) {
    let usage = x509.extended_key_usage().unwrap().unwrap().value;
    (usage.server_auth, usage.client_auth)
}

/// Everything that could be wrong with a certificate, as text, but for what differs by chance.
fn description(x509: &X509Certificate<'_>) -> Vec<(&'static str, String)> {
    let days = x509.validity().time_to_expiration().map(|left| left.whole_days());
    vec![
        ("version", x509.version().to_string()),
        ("serial", (x509.raw_serial()[0] < 0x80).to_string()),
        ("hash", x509.signature_algorithm.algorithm.to_string()),
        ("subject", x509.subject().to_string()),
        ("days", format!("{days:?}")),
        ("key", x509.public_key().algorithm.algorithm.to_string()),
        ("names", names(x509).join(" ")),
        (
            "others",
            x509.iter_extensions()
                .filter(|extension| extension.oid.to_id_string() != "2.5.29.17")
                .filter(|extension| extension.oid.to_id_string() != "2.5.29.14")
                .map(|extension| format!("{} {:x?}; ", extension.oid, extension.value))
                .collect(),
        ),
    ]
}

#[test]
fn each_is_wrong_in_one_way_and_well_signed() {
    let authority = Authority::generate("unit test").unwrap();
    let leaf = || Leaf::peer("infra1").hosts(LOOPBACK_HOSTS);
    let good = authority.issue(&leaf()).unwrap();
    let good = description(&read(good.certificate()));
    let differences = |wrong: Leaf| {
        let wrong = authority.issue(&wrong).unwrap();
        assert!(is_signed_by(wrong.certificate(), &authority));
        let wrong = description(&read(wrong.certificate()));
        let different = good.iter().zip(wrong).filter(|(good, wrong)| *good != wrong);
        different.map(|(_, wrong)| wrong.0).collect::<Vec<_>>().join(" ")
    };
    // The control.
    assert_eq!(differences(leaf()), "");
    assert_eq!(differences(leaf().expired()), "days");
    assert_eq!(differences(leaf().not_yet_valid()), "days");
    assert_eq!(differences(leaf().wrong_host()), "names");
    assert_eq!(differences(leaf().address_as_name()), "names");
    assert_eq!(differences(leaf().common_name_only()), "names");
    assert_eq!(differences(leaf().server_only()), "others");
    assert_eq!(differences(leaf().client_only()), "others");
    assert_eq!(differences(leaf().weak_rsa()), "key");
    assert_eq!(differences(leaf().negative_serial()), "serial");
    // It cannot have any of the others.
    assert_eq!(differences(leaf().version_1()), "version names others");
}

#[test]
fn names_are_wrong_as_asked() {
    let authority = Authority::generate("unit test").unwrap();
    let names = |leaf: Leaf| {
        names(&read(authority.issue(&leaf.hosts(LOOPBACK_HOSTS)).unwrap().certificate())).join(" ")
    };
    assert_eq!(names(Leaf::server("x").address_as_name()), "DNS:localhost DNS:127.0.0.1 DNS:::1");
    assert_eq!(names(Leaf::server("x").wrong_host()), "DNS:elsewhere.invalid IP:[192, 0, 2, 1]");
    assert_eq!(names(Leaf::peer("x").wrong_host()), "IP:[192, 0, 2, 1]");
    assert_eq!(names(Leaf::peer("x").common_name_only()), "");
}

#[test]
fn usages_are_wrong_as_asked() {
    let authority = Authority::generate("unit test").unwrap();
    let usages = |leaf: Leaf| usages(&read(authority.issue(&leaf).unwrap().certificate()));
    assert_eq!(usages(Leaf::client("x").server_only()), (true, false));
    assert_eq!(usages(Leaf::peer("x").host("localhost").client_only()), (false, true));
}

#[test]
fn the_weak_key_is_the_one_that_comes_with_it() {
    let authority = Authority::generate("unit test").unwrap();
    let weak = authority.issue(&Leaf::client("x").weak_rsa()).unwrap();
    let x509 = read(weak.certificate());
    let PublicKey::RSA(key) = x509.public_key().parsed().unwrap() else { panic!("RSA") };
    assert_eq!(key.key_size(), 1024);
    // The modulus is in the private key as well.
    let private = pem::parse(weak.key_pem()).unwrap();
    let found = private.contents().windows(key.modulus.len()).any(|part| part == key.modulus);
    assert!(found);
}

#[test]
fn two_ways_to_be_wrong_can_be_had_at_once() {
    let authority = Authority::generate("unit test").unwrap();
    let leaf = Leaf::client("x").version_1().negative_serial().weak_rsa().expired();
    let wrong = authority.issue(&leaf).unwrap();
    let x509 = read(wrong.certificate());
    assert_eq!(x509.version(), X509Version::V1);
    assert!(x509.raw_serial()[0] >= 0x80);
    assert!(!x509.validity().is_valid());
    assert!(is_signed_by(wrong.certificate(), &authority));
}

#[test]
fn what_would_not_be_wrong_is_refused_and_hosts_are_needed_where_they_are_used() {
    let authority = Authority::generate("unit test").unwrap();
    let error = |leaf: Leaf| authority.issue(&leaf).unwrap_err().to_string();
    insta::assert_snapshot!(
        error(Leaf::server("infra1").host("localhost").address_as_name()),
        @r#"the certificate of "infra1" names no address that could be written as a DNS name: add `.host("127.0.0.1")`"#
    );
    assert!(matches!(
        authority.issue(&Leaf::server("infra1").server_only()),
        Err(IssueError::NoHosts { .. })
    ));
    for leaf in [
        Leaf::server("localhost").common_name_only(),
        Leaf::server("localhost").version_1(),
        Leaf::server("localhost").wrong_host(),
    ] {
        authority.issue(&leaf).unwrap();
    }
}

#[test]
fn a_stranger_has_another_name_and_an_impostor_the_same() {
    let authority = Authority::generate("unit test").unwrap();
    let stranger = authority.stranger().unwrap();
    let impostor = authority.impostor().unwrap();
    let subject = |authority: &Authority| read(authority.certificate()).subject().as_raw().to_vec();
    assert_ne!(subject(&authority), subject(&stranger));
    assert_eq!(subject(&authority), subject(&impostor));

    let leaf = Leaf::client("alice");
    for other in [stranger, impostor] {
        assert_ne!(*authority.key_pem(), *other.key_pem());
        let identity = other.issue(&leaf).unwrap();
        assert!(is_signed_by(identity.certificate(), &other));
        assert!(!is_signed_by(identity.certificate(), &authority));
    }
}

#[test]
fn an_impostor_has_the_whole_name_and_an_identifier_of_its_own() {
    let root = Authority::builder("unit test").organization("Tercet").generate().unwrap();
    let authority = root.intermediate("below").unwrap();
    for authority in [root, authority] {
        let impostor = authority.impostor().unwrap();
        let (real, other) = (read(authority.certificate()), read(impostor.certificate()));
        assert_eq!(real.subject().as_raw(), other.subject().as_raw());
        assert_eq!(other.issuer().as_raw(), other.subject().as_raw());
        assert_ne!(real.raw_serial(), other.raw_serial());
        other.verify_signature(None).unwrap();
        let identity = impostor.issue(&Leaf::client("alice")).unwrap();
        let leaf = read(identity.certificate());
        assert_eq!(leaf.issuer().as_raw(), real.subject().as_raw());
        assert!(is_signed_by(identity.certificate(), &impostor));
    }
}

#[test]
fn what_is_revoked_is_on_the_list_that_comes_with_it() {
    let authority = Authority::generate("unit test").unwrap();
    let (identity, list) = authority.issue_revoked(&Leaf::client("alice")).unwrap();
    let (_, list) = x509_parser::parse_x509_crl(list.der()).unwrap();
    let serials: Vec<_> = list.iter_revoked_certificates().map(|one| one.raw_serial()).collect();
    assert_eq!(serials, [read(identity.certificate()).raw_serial()]);
    let negative = authority.issue_revoked(&Leaf::client("alice").negative_serial());
    assert!(matches!(negative, Err(IssueError::Serial { .. })));
}
