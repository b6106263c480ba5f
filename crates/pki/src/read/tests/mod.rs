//! What our own issuer makes is read back as it was meant.

mod pem;
mod samples;

use std::net::IpAddr;

use super::{
    CertificateDetails, ExtendedKeyUsage, KeyFormat, PublicKey, SignatureCheck, certificates,
    private_keys,
};
use crate::{Authority, Leaf};

#[test]
fn reads_what_we_issue() {
    let authority = Authority::generate("example").unwrap();
    let other = Authority::generate("example").unwrap();
    let leaf = Leaf::peer("infra1").hosts(["localhost", "10.0.0.1", "::1"]);
    let identity = authority.issue(&leaf).unwrap();

    let read = certificates(identity.chain_pem().as_bytes()).unwrap();
    let root = CertificateDetails::parse(authority.certificate().der()).unwrap();
    assert_eq!(read.len(), 1);
    let read = &read[0];
    assert_eq!(read.go_objects, None);
    assert_eq!(read.version, 3);
    assert_eq!(read.subject.text, "CN=infra1");
    assert_eq!(read.subject.common_name, "infra1");
    assert_eq!(read.issuer.der, root.subject.der);
    assert_eq!(read.public_key, PublicKey::Ecdsa { bits: 256 });
    let names = read.names.as_ref().unwrap();
    assert_eq!(names.dns, ["localhost"]);
    let ip: [IpAddr; 2] = ["10.0.0.1".parse().unwrap(), "::1".parse().unwrap()];
    assert_eq!(names.ip, ip);
    assert_eq!(
        read.extended_key_usages.as_deref(),
        Some([ExtendedKeyUsage::ServerAuth, ExtendedKeyUsage::ClientAuth].as_slice())
    );
    assert_eq!(read.authority_key_identifier, root.subject_key_identifier);
    assert!(read.authority_key_identifier.is_some());
    assert!(root.basic_constraints.unwrap().authority);
    assert!(root.key_usages.unwrap().certificate_sign);

    assert_eq!(read.signed_by(&root), SignatureCheck::Valid);
    assert_eq!(root.signed_by(&root), SignatureCheck::Valid);
    let stranger = CertificateDetails::parse(other.certificate().der()).unwrap();
    assert_eq!(read.signed_by(&stranger), SignatureCheck::Invalid);

    let key = private_keys(identity.key_pem().as_bytes()).unwrap();
    assert_eq!(key[0].format, KeyFormat::Pkcs8);
    assert_eq!(key[0].belongs_to(read), Some(true));
    assert_eq!(key[0].belongs_to(&root), Some(false));
}
