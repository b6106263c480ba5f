use super::*;
use crate::issue::der::{element, sequence, tag};

#[test]
fn each_kind_is_made_or_says_what_to_do() {
    for kind in KeyKind::ALL {
        match Key::generate(kind) {
            Ok(key) => {
                assert!(kind.can_be_made());
                let again = Key::from_pem(&key.pem()).unwrap();
                assert_eq!(again.public_key_der(), key.public_key_der());
                assert_eq!(again.pem(), key.pem());
                let rsa = matches!(kind, KeyKind::Rsa2048 | KeyKind::Rsa3072 | KeyKind::Rsa4096);
                assert_eq!(key.is_rsa(), rsa);
            }
            Err(error) => {
                assert!(!kind.can_be_made());
                assert!(matches!(error, KeyError::Rsa { .. }));
            }
        }
    }
}

#[cfg(not(feature = "aws-lc-rs"))]
#[test]
fn ring_makes_no_rsa_keys_and_says_what_does() {
    insta::assert_snapshot!(
        Key::generate(KeyKind::Rsa3072).unwrap_err(),
        @"a key of kind RSA 3072 cannot be made: ring makes no RSA keys; turn on the feature `aws-lc-rs` of tercet-pki, or make the key with `openssl genrsa -out FILE 3072` and load it"
    );
}

/// Every length of the last line and of the last group.
#[test]
fn our_pem_is_the_pem_of_others() {
    for length in 0..150_u8 {
        let bytes: Vec<_> = (0..length).map(|byte| byte.wrapping_mul(157)).collect();
        let block = pem::Pem::new("PRIVATE KEY", bytes.as_slice());
        let config = pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF);
        let ours = encoding::pem(&bytes);
        assert_eq!(*ours, pem::encode_config(&block, config));
        // It did not grow: growing leaves a copy behind.
        assert!(ours.capacity() < ours.len() + 65);
    }
}

#[test]
fn debug_shows_no_key() {
    let key = Key::generate(KeyKind::P256).unwrap();
    insta::assert_snapshot!(format!("{key:?}"), @"Key(PKCS_ECDSA_P256_SHA256, [redacted])");
}

#[test]
fn what_is_no_key_is_refused_with_what_to_do() {
    let block = |label: &str, contents: &[u8]| pem::encode(&pem::Pem::new(label, contents));
    let pkcs8 = |oid: &[u8]| {
        let algorithm = element(tag::SEQUENCE, &element(tag::OBJECT_IDENTIFIER, oid));
        sequence(tag::SEQUENCE, [&[2, 1, 0][..], &algorithm, &[4, 1, 0]])
    };
    let errors: Vec<_> = [
        String::new(),
        "hello".to_owned(),
        block("CERTIFICATE", b"0"),
        block("ENCRYPTED PRIVATE KEY", b"0"),
        "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\n\
         MAA=\n-----END RSA PRIVATE KEY-----\n"
            .to_owned(),
        block("OPENSSH PRIVATE KEY", b"0"),
        block("DSA PRIVATE KEY", b"0"),
        block("PRIVATE KEY", b"hello"),
        block("EC PRIVATE KEY", b"hello"),
        block("RSA PRIVATE KEY", &[0x30, 0]),
        block("PRIVATE KEY", &pkcs8(&[0x2b, 0x65, 0x70])),
        block("PRIVATE KEY", &pkcs8(&[0x2b, 0x65, 0x6e])),
        block("PRIVATE KEY", &[0x30, 0]),
    ]
    .iter()
    .map(|text| Key::from_pem(text).unwrap_err().to_string())
    .collect();
    insta::assert_snapshot!(errors.join("\n"), @r#"
    there is no private key in the text: it has no PEM, which begins with -----BEGIN
    there is no private key in the text: it has no PEM, which begins with -----BEGIN
    there is no private key in the text: it has CERTIFICATE
    the private key is encrypted, and etcd cannot ask for a passphrase: decrypt it with `openssl pkey -in FILE -out NEW_FILE`
    the private key is encrypted, and etcd cannot ask for a passphrase: decrypt it with `openssl pkey -in FILE -out NEW_FILE`
    a key in the encoding "OPENSSH PRIVATE KEY" cannot be read: convert a copy of it with `ssh-keygen -p -m PKCS8 -f FILE`
    a key in the encoding "DSA PRIVATE KEY" cannot be read: etcd reads PKCS#8, PKCS#1 and SEC1; convert it with `openssl pkey -in FILE -out NEW_FILE`
    the block "PRIVATE KEY" holds no key: its contents are not what the label says
    the block "EC PRIVATE KEY" holds no key: its contents are not what the label says
    the private key cannot be used: it is RSA, and either damaged or shorter than 2048 bits, which is too little to be safe
    the private key cannot be used: it is Ed25519, and damaged
    the private key cannot be used: it is of an algorithm that TLS has not; use P-256
    the private key cannot be used: it is no PKCS#8, though its label says so
    "#);
}
