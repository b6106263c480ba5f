//! What a probe shows where it is asked for a certificate.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use tercet_pki::doctor::FileState;
use tercet_pki::doctor::look;

use super::session::backend;

/// A certificate and its key, to be shown by a [`Probe`](super::Probe).
///
/// The key stays where it is: what goes over the wire is the certificate, and a signature.
#[derive(Clone)]
pub struct ProbeIdentity {
    pub(super) certified: Arc<CertifiedKey>,
}

impl ProbeIdentity {
    /// From PEM: the certificate of the key first, then those that lead to an authority.
    ///
    /// # Errors
    ///
    /// [`IdentityError`] for what is no such pair.
    pub fn from_pem(chain_pem: &[u8], key_pem: &[u8]) -> Result<Self, IdentityError> {
        let chain = CertificateDer::pem_slice_iter(chain_pem)
            .collect::<Result<Vec<_>, _>>()
            .map_err(|_| IdentityError::Certificate)?;
        if chain.is_empty() {
            return Err(IdentityError::Certificate);
        }
        let key = PrivateKeyDer::from_pem_slice(key_pem).map_err(|_| IdentityError::Key)?;
        let key = backend::sign::any_supported_type(&key).map_err(|_| IdentityError::KeyKind)?;
        let certified = CertifiedKey::new(chain, key);
        match certified.keys_match() {
            Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::KeyMismatch)) => {
                Err(IdentityError::Mismatch)
            }
            // A certificate that cannot be read is shown all the same: the other side shall judge.
            _ => Ok(Self { certified: Arc::new(certified) }),
        }
    }

    /// From two files, as `--cert` and `--key` name them.
    ///
    /// # Errors
    ///
    /// [`IdentityError::Unreadable`] for a file that cannot be read, and as
    /// [`from_pem`](Self::from_pem).
    pub fn from_files(chain: &Path, key: &Path) -> Result<Self, IdentityError> {
        let read = |path: &Path| match look::file(path).state {
            FileState::Present { contents, .. } => Ok(contents),
            FileState::Unreadable(why) => {
                Err(IdentityError::Unreadable { path: path.to_owned(), why })
            }
            _ => {
                let why = "there is no such file".to_owned();
                Err(IdentityError::Unreadable { path: path.to_owned(), why })
            }
        };
        Self::from_pem(&read(chain)?, &read(key)?)
    }

    /// The certificates, the leaf first, in DER.
    pub(super) fn chain(&self) -> Vec<Vec<u8>> {
        self.certified.cert.iter().map(|certificate| certificate.to_vec()).collect()
    }
}

impl fmt::Debug for ProbeIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProbeIdentity")
            .field("certificates", &self.certified.cert.len())
            .finish_non_exhaustive()
    }
}

/// Why there is nothing to show.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdentityError {
    /// A file cannot be read.
    #[error("{} cannot be read: {why}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why not.
        why: String,
    },
    /// No certificate.
    #[error("there is no certificate in PEM that could be shown")]
    Certificate,
    /// No key.
    #[error("there is no private key in PEM, or it is encrypted")]
    Key,
    /// A key of a kind that this build cannot sign with: with ring that is P-521.
    #[error("the private key is of a kind that cannot sign here")]
    KeyKind,
    /// Two halves of different pairs.
    #[error("the private key is not that of the certificate")]
    Mismatch,
}
