//! Private keys: what kind, and whose.

use std::fmt;

use zeroize::Zeroizing;

use super::algorithm::{ED25519, ELLIPTIC, KeyInfo, RSA, bits, elliptic, positive, rsa_modulus};
use super::backend::is_elliptic_pair;
use super::backend::signature::{self, Ed25519KeyPair};
use super::der::{OCTET_STRING, Reader, SEQUENCE, constructed};
use super::{Block, CertificateDetails, PublicKey, ReadError, pem};

/// What a private key is, without saying the key.
///
/// What has to stay of the key itself (the numbers of an elliptic curve's, to tell
/// [whose](Self::belongs_to) it is) is wiped on drop and is not in the `Debug` form.
#[derive(Clone)]
#[non_exhaustive]
pub struct PrivateKeyDetails {
    /// How it is written.
    pub format: KeyFormat,
    /// Its kind and size; `None` if it is encrypted.
    pub key: Option<PublicKey>,
    /// Whether it is encrypted. etcd starts with no such key, and asks for no password.
    pub encrypted: bool,
    secret: Secret,
}

/// How a private key is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyFormat {
    /// PKCS #8: `PRIVATE KEY`, for any kind of key; `ENCRYPTED PRIVATE KEY`.
    Pkcs8,
    /// PKCS #1: `RSA PRIVATE KEY`.
    Pkcs1,
    /// SEC 1: `EC PRIVATE KEY`.
    Sec1,
}

/// What tells whose a key is.
#[derive(Clone)]
enum Secret {
    /// The modulus, which is no secret.
    Rsa(Vec<u8>),
    Elliptic {
        scalar: Zeroizing<Vec<u8>>,
        public: Option<Vec<u8>>,
    },
    Ed25519(Zeroizing<Vec<u8>>),
    None,
}

/// The private keys of a file, in order: those of all its `… PRIVATE KEY` blocks, or the one that
/// it is in DER (which etcd does not read).
///
/// # Errors
///
/// [`ReadError::TooBig`], [`ReadError::Nothing`], and [`ReadError::Block`] with
/// [`ReadError::Malformed`] for the first block that is not a key.
pub fn private_keys(file: &[u8]) -> Result<Vec<PrivateKeyDetails>, ReadError> {
    let blocks = pem::blocks(file)?;
    let mut blocks = blocks.iter().filter(|block| block.is_private_key()).peekable();
    if blocks.peek().is_some() {
        return blocks
            .map(|block| {
                PrivateKeyDetails::from_block(block).map_err(|error| error.in_line(block.line))
            })
            .collect();
    }
    match PrivateKeyDetails::parse(file) {
        Ok(key) => Ok(vec![key]),
        Err(_) => Err(ReadError::Nothing { what: "private key" }),
    }
}

impl PrivateKeyDetails {
    /// Reads a key from its PEM block.
    ///
    /// Like Go's `tls.X509KeyPair`, it goes by what is in the block and not by the block's label.
    ///
    /// # Errors
    ///
    /// [`ReadError::Malformed`].
    pub fn from_block(block: &Block) -> Result<Self, ReadError> {
        let is_encrypted = block.label == "ENCRYPTED PRIVATE KEY"
            || block
                .headers
                .iter()
                .any(|(name, value)| name == "Proc-Type" && value.contains("ENCRYPTED"));
        if is_encrypted {
            let format = match block.label.as_str() {
                "RSA PRIVATE KEY" => KeyFormat::Pkcs1,
                "EC PRIVATE KEY" => KeyFormat::Sec1,
                _ => KeyFormat::Pkcs8,
            };
            return Ok(Self { format, key: None, encrypted: true, secret: Secret::None });
        }
        Self::parse(&block.contents)
    }

    /// Reads a key in DER, whichever of the three ways it is written.
    ///
    /// # Errors
    ///
    /// [`ReadError::Malformed`].
    pub fn parse(der: &[u8]) -> Result<Self, ReadError> {
        pkcs1(der)
            .map(|secret| (KeyFormat::Pkcs1, secret))
            .or_else(|| pkcs8(der).map(|secret| (KeyFormat::Pkcs8, secret)))
            .or_else(|| sec1(der, None).map(|secret| (KeyFormat::Sec1, secret)))
            .map(|(format, (key, secret))| Self {
                format,
                key: Some(key),
                encrypted: false,
                secret,
            })
            .ok_or_else(|| ReadError::Malformed {
                what: "private key",
                go: "tls: failed to parse private key".to_owned(),
            })
    }

    /// Whether it is the key of that certificate, as `tls.X509KeyPair` of Go asks: whether both
    /// are of one kind and have the same public part.
    ///
    /// `None` where that cannot be told: the key is encrypted, or of a kind that neither Go nor
    /// the cryptography backend can compute with (with `ring`, an elliptic curve other than P-256
    /// and P-384 whose key file does not say its public part).
    #[must_use]
    pub fn belongs_to(&self, certificate: &CertificateDetails) -> Option<bool> {
        self.belongs_to_key(&certificate.public_key, &certificate.public_key_der)
    }

