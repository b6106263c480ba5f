//! The authority: who signs.

use std::fmt;
use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, IsCa, KeyIdMethod, KeyUsagePurpose, PublicKeyData as _,
    SanType,
};
use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::builder::AuthorityBuilder;
use super::constraints::Constraints;
use super::error::IssueError;
use super::signing::{self, Signer, Subject};
use super::validity::{Validity, Window};
use crate::{Certificate, Chain, Identity, Key, Leaf, WriteError};

/// How many further authorities may stand between an [`Authority`] and a leaf.
///
/// One, so that an old authority can cross-sign a new one: leaves then ship with the cross
/// certificate, and a fleet changes its authority with one rolling restart instead of two
/// (measured). With zero, as minica has it, Go answers "too many intermediates".
pub const AUTHORITY_PATH_LENGTH: u8 = 1;

/// An authority, and its key: a root that signed itself, or an intermediate.
///
/// The key stays in memory: a test fleet never needs it on disk, and who has it can join the
/// fleet. [`Authority::write_key`] writes it where that is wanted.
#[derive(Clone)]
pub struct Authority {
    pub(super) common_name: String,
    /// The subject in DER, where rcgen writes it in another way.
    pub(super) name: Option<Vec<u8>>,
    /// What [`rcgen::Issuer`] borrows its name and key identifier from.
    pub(super) params: CertificateParams,
    pub(super) key: Key,
    pub(super) certificate: Certificate,
    pub(super) pem: String,
    /// What ships with every leaf.
    pub(super) intermediates: Vec<Certificate>,
    /// How many authorities may follow; `None` is any number.
    pub(super) path_length: Option<u8>,
    /// Its own, and those of the authorities above it, which limit its leaves as well.
    pub(super) constraints: Vec<Constraints>,
    pub(super) window: Window,
}

impl Authority {
    /// Makes a new key and a certificate for it, valid for
    /// [`AUTHORITY_LIFETIME`](crate::AUTHORITY_LIFETIME) from [`BACKDATE`](crate::BACKDATE) ago.
    ///
    /// The certificate's common name is `common_name`, a space and 16 random hexadecimal digits:
    /// its generation. Two reasons. etcd sends the *names* of the authorities it trusts to whoever
    /// connects, from the pool it read when it started, so that names which differ show which
    /// authority a running member has in memory. And a second authority of the same name with
    /// another key is the hardest of all mix-ups to read: Go tries its key and reports a failed
    /// signature.
    ///
    /// # Errors
    ///
    /// [`IssueError::Name`] if `common_name` is empty, has control characters, or is too long to
    /// stay within [`COMMON_NAME_MAX`](crate::COMMON_NAME_MAX) with its generation.
    pub fn generate(common_name: &str) -> Result<Self, IssueError> {
        Self::builder(common_name).generate()
    }

    /// Begins an authority with another key, lifetime, path length, or with name constraints.
    pub fn builder(common_name: impl Into<String>) -> AuthorityBuilder {
        AuthorityBuilder::new(common_name.into())
    }

    /// Makes an intermediate, whose path length is one less. Its leaves ship with its certificate,
    /// so that whoever trusts this authority needs to know nothing of it.
    ///
    /// # Errors
    ///
    /// [`IssueError::PathLength`] if this authority may have none below it, and as
    /// [`Authority::generate`].
    pub fn intermediate(&self, common_name: &str) -> Result<Self, IssueError> {
        Self::builder(common_name).issued_by(self)
    }

    /// The common name, generation included.
    pub fn common_name(&self) -> &str {
        &self.common_name
    }

    /// The certificate.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// The certificate as one PEM block: what etcd calls `--trusted-ca-file` and
    /// `--peer-trusted-ca-file`.
    pub fn certificate_pem(&self) -> &str {
        &self.pem
    }

    /// The key as PEM (PKCS#8), wiped when dropped.
    pub fn key_pem(&self) -> Zeroizing<String> {
        self.key.pem()
    }

    /// The key.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// What ships with every leaf: of an intermediate its certificate and those up to its root,
    /// and cross certificates.
    pub fn intermediates(&self) -> &[Certificate] {
        &self.intermediates
    }

    /// How many authorities may stand between this one and a leaf; `None` is any number.
    pub fn path_length(&self) -> Option<u8> {
        self.path_length
    }

