//! The authority: who signs.

use std::error::Error;
use std::fmt;
use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::name::{self, NameError};
use super::random;
use super::validity::{AUTHORITY_LIFETIME, Validity, Window};
use crate::disk::{Access, Draft};
use crate::{Certificate, HostError, Identity, Leaf, WriteError};

/// How many further authorities may stand between an [`Authority`] and a leaf.
///
/// One, so that an old authority can cross-sign a new one: leaves then ship with the cross
/// certificate, and a fleet changes its authority with one rolling restart instead of two
/// (measured). With zero, as minica has it, Go answers "too many intermediates".
pub const AUTHORITY_PATH_LENGTH: u8 = 1;

/// A self-signed authority, and its key.
///
/// The key stays in memory: a test fleet never needs it on disk, and who has it can join the
/// fleet. [`Authority::write_key`] writes it where that is wanted.
pub struct Authority {
    common_name: String,
    /// What [`Issuer`] borrows its name and key identifier from.
    params: CertificateParams,
    key: Zeroizing<KeyPair>,
    certificate: Certificate,
    pem: String,
}

impl Authority {
    /// Makes a new key and a certificate for it, valid for [`AUTHORITY_LIFETIME`] from
    /// [`BACKDATE`](crate::BACKDATE) ago.
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
        name::common(common_name)?;
        let common_name = format!("{common_name} {}", random::generation()?);
        name::common(&common_name)?;
        Self::named(common_name)
    }

    /// Makes a new key, and a certificate for it with this very name.
    pub(super) fn named(common_name: String) -> Result<Self, IssueError> {
        let window = Validity::For(AUTHORITY_LIFETIME)
            .window(OffsetDateTime::now_utc())
            .ok_or(IssueError::Validity)?;
        let mut params = params(&common_name, window)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(AUTHORITY_PATH_LENGTH));
        // CRL signing as well, so that the same authority can revoke what it issued.
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];

        let key = generate_key()?;
        let certificate = params.self_signed(&*key).map_err(IssueError::signing)?;
        let certificate = Certificate::from_der(certificate.der().to_vec());
        let pem = certificate.pem();
        Ok(Self { common_name, params, key, certificate, pem })
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
        Zeroizing::new(self.key.serialize_pem())
    }

    /// Makes a key for `leaf` and signs its certificate.
    ///
    /// # Errors
    ///
    /// [`IssueError::Name`] and [`IssueError::Host`] for a description that no certificate can
    /// hold, [`IssueError::NoHosts`] for a server or peer that nobody could ever accept,
    /// [`IssueError::Validity`] for a time past the year 9999.
    pub fn issue(&self, leaf: &Leaf) -> Result<Identity, IssueError> {
        name::common(leaf.common_name())?;
        let hosts = leaf.parsed_hosts()?;
        if hosts.is_empty() && leaf.profile().is_dialled() && !leaf.is_nameless() {
            return Err(IssueError::NoHosts { common_name: leaf.common_name().to_owned() });
        }
        let window =
            leaf.validity().window(OffsetDateTime::now_utc()).ok_or(IssueError::Validity)?;

        let mut params = params(leaf.common_name(), window)?;
        params.subject_alt_names =
            hosts.into_iter().map(|host| host.san()).collect::<Result<_, _>>()?;
        // rcgen's NoCa would leave out the basic constraints and the subject key identifier too.
        params.is_ca = IsCa::ExplicitNoCa;
        // RFC 5280 section 4.2.1.1 asks for it, and it tells apart two authorities of one name.
        params.use_authority_key_identifier_extension = true;
        // Neither Go nor webpki looks at it in a leaf. An ECDSA key can do nothing else
        // (RFC 8813 section 3 forbids keyEncipherment).
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = leaf.profile().extended_key_usages();

        leaf.spoil(&mut params)?;

        let issuer = Issuer::from_params(&self.params, &*self.key);
        let (certificate, key_pem) = if let Some(fixed) = leaf.fixed_key() {
            (params.signed_by(&fixed.public()?, &issuer), fixed.pem())
        } else {
            let key = generate_key()?;
            (params.signed_by(&*key, &issuer), Zeroizing::new(key.serialize_pem()))
        };
        let certificate = certificate.map_err(IssueError::signing)?.der().to_vec();
        let certificate = leaf.spoil_signed(certificate, &*self.key)?;
        Ok(Identity::new(Certificate::from_der(certificate), key_pem))
    }

    /// Writes the key to `path`, readable by its owner alone (0600), making the directory (0700)
    /// if there is none.
    ///
    /// # Errors
    ///
    /// [`WriteError::Exists`] if anything is there already: a key is never overwritten.
    pub fn write_key(&self, path: impl AsRef<Path>) -> Result<(), WriteError> {
        let path = path.as_ref();
        let mut draft = Draft::default();
        if let Some(dir) = path.parent() {
            draft.directory(dir)?;
        }
        draft.file(path, Access::Owner, &self.key_pem())?;
        draft.keep();
        Ok(())
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

/// Why a certificate could not be issued.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IssueError {
    /// The common name cannot be one.
    #[error("the common name of the certificate cannot be used")]
    Name(#[from] NameError),
    /// A host is something else than a host.
    #[error("a host of the certificate cannot be used")]
    Host(#[from] HostError),
    /// A server or a peer without hosts.
    ///
    /// Go has not looked at the common name since 1.15 (its release notes), so that a certificate
    /// without names is good for no URL.
    #[error(
        "the certificate of {common_name:?} names no host, and nobody could dial it: \
         add `.host(\"localhost\")` or what its URLs say"
    )]
    NoHosts {
        /// Whose certificate it would have been.
        common_name: String,
    },
    /// [`Leaf::address_as_name`] without an address.
    #[error(
        "the certificate of {common_name:?} names no address that could be written as a DNS name: \
         add `.host(\"127.0.0.1\")`"
    )]
    NoAddress {
        /// Whose certificate it would have been.
        common_name: String,
    },
    /// The certificate would be valid at a time that certificates cannot say: past the year 9999.
    #[error("the certificate would be valid past the year 9999")]
    Validity,
    /// The operating system had no random bytes.
    #[error("the operating system gave no random bytes for a serial number")]
    Random(#[source] Box<dyn Error + Send + Sync>),
    /// The cryptography backend failed to make a key or a signature.
    #[error("a key could not be made, or a certificate not signed")]
    Signing(#[source] Box<dyn Error + Send + Sync>),
}

impl IssueError {
    /// Boxed, so that rcgen's next breaking release is not ours.
    pub(crate) fn signing(source: rcgen::Error) -> Self {
        Self::Signing(Box::new(source))
    }

    /// What a backend signed could not be read.
    pub(crate) fn surgery(source: super::der::DerError) -> Self {
        Self::Signing(Box::new(source))
    }
}

fn generate_key() -> Result<Zeroizing<KeyPair>, IssueError> {
    KeyPair::generate().map(Zeroizing::new).map_err(IssueError::signing)
}

/// What every certificate has, with rcgen's defaults replaced: a common name of "rcgen self signed
/// cert" (which etcd would take for a user's name), a serial number that is the hash of the key
/// (so that the second certificate of a key is revoked with the first), and 1975 to 4096.
fn params(common_name: &str, window: Window) -> Result<CertificateParams, IssueError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, common_name);
    params.serial_number = Some(random::serial()?);
    params.not_before = window.not_before;
    params.not_after = window.not_after;
    Ok(params)
}

#[cfg(test)]
mod tests;
