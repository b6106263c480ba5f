//! Whether one certificate signed another.

use super::algorithm::{KeyInfo, bits, positive, public_key, rsa_numbers};
use super::backend::signature::{self, UnparsedPublicKey, VerificationAlgorithm};
use super::parse::{Objections, Signed};
use super::{CertificateDetails, PublicKey, SignatureAlgorithm};

/// What became of checking a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SignatureCheck {
    /// That key made it.
    Valid,
    /// That key did not make it.
    Invalid,
    /// Nobody here can compute that: MD5, a curve or a size of key that the cryptography backend
    /// has not.
    Unknown,
}

impl CertificateDetails {
    /// Whether the key of `parent` signed this certificate; nothing but the signature is looked
    /// at.
    #[must_use]
    pub fn signed_by(&self, parent: &Self) -> SignatureCheck {
        check(self.certificate.der(), &self.signature_algorithm, &parent.public_key_der)
    }
}

/// Whether a key, given as SubjectPublicKeyInfo, signed a certificate, a request or a revocation
/// list.
pub(crate) fn check(
    der: &[u8],
    algorithm: &SignatureAlgorithm,
    public_key_der: &[u8],
) -> SignatureCheck {
    use SignatureCheck::{Invalid, Unknown, Valid};
    let (Some(signed), Ok(info)) = (Signed::parse(der), KeyInfo::parse(public_key_der)) else {
        return Unknown;
    };
    let Ok(kind) = public_key(public_key_der, &mut Objections::default()) else {
        return Unknown;
    };
    let verification = match verification(algorithm, &kind) {
        Ok(verification) => verification,
        Err(check) => return check,
    };
    if matches!(kind, PublicKey::Rsa { .. }) && !is_usual_exponent(info.key) {
        return Unknown;
    }
    match UnparsedPublicKey::new(verification, info.key).verify(signed.message, signed.signature) {
        Ok(()) => Valid,
        Err(_) => Invalid,
    }
}

/// The way to verify, or what is known without.
fn verification(
    algorithm: &SignatureAlgorithm,
    key: &PublicKey,
) -> Result<&'static dyn VerificationAlgorithm, SignatureCheck> {
    use PublicKey::{Ecdsa as Curve, Rsa};
    use SignatureAlgorithm::{Ecdsa, Ed25519, Other, RsaPkcs1, RsaPss};
    let known: Option<&'static dyn VerificationAlgorithm> = match (algorithm, key) {
        (Other { .. }, _) | (_, PublicKey::Other { .. }) => None,
        // The backends count the bits of the modulus, and have a least number of them.
        (RsaPkcs1 { .. } | RsaPss { .. }, Rsa { bits }) if *bits > 8192 => None,
        (RsaPkcs1 { .. }, Rsa { bits }) if *bits < 1024 => None,
        (RsaPkcs1 { hash_bits }, Rsa { .. }) => match hash_bits {
            160 => Some(&signature::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY),
            256 => Some(&signature::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY),
            // Neither backend has it for shorter keys.
            384 if is_2048(key) => Some(&signature::RSA_PKCS1_2048_8192_SHA384),
            512 => Some(&signature::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY),
            _ => None,
        },
        (RsaPss { hash_bits }, Rsa { .. }) if is_2048(key) => match hash_bits {
            256 => Some(&signature::RSA_PSS_2048_8192_SHA256),
            384 => Some(&signature::RSA_PSS_2048_8192_SHA384),
            512 => Some(&signature::RSA_PSS_2048_8192_SHA512),
            _ => None,
        },
        (RsaPss { .. }, Rsa { .. }) => None,
        (Ecdsa { hash_bits }, Curve { bits }) => match (bits, hash_bits) {
            (256, 256) => Some(&signature::ECDSA_P256_SHA256_ASN1),
            (256, 384) => Some(&signature::ECDSA_P256_SHA384_ASN1),
            (384, 256) => Some(&signature::ECDSA_P384_SHA256_ASN1),
            (384, 384) => Some(&signature::ECDSA_P384_SHA384_ASN1),
            #[cfg(feature = "aws-lc-rs")]
            (256, 512) => Some(&signature::ECDSA_P256_SHA512_ASN1),
            #[cfg(feature = "aws-lc-rs")]
            (384, 512) => Some(&signature::ECDSA_P384_SHA512_ASN1),
            #[cfg(feature = "aws-lc-rs")]
            (521, 160) => Some(&signature::ECDSA_P521_SHA1_ASN1),
            #[cfg(feature = "aws-lc-rs")]
            (521, 256) => Some(&signature::ECDSA_P521_SHA256_ASN1),
            #[cfg(feature = "aws-lc-rs")]
            (521, 384) => Some(&signature::ECDSA_P521_SHA384_ASN1),
            #[cfg(feature = "aws-lc-rs")]
            (521, 512) => Some(&signature::ECDSA_P521_SHA512_ASN1),
            _ => None,
        },
        (Ed25519, PublicKey::Ed25519) => Some(&signature::ED25519),
        // A signature of one kind, a key of another.
        _ => return Err(SignatureCheck::Invalid),
    };
    known.ok_or(SignatureCheck::Unknown)
}

fn is_2048(key: &PublicKey) -> bool {
    matches!(key, PublicKey::Rsa { bits } if *bits >= 2048)
}

/// Whether the exponent is one that the backends compute with: odd, at least 3, at most 33 bits.
fn is_usual_exponent(key: &[u8]) -> bool {
    rsa_numbers(key).is_ok_and(|(_, exponent)| {
        let exponent = positive(exponent);
        let last = exponent.last().copied().unwrap_or(0);
        bits(exponent) <= 33 && last & 1 == 1 && exponent != [1]
    })
}
