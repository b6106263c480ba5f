//! Which key belongs to which certificate, and which authority signed it: by keys and signatures
//! alone. Whether a certificate is also accepted is for the doctor to say.

use crate::read::{self, CertificateDetails, SignatureCheck};

/// Whether the first key in some PEM text, which is the one that etcd takes, is a certificate's.
pub(crate) fn is_key_of(key: &[u8], certificate: &CertificateDetails) -> bool {
    let keys = read::private_keys(key).unwrap_or_default();
    keys.first().and_then(|key| key.belongs_to(certificate)) == Some(true)
}

/// Whether one certificate is another's issuer, by name and signature.
pub(crate) fn is_issued_by(one: &CertificateDetails, issuer: &CertificateDetails) -> bool {
    one.issuer.der == issuer.subject.der && one.signed_by(issuer) == SignatureCheck::Valid
}

/// Whether the first certificate leads to one of `authorities`, over the others of its file.
pub(crate) fn is_accepted(
    chain: &[CertificateDetails],
    authorities: &[CertificateDetails],
) -> bool {
    authorities.iter().any(|authority| leads_to(chain, authority))
}

/// Whether the first certificate leads to `authority`, over the others of its file.
pub(crate) fn leads_to(chain: &[CertificateDetails], authority: &CertificateDetails) -> bool {
    let Some((leaf, others)) = chain.split_first() else { return false };
    let mut reached = vec![leaf];
    let mut left: Vec<_> = others.iter().collect();
    // Each certificate is gone through once, whatever loops the file has.
    while let Some(current) = reached.pop() {
        if is_issued_by(current, authority) {
            return true;
        }
        let (next, rest): (Vec<_>, Vec<_>) =
            left.into_iter().partition(|issuer| is_issued_by(current, issuer));
        reached.extend(next);
        left = rest;
    }
    false
}
