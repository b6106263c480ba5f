//! Keys.

use std::error::Error;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use rcgen::{KeyPair, PublicKeyData as _};
use zeroize::Zeroizing;

use crate::WriteError;
use crate::disk::{Access, Draft};

mod encoding;

/// A kind of key that can be made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KeyKind {
    /// ECDSA on P-256: what every etcd accepts, and 20 microseconds to make.
    #[default]
    P256,
    /// ECDSA on P-384.
    P384,
    /// Ed25519. Go 1.12, and with it etcd 3.4.0 to 3.4.17, has no TLS with it.
    Ed25519,
    /// RSA with 2048 bits, the least that is sound. Made with the feature `aws-lc-rs` only.
    Rsa2048,
    /// RSA with 3072 bits. Made with the feature `aws-lc-rs` only.
    Rsa3072,
    /// RSA with 4096 bits. Made with the feature `aws-lc-rs` only.
    Rsa4096,
}

impl KeyKind {
    /// All kinds.
    pub const ALL: [Self; 6] =
        [Self::P256, Self::P384, Self::Ed25519, Self::Rsa2048, Self::Rsa3072, Self::Rsa4096];

    /// Whether it can be made by the backend that this crate was built with.
    pub fn can_be_made(self) -> bool {
        cfg!(feature = "aws-lc-rs")
            || !matches!(self, Self::Rsa2048 | Self::Rsa3072 | Self::Rsa4096)
    }
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::P256 => "P-256",
            Self::P384 => "P-384",
            Self::Ed25519 => "Ed25519",
            Self::Rsa2048 => "RSA 2048",
            Self::Rsa3072 => "RSA 3072",
            Self::Rsa4096 => "RSA 4096",
        })
    }
}

/// A private key.
///
/// Its encoding is wiped from memory when the last clone is dropped (what the cryptography backend
/// keeps to sign with is its own affair), and is not in the `Debug` form.
#[derive(Clone)]
pub struct Key {
    pair: Arc<Zeroizing<KeyPair>>,
}

