//! Certificates that are wrong on purpose, while the fleet runs.

mod files;
mod flaw;
mod trust;

use std::fmt;

use tercet_pki::doctor::Port;
use tercet_pki::read::{CertificateDetails, certificates};
use tercet_pki::{Certificate, IdentityFiles, Layout, RevocationReason};

pub use self::flaw::{CertificateFlaw, ParseFlawError};
pub use self::trust::StrangerTrusted;

use self::files::Pair;
use self::flaw::Whose;
use super::error::FaultError;
use crate::cluster::{Cluster, Member};
use crate::operate::relist;
use crate::plan::Protection;

impl<'a> Member<'a> {
    /// Puts a certificate that is wrong, and its key, in the place of what this member shows on one of
    /// its ports, until the guard is dropped. It is like the one that was there but for its flaw: the
    /// same common name and the same names, from the fleet's authority unless the flaw is that.
    ///
    /// - **Connections that are open stay**: a certificate is looked at once in a connection. To see a
    ///   link with the new one, have it made again: restart one of its ends.
    /// - **New connections** see it at once: etcd reads both files at every handshake
    ///   (`client/pkg/transport/listener.go`, 3.4 to 3.7). Whoever connects in the microseconds between
    ///   the new key and the new certificate is refused.
    /// - On the **peer** port it is also what the member shows where it dials, unless it has another
    ///   for that ([`TlsOptions::separate_outgoing`](crate::TlsOptions::separate_outgoing)). On the
    ///   **client** port it is also what the member's own gateway shows to it.
    /// - **Healed**, new connections see what was there before. Peers dial again by themselves, every
    ///   100 ms.
    ///
    /// ```no_run
    /// use tercet_cluster::{CertificateFlaw, Member, Port};
    ///
    /// # async fn example(member: Member<'_>) -> Result<(), Box<dyn std::error::Error>> {
    /// let expired = member.spoil_certificate(Port::Client, CertificateFlaw::Expired)?;
    /// assert!(member.client().await?.get("hello").await.is_err());
    /// drop(expired);
    /// assert!(member.client().await?.get("hello").await.is_ok());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// While any certificate is wrong, certificates are not rotated.
    ///
    /// # Errors
    ///
    /// [`FaultError::NoCertificate`] where the port shows none of an authority's,
    /// [`FaultError::SharedCertificate`] where all members show the same file,
    /// [`FaultError::NothingWrong`] where nobody would look at the flaw,
    /// [`FaultError::AlreadySpoiled`] for a second flaw of the same file,
    /// [`FaultError::NoRevocationList`] for what is to be revoked where members look at no list,
    /// [`FaultError::Busy`] while the fleet is being changed, [`FaultError::Rotating`] while its
    /// authority is, and others of [`FaultError`].
    pub fn spoil_certificate(
        &self,
        port: Port,
        flaw: CertificateFlaw,
    ) -> Result<CertificateFault<'a>, FaultError> {
        if self.is_removed() {
            return Err(FaultError::Removed { member: self.name().to_owned() });
        }
        let cluster = self.cluster();
        let (security, files) = (cluster.plan.security(), self.plan().files());
        let (protection, files) = match port {
            Port::Client => (security.clients(), &files.server),
            Port::Peer => (security.peers(), &files.peer),
        };
        let whose = Whose::of_port(cluster, self.name(), port);
        if !protection.has_certificates() {
            return Err(FaultError::NoCertificate { whose: whose.to_string(), security });
        }
        if cluster.plan.spec().certificate_layout() == Layout::Shared {
            return Err(FaultError::SharedCertificate { member: self.name().to_owned() });
        }
        spoil(cluster, &whose, files, flaw)
    }
}

impl Cluster {
    /// The same for what the fleet's clients show, those of [`client`](Self::client) and all others
    /// that read its files: in every fleet that asks clients for certificates.
    ///
    /// Clients that are connected stay connected, and each new connection is made with it.
    ///
    /// # Errors
    ///
    /// As [`Member::spoil_certificate`].
    pub fn spoil_client_certificate(
        &self,
        flaw: CertificateFlaw,
    ) -> Result<CertificateFault<'_>, FaultError> {
        let (whose, security) = (Whose::client(), self.plan.security());
        if security.clients() != Protection::Mutual {
            return Err(FaultError::NoCertificate { whose: whose.to_string(), security });
        }
        spoil(self, &whose, &self.plan.files().client, flaw)
    }
}

