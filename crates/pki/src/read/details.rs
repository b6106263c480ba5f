//! What a certificate says.

use std::net::IpAddr;

use time::OffsetDateTime;

use crate::Certificate;

/// What a certificate says, in words of ours.
///
/// Nothing here is judged: a certificate may say things that no etcd accepts.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CertificateDetails {
    /// The certificate itself.
    pub certificate: Certificate,
    /// 1, 2 or 3. Version 1 has no extensions, and so no names.
    pub version: u32,
    /// The serial number as it is in DER: big-endian, two's complement.
    pub serial: Vec<u8>,
    /// Whose certificate it is.
    pub subject: DistinguishedName,
    /// Who signed it.
    pub issuer: DistinguishedName,
    /// The first second of its validity.
    pub not_before: OffsetDateTime,
    /// The last second of its validity.
    pub not_after: OffsetDateTime,
    /// The kind of its key.
    pub public_key: PublicKey,
    /// Its SubjectPublicKeyInfo in DER.
    pub public_key_der: Vec<u8>,
    /// How it was signed.
    pub signature_algorithm: SignatureAlgorithm,
    /// The subject alternative names; `None` where there is no such extension.
    pub names: Option<Names>,
    /// Whether it is an authority's; `None` where there is no such extension.
    pub basic_constraints: Option<BasicConstraints>,
    /// What its key may do; `None` (anything) where there is no such extension.
    pub key_usages: Option<KeyUsages>,
    /// What it is for; `None` (anything) where there is no such extension.
    pub extended_key_usages: Option<Vec<ExtendedKeyUsage>>,
    /// The names that an authority may sign for; `None` (any) where there is no such extension.
    pub name_constraints: Option<NameConstraints>,
    /// The subject key identifier.
    pub subject_key_identifier: Option<Vec<u8>>,
    /// The key identifier of the authority key identifier.
    pub authority_key_identifier: Option<Vec<u8>>,
    /// Critical extensions that Go does not handle, as dotted numbers: it refuses such a chain.
    pub unhandled_critical: Vec<String>,
    /// SHA-256 of the certificate.
    pub fingerprint: [u8; 32],
    /// The first thing that Go's parser (crypto/x509, Go 1.26) refuses in it, in its words, though
    /// it can be understood; `None` if Go takes it. Negative serial numbers, which Go refuses from
    /// 1.23 on, are not said here. Nor is what nobody has by mistake: points that are not on their
    /// curve, broken policies and distribution points, URIs that are none.
    pub go_objects: Option<String>,
}

/// A subject or an issuer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct DistinguishedName {
    /// As it is in DER. Go compares names by these bytes and no other way.
    pub der: Vec<u8>,
    /// As a person reads it: `CN=infra1, O=Example`.
    pub text: String,
    /// The last common name, which is the one that Go takes, and etcd's user; empty if there is
    /// none.
    pub common_name: String,
}

/// The kind and the size of a public key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PublicKey {
    /// RSA, and the bits of its modulus.
    Rsa {
        /// 2048 is the least that is sound; Go accepts 1024.
        bits: usize,
    },
    /// ECDSA on a curve that Go knows: P-224, P-256, P-384, P-521.
    Ecdsa {
        /// The bits of the curve.
        bits: usize,
    },
    /// Ed25519.
    Ed25519,
    /// Anything else, as a dotted number (of the curve, where the algorithm has curves).
    Other {
        /// The object identifier.
        oid: String,
    },
}

/// How a certificate was signed.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SignatureAlgorithm {
    /// RSA PKCS #1 v1.5, with the bits of its hash (160 is SHA-1, 128 is MD5).
    RsaPkcs1 {
        /// 128, 160, 256, 384, 512.
        hash_bits: usize,
    },
    /// RSA-PSS.
    RsaPss {
        /// 256, 384, 512.
        hash_bits: usize,
    },
    /// ECDSA, with the bits of its hash.
    Ecdsa {
        /// 160, 256, 384, 512.
        hash_bits: usize,
    },
    /// Ed25519.
    Ed25519,
    /// Anything else, as a dotted number.
    Other {
        /// The object identifier.
        oid: String,
    },
}

/// Subject alternative names, by kind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Names {
    /// DNS names, as they are written; whatever they are.
    pub dns: Vec<String>,
    /// IP addresses.
    pub ip: Vec<IpAddr>,
    /// URIs.
    pub uri: Vec<String>,
    /// Mail addresses.
    pub email: Vec<String>,
    /// Names of other kinds, which nothing here looks at.
    pub others: usize,
}

/// Whether a certificate is an authority's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BasicConstraints {
    /// It may sign others.
    pub authority: bool,
    /// How many authorities may follow below it; `None` is any number.
    pub path_length: Option<u32>,
}

/// What a key may do, of those uses that matter here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct KeyUsages {
    /// digitalSignature.
    pub digital_signature: bool,
    /// keyEncipherment.
    pub key_encipherment: bool,
    /// keyCertSign: sign certificates.
    pub certificate_sign: bool,
    /// cRLSign: sign revocation lists.
    pub revocation_list_sign: bool,
}

/// What a certificate is for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ExtendedKeyUsage {
    /// serverAuth.
    ServerAuth,
    /// clientAuth.
    ClientAuth,
    /// anyExtendedKeyUsage.
    Any,
    /// Another, as a dotted number.
    Other(String),
}

/// The names that an authority may, and may not, sign for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NameConstraints {
    /// DNS names and everything below them; a leading dot leaves out the name itself.
    pub permitted_dns: Vec<String>,
    /// Networks, as address and mask.
    pub permitted_ip: Vec<(IpAddr, IpAddr)>,
    /// DNS names that are excluded.
    pub excluded_dns: Vec<String>,
    /// Networks that are excluded.
    pub excluded_ip: Vec<(IpAddr, IpAddr)>,
    /// Hosts of URIs.
    pub permitted_uri: Vec<String>,
    /// Hosts of URIs that are excluded.
    pub excluded_uri: Vec<String>,
    /// Mail addresses, or hosts of such.
    pub permitted_email: Vec<String>,
    /// Mail addresses, or hosts of such, that are excluded.
    pub excluded_email: Vec<String>,
}
