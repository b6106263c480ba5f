//! Certificates that are no longer good, though they have not expired.

use std::path::Path;

use tercet_pki::read::{CertificateDetails, SignatureCheck};
use tercet_pki::{
    Authority, Certificate, Durability, IssueError, RevocationFiles, RevocationReason, Revocations,
};

use super::RevokeError;
use crate::cluster::Cluster;

impl Cluster {
    /// Puts a certificate on the list that the members look at, a client's or a member's own to its
    /// peers: from the next connection on, it is refused. Nothing is restarted: etcd reads the list
    /// for each connection (`client/pkg/transport/listener_tls.go`, 3.4 to 3.7), in DER on every
    /// version.
    ///
    /// - **Connections that are open stay**, for as long as both ends like. To end them, restart the
    ///   members ([`rolling_restart`](Self::rolling_restart)).
    /// - Only who is dialled looks at the list. A member whose certificate is revoked can dial no
    ///   other, but is still dialled.
    /// - The list goes by serial numbers and is looked at on every port that asks for certificates.
    ///   With `--listen-client-http-urls` it was not, on the port for gRPC, before 3.5.32 and 3.6.13
    ///   and in all of 3.4: the doctor's rule TLS037.
    /// - What is in the fleet's directory gets another certificate by
    ///   [`rotate_leaves`](Self::rotate_leaves), which is not revoked.
    ///
    /// Revoking what is revoked already changes nothing.
    ///
    /// # Errors
    ///
    /// [`RevokeError::NoList`] where members do not look at any,
    /// [`RevokeError::Foreign`] for what another authority has signed,
    /// [`RevokeError::Authority`] for the authority itself, and others of [`RevokeError`].
    pub fn revoke(
        &self,
        certificate: impl AsRef<Certificate>,
        reason: RevocationReason,
    ) -> Result<(), RevokeError> {
        let files = self.plan.revocation_files().ok_or(RevokeError::NoList)?;
        self.changing_files(|| self.add_to_list(&files, certificate.as_ref(), reason))
    }

    fn add_to_list(
        &self,
        files: &RevocationFiles,
        certificate: &Certificate,
        reason: RevocationReason,
    ) -> Result<(), RevokeError> {
        let (old, successor) = (self.identities().authority().clone(), self.successor());
        let new = successor.map(|successor| successor.authority);
        let leaf = CertificateDetails::parse(certificate.der())?;
        let authorities: Vec<_> = [Some(&old), new.as_ref()].into_iter().flatten().collect();
        if authorities.iter().any(|one| one.certificate() == certificate) {
            return Err(RevokeError::Authority { authority: leaf.subject.text });
        }
        let mut signers = authorities.iter();
        let is_signed = |signer: &&Authority| {
            let details = CertificateDetails::parse(signer.certificate().der());
            details.is_ok_and(|signer| leaf.signed_by(&signer) == SignatureCheck::Valid)
        };
        if !signers.any(is_signed) {
            let authority = old.common_name().to_owned();
            return Err(RevokeError::Foreign { certificate: leaf.subject.text, authority });
        }
        // One list, whoever signed what is on it: see `hand_over`.
        let revocations = listed(&old, &files.pem)?.certificate(certificate, reason)?;
        Ok(files.write(&old.revoke(&revocations)?, Durability::Cached)?)
    }
}

/// Puts a certificate of the fleet's authority on its list, or takes it off again, while nothing else
/// changes the files.
pub(crate) fn relist(
    cluster: &Cluster,
    files: &RevocationFiles,
    change: impl FnOnce(Revocations) -> Result<Revocations, IssueError>,
) -> Result<(), RevokeError> {
    let authority = cluster.identities().authority();
    let list = authority.revoke(&change(listed(authority, &files.pem)?)?)?;
    Ok(files.write(&list, Durability::Cached)?)
}

/// Makes the list of an authority that of the one after it. What is on it stays there: etcd goes by
/// serial numbers alone (`checkCRL` in `client/pkg/transport/listener_tls.go`), and something of the
/// new authority may have been revoked already.
pub(super) fn hand_over(
    files: &RevocationFiles,
    old: &Authority,
    new: &Authority,
) -> Result<(), RevokeError> {
    let list = new.revoke(&listed(old, &files.pem)?)?;
    Ok(files.write(&list, Durability::Cached)?)
}

/// What is on an authority's list.
fn listed(authority: &Authority, path: &Path) -> Result<Revocations, RevokeError> {
    let list = std::fs::read(path)
        .map_err(|source| RevokeError::File { path: path.to_owned(), source })?;
    Ok(authority.revocations(&list)?)
}