    /// Makes a key for `leaf` and signs its certificate.
    ///
    /// The certificate ends with the authority at the latest, unless it is wrong on purpose.
    ///
    /// # Errors
    ///
    /// [`IssueError::Name`], [`IssueError::Organization`], [`IssueError::Host`] and
    /// [`IssueError::Uri`] for a description that no certificate can hold, [`IssueError::NoHosts`]
    /// for a server or peer that nobody could ever accept, [`IssueError::Constrained`] for a host
    /// that the authority may not sign for, [`IssueError::Key`] for a kind of key that this build
    /// cannot make, [`IssueError::Validity`] for a time past the year 9999.
    pub fn issue(&self, leaf: &Leaf) -> Result<Identity, IssueError> {
        // The key comes last, after everything that can be refused.
        let params = self.leaf_params(leaf)?;
        if let Some(fixed) = leaf.fixed_key() {
            let public_key = fixed.public()?.subject_public_key_info();
            let subject = Subject::Theirs { public_key: &public_key, name: None };
            return self.finish(leaf, params, subject, fixed.pem());
        }
        let key = Key::generate(leaf.key_kind())?;
        self.finish(leaf, params, Subject::Ours(&key), key.pem())
    }

    /// Signs a certificate for a key that is there, whatever kind of key `leaf` asks for: the next
    /// certificate of a key, or the first of one that was made elsewhere. Its serial number is
    /// always a new one, so that each certificate of a key can be revoked by itself.
    ///
    /// # Errors
    ///
    /// As [`Authority::issue`].
    pub fn issue_for(&self, leaf: &Leaf, key: &Key) -> Result<Identity, IssueError> {
        self.finish(leaf, self.leaf_params(leaf)?, Subject::Ours(key), key.pem())
    }

    /// Signs a certificate for the name and the key of another authority, so that who trusts this
    /// one accepts leaves of that one: for a change of authority with one restart of each member.
    ///
    /// The new authority ships it with its leaves ([`Authority::with_cross`]). Then all members
    /// restart with the new authority as the one they trust; those that still trust the old one
    /// come by the cross certificate. It has the key identifier of the new authority, so that its
    /// leaves fit to both, and ends when the first of the two ends.
    ///
    /// # Errors
    ///
    /// [`IssueError::PathLength`] if this authority may have none below it.
    pub fn cross_sign(&self, new: &Self) -> Result<Certificate, IssueError> {
        let most = self.path_length.map(|most| most.saturating_sub(1));
        let path_length = [most, new.path_length].into_iter().flatten().min();
        self.check_path_length(path_length.unwrap_or_default())?;
        let now = OffsetDateTime::now_utc();
        let window =
            Validity::For(std::time::Duration::ZERO).window(now).ok_or(IssueError::Validity)?;
        let window = Window {
            not_before: window.not_before,
            not_after: self.window.not_after.min(new.window.not_after),
        };
        let mut params = signing::params(window)?;
        params.is_ca = IsCa::Ca(
            path_length.map_or(BasicConstraints::Unconstrained, BasicConstraints::Constrained),
        );
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.use_authority_key_identifier_extension = true;
        params.key_identifier_method = KeyIdMethod::PreSpecified(new.key_identifier());
        let fields = new.certificate.fields()?;
        // Byte for byte: a loaded authority's may be about other names than hosts.
        if let Some(constraints) = fields.extension(signing::NAME_CONSTRAINTS) {
            params.custom_extensions.push(signing::critical_name_constraints(constraints)?);
        }
        let subject =
            Subject::Theirs { public_key: &fields.public_key, name: Some(&fields.subject) };
        self.signer().certify(&params, subject)
    }

    /// Ships a cross certificate with every leaf from now on. It goes last in their chains.
    ///
    /// # Errors
    ///
    /// [`IssueError::NotACross`] if the certificate is not for this authority's name and key.
    pub fn with_cross(mut self, cross: Certificate) -> Result<Self, IssueError> {
        let (own, other) = (self.certificate.fields()?, cross.fields()?);
        let difference = if own.subject != other.subject {
            "its subject"
        } else if own.public_key != other.public_key {
            "its key"
        } else {
            self.intermediates.push(cross);
            return Ok(self);
        };
        Err(IssueError::NotACross { authority: self.common_name, difference })
    }

    /// Writes the key to `path`, readable by its owner alone (0600), making the directory (0700)
    /// if there is none.
    ///
    /// # Errors
    ///
    /// [`WriteError::Exists`] if anything is there already: a key is never overwritten.
    pub fn write_key(&self, path: impl AsRef<Path>) -> Result<(), WriteError> {
        self.key.write(path)
    }

