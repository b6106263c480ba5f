//! Algorithms of keys and of signatures, by their numbers.

use super::der::{INTEGER, NULL, Reader, SEQUENCE, constructed};
use super::parse::Objections;
use super::{PublicKey, SignatureAlgorithm};

pub(crate) const RSA: &str = "1.2.840.113549.1.1.1";
pub(crate) const ELLIPTIC: &str = "1.2.840.10045.2.1";
pub(crate) const ED25519: &str = "1.3.101.112";
const X25519: &str = "1.3.101.110";
const DSA: &str = "1.2.840.10040.4.1";

/// The curves that Go knows, and the bits of each.
const CURVES: [(&str, usize); 4] = [
    ("1.3.132.0.33", 224),
    ("1.2.840.10045.3.1.7", 256),
    ("1.3.132.0.34", 384),
    ("1.3.132.0.35", 521),
];

/// The key of a curve; one that Go does not know is [`PublicKey::Other`].
pub(crate) fn elliptic(curve: String) -> PublicKey {
    match CURVES.iter().find(|(oid, _)| *oid == curve) {
        Some((_, bits)) => PublicKey::Ecdsa { bits: *bits },
        None => PublicKey::Other { oid: curve },
    }
}

/// A SubjectPublicKeyInfo, taken apart.
pub(crate) struct KeyInfo<'a> {
    /// The algorithm's number.
    pub(crate) algorithm: String,
    /// What follows the algorithm's number.
    pub(crate) parameters: Reader<'a>,
    /// The key itself.
    pub(crate) key: &'a [u8],
}

impl<'a> KeyInfo<'a> {
    pub(crate) fn parse(der: &'a [u8]) -> Result<Self, &'static str> {
        let mut info = Reader::new(der).read(SEQUENCE).ok_or("x509: malformed spki")?;
        let mut parameters =
            info.read(SEQUENCE).ok_or("x509: malformed public key algorithm identifier")?;
        let algorithm = parameters.oid().ok_or("x509: malformed OID")?;
        let (_, key) = info.bits().ok_or("x509: malformed subjectPublicKey")?;
        Ok(Self { algorithm, parameters, key })
    }
}

/// The kind of a public key, of its SubjectPublicKeyInfo.
pub(crate) fn public_key(
    der: &[u8],
    objections: &mut Objections,
) -> Result<PublicKey, &'static str> {
    let KeyInfo { algorithm, mut parameters, key } = KeyInfo::parse(der)?;
    Ok(match algorithm.as_str() {
        RSA => {
            if parameters.rest() != NULL {
                objections.add("x509: RSA key missing NULL parameters");
            }
            let modulus = rsa_modulus(key);
            if let Err(go) = modulus {
                objections.add(go);
            }
            PublicKey::Rsa { bits: modulus.map_or(0, bits) }
        }
        ELLIPTIC => match parameters.oid().map(elliptic) {
            Some(kind) => {
                if let PublicKey::Ecdsa { bits } = kind {
                    // Uncompressed points only; whether it is on the curve is the backend's to
                    // find out, should it ever be used.
                    if key.first() != Some(&4) || key.len() != 1 + 2 * bits.div_ceil(8) {
                        objections.add("x509: failed to unmarshal elliptic curve point");
                    }
                } else {
                    objections.add("x509: unsupported elliptic curve");
                }
                kind
            }
            None => {
                objections.add("x509: invalid ECDSA parameters");
                PublicKey::Other { oid: algorithm }
            }
        },
        ED25519 => {
            if !parameters.is_empty() {
                objections.add("x509: Ed25519 key encoded with illegal parameters");
            }
            if key.len() != 32 {
                objections.add("x509: wrong Ed25519 public key size");
            }
            PublicKey::Ed25519
        }
        X25519 | DSA => PublicKey::Other { oid: algorithm },
        // Go reads a certificate with a key that it knows nothing about, and fails to verify with
        // it.
        _ => PublicKey::Other { oid: algorithm },
    })
}

/// The modulus of an RSA public key (PKCS #1), without leading zeros.
pub(crate) fn rsa_modulus(key: &[u8]) -> Result<&[u8], &'static str> {
    rsa_numbers(key).map(|(modulus, _)| positive(modulus))
}