fn spoil<'a>(
    cluster: &'a Cluster,
    whose: &Whose,
    files: &IdentityFiles,
    flaw: CertificateFlaw,
) -> Result<CertificateFault<'a>, FaultError> {
    if !whose.minds(flaw) {
        return Err(FaultError::NothingWrong { whose: whose.to_string(), flaw });
    }
    if flaw == CertificateFlaw::Revoked && cluster.plan.revocation_files().is_none() {
        return Err(FaultError::NoRevocationList);
    }
    // What changes the fleet counts on its files.
    let _only = only(cluster)?;
    let mark = Mark::set(cluster, files)?;
    let former = Pair::read(files)?;
    let details = certificates(&former.certificate);
    let details = details
        .map_err(|source| FaultError::Unreadable { path: files.certificate.clone(), source })?;
    let leaf = whose.like(
        details.first().ok_or_else(|| FaultError::Empty { path: files.certificate.clone() })?,
    );
    let wrong = flaw.issue(cluster.identities().authority(), leaf)?;
    let revoked = (flaw == CertificateFlaw::Revoked).then(|| wrong.certificate().clone());
    let fault = CertificateFault {
        mark,
        files: files.clone(),
        former,
        flaw,
        whose: whose.clone(),
        revoked,
    };
    let new = Pair::of(&wrong);
    cluster
        .changing_files(|| {
            // On the list before it is shown; what fails here is put back by dropping the fault.
            if let Some(certificate) = &fault.revoked {
                let files = cluster.plan.revocation_files().ok_or(FaultError::NoRevocationList)?;
                relist(cluster, &files, |list| {
                    list.certificate(certificate, RevocationReason::KeyCompromise)
                })
                .map_err(FaultError::Revoke)?;
            }
            new.write(&fault.files)
        })
        // Dropped here and not before: it needs the same lock.
        .map(|()| fault)
}

/// Keeps others from changing the fleet's files meanwhile.
fn only(cluster: &Cluster) -> Result<tokio::sync::MutexGuard<'_, ()>, FaultError> {
    let only = cluster.operating.try_lock().map_err(|_| FaultError::Busy)?;
    if cluster.successor().is_some() {
        return Err(FaultError::Rotating);
    }
    Ok(only)
}

/// That a file is wrong on purpose.
struct Mark<'a> {
    cluster: &'a Cluster,
    files: IdentityFiles,
}

impl<'a> Mark<'a> {
    fn set(cluster: &'a Cluster, files: &IdentityFiles) -> Result<Self, FaultError> {
        if !cluster.spoiled.begin(&files.certificate) {
            return Err(FaultError::AlreadySpoiled { path: files.certificate.clone() });
        }
        Ok(Self { cluster, files: files.clone() })
    }
}

impl Drop for Mark<'_> {
    fn drop(&mut self) {
        self.cluster.spoiled.end(&self.files.certificate);
    }
}

/// A certificate that is wrong, until this is dropped: then what was there before is there again, and
/// what was revoked for it is taken off the list.
///
/// Dropping it needs no runtime, works on any thread and writes two files.
#[must_use = "the certificate is as before as soon as this is dropped"]
pub struct CertificateFault<'a> {
    // Dropped last: only then may another be put there.
    former: Pair,
    files: IdentityFiles,
    flaw: CertificateFlaw,
    whose: Whose,
    revoked: Option<Certificate>,
    mark: Mark<'a>,
}

impl CertificateFault<'_> {
    /// What is wrong with it.
    #[must_use]
    pub const fn flaw(&self) -> CertificateFlaw {
        self.flaw
    }

    /// Where it is.
    #[must_use]
    pub const fn files(&self) -> &IdentityFiles {
        &self.files
    }

    /// Puts the former one back: the same as dropping this.
    pub fn heal(self) {}
}

impl Drop for CertificateFault<'_> {
    fn drop(&mut self) {
        let cluster = self.mark.cluster;
        cluster.changing_files(|| {
            // Nobody can be told; a file that cannot be written shows at the next connection.
            let _ = self.former.write(&self.files);
            if let (Some(certificate), Some(files)) =
                (&self.revoked, cluster.plan.revocation_files())
            {
                let _ = relist(cluster, &files, |list| list.without(certificate));
            }
        });
    }
}

impl fmt::Debug for CertificateFault<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertificateFault")
            .field("of", &self.whose.to_string())
            .field("flaw", &self.flaw)
            .finish_non_exhaustive()
    }
}

/// What is like this certificate, to be made wrong.
fn names(details: &CertificateDetails) -> Vec<String> {
    let names = details.names.clone().unwrap_or_default();
    names.dns.into_iter().chain(names.ip.iter().map(ToString::to_string)).collect()
}
