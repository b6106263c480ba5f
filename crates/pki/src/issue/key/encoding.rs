//! The three encodings of private keys, made one.
//!
//! ring reads PKCS#8 only, and etcd's other tools write the other two: kubeadm PKCS#1, cfssl and
//! `openssl ecparam -genkey` SEC1. Both are the inner part of PKCS#8.

use std::error::Error;

use zeroize::Zeroizing;

use super::KeyError;
use crate::issue::der::tag::{INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE};
use crate::issue::der::{DerError, Element, Elements, element, sequence};

/// 1.2.840.113549.1.1.1
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
/// 1.2.840.10045.2.1
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
/// 1.2.840.10045.3.1.7
const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
/// 1.3.132.0.34
const P384: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x22];
/// 1.3.132.0.35
const P521: &[u8] = &[0x2b, 0x81, 0x04, 0x00, 0x23];
/// 1.3.101.112
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];

/// `parameters` and `publicKey` of an `ECPrivateKey`.
const CURVE: u8 = 0xa0;
const PUBLIC_KEY: u8 = 0xa1;

const NULL: &[u8] = &[0x05, 0x00];
/// INTEGER 0: PKCS#8 without a public key.
const VERSION: &[u8] = &[0x02, 0x01, 0x00];

/// A PKCS#8 key as PEM (RFC 7468). All of the room at once, and no base64 besides: the crate `pem`
/// leaves copies of the key in memory, of the text that grows and of the base64.
pub(super) fn pem(pkcs8: &[u8]) -> Zeroizing<String> {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const BEGIN: &str = "-----BEGIN PRIVATE KEY-----\n";
    const END: &str = "-----END PRIVATE KEY-----\n";
    /// 64 characters.
    const LINE_BYTES: usize = 48;
    let room = BEGIN.len() + pkcs8.len().div_ceil(LINE_BYTES) * 65 + END.len();
    let mut text = Zeroizing::new(String::with_capacity(room));
    text.push_str(BEGIN);
    for line in pkcs8.chunks(LINE_BYTES) {
        for group in line.chunks(3) {
            let mut bytes = [0; 4];
            bytes[1..=group.len()].copy_from_slice(group);
            let bits = u32::from_be_bytes(bytes);
            for index in 0..4 {
                let sextet = (bits >> (18 - 6 * index)) as usize & 63;
                text.push(if index <= group.len() { char::from(ALPHABET[sextet]) } else { '=' });
            }
        }
        text.push('\n');
    }
    text.push_str(END);
    text
}

/// The first private key of some PEM, as PKCS#8.
pub(super) fn to_pkcs8(text: &str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let blocks = pem::parse_many(text).unwrap_or_default();
    let mut others = Vec::new();
    let mut key = None;
    for block in blocks {
        let label = block.tag().to_owned();
        let encrypted = label.starts_with("ENCRYPTED")
            || block.headers().get("Proc-Type").is_some_and(|value| value.contains("ENCRYPTED"));
        // Whatever it is: wiped.
        let der = Zeroizing::new(block.into_contents());
        if key.is_some() {
            continue;
        }
        if !label.ends_with("PRIVATE KEY") {
            others.push(label);
        } else if encrypted {
            key = Some(Err(KeyError::Encrypted));
        } else {
            key = Some(decode(label, der));
        }
    }
    key.unwrap_or_else(|| {
        Err(KeyError::None {
            found: if others.is_empty() {
                "no PEM, which begins with -----BEGIN".to_owned()
            } else {
                others.join(", ")
            },
        })
    })
}

fn decode(label: String, der: Zeroizing<Vec<u8>>) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let pkcs8 = match &*label {
        "PRIVATE KEY" => without_public_key(&der),
        "RSA PRIVATE KEY" => Element::only(&der, SEQUENCE).map(|key| {
            wrap(&sequence(SEQUENCE, [&*element(OBJECT_IDENTIFIER, RSA), NULL]), key.whole)
        }),
        "EC PRIVATE KEY" => from_sec1(&der),
        "OPENSSH PRIVATE KEY" => {
            let advice = "convert a copy of it with `ssh-keygen -p -m PKCS8 -f FILE`";
            return Err(KeyError::Encoding { label, advice });
        }
        _ => {
            let advice = "etcd reads PKCS#8, PKCS#1 and SEC1; convert it with `openssl pkey -in FILE -out NEW_FILE`";
            return Err(KeyError::Encoding { label, advice });
        }
    };
    pkcs8.map_err(|_| KeyError::Malformed { label })
}

