//! The fleet's list of certificates that are no longer good.

use std::path::{Path, PathBuf};

use crate::disk::Access;
use crate::disk::stage::{Durability, Lock, Stage};
use crate::read::{CertificateDetails, ReadError, SignatureCheck};
use crate::{
    Certificate, FleetDirectory, RevocationList, RevocationListError, RevocationReason,
    Revocations, WriteError,
};

use super::{ExtendError, read_if_there};

/// Where a fleet's revocation list is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RevocationFiles {
    /// `ca.crl`: for openssl, curl, and for [`FleetDirectory::revoke`] to go on from.
    pub pem: PathBuf,
    /// `ca.crl.der`: for `--client-crl-file` and `--peer-crl-file` of every etcd.
    pub der: PathBuf,
}

impl RevocationFiles {
    /// Those of the fleet whose files are in `dir`, whether or not it has a list.
    #[must_use]
    pub fn in_directory(dir: impl AsRef<Path>) -> Self {
        let at = |name: &str| dir.as_ref().join(name);
        Self { pem: at("ca.crl"), der: at("ca.crl.der") }
    }

    /// Writes `list` there, over what is there: etcd, which reads its file for each connection,
    /// sees the old one or the new one, never a part.
    ///
    /// # Errors
    ///
    /// [`WriteError::Busy`] if another process is at work in the directory, [`WriteError::Io`] if
    /// the file system refuses.
    pub fn write(&self, list: &RevocationList, durability: Durability) -> Result<(), WriteError> {
        let _lock = self.der.parent().map(Lock::take).transpose()?;
        self.write_locked(list, durability)
    }

    fn write_locked(
        &self,
        list: &RevocationList,
        durability: Durability,
    ) -> Result<(), WriteError> {
        let mut stage = Stage::new(durability);
        // The PEM last, from which the next run goes on: then the DER has no less in it.
        stage.add(&self.der, Access::Anyone, list.der(), true)?;
        stage.add(&self.pem, Access::Anyone, list.pem().as_bytes(), true)?;
        stage.publish()
    }
}

impl FleetDirectory {
    /// Puts a certificate on the fleet's revocation list, `ca.crl` and `ca.crl.der`, which is made
    /// if there is none. Two processes that revoke at once do not lose each other's entries: one
    /// of them is told that the other is at work.
    ///
    /// # Errors
    ///
    /// [`RevokeError::Foreign`] for a certificate that the fleet's authority did not sign,
    /// [`RevokeError::Authority`] for one of the fleet's authorities, which no list of its own can
    /// revoke; [`RevokeError::List`] for a list that cannot be gone on from;
    /// [`RevokeError::Extend`], such as for an authority without its key.
    pub fn revoke(
        &mut self,
        certificate: &Certificate,
        reason: RevocationReason,
    ) -> Result<RevocationFiles, RevokeError> {
        let _lock = self.lock()?;
        // One that ends today may still revoke.
        let authority = self.with_key()?;
        let own = CertificateDetails::parse(authority.certificate().der())?;
        let leaf = CertificateDetails::parse(certificate.der())?;
        if self.authorities().iter().any(|one| one.certificate == *certificate) {
            return Err(RevokeError::Authority { authority: leaf.subject.text });
        }
        // Another authority's has a serial number of its own counting.
        if leaf.signed_by(&own) != SignatureCheck::Valid {
            let (certificate, authority) = (leaf.subject.text, own.subject.text);
            return Err(RevokeError::Foreign { certificate, authority });
        }
        let files = RevocationFiles::in_directory(self.directory());
        let revocations = match read_if_there(&files.pem).map_err(ExtendError::from)? {
            Some(list) => authority.revocations(&list)?,
            None => Revocations::new(),
        };
        let revocations =
            revocations.certificate(certificate, reason).map_err(ExtendError::from)?;
        let list = authority.revoke(&revocations).map_err(ExtendError::from)?;
        files.write_locked(&list, Durability::Synced).map_err(ExtendError::from)?;
        Ok(files)
    }
}

