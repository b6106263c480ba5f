//! Reading what exists: PEM, certificates, keys and revocation lists, by Go's rules of what is one.

mod details;

pub use details::{
    BasicConstraints, CertificateDetails, DistinguishedName, ExtendedKeyUsage, KeyUsages,
    NameConstraints, Names, PublicKey, SignatureAlgorithm,
};
