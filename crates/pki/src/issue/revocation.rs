//! Revocation: which certificates are no longer good, though they have not expired.

use std::fmt;
use std::time::Duration;

use rcgen::{
    CertificateRevocationListParams, Issuer, KeyIdMethod, KeyUsagePurpose, RevokedCertParams,
    SerialNumber,
};
use time::OffsetDateTime;

use super::der::{Element, tag};
use super::error::IssueError;
use super::signing::{self, Unsigned};
use super::validity::LEAF_LIFETIME;
use crate::{Authority, Certificate};

/// Why a certificate was revoked (RFC 5280 section 5.3.1). It is for people: whoever checks the
/// list refuses all of them alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RevocationReason {
    /// It does not say.
    #[default]
    Unspecified,
    /// Someone else may have the key.
    KeyCompromise,
    /// Someone else may have the key of the authority.
    AuthorityCompromise,
    /// Its owner is called otherwise, or belongs elsewhere.
    AffiliationChanged,
    /// There is another certificate instead.
    Superseded,
    /// Its owner is no more: a member that was removed.
    CessationOfOperation,
    /// Its owner may no longer do what it was for.
    PrivilegeWithdrawn,
}

impl RevocationReason {
    /// The number that lists have for it.
    pub fn number(self) -> u32 {
        match self {
            Self::Unspecified => 0,
            Self::KeyCompromise => 1,
            Self::AuthorityCompromise => 2,
            Self::AffiliationChanged => 3,
            Self::Superseded => 4,
            Self::CessationOfOperation => 5,
            Self::PrivilegeWithdrawn => 9,
        }
    }

    /// The reason of a number; what is none of ours is unspecified.
    #[cfg(feature = "read")]
    fn from_number(number: u32) -> Self {
        [
            Self::KeyCompromise,
            Self::AuthorityCompromise,
            Self::AffiliationChanged,
            Self::Superseded,
            Self::CessationOfOperation,
            Self::PrivilegeWithdrawn,
        ]
        .into_iter()
        .find(|reason| reason.number() == number)
        .unwrap_or_default()
    }

    fn to_rcgen(self) -> rcgen::RevocationReason {
        match self {
            Self::Unspecified => rcgen::RevocationReason::Unspecified,
            Self::KeyCompromise => rcgen::RevocationReason::KeyCompromise,
            Self::AuthorityCompromise => rcgen::RevocationReason::CaCompromise,
            Self::AffiliationChanged => rcgen::RevocationReason::AffiliationChanged,
            Self::Superseded => rcgen::RevocationReason::Superseded,
            Self::CessationOfOperation => rcgen::RevocationReason::CessationOfOperation,
            Self::PrivilegeWithdrawn => rcgen::RevocationReason::PrivilegeWithdrawn,
        }
    }
}

impl fmt::Display for RevocationReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unspecified => "unspecified",
            Self::KeyCompromise => "key compromise",
            Self::AuthorityCompromise => "authority compromise",
            Self::AffiliationChanged => "affiliation changed",
            Self::Superseded => "superseded",
            Self::CessationOfOperation => "cessation of operation",
            Self::PrivilegeWithdrawn => "privilege withdrawn",
        })
    }
}

/// Which certificates an authority revokes, for [`Authority::revoke`].
///
/// ```
/// use tercet_pki::{Authority, Leaf, RevocationReason, Revocations};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let authority = Authority::generate("example")?;
/// let alice = authority.issue(&Leaf::client("alice"))?;
/// let revoked =
///     Revocations::new().certificate(alice.certificate(), RevocationReason::KeyCompromise)?;
/// let list = authority.revoke(&revoked)?;
/// // For `--client-crl-file`: DER, which all etcd read. From 3.6 on they read no PEM.
/// assert!(list.der().starts_with(&[0x30]));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
#[must_use = "nothing is revoked until an authority signs it"]
pub struct Revocations {
    entries: Vec<Entry>,
    number: Option<u64>,
    previous: Option<u64>,
    lifetime: Option<Duration>,
}

#[derive(Clone, Debug)]
struct Entry {
    serial: Vec<u8>,
    reason: RevocationReason,
    /// `None`: when the list is signed.
    at: Option<OffsetDateTime>,
}

impl Revocations {
    /// No certificate.
    pub fn new() -> Self {
        Self::default()
    }

    /// Revokes a certificate. One that is revoked already stays as it is.
    ///
    /// # Errors
    ///
    /// [`IssueError::Serial`] if its serial number is negative: a list has no such.
    pub fn certificate(
        self,
        certificate: &Certificate,
        reason: RevocationReason,
    ) -> Result<Self, IssueError> {
        let serial = certificate.fields()?.serial;
        let serial = Element::only(&serial, tag::INTEGER).map_err(IssueError::surgery)?.content;
        self.signed_serial(serial, reason, None)
    }

    /// [`serial`](Self::serial), as DER has it: two's complement.
    fn signed_serial(
        self,
        serial: &[u8],
        reason: RevocationReason,
        at: Option<OffsetDateTime>,
    ) -> Result<Self, IssueError> {
        if serial.first().is_some_and(|first| *first >= 0x80) {
            return Err(IssueError::Serial {
                serial: hexadecimal(serial),
                reason: "it is negative, and lists name positive ones alone; \
                         etcd built with Go 1.23 or later refuses the certificate as it is",
            });
        }
        self.serial(serial, reason, at)
    }