    /// [`belongs_to`](Self::belongs_to), of a SubjectPublicKeyInfo and its kind.
    pub(crate) fn belongs_to_key(&self, kind: &PublicKey, der: &[u8]) -> Option<bool> {
        let key = self.key.as_ref()?;
        if std::mem::discriminant(key) != std::mem::discriminant(kind) {
            return Some(false);
        }
        let info = KeyInfo::parse(der).ok()?;
        match &self.secret {
            Secret::Rsa(modulus) => Some(rsa_modulus(info.key).ok()? == modulus),
            Secret::Elliptic { .. } if key != kind => Some(false),
            Secret::Elliptic { scalar, public } => match curve(key) {
                Some(algorithm) => Some(is_elliptic_pair(algorithm, scalar, info.key)),
                None => public.as_ref().map(|public| public == info.key),
            },
            Secret::Ed25519(seed) => {
                Some(Ed25519KeyPair::from_seed_and_public_key(seed, info.key).is_ok())
            }
            Secret::None => None,
        }
    }
}

impl PrivateKeyDetails {
    /// Whether it is worth asking [`belongs_to_key`](Self::belongs_to_key): cheaply, by the public
    /// part that most key files say themselves.
    pub(crate) fn may_belong_to(&self, kind: &PublicKey, der: &[u8]) -> bool {
        if self.key.as_ref() != Some(kind) {
            return false;
        }
        match (&self.secret, KeyInfo::parse(der)) {
            (Secret::Elliptic { public: Some(public), .. }, Ok(info)) => public == info.key,
            (_, info) => info.is_ok(),
        }
    }
}

impl fmt::Debug for PrivateKeyDetails {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivateKeyDetails")
            .field("format", &self.format)
            .field("key", &self.key)
            .field("encrypted", &self.encrypted)
            .finish_non_exhaustive()
    }
}

/// The backend's way to sign with a curve; which hash it signs is of no matter here.
fn curve(key: &PublicKey) -> Option<&'static signature::EcdsaSigningAlgorithm> {
    match key {
        PublicKey::Ecdsa { bits: 256 } => Some(&signature::ECDSA_P256_SHA256_ASN1_SIGNING),
        PublicKey::Ecdsa { bits: 384 } => Some(&signature::ECDSA_P384_SHA384_ASN1_SIGNING),
        #[cfg(feature = "aws-lc-rs")]
        PublicKey::Ecdsa { bits: 521 } => Some(&signature::ECDSA_P521_SHA512_ASN1_SIGNING),
        _ => None,
    }
}

fn pkcs1(der: &[u8]) -> Option<(PublicKey, Secret)> {
    let mut key = Reader::new(der).read(SEQUENCE)?;
    // 0, or 1 for keys of more than two primes.
    if key.small()? > 1 {
        return None;
    }
    let modulus = key.integer()?;
    if modulus[0] & 0x80 != 0 || modulus == [0] {
        return None;
    }
    // The exponents and the primes. What else saves work with them, Go computes anew if need be.
    for _ in 0..4 {
        key.integer()?;
    }
    let modulus = positive(modulus);
    Some((PublicKey::Rsa { bits: bits(modulus) }, Secret::Rsa(modulus.to_vec())))
}

fn pkcs8(der: &[u8]) -> Option<(PublicKey, Secret)> {
    let mut key = Reader::new(der).read(SEQUENCE)?;
    key.small()?;
    let mut algorithm = key.read(SEQUENCE)?;
    let contents = key.read(OCTET_STRING)?;
    let oid = algorithm.oid()?;
    match oid.as_str() {
        RSA => pkcs1(contents.rest()),
        ELLIPTIC => sec1(contents.rest(), Some(algorithm.oid()?)),
        ED25519 => {
            let mut contents = contents;
            let seed = contents.element(OCTET_STRING)?.contents;
            (seed.len() == 32)
                .then(|| (PublicKey::Ed25519, Secret::Ed25519(Zeroizing::new(seed.to_vec()))))
        }
        _ => Some((PublicKey::Other { oid }, Secret::None)),
    }
}

/// `curve` is what PKCS #8 says; SEC 1 says it itself.
fn sec1(der: &[u8], curve: Option<String>) -> Option<(PublicKey, Secret)> {
    let mut key = Reader::new(der).read(SEQUENCE)?;
    if key.small()? != 1 {
        return None;
    }
    let scalar = key.element(OCTET_STRING)?.contents;
    let own = key.optional(constructed(0))?.and_then(|mut curve| curve.oid());
    let kind = elliptic(curve.or(own)?);
    let public = key
        .optional(constructed(1))?
        .and_then(|mut public| public.bits())
        .map(|(_, point)| point.to_vec());
    let secret = match kind {
        PublicKey::Ecdsa { bits } => {
            Secret::Elliptic { scalar: padded(scalar, bits.div_ceil(8))?, public }
        }
        _ => Secret::None,
    };
    Some((kind, secret))
}

/// The number as long as the curve asks. Go takes one with zeros missing, or too many.
fn padded(scalar: &[u8], length: usize) -> Option<Zeroizing<Vec<u8>>> {
    let first = scalar.iter().position(|byte| *byte != 0).unwrap_or(scalar.len());
    let scalar = &scalar[first..];
    let zeros = length.checked_sub(scalar.len())?;
    // All of the room at once: a vector that grows leaves a copy behind.
    let mut padded = Zeroizing::new(vec![0; length]);
    padded[zeros..].copy_from_slice(scalar);
    Some(padded)
}
