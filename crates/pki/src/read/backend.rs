//! Whoever does the arithmetic: aws-lc-rs where it is there, as rcgen does, else ring.

#[cfg(feature = "aws-lc-rs")]
pub(crate) use aws_lc_rs::{digest, rand, signature};
#[cfg(not(feature = "aws-lc-rs"))]
pub(crate) use ring::{digest, rand, signature};

/// SHA-256.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut sum = [0; 32];
    sum.copy_from_slice(digest::digest(&digest::SHA256, bytes).as_ref());
    sum
}
