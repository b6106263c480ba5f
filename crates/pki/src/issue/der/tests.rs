use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair};
use x509_parser::parse_x509_certificate;

use super::*;

/// id-ce-subjectAltName, 2.5.29.17.
const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 0x11];

fn certificate() -> (KeyPair, Vec<u8>) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate = params.self_signed(&key).unwrap();
    (key, certificate.der().to_vec())
}

/// Whether the certificate's own key signed it.
fn is_signed(der: &[u8]) -> bool {
    parse_x509_certificate(der).unwrap().1.verify_signature(None).is_ok()
}

#[test]
fn taken_apart_and_put_together_it_is_the_same() {
    let (key, der) = certificate();
    let read = ToBeSigned::read(&der).unwrap();
    assert!(der.windows(read.encode().len()).any(|window| window == read.encode()));
    let again = read.sign(&key).unwrap();
    assert_eq!(ToBeSigned::read(&again), Ok(read));
    assert!(is_signed(&again));
}

#[test]
fn any_field_can_be_replaced_and_the_signature_holds() {
    let (key, der) = certificate();
    let mut changed = ToBeSigned::read(&der).unwrap();
    changed.serial = element(tag::INTEGER, &[0xff]);
    let names = changed.extensions.iter_mut().find(|extension| is(extension, SUBJECT_ALT_NAME));
    // Of the same length, so that nothing around it need change.
    let names = names.unwrap();
    let at = names.windows(9).position(|part| part == b"localhost").unwrap();
    names[at..at + 9].copy_from_slice(b"elsewhere");
    assert!(changed.extension(SUBJECT_ALT_NAME).is_some());
    assert_eq!(changed.extension(&[0x2a, 3, 4]), None);
    let der = changed.sign(&key).unwrap();
    assert!(is_signed(&der));
    let (_, x509) = parse_x509_certificate(&der).unwrap();
    assert_eq!(x509.raw_serial(), [0xff]);
    let names = x509.subject_alternative_name().unwrap().unwrap();
    assert_eq!(format!("{}", names.value.general_names[0]), "DNSName(elsewhere)");
}

#[test]
fn version_1_has_neither_version_nor_extensions() {
    let (key, der) = certificate();
    let mut changed = ToBeSigned::read(&der).unwrap();
    changed.version = None;
    changed.extensions.clear();
    let der = changed.sign(&key).unwrap();
    assert!(is_signed(&der));
    let (_, x509) = parse_x509_certificate(&der).unwrap();
    assert_eq!(x509.version(), x509_parser::x509::X509Version::V1);
    assert!(x509.extensions().is_empty());
    assert_eq!(ToBeSigned::read(&der), Ok(changed));
}

#[test]
fn lengths_are_written_as_der_wants_them_and_read_back() {
    for length in [0, 1, 0x7f, 0x80, 0xff, 0x100, 0xffff, 0x1_0000] {
        let content = vec![7; length];
        let der = element(tag::OCTET_STRING, &content);
        let read = Element::only(&der, tag::OCTET_STRING).unwrap();
        assert_eq!(read.content, content);
        assert_eq!(read.whole, der);
    }
    assert_eq!(element(tag::OCTET_STRING, &[7; 0x80])[..3], [4, 0x81, 0x80]);
    assert_eq!(element(tag::OCTET_STRING, &[7; 0x100])[..4], [4, 0x82, 1, 0]);
}

#[test]
fn what_is_not_der_is_refused_with_the_reason() {
    let (_, mut longer) = certificate();
    longer.push(0);
    let cases: [&[u8]; 12] = [
        &[],
        &[0x30],
        &[0x30, 1],
        &[0x30, 0x80],
        &[0x30, 0x81, 0x7f],
        &[0x30, 0x82, 0, 0x80],
        &[0x30, 0x84, 0xff, 0xff, 0xff, 0xff],
        &[0x30, 0x85, 1, 0, 0, 0, 0],
        &[0x1f, 1, 0],
        &[0x31, 0],
        &[0x30, 0],
        &longer,
    ];
    let errors: Vec<_> =
        cases.iter().map(|der| ToBeSigned::read(der).unwrap_err().to_string()).collect();
    insta::assert_snapshot!(errors.join("\n"), @r"
    a certificate is not in DER: an element is missing
    a certificate is not in DER: it ends too early
    a certificate is not in DER: it ends too early
    a certificate is not in DER: a length is indefinite or absurd
    a certificate is not in DER: a length is longer than it need be
    a certificate is not in DER: a length is longer than it need be
    a certificate is not in DER: it ends too early
    a certificate is not in DER: a length is indefinite or absurd
    a certificate is not in DER: a tag has more than one byte, and no certificate has such
    a certificate is not in DER: an element is of another kind than it must be
    a certificate is not in DER: an element is missing
    a certificate is not in DER: there is more than there may be
    ");
}

/// Every truncation, and every byte changed in three ways: an answer or an error, and no panic.
#[test]
fn nothing_panics() {
    let (_, der) = certificate();
    for end in 0..der.len() {
        assert!(ToBeSigned::read(&der[..end]).is_err(), "cut at {end}");
    }
    let mut understood = 0;
    for at in 0..der.len() {
        for change in [0x01, 0x80, 0xff] {
            let mut der = der.clone();
            der[at] ^= change;
            if let Ok(read) = ToBeSigned::read(&der) {
                assert!(!read.encode().is_empty());
                understood += 1;
            }
        }
    }
    assert!(understood > 0, "the control: not all changes are of the structure");
}