    /// What rcgen needs to know of a leaf.
    fn leaf_params(&self, leaf: &Leaf) -> Result<CertificateParams, IssueError> {
        let hosts = leaf.parsed_hosts()?;
        let uris = leaf.checked_uris()?;
        if hosts.is_empty() && leaf.profile().is_dialled() && !leaf.is_nameless() {
            return Err(IssueError::NoHosts { common_name: leaf.common_name().to_owned() });
        }
        let now = OffsetDateTime::now_utc();
        let window = leaf.validity().window(now).ok_or(IssueError::Validity)?;
        let window = leaf.validity().within(window, self.window, now);

        let mut params = signing::params(window)?;
        leaf.write_subject(&mut params)?;
        for host in hosts {
            self.check_host(&host)?;
            params.subject_alt_names.push(host.san()?);
        }
        for uri in uris {
            let uri = uri.try_into().map_err(IssueError::signing)?;
            params.subject_alt_names.push(SanType::URI(uri));
        }
        params.extended_key_usages = leaf.profile().extended_key_usages();
        Ok(params)
    }

    /// The same for every leaf.
    pub(super) fn complete(params: &mut CertificateParams, rsa: bool) {
        // rcgen's NoCa would leave out the basic constraints and the subject key identifier too.
        params.is_ca = IsCa::ExplicitNoCa;
        // RFC 5280 section 4.2.1.1 asks for it, and it tells apart two authorities of one name.
        params.use_authority_key_identifier_extension = true;
        // Neither Go nor webpki looks at it in a leaf. An ECDSA key can do nothing else
        // (RFC 8813 section 3 forbids keyEncipherment).
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        if rsa {
            // For the key exchange of TLS 1.2 without forward secrecy, which `--cipher-suites` can
            // still ask for.
            params.key_usages.push(KeyUsagePurpose::KeyEncipherment);
        }
    }

    fn finish(
        &self,
        leaf: &Leaf,
        mut params: CertificateParams,
        subject: Subject<'_>,
        key_pem: Zeroizing<String>,
    ) -> Result<Identity, IssueError> {
        // The weak key of wrong certificates has the usages of the others, to be wrong in one way.
        let rsa = matches!(subject, Subject::Ours(key) if key.is_rsa());
        let name = leaf.repetitive_name();
        let public_key;
        let subject = match (subject, &name) {
            (Subject::Ours(key), Some(name)) => {
                public_key = key.public_key_der();
                Subject::Theirs { public_key: &public_key, name: Some(name) }
            }
            _ => subject,
        };
        Self::complete(&mut params, rsa);
        leaf.spoil(&mut params)?;
        let certificate = self.signer().certify(&params, subject)?;
        let certificate = leaf.spoil_signed(certificate.into_der(), self.key.pair())?;
        let chain = Chain::new(Certificate::from_der(certificate), self.intermediates.clone());
        Ok(Identity::new(chain, key_pem))
    }

    pub(super) fn signer(&self) -> Signer<'_> {
        Signer { params: &self.params, key: &self.key, name: self.name.as_deref() }
    }

    /// What ships with the leaves of an authority that this one signs.
    pub(super) fn below(&self, certificate: Certificate) -> Vec<Certificate> {
        [certificate].into_iter().chain(self.intermediates.iter().cloned()).collect()
    }

    /// Whether an authority with this path length may stand below this one.
    pub(super) fn check_path_length(&self, below: u8) -> Result<(), IssueError> {
        match self.path_length {
            Some(path_length) if path_length <= below => Err(IssueError::PathLength {
                authority: self.common_name.clone(),
                path_length,
                needed: below.saturating_add(1),
            }),
            _ => Ok(()),
        }
    }

    pub(super) fn check_host(&self, host: &crate::Host) -> Result<(), IssueError> {
        match self.constraints.iter().find(|constraints| !constraints.allow(host)) {
            None => Ok(()),
            Some(constraints) => Err(IssueError::Constrained {
                authority: self.common_name.clone(),
                host: host.to_string(),
                constraints: constraints.text(),
            }),
        }
    }

    /// What the certificates that it signs call its key.
    pub(super) fn key_identifier(&self) -> Vec<u8> {
        self.params.key_identifier(self.key.pair())
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authority")
            .field("common_name", &self.common_name)
            .field("key", &"[redacted]")
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
