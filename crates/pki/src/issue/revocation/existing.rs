//! Adding to a list that is there.

use super::{RevocationReason, Revocations};
use crate::read::{self, CertificateDetails, ReadError, SignatureCheck};
use crate::{Authority, Certificate, IssueError};

impl Authority {
    /// What a list of this authority, in PEM or DER, revokes already, to add to it. The next list
    /// has a higher number.
    ///
    /// # Errors
    ///
    /// [`RevocationListError`] if it is no list, or not of this authority: to sign another's
    /// entries would revoke our certificates of the same serial numbers.
    pub fn revocations(&self, list: &[u8]) -> Result<Revocations, RevocationListError> {
        Revocations::of_list(list, &self.certificate)
    }
}

impl Revocations {
    /// What a list, in PEM or DER, revokes already that the authority with this certificate has
    /// signed: for the one after it to go on with, when nobody has the old one's key any more.
    ///
    /// # Errors
    ///
    /// As [`Authority::revocations`].
    pub fn of_list(list: &[u8], authority: &Certificate) -> Result<Self, RevocationListError> {
        let list = read::revocation_list(list)?;
        let own = CertificateDetails::parse(authority.der())?;
        if list.issuer.der != own.subject.der {
            return Err(RevocationListError::Foreign {
                issuer: list.issuer.text,
                authority: own.subject.text,
            });
        }
        if list.signed_by(&own) != SignatureCheck::Valid {
            return Err(RevocationListError::Signature { authority: own.subject.text });
        }
        let mut revocations = Self::new();
        for entry in list.entries {
            let reason = entry.reason.map_or_else(Default::default, RevocationReason::from_number);
            revocations =
                revocations.signed_serial(&entry.serial, reason, Some(entry.revoked_at))?;
        }
        // Numbers that long are hashes and not counters: any is as good as the next.
        revocations.previous = list.number.and_then(|number| {
            number
                .iter()
                .try_fold(0_u64, |sum, &byte| sum.checked_mul(256)?.checked_add(u64::from(byte)))
        });
        Ok(revocations)
    }
}

/// Why a revocation list cannot be continued.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RevocationListError {
    /// It is no list.
    #[error("the revocation list cannot be read")]
    Read(#[from] ReadError),
    /// It is another authority's.
    #[error("the revocation list is of {issuer:?}, and not of {authority:?}")]
    Foreign {
        /// Whose list it is.
        issuer: String,
        /// Who should continue it.
        authority: String,
    },
    /// It has the authority's name, and another key signed it.
    #[error(
        "the revocation list has the name of {authority:?}, but another key signed it: \
         it is of an authority of the same name"
    )]
    Signature {
        /// Who should continue it.
        authority: String,
    },
    /// An entry of it cannot be written again.
    #[error("an entry of the revocation list cannot be kept")]
    Entry(#[from] IssueError),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::issue::der::{element, sequence, tag};
    use crate::issue::signing;

    /// As a positive one it would be another certificate's.
    #[test]
    fn a_list_with_a_negative_serial_number_is_not_continued_as_if_it_were_positive() {
        let authority = Authority::generate("unit test").unwrap();
        let empty = authority.revoke(&Revocations::new()).unwrap();
        for (serial, good) in [(0xff, false), (0x7f, true)] {
            let time = element(0x17, b"260101000000Z");
            let entry = sequence(tag::SEQUENCE, [&*element(tag::INTEGER, &[serial]), &time]);
            let entries = element(tag::SEQUENCE, &entry);
            // The list of entries comes before the extensions, and an empty list is left out; the
            // extensions make place for it.
            let list = signing::replace(empty.der(), 5, &entries, authority.key()).unwrap();
            let read = authority.revocations(&list);
            assert_eq!(read.is_ok(), good);
            if let Err(error) = read {
                assert!(matches!(error, RevocationListError::Entry(IssueError::Serial { .. })));
            }
        }
    }
}
