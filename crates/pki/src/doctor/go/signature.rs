//! Whether one certificate signed another: `CheckSignatureFrom`.

use super::SignatureFault;
use crate::etcd::Go;
use crate::read::{CertificateDetails, PublicKey, SignatureAlgorithm, SignatureCheck};

/// SHA-1 ends with this release (its release notes).
const SHA1_REFUSED: Go = Go::new(18);
/// RSA keys of less than 1024 bits verify nothing from this release on (its release notes), but
/// where the build's `go.mod` is older than that.
const SMALL_RSA_REFUSED: Go = Go::new(24);

/// Checks that `parent` signed `child`, and might.
pub(super) fn check(
    child: &CertificateDetails,
    parent: &CertificateDetails,
    go: Go,
) -> Result<(), SignatureFault> {
    let may_sign = match parent.basic_constraints {
        Some(constraints) => constraints.authority,
        // Versions 1 and 2 have no extensions to say it with.
        None => parent.version != 3,
    };
    if !may_sign || parent.key_usages.is_some_and(|usages| !usages.certificate_sign) {
        return Err(SignatureFault::CannotSign);
    }
    if matches!(parent.public_key, PublicKey::Other { .. }) {
        return Err(SignatureFault::Unknown);
    }

    let (signature, hash_bits) = match &child.signature_algorithm {
        SignatureAlgorithm::RsaPkcs1 { hash_bits } | SignatureAlgorithm::RsaPss { hash_bits } => {
            ("RSA", Some(*hash_bits))
        }
        SignatureAlgorithm::Ecdsa { hash_bits } => ("ECDSA", Some(*hash_bits)),
        SignatureAlgorithm::Ed25519 => ("Ed25519", None),
        SignatureAlgorithm::Other { .. } => return Err(SignatureFault::Unknown),
    };
    match (hash_bits, signature) {
        (Some(128), _) => return Err(SignatureFault::Insecure { algorithm: "MD5-RSA" }),
        (Some(160), "RSA") if go >= SHA1_REFUSED => {
            return Err(SignatureFault::Insecure { algorithm: "SHA1-RSA" });
        }
        (Some(160), "ECDSA") if go >= SHA1_REFUSED => {
            return Err(SignatureFault::Insecure { algorithm: "ECDSA-SHA1" });
        }
        _ => {}
    }

    let (kind, type_name) = match &parent.public_key {
        PublicKey::Rsa { .. } => ("RSA", "*rsa.PublicKey"),
        PublicKey::Ecdsa { .. } => ("ECDSA", "*ecdsa.PublicKey"),
        PublicKey::Ed25519 => ("Ed25519", "ed25519.PublicKey"),
        PublicKey::Other { .. } => return Err(SignatureFault::Unknown),
    };
    if kind != signature {
        return Err(SignatureFault::OtherKind { signature, key: type_name });
    }
    if let PublicKey::Rsa { bits } = parent.public_key
        && bits < 1024
        && go >= SMALL_RSA_REFUSED
    {
        return Err(SignatureFault::SmallKey { bits });
    }
    match child.signed_by(parent) {
        SignatureCheck::Invalid => Err(SignatureFault::Wrong { key: kind }),
        // What the backend cannot compute (ring has no P-521) is taken for sound: better to miss a
        // forged signature, which Go will see, than to alarm about a good one.
        SignatureCheck::Valid | SignatureCheck::Unknown => Ok(()),
    }
}
