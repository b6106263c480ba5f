//! Whoever does the arithmetic: aws-lc-rs where it is there, as rcgen does, else ring.

#[cfg(feature = "aws-lc-rs")]
pub(crate) use aws_lc_rs::{digest, signature};
#[cfg(not(feature = "aws-lc-rs"))]
pub(crate) use ring::{digest, signature};

/// SHA-256.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut sum = [0; 32];
    sum.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    sum
}

/// Whether a number and a point of a curve are of one pair.
pub(crate) fn is_elliptic_pair(
    curve: &'static signature::EcdsaSigningAlgorithm,
    number: &[u8],
    point: &[u8],
) -> bool {
    #[cfg(feature = "aws-lc-rs")]
    let pair = signature::EcdsaKeyPair::from_private_key_and_public_key(curve, number, point);
    #[cfg(not(feature = "aws-lc-rs"))]
    let pair = signature::EcdsaKeyPair::from_private_key_and_public_key(
        curve,
        number,
        point,
        &ring::rand::SystemRandom::new(),
    );
    pair.is_ok()
}
