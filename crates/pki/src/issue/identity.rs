//! An identity: a certificate and its key.

use std::fmt;
use std::path::Path;

use zeroize::Zeroizing;

use crate::disk::{Access, Draft};
use crate::{Certificate, Chain, IdentityFiles, Key, KeyError, WriteError};

/// A certificate, and the key that proves it is one's own.
///
/// The key is wiped from memory on drop (from ours: what the cryptography backend kept while it
/// signed is its own affair), and is not in the `Debug` form.
#[derive(Clone)]
pub struct Identity {
    chain: Chain,
    chain_pem: String,
    key: Zeroizing<String>,
}

impl Identity {
    pub(crate) fn new(chain: impl Into<Chain>, key: Zeroizing<String>) -> Self {
        let chain = chain.into();
        let chain_pem = chain.pem();
        Self { chain, chain_pem, key }
    }

    /// The certificate, without its chain.
    pub fn certificate(&self) -> &Certificate {
        self.chain.certificate()
    }

    /// The certificate and what ships with it.
    pub fn chain(&self) -> &Chain {
        &self.chain
    }

    /// What goes into a certificate file: PEM, the leaf first, then any intermediates, and never
    /// the root, which the other side has or does not trust.
    pub fn chain_pem(&self) -> &str {
        &self.chain_pem
    }

    /// The key as PEM (PKCS#8, not encrypted: etcd reads no other).
    pub fn key_pem(&self) -> &str {
        &self.key
    }

    /// The key, for another certificate of it:
    /// [`Authority::issue_for`](crate::Authority::issue_for).
    ///
    /// # Errors
    ///
    /// [`KeyError::Unusable`] for a key that is weak on purpose.
    pub fn key(&self) -> Result<Key, KeyError> {
        Key::from_pem(&self.key)
    }

    /// Writes `dir/stem.crt` (0644) and `dir/stem.key` (0600), making `dir` (0700) if there is
    /// none.
    ///
    /// # Errors
    ///
    /// [`WriteError::Exists`] if either is there already; [`Identity::replace`] overwrites.
    /// [`WriteError::Stem`] if `stem` is empty or leads out of `dir`. Whatever the error, neither
    /// file is left.
    pub fn write(&self, dir: impl AsRef<Path>, stem: &str) -> Result<IdentityFiles, WriteError> {
        let files = IdentityFiles::new(&dir, stem)?;
        let mut draft = Draft::default();
        draft.directory(dir.as_ref())?;
        self.draft(&mut draft, &files)?;
        draft.keep();
        Ok(files)
    }

    /// Like [`Identity::write`], over whatever is there.
    ///
    /// etcd reads both files again at every handshake, so that this renews a running member. Each
    /// file changes in one step, the key first; a handshake between the two steps fails with
    /// "private key does not match public key", and its client tries again. (There is no way to
    /// change two files at once, short of a symbolic link to their directory.)
    ///
    /// # Errors
    ///
    /// [`WriteError::Stem`] and [`WriteError::Io`]. The old pair is left as it was, unless it is
    /// the very last step that fails: then the key is new and the certificate old.
    pub fn replace(&self, dir: impl AsRef<Path>, stem: &str) -> Result<IdentityFiles, WriteError> {
        let files = IdentityFiles::new(&dir, stem)?;
        let mut draft = Draft::default();
        draft.directory(dir.as_ref())?;
        let key = draft.beside(&files.key, Access::Owner, &self.key)?;
        let certificate = draft.beside(&files.certificate, Access::Anyone, &self.chain_pem)?;
        draft.put(&key, &files.key)?;
        draft.put(&certificate, &files.certificate)?;
        draft.keep();
        Ok(files)
    }

    /// Adds both files to a draft. Their directory is there.
    pub(crate) fn draft(&self, draft: &mut Draft, files: &IdentityFiles) -> Result<(), WriteError> {
        draft.file(&files.key, Access::Owner, &self.key)?;
        draft.file(&files.certificate, Access::Anyone, &self.chain_pem)
    }
}

/// Its certificate.
impl AsRef<Certificate> for Identity {
    fn as_ref(&self) -> &Certificate {
        self.certificate()
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("certificate", self.certificate())
            .field("key", &"[redacted]")
            .finish_non_exhaustive()
    }
}
