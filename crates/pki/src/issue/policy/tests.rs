use std::net::IpAddr;

use super::*;
use crate::issue::der::{element, sequence, tag};
use crate::{Key, Leaf};

const NAMES: &[u8] = &[0x55, 0x1d, 0x11];
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];
/// extensionRequest of PKCS #9.
const ASKED: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x0e];
const SET: u8 = 0x31;

fn extension(identifier: &[u8], value: &[u8]) -> Vec<u8> {
    let identifier = element(tag::OBJECT_IDENTIFIER, identifier);
    sequence(tag::SEQUENCE, [&*identifier, &element(tag::OCTET_STRING, value)])
}

/// The extension of these names, each a whole element.
fn names(names: &[&[u8]]) -> Vec<u8> {
    extension(NAMES, &sequence(tag::SEQUENCE, names.iter().copied()))
}

fn dns(name: &str) -> Vec<u8> {
    element(0x82, name.as_bytes())
}

/// A request of "infra1" with these attributes, each a list of extensions.
fn request(attributes: &[&[Vec<u8>]]) -> Request {
    let attributes: Vec<_> = attributes
        .iter()
        .map(|extensions| {
            let list = sequence(tag::SEQUENCE, extensions.iter().map(Vec::as_slice));
            let identifier = element(tag::OBJECT_IDENTIFIER, ASKED);
            sequence(tag::SEQUENCE, [&*identifier, &element(SET, &list)])
        })
        .collect();
    let attributes = sequence(0xa0, attributes.iter().map(Vec::as_slice));
    let key = Key::generate(KeyKind::P256).unwrap();
    let sound = Request::for_key(&Leaf::client("infra1"), &key).unwrap();
    // After the version, the subject and the key.
    let der = signing::replace(sound.der(), 3, &attributes, &key).unwrap();
    Request::read(&der).unwrap()
}

fn policy() -> Policy {
    Policy::server().allow_common_name("infra1").allow_suffix("example.com")
}

#[test]
fn what_is_not_wholly_understood_is_not_signed_in_part() {
    let authority = Authority::generate("unit test").unwrap();
    let good = names(&[&dns("a.example.com")]);
    let more = names(&[&dns("b.example.com")]);
    // The control.
    authority.sign(&request(&[std::slice::from_ref(&good)]), &policy()).unwrap();
    let errors: Vec<_> = [
        // Twice, in one attribute or in two.
        request(&[&[good.clone(), more.clone()]]),
        request(&[std::slice::from_ref(&good), &[more]]),
        // An authority or not?
        request(&[&[good, extension(BASIC_CONSTRAINTS, &[0x30, 3, 1, 1, 1])]]),
        // A second name that breaks off.
        request(&[&[names(&[&dns("a.example.com"), &[0x82, 9]])]]),
    ]
    .iter()
    .map(|request| authority.sign(request, &policy()).unwrap_err().to_string())
    .collect();
    insta::assert_snapshot!(errors.join("\n"), @r#"
    the request is not sound: x509: certificate contains duplicate extension with OID "2.5.29.17"; make it again
    the request is not sound: x509: certificate contains duplicate extension with OID "2.5.29.17"; make it again
    the request is not sound: x509: invalid basic constraints; make it again
    the request is not sound: x509: invalid subject alternative name; make it again
    "#);
}

/// Go takes both for the same address, wherever it looks for one in a certificate.
#[test]
fn an_ipv4_address_is_one_even_if_it_is_written_as_ipv6() {
    let authority = Authority::generate("unit test").unwrap();
    let mapped = std::net::Ipv4Addr::new(192, 168, 0, 1).to_ipv6_mapped();
    let asked = request(&[&[names(&[&element(0x87, &mapped.octets())])]]);
    let error = authority.sign(&asked, &policy().allow_network("::/0")).unwrap_err();
    assert!(matches!(error, SignError::Refused(Refusal { what: Refused::Host, .. })), "{error}");
    let chain = authority.sign(&asked, &policy().allow_network("192.168.0.0/16")).unwrap();
    let details = crate::read::CertificateDetails::parse(chain.certificate().der()).unwrap();
    assert_eq!(details.names.unwrap().ip, [IpAddr::from([192, 168, 0, 1])]);
}

#[test]
fn a_domain_that_holds_no_name_is_a_mistake_in_the_policy() {
    let authority = Authority::generate("unit test").unwrap();
    let asked = request(&[&[names(&[&dns("a.example.com")])]]);
    for domain in ["*.example.com", "10.0.0.1", "", ".", "example.com.", "https://example.com"] {
        let policy = Policy::server().allow_common_name("infra1").allow_suffix(domain);
        let error = authority.sign(&asked, &policy).unwrap_err();
        assert!(matches!(error, SignError::PolicyHost(_)), "{domain}: {error}");
    }
    for domain in ["example.com", ".example.com", "Example.COM"] {
        let policy = Policy::server().allow_common_name("infra1").allow_suffix(domain);
        authority.sign(&asked, &policy).unwrap();
    }
    // Nothing is allowed by nothing.
    assert!(authority.sign(&asked, &Policy::server()).is_err());
}