/// Why a certificate was not revoked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RevokeError {
    /// Another authority signed it.
    #[error(
        "{certificate} is not signed by {authority}, and only who signed a certificate can revoke it"
    )]
    Foreign {
        /// Whose certificate it is.
        certificate: String,
        /// The fleet's authority.
        authority: String,
    },
    /// It is the authority itself.
    #[error(
        "{authority} is the authority, and etcd looks for no authority on a list: change to a new \
         one (a rotation by bundle or by cross-signing)"
    )]
    Authority {
        /// The authority.
        authority: String,
    },
    /// A certificate could not be read.
    #[error("the certificate cannot be read")]
    Read(#[from] ReadError),
    /// The list cannot be gone on from.
    #[error("the list of those that were revoked before cannot be used")]
    List(#[from] RevocationListError),
    /// There is no key to sign with, or a file could not be written.
    #[error(transparent)]
    Extend(#[from] ExtendError),
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::steps::kill;
    use crate::{Authority, Fleet, Leaf, WriteOptions};

    fn listed(dir: &Path) -> usize {
        let list = std::fs::read(dir.join("ca.crl.der")).unwrap();
        crate::read::revocation_list(&list).unwrap().entries.len()
    }

    #[test]
    fn one_after_the_other_is_revoked_and_only_what_is_the_fleets() {
        let scratch = tempfile::tempdir().unwrap();
        let dir = scratch.path().join("pki");
        let fleet = Fleet::generate(["a"]).unwrap();
        fleet.write_with(&dir, &WriteOptions::default().authority_key_in(&dir)).unwrap();
        let mut stored = Fleet::load(&dir).unwrap();
        let reason = RevocationReason::Superseded;
        stored.revoke(fleet.client().certificate(), reason).unwrap();
        // Another that loaded before this one was revoked.
        let mut other = Fleet::load(&dir).unwrap();
        stored.revoke(fleet.member("a").unwrap().peer().certificate(), reason).unwrap();
        other.revoke(fleet.member("a").unwrap().server().certificate(), reason).unwrap();
        assert_eq!(listed(&dir), 3);

        let eve = Authority::generate("eve").unwrap().issue(&Leaf::client("client")).unwrap();
        let errors = [
            stored.revoke(eve.certificate(), reason).unwrap_err(),
            stored.revoke(fleet.authority().certificate(), reason).unwrap_err(),
        ];
        let text = errors.map(|error| error.to_string()).join("\n");
        insta::assert_snapshot!(text.replace(fleet.authority().common_name(), "CA"), @r"
        CN=client is not signed by CN=CA, and only who signed a certificate can revoke it
        CN=CA is the authority, and etcd looks for no authority on a list: change to a new one (a rotation by bundle or by cross-signing)
        ");
        assert_eq!(listed(&dir), 3);
    }

    #[test]
    fn killed_anywhere_the_next_run_revokes_both() {
        for steps in 0.. {
            let scratch = tempfile::tempdir().unwrap();
            let dir = scratch.path().join("pki");
            let fleet = Fleet::generate(["a"]).unwrap();
            fleet.write_with(&dir, &WriteOptions::default().authority_key_in(&dir)).unwrap();
            let mut stored = Fleet::load(&dir).unwrap();
            let reason = RevocationReason::KeyCompromise;
            stored.revoke(fleet.member("a").unwrap().peer().certificate(), reason).unwrap();
            let client = fleet.client().certificate();
            let (result, killed) = kill::after(steps, || stored.revoke(client, reason));
            assert_eq!(killed, result.is_err());
            stored.revoke(client, reason).unwrap();
            assert_eq!(listed(&dir), 2, "after {steps} steps");
            if !killed {
                assert!(steps > 10, "the control: there was something to be killed at");
                return;
            }
        }
    }
}