    /// Revokes the certificate of a serial number (big-endian, positive), from `at` or from the
    /// time when the list is signed.
    ///
    /// # Errors
    ///
    /// [`IssueError::Serial`] if it has no bytes, or more than 20 (RFC 5280 section 5.1.2.6 with
    /// 4.1.2.2).
    pub fn serial(
        mut self,
        serial: &[u8],
        reason: RevocationReason,
        at: Option<OffsetDateTime>,
    ) -> Result<Self, IssueError> {
        let zeros = serial.iter().take_while(|&&byte| byte == 0).count();
        let significant = &serial[zeros..];
        if serial.is_empty() || significant.len() > 20 {
            return Err(IssueError::Serial {
                serial: hexadecimal(serial),
                reason: "a serial number has 1 to 20 bytes",
            });
        }
        if !self.entries.iter().any(|entry| entry.serial == significant) {
            self.entries.push(Entry { serial: significant.to_vec(), reason, at });
        }
        Ok(self)
    }

    /// Takes a certificate off again, which no authority does in earnest: one that has seen it may
    /// remember. A certificate that is not on it changes nothing.
    ///
    /// # Errors
    ///
    /// [`IssueError`] if its serial number cannot be read.
    pub fn without(mut self, certificate: &Certificate) -> Result<Self, IssueError> {
        let serial = certificate.fields()?.serial;
        let serial = Element::only(&serial, tag::INTEGER).map_err(IssueError::surgery)?.content;
        let zeros = serial.iter().take_while(|&&byte| byte == 0).count();
        self.entries.retain(|entry| entry.serial != serial[zeros..]);
        Ok(self)
    }

    /// The number of the list, which must be higher than that of the one before. Unless it is
    /// said, it is the seconds since 1970, or one more than that of the list that this one
    /// continues.
    pub fn number(mut self, number: u64) -> Self {
        self.number = Some(number);
        self
    }

    /// When the next list is due, instead of [`LEAF_LIFETIME`] from now.
    ///
    /// etcd does not look at it (measured); openssl, curl and others refuse everybody once it has
    /// passed.
    pub fn next_update_in(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }

    /// How many certificates are revoked.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether no certificate is revoked.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

/// A list of revoked certificates, signed.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RevocationList {
    der: Vec<u8>,
}

impl RevocationList {
    /// The list in DER: what every etcd reads as `--client-crl-file` and `--peer-crl-file`.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The list as one PEM block: what openssl, curl and nginx read, and etcd before 3.6.
    pub fn pem(&self) -> String {
        pem::encode_config(
            &pem::Pem::new("X509 CRL", self.der.as_slice()),
            pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF),
        )
    }
}

/// The size and no more.
impl fmt::Debug for RevocationList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RevocationList({} bytes)", self.der.len())
    }
}

/// Revoking.
impl Authority {
    /// Signs the list of the certificates that are revoked.
    ///
    /// etcd reads the file again at every connection, and compares serial numbers alone. It looks
    /// at the certificate of who connects and not at those above it.
    ///
    /// # Errors
    ///
    /// [`IssueError::MayNotRevoke`] for a loaded authority whose key usages leave out cRLSign,
    /// [`IssueError::Validity`] for a next list past the year 9999.
    pub fn revoke(&self, revocations: &Revocations) -> Result<RevocationList, IssueError> {
        if !self.params.key_usages.contains(&KeyUsagePurpose::CrlSign) {
            return Err(IssueError::MayNotRevoke { authority: self.common_name.clone() });
        }
        let now = OffsetDateTime::now_utc();
        let lifetime = revocations.lifetime.unwrap_or(LEAF_LIFETIME).max(Duration::from_secs(1));
        let next_update = lifetime
            .try_into()
            .ok()
            .and_then(|lifetime| now.checked_add(lifetime))
            .ok_or(IssueError::Validity)?;
        let seconds = u64::try_from(now.unix_timestamp()).unwrap_or_default();
        let least = revocations.previous.map_or(0, |previous| previous.saturating_add(1));
        let number = revocations.number.unwrap_or_else(|| seconds.max(least));
        let params = CertificateRevocationListParams {
            this_update: now,
            next_update,
            crl_number: SerialNumber::from(number),
            issuing_distribution_point: None,
            revoked_certs: revocations
                .entries
                .iter()
                .map(|entry| RevokedCertParams {
                    serial_number: SerialNumber::from_slice(&entry.serial),
                    revocation_time: entry.at.unwrap_or(now),
                    reason_code: Some(entry.reason.to_rcgen()),
                    invalidity_date: None,
                })
                .collect(),
            // rcgen would take the hash of the key, and not the authority's identifier.
            key_identifier_method: KeyIdMethod::PreSpecified(self.key_identifier()),
        };
        let pair = self.key.pair();
        let draft = params
            .signed_by(&Issuer::from_params(&self.params, Unsigned(pair)))
            .map_err(IssueError::signing)?;
        let issuer = self.certificate.fields()?.subject;
        // After the version and the algorithm.
        let der = signing::replace(draft.der(), 2, &issuer, &self.key)?;
        Ok(RevocationList { der })
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(feature = "read")]
mod existing;
#[cfg(feature = "read")]
pub use existing::RevocationListError;