/// The modulus and the exponent of an RSA public key, as they are in DER.
pub(crate) fn rsa_numbers(key: &[u8]) -> Result<(&[u8], &[u8]), &'static str> {
    let mut key = Reader::new(key).read(SEQUENCE).ok_or("x509: invalid RSA public key")?;
    let modulus = key.integer().ok_or("x509: invalid RSA modulus")?;
    let exponent = key.integer().ok_or("x509: invalid RSA public exponent")?;
    if modulus[0] & 0x80 != 0 || modulus == [0] {
        return Err("x509: RSA modulus is not a positive number");
    }
    if exponent[0] & 0x80 != 0 || exponent == [0] {
        return Err("x509: RSA public exponent is not a positive number");
    }
    // Go's `int`.
    if exponent.len() > 8 {
        return Err("x509: invalid RSA public exponent");
    }
    Ok((modulus, exponent))
}

/// A positive integer without the zero that says that it is positive.
pub(crate) fn positive(integer: &[u8]) -> &[u8] {
    integer.strip_prefix(&[0]).unwrap_or(integer)
}

/// How many bits a number has that begins with no zero byte.
pub(crate) fn bits(number: &[u8]) -> usize {
    let first = number.first().map_or(8, |byte| byte.leading_zeros() as usize);
    (number.len() * 8).saturating_sub(first)
}

/// How something was signed, of the contents of an AlgorithmIdentifier.
pub(crate) fn signature(identifier: &[u8]) -> Option<SignatureAlgorithm> {
    let mut parameters = Reader::new(identifier);
    let oid = parameters.oid()?;
    if !parameters.is_empty() {
        let mut ahead = parameters;
        ahead.any()?;
    }
    Some(match oid.as_str() {
        "1.2.840.113549.1.1.4" => SignatureAlgorithm::RsaPkcs1 { hash_bits: 128 },
        // The second is of ISO, and the older.
        "1.2.840.113549.1.1.5" | "1.3.14.3.2.29" => SignatureAlgorithm::RsaPkcs1 { hash_bits: 160 },
        "1.2.840.113549.1.1.11" => SignatureAlgorithm::RsaPkcs1 { hash_bits: 256 },
        "1.2.840.113549.1.1.12" => SignatureAlgorithm::RsaPkcs1 { hash_bits: 384 },
        "1.2.840.113549.1.1.13" => SignatureAlgorithm::RsaPkcs1 { hash_bits: 512 },
        "1.2.840.113549.1.1.10" => match pss(parameters) {
            Some(hash_bits) => SignatureAlgorithm::RsaPss { hash_bits },
            None => SignatureAlgorithm::Other { oid },
        },
        "1.2.840.10045.4.1" => SignatureAlgorithm::Ecdsa { hash_bits: 160 },
        "1.2.840.10045.4.3.2" => SignatureAlgorithm::Ecdsa { hash_bits: 256 },
        "1.2.840.10045.4.3.3" => SignatureAlgorithm::Ecdsa { hash_bits: 384 },
        "1.2.840.10045.4.3.4" => SignatureAlgorithm::Ecdsa { hash_bits: 512 },
        ED25519 if parameters.is_empty() => SignatureAlgorithm::Ed25519,
        _ => SignatureAlgorithm::Other { oid },
    })
}

/// The bits of the hash of RSA-PSS, in the one form of parameters that Go takes: the same hash for
/// both purposes, a salt as long as the hash, and the usual trailer.
fn pss(mut identifier: Reader<'_>) -> Option<usize> {
    let mut parameters = identifier.read(SEQUENCE)?;
    let hash = hash(parameters.read(constructed(0))?.read(SEQUENCE)?)?;
    let mut mask = parameters.read(constructed(1))?.read(SEQUENCE)?;
    if mask.oid()? != "1.2.840.113549.1.1.8" || self::hash(mask.read(SEQUENCE)?)? != hash {
        return None;
    }
    let salt = parameters.read(constructed(2))?.small()?;
    if let Some(mut trailer) = parameters.optional(constructed(3))?
        && trailer.next_is(INTEGER)
        && trailer.small()? != 1
    {
        return None;
    }
    (usize::try_from(salt).ok()? * 8 == hash).then_some(hash)
}

/// The bits of a SHA-2 hash, of its AlgorithmIdentifier.
fn hash(mut identifier: Reader<'_>) -> Option<usize> {
    let bits = match identifier.oid()?.as_str() {
        "2.16.840.1.101.3.4.2.1" => 256,
        "2.16.840.1.101.3.4.2.2" => 384,
        "2.16.840.1.101.3.4.2.3" => 512,
        _ => return None,
    };
    (identifier.is_empty() || identifier.rest() == NULL).then_some(bits)
}
