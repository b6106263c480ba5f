//! Whether a snapshot is whole.

use std::fmt;

use tokio_rustls::rustls::SupportedCipherSuite;
use tokio_rustls::rustls::crypto::hash::{Context, HashAlgorithm};

use crate::error::{ErrorKind, Failure, Fate};
use crate::transport::tls::provider;

/// How long the digest after the store is.
pub(super) const DIGEST_BYTES: usize = 32;

/// The bytes of a snapshot as they come: the store, of a length known before, and its digest.
pub(super) struct Check {
    /// Without the digest.
    store_bytes: u64,
    seen_bytes: u64,
    hash: Box<dyn Context>,
    digest: Vec<u8>,
}

impl Check {
    /// Of a store of this length.
    pub(super) fn new(store_bytes: u64) -> Self {
        let digest = Vec::with_capacity(DIGEST_BYTES);
        Self { store_bytes, seen_bytes: 0, hash: sha256(), digest }
    }

    pub(super) fn total_bytes(&self) -> u64 {
        self.store_bytes.saturating_add(DIGEST_BYTES as u64)
    }

    pub(super) fn remaining_bytes(&self) -> u64 {
        self.total_bytes().saturating_sub(self.seen_bytes)
    }

    /// The digest that came, and was found right.
    pub(super) fn digest(&self) -> [u8; DIGEST_BYTES] {
        let mut digest = [0; DIGEST_BYTES];
        let length = self.digest.len().min(DIGEST_BYTES);
        digest[..length].copy_from_slice(&self.digest[..length]);
        digest
    }

    pub(super) fn add(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        let store_left = self.store_bytes.saturating_sub(self.seen_bytes);
        let of_store =
            usize::try_from(store_left).map_or(bytes.len(), |left| left.min(bytes.len()));
        let (store, digest) = bytes.split_at(of_store);
        self.hash.update(store);
        self.seen_bytes += bytes.len() as u64;
        if self.digest.len() + digest.len() > DIGEST_BYTES {
            return Err(damaged(format!(
                "the snapshot is longer than it says: {}",
                self.how_far()
            )));
        }
        self.digest.extend_from_slice(digest);
        Ok(())
    }

    /// There are no more bytes.
    pub(super) fn end(&self) -> Result<(), Failure> {
        if self.remaining_bytes() > 0 {
            return Err(damaged(format!("the snapshot ended too early, {}", self.how_far())));
        }
        if self.hash.fork_finish().as_ref() != self.digest {
            return Err(damaged("the snapshot is not what its SHA-256 says: it is damaged"));
        }
        Ok(())
    }

    /// The digest that should come.
    #[cfg(test)]
    pub(super) fn digest_of_seen(&self) -> Vec<u8> {
        self.hash.fork_finish().as_ref().to_vec()
    }

    pub(super) fn how_far(&self) -> String {
        format!("after {} of {} bytes", self.seen_bytes, self.total_bytes())
    }
}

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.how_far())
    }
}

fn damaged(what: impl Into<String>) -> Failure {
    Failure::new(ErrorKind::DamagedSnapshot, Fate::Refused, what).fix("ask for another")
}

/// The one that TLS is spoken with: it is there, whichever library that is, and as fast as it gets.
fn sha256() -> Box<dyn Context> {
    let provider = provider();
    let hash = provider.cipher_suites.iter().find_map(|suite| {
        let hash = match suite {
            SupportedCipherSuite::Tls12(suite) => suite.common.hash_provider,
            SupportedCipherSuite::Tls13(suite) => suite.common.hash_provider,
        };
        (hash.algorithm() == HashAlgorithm::SHA256).then(|| hash.start())
    });
    // RFC 8446, 9.1: TLS_AES_128_GCM_SHA256 is the one that must be there.
    hash.expect("every TLS 1.3 has SHA-256")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// That of "abc" (FIPS 180-2, B.1).
    const OF_ABC: [u8; DIGEST_BYTES] = [
        0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22,
        0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00,
        0x15, 0xad,
    ];

    fn whole() -> Vec<u8> {
        [&b"abc"[..], &OF_ABC].concat()
    }

    fn checked(bytes: &[u8], step: usize) -> Result<(), String> {
        let mut check = Check::new(3);
        bytes
            .chunks(step)
            .try_for_each(|chunk| check.add(chunk))
            .and_then(|()| check.end())
            .map_err(|failure| failure.what)
    }

    #[test]
    fn however_it_is_cut_it_is_whole() {
        for step in 1..=whole().len() {
            assert_eq!(checked(&whole(), step), Ok(()), "{step}");
        }
    }

    #[test]
    fn one_bit_anywhere_is_noticed() {
        for index in 0..whole().len() {
            let mut bytes = whole();
            bytes[index] ^= 1;
            let error = checked(&bytes, 7).unwrap_err();
            assert_eq!(error, "the snapshot is not what its SHA-256 says: it is damaged");
        }
    }

    #[test]
    fn a_byte_less_or_more_is_noticed() {
        for length in 0..whole().len() {
            assert!(checked(&whole()[..length], 7).is_err(), "{length}");
        }
        insta::assert_snapshot!(checked(&whole()[..34], 7).unwrap_err(), @"the snapshot ended too early, after 34 of 35 bytes");
        let longer = [&whole()[..], b"d"].concat();
        insta::assert_snapshot!(checked(&longer, 7).unwrap_err(), @"the snapshot is longer than it says: after 36 of 35 bytes");
    }
}
