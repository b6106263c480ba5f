//! Reading what exists: PEM, certificates, keys and revocation lists, by Go's rules of what is one.

mod algorithm;
mod backend;
mod der;
mod details;
mod error;
mod extensions;
pub mod inspect;
mod key;
mod name;
mod parse;
pub mod pem;
mod request;
mod revocation_list;
mod signature;

pub use details::{
    BasicConstraints, CertificateDetails, DistinguishedName, ExtendedKeyUsage, KeyUsages,
    NameConstraints, Names, PublicKey, SignatureAlgorithm,
};
pub use error::ReadError;
pub use key::{KeyFormat, PrivateKeyDetails, private_keys};
pub use parse::certificates;
pub use pem::Block;
pub use request::{RequestDetails, request};
pub use revocation_list::{Encoding, RevocationListDetails, RevokedCertificate, revocation_list};
pub use signature::SignatureCheck;

/// The most that is read of one file: 1 MiB, which is several hundred certificates, or a list of
/// twenty thousand that are revoked.
pub const MAX_FILE_BYTES: usize = 1 << 20;

/// Whether a character would disturb a terminal, or make a line look like another: controls, and
/// those that turn the direction of the text or have no width.
pub(crate) fn is_unprintable(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
        )
}

#[cfg(test)]
mod tests;