impl Key {
    /// Makes a new key.
    ///
    /// # Errors
    ///
    /// [`KeyError::Rsa`] for an RSA key without the feature `aws-lc-rs`.
    pub fn generate(kind: KeyKind) -> Result<Self, KeyError> {
        let pair = match kind {
            KeyKind::P256 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256),
            KeyKind::P384 => KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384),
            // Written again in the way that openssl can read.
            KeyKind::Ed25519 => KeyPair::generate_for(&rcgen::PKCS_ED25519).and_then(|pair| {
                let pair = Zeroizing::new(pair);
                let pkcs8 = encoding::without_public_key(pair.serialized_der())
                    .map_err(|_| rcgen::Error::CouldNotParseKeyPair)?;
                KeyPair::try_from(&pkcs8[..])
            }),
            KeyKind::Rsa2048 | KeyKind::Rsa3072 | KeyKind::Rsa4096 => return rsa(kind),
        };
        pair.map(Self::new).map_err(|source| KeyError::Generate { kind, source: source.into() })
    }

    /// Reads a key from PEM: the first private key in it. PKCS#8 (`PRIVATE KEY`), PKCS#1
    /// (`RSA PRIVATE KEY`) and SEC1 (`EC PRIVATE KEY`), as openssl, cfssl, step and kubeadm write
    /// them; blocks of other things before it, such as `EC PARAMETERS`, are passed over.
    ///
    /// # Errors
    ///
    /// A [`KeyError`] that says what is there instead, and what to do.
    pub fn from_pem(pem: &str) -> Result<Self, KeyError> {
        let pkcs8 = encoding::to_pkcs8(pem)?;
        // rcgen tries each algorithm in turn, and its error is the last one's.
        KeyPair::try_from(&pkcs8[..])
            .map(Self::new)
            .map_err(|source| encoding::unusable(&pkcs8, source.into()))
    }

    /// The key as PEM (PKCS#8, not encrypted: etcd reads no other), wiped when dropped.
    pub fn pem(&self) -> Zeroizing<String> {
        encoding::pem(self.pair.serialized_der())
    }

    /// Writes the key to `path`, readable by its owner alone (0600), making the directory (0700)
    /// if there is none.
    ///
    /// # Errors
    ///
    /// [`WriteError::Exists`] if anything is there already: a key is never overwritten.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<(), WriteError> {
        let path = path.as_ref();
        let mut draft = Draft::default();
        if let Some(dir) = path.parent() {
            draft.directory(dir)?;
        }
        draft.file(path, Access::Owner, &self.pem())?;
        draft.keep();
        Ok(())
    }

    /// The public key: a SubjectPublicKeyInfo in DER, as certificates have it.
    pub fn public_key_der(&self) -> Vec<u8> {
        self.pair.subject_public_key_info()
    }

    pub(crate) fn pair(&self) -> &KeyPair {
        &self.pair
    }

    pub(crate) fn is_rsa(&self) -> bool {
        *self.pair.algorithm() == rcgen::PKCS_RSA_SHA256
    }

    fn new(pair: KeyPair) -> Self {
        Self { pair: Arc::new(Zeroizing::new(pair)) }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({:?}, [redacted])", self.pair.algorithm())
    }
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// An RSA key cannot be made with ring.
    #[error(
        "a key of kind {kind} cannot be made: ring makes no RSA keys; turn on the feature \
         `aws-lc-rs` of tercet-pki, or make the key with `openssl genrsa -out FILE {bits}` and \
         load it"
    )]
    Rsa {
        /// The kind that was asked for.
        kind: KeyKind,
        /// Its bits.
        bits: u16,
    },
    /// The cryptography backend failed to make a key.
    #[error("a key of kind {kind} could not be made")]
    Generate {
        /// The kind that was asked for.
        kind: KeyKind,
        /// The backend's reason.
        source: Box<dyn Error + Send + Sync>,
    },
    /// The text is no PEM, or has no private key.
    #[error("there is no private key in the text: it has {found}")]
    None {
        /// The blocks that are there.
        found: String,
    },
    /// The key is encrypted.
    #[error(
        "the private key is encrypted, and etcd cannot ask for a passphrase: decrypt it with \
         `openssl pkey -in FILE -out NEW_FILE`"
    )]
    Encrypted,
    /// The key is in an encoding of some other tool.
    #[error("a key in the encoding {label:?} cannot be read: {advice}")]
    Encoding {
        /// The label of its PEM block.
        label: String,
        /// What to do.
        advice: &'static str,
    },
    /// The bytes are no key.
    #[error("the block {label:?} holds no key: its contents are not what the label says")]
    Malformed {
        /// The label of its PEM block.
        label: String,
    },
    /// The key is whole, or seems so, and the backend cannot use it.
    #[error("the private key cannot be used: it is {kind}{advice}")]
    Unusable {
        /// What kind it is, as far as could be read.
        kind: String,
        /// Why that may be, and what to do; with its punctuation.
        advice: &'static str,
        /// The backend's reason.
        source: Box<dyn Error + Send + Sync>,
    },
}

#[cfg(feature = "aws-lc-rs")]
fn rsa(kind: KeyKind) -> Result<Key, KeyError> {
    use rcgen::RsaKeySize;
    let size = match kind {
        KeyKind::Rsa3072 => RsaKeySize::_3072,
        KeyKind::Rsa4096 => RsaKeySize::_4096,
        _ => RsaKeySize::_2048,
    };
    KeyPair::generate_rsa_for(&rcgen::PKCS_RSA_SHA256, size)
        .map(Key::new)
        .map_err(|source| KeyError::Generate { kind, source: source.into() })
}

#[cfg(not(feature = "aws-lc-rs"))]
fn rsa(kind: KeyKind) -> Result<Key, KeyError> {
    let bits = match kind {
        KeyKind::Rsa3072 => 3072,
        KeyKind::Rsa4096 => 4096,
        _ => 2048,
    };
    Err(KeyError::Rsa { kind, bits })
}

#[cfg(test)]
mod tests;