/// PKCS#8 in its version 1 (RFC 5208). ring writes Ed25519 keys in version 2 (RFC 5958), with the
/// public key after the private one, and OpenSSL 3.0 cannot read it (measured).
pub(super) fn without_public_key(pkcs8: &[u8]) -> Result<Zeroizing<Vec<u8>>, DerError> {
    let mut fields = Element::only(pkcs8, SEQUENCE)?.elements();
    let (Ok(version), Ok(algorithm), Ok(key)) =
        (fields.expect(INTEGER), fields.expect(SEQUENCE), fields.expect(OCTET_STRING))
    else {
        // Whatever it is, the backend says no to it with a better reason.
        return Ok(Zeroizing::new(pkcs8.to_vec()));
    };
    Ok(Zeroizing::new(if version.whole == VERSION {
        pkcs8.to_vec()
    } else {
        sequence(SEQUENCE, [VERSION, algorithm.whole, key.whole])
    }))
}

/// PKCS#8 of an `ECPrivateKey` (RFC 5915). The curve goes to where PKCS#8 has it.
fn from_sec1(der: &[u8]) -> Result<Zeroizing<Vec<u8>>, DerError> {
    let mut fields = Element::only(der, SEQUENCE)?.elements();
    let version = fields.expect(INTEGER)?.whole;
    let secret = fields.expect(OCTET_STRING)?;
    let curve = fields.optional(CURVE)?;
    let public = fields.optional(PUBLIC_KEY)?.map_or(&[][..], |public| public.whole);
    fields.finish()?;
    let curve = match curve {
        Some(curve) => Element::only(curve.content, OBJECT_IDENTIFIER)?.whole.to_vec(),
        // It may be left out; the secret is as long as the curve is wide.
        None => element(
            OBJECT_IDENTIFIER,
            match secret.content.len() {
                48 => P384,
                66 => P521,
                _ => P256,
            },
        ),
    };
    let inner = Zeroizing::new(sequence(SEQUENCE, [version, secret.whole, public]));
    Ok(wrap(&sequence(SEQUENCE, [&*element(OBJECT_IDENTIFIER, EC), &curve]), &inner))
}

fn wrap(algorithm: &[u8], key: &[u8]) -> Zeroizing<Vec<u8>> {
    let key = Zeroizing::new(element(OCTET_STRING, key));
    Zeroizing::new(sequence(SEQUENCE, [VERSION, algorithm, &key]))
}

/// Why the backend refused a key, told from its algorithm.
pub(super) fn unusable(pkcs8: &[u8], source: Box<dyn Error + Send + Sync>) -> KeyError {
    let (kind, advice) = match algorithm(pkcs8).ok() {
        Some((RSA, _)) => (
            "RSA".to_owned(),
            ", and either damaged or shorter than 2048 bits, which is too little to be safe",
        ),
        Some((EC, Some(P256))) => ("ECDSA on P-256".to_owned(), NO_PUBLIC_KEY),
        Some((EC, Some(P384))) => ("ECDSA on P-384".to_owned(), NO_PUBLIC_KEY),
        Some((EC, Some(P521))) => (
            "ECDSA on P-521".to_owned(),
            ", which ring does not have; use P-256 or P-384, or the feature `aws-lc-rs`",
        ),
        Some((EC, _)) => {
            ("ECDSA on a curve that Go does not have either".to_owned(), "; use P-256 or P-384")
        }
        Some((ED25519, _)) => ("Ed25519".to_owned(), ", and damaged"),
        Some(_) => ("of an algorithm that TLS has not".to_owned(), "; use P-256"),
        None => ("no PKCS#8".to_owned(), ", though its label says so"),
    };
    KeyError::Unusable { kind, advice, source }
}

const NO_PUBLIC_KEY: &str = ", and either damaged or without its public half, which `openssl ec -in FILE -out NEW_FILE` adds";

/// The identifiers of the algorithm of a PKCS#8 key, and of its curve where it has one.
fn algorithm(pkcs8: &[u8]) -> Result<(&[u8], Option<&[u8]>), DerError> {
    let mut fields = Element::only(pkcs8, SEQUENCE)?.elements();
    fields.expect(INTEGER)?;
    let mut algorithm: Elements<'_> = fields.expect(SEQUENCE)?.elements();
    let identifier = algorithm.expect(OBJECT_IDENTIFIER)?.content;
    let curve = algorithm.optional(OBJECT_IDENTIFIER)?.map(|curve| curve.content);
    Ok((identifier, curve))
}
