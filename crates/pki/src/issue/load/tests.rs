use std::time::Duration;

use super::*;
use crate::issue::der::{ToBeSigned, element, sequence, tag};
use crate::{Certificate, Leaf, Reissue};

/// The certificate of `authority` with one more extension, signed by itself.
fn with_extension(authority: &Authority, identifier: &[u8], value: &[u8]) -> String {
    let mut fields = ToBeSigned::read(authority.certificate().der()).unwrap();
    let identifier = element(tag::OBJECT_IDENTIFIER, identifier);
    let (critical, value) = (element(tag::BOOLEAN, &[0xff]), element(tag::OCTET_STRING, value));
    fields.extensions.push(sequence(tag::SEQUENCE, [&*identifier, &critical, &value]));
    Certificate::from_der(fields.sign(authority.key().pair()).unwrap()).pem()
}

/// What permits the URIs of one host alone.
const ONE_URI_HOST: &[u8] = &[
    0x30, 17, 0xa0, 15, 0x30, 13, 0x86, 11, b'e', b'x', b'a', b'm', b'p', b'l', b'e', b'.', b'c',
    b'o', b'm',
];
const NAME_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x1e];

#[test]
fn of_two_certificates_of_one_key_it_is_the_better() {
    let old = Authority::builder("old").expired().generate().unwrap();
    let details = CertificateDetails::parse(old.certificate().der()).unwrap();
    let mut fields = ToBeSigned::read(old.certificate().der()).unwrap();
    let new = Authority::generate("other").unwrap();
    fields.validity = ToBeSigned::read(new.certificate().der()).unwrap().validity;
    let renewed = Certificate::from_der(fields.sign(old.key().pair()).unwrap());
    let cross = new.cross_sign(&Authority::from_pem(&renewed.pem(), &old.key_pem()).unwrap());
    let (late, renewed, cross) = (old.certificate().pem(), renewed.pem(), cross.unwrap().pem());
    for file in [[&*late, &renewed, &cross], [&*cross, &renewed, &late], [&*cross, &late, &renewed]]
    {
        let loaded = Authority::from_pem(&file.concat(), &old.key_pem()).unwrap();
        assert_eq!(loaded.certificate_pem(), renewed);
    }
    // The control: by itself it is refused.
    assert!(details.not_after < OffsetDateTime::now_utc());
    assert!(matches!(Authority::from_pem(&late, &old.key_pem()), Err(LoadError::Expired { .. })));
}

/// Go would refuse all that it signs.
#[test]
fn an_authority_with_an_extension_that_nobody_knows_is_refused_if_it_is_critical() {
    let authority = Authority::generate("unit test").unwrap();
    let pem = with_extension(&authority, &[0x2a, 3, 4], &[5, 0]);
    let error = Authority::from_pem(&pem, &authority.key_pem()).unwrap_err();
    assert!(matches!(error, LoadError::Unreadable { .. }), "{error}");
}

#[test]
fn a_cross_certificate_limits_what_the_authority_is_limited_to() {
    let (old, new) = (Authority::generate("old").unwrap(), Authority::generate("new").unwrap());
    let pem = with_extension(&new, NAME_CONSTRAINTS, ONE_URI_HOST);
    let new = Authority::from_pem(&pem, &new.key_pem()).unwrap();
    let cross = CertificateDetails::parse(old.cross_sign(&new).unwrap().der()).unwrap();
    let own = CertificateDetails::parse(new.certificate().der()).unwrap();
    assert_eq!(own.name_constraints.as_ref().unwrap().permitted_uri, ["example.com"]);
    assert_eq!(cross.name_constraints, own.name_constraints);
}

#[test]
fn the_impostor_of_a_loaded_authority_is_an_authority_too() {
    let made =
        Authority::builder("made").organization("Example").path_length(3).generate().unwrap();
    let loaded = Authority::from_pem(made.certificate_pem(), &made.key_pem()).unwrap();
    let impostor = loaded.impostor().unwrap();
    let same = Authority::from_pem(impostor.certificate_pem(), &impostor.key_pem()).unwrap();
    assert_eq!(same.name, loaded.name);
    assert_eq!(same.path_length(), Some(3));
    assert_eq!(same.window, loaded.window);
}

/// A leaf is judged by all that stand above it.
#[test]
fn what_stands_above_limits_too() {
    let root = Authority::builder("root").permit_dns("example.com").generate().unwrap();
    let made = root.intermediate("below").unwrap();
    let file = [made.certificate_pem(), root.certificate_pem()].concat();
    let loaded = Authority::from_pem(&file, &made.key_pem()).unwrap();
    for authority in [made, loaded] {
        authority.issue(&Leaf::server("infra1").host("infra1.example.com")).unwrap();
        let error = authority.issue(&Leaf::server("infra1").host("infra1.example.org"));
        assert!(matches!(error, Err(crate::IssueError::Constrained { .. })));
    }
}

#[test]
fn what_cannot_be_kept_is_not_lost_without_a_word() {
    let authority = Authority::generate("unit test").unwrap();
    let identity = authority.issue(&Leaf::server("infra1").host("localhost")).unwrap();
    let mut old = CertificateDetails::parse(identity.certificate().der()).unwrap();
    let next = authority.reissue(&old, &Reissue::default()).unwrap();
    // To the byte, whether it is critical included.
    let names = |certificate: &Certificate| {
        certificate.fields().unwrap().extension(&[0x55, 0x1d, 0x11]).unwrap().to_vec()
    };
    assert_eq!(names(next.certificate()), names(identity.certificate()));

    let url = crate::Host::Dns("https://infra1:2379".to_owned());
    let error = authority.reissue(&old, &Reissue::default().host(url)).unwrap_err();
    assert!(matches!(error, crate::IssueError::Host(_)), "{error}");

    old.names.as_mut().unwrap().others = 1;
    let later = Reissue::default().lifetime(Duration::from_secs(60));
    insta::assert_snapshot!(
        authority.reissue(&old, &later).unwrap_err(),
        @r#"the certificate of "CN=infra1" has an alternative name that is no DNS name, address, URI or mail address, and would lose it; issue another without it"#
    );
}
