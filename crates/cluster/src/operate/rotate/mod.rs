//! New certificates and authorities for a fleet that runs, by the plans of
//! [`tercet_pki::rotation`].

mod carry_out;
mod error;
mod files;
mod holdings;
mod memory;
mod revoke;

use std::collections::HashMap;
use std::path::Path;
use std::sync::PoisonError;

use tercet_pki::Authority;
use tercet_pki::read::CertificateDetails;
use tercet_pki::rotation::{Holdings, Phase, Rotation, RotationError};

use super::course::Course;
use super::rolling::restart_each;
use crate::cluster::{Cluster, Successor};

use carry_out::carry_out;
use holdings::look;

pub use error::{RevokeError, RotateError};
pub(crate) use revoke::relist;

/// How a fleet comes by another authority.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RotationMethod {
    /// Everyone trusts the old and the new one for a while: two restarts of each member. It needs
    /// nothing of the old authority, and so is also the way from one that has expired.
    Bundle,
    /// The old one signs a certificate for the new one's key, which goes with all new leaves: one
    /// restart of each member.
    CrossSigning,
}

/// What a call of [`Cluster::rotate_authority_phase`] has done.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RotatedPhase {
    /// What it was; `None` if all was done before.
    pub phase: Option<Phase>,
    /// What is left to be done, in order. When nothing is, the fleet has its new authority.
    pub left: Vec<Phase>,
}

impl Cluster {
    /// Gives every member and client new certificates and keys, from the same authority and with the
    /// same names, while they run: etcd reads both files at every handshake, and so do the clients
    /// of [`client`](Self::client). Nothing is restarted, and connections that are open stay. What
    /// changes is what is in the fleet's directory of certificates.
    ///
    /// A key and its certificate cannot change at once. Whoever connects in the microseconds between
    /// the two is refused, and tries again: members do so by themselves, clients with another
    /// endpoint.
    ///
    /// Cancelled, some have new certificates and some old ones, all of them good; calling it again
    /// gives new ones to all.
    ///
    /// # Errors
    ///
    /// [`RotateError::NoAuthority`] where no authority has signed anything,
    /// [`RotateError::Unfinished`] while a change of the authority has begun and not ended, and
    /// others of [`RotateError`].
    pub async fn rotate_leaves(&self) -> Result<(), RotateError> {
        let course = Course::begin(self, "giving everyone new certificates").await;
        self.has_authority()?;
        self.has_nothing_spoiled()?;
        if self.successor().is_some() {
            return Err(RotateError::Unfinished);
        }
        let look = look(self).await?;
        let rotation = Rotation::all_leaves(&look.holdings, self.identities().authority())?;
        for phase in rotation.phases() {
            carry_out(&course, phase, &look).await?;
        }
        let authority = self.identities().authority().clone();
        self.identities.replace(files::read_again(self, authority)?);
        Ok(())
    }

    /// Gives the fleet a new authority, which nobody has to be told of but those who hold its files:
    /// at the end everything is signed by the new one and the old one is trusted by nobody. Members
    /// are restarted, one after the other as by [`rolling_restart`](Self::rolling_restart), twice or
    /// once, by `method`. Those that are down are started first. So are
    /// [`proxies`](Self::proxies) that run, but at once, and whoever comes through one has to come
    /// again. Clients of
    /// [`client`](Self::client), also those made before, go on working; one that was made of
    /// certificates in memory works until the members trust the new authority only.
    ///
    /// It is done phase by phase ([`tercet_pki::rotation`]), and after each it is checked that the
    /// phase has come to pass: certificates are what the members show, and the authorities that they
    /// have in memory are those that they ask for.
    ///
    /// Cancelled or failed, everyone still accepts everyone, and the next call goes on from what the
    /// certificates and the members' memories say, by the same method or the other.
    ///
    /// # Errors
    ///
    /// [`RotateError::NoAuthority`] where no authority has signed anything;
    /// [`RotateError::Plan`] where the method is not possible, as with a path length of 0;
    /// [`RotateError::Operate`] when a member does not come back, and others of [`RotateError`].
    pub async fn rotate_authority(&self, method: RotationMethod) -> Result<(), RotateError> {
        while !self.rotate_authority_phase(method).await?.left.is_empty() {}
        Ok(())
    }

    /// Does the next phase of [`rotate_authority`](Self::rotate_authority), the first one if none is
    /// under way, and returns when it has come to pass. After it, the fleet can stay as it is for as
    /// long as its clients need: those with files of their own have to be given the bundle, and
    /// their new certificates, in between.
    ///
    /// Cancel-safe as `rotate_authority` is.
    ///
    /// # Errors
    ///
    /// As [`rotate_authority`](Self::rotate_authority).
    pub async fn rotate_authority_phase(
        &self,
        method: RotationMethod,
    ) -> Result<RotatedPhase, RotateError> {
        let course = Course::begin(self, "changing the authority").await;
        self.has_authority()?;
        self.has_nothing_spoiled()?;
        // Also those that were interrupted in a restart.
        let down: Vec<_> = self.members().filter(|member| !member.is_running()).collect();
        if !down.is_empty() {
            restart_each(&course, &down).await?;
        }
        let before = look(self).await?;
        let mut left = self.plan_of(method, &before.holdings)?.phases().to_vec();
        let phase = (!left.is_empty()).then(|| left.remove(0));
        if let Some(phase) = &phase {
            carry_out(&course, phase, &before).await?;
            if left.is_empty() {
                // By what there is, and not by what was planned.
                let after = look(self).await?.holdings;
                left = self.plan_of(method, &after)?.phases().to_vec();
            }
        }
        if left.is_empty() {
            self.install_successor()?;
        }
        Ok(RotatedPhase { phase, left })
    }

    /// What every member and client of the fleet has: which certificates and authorities are in its
    /// files, and which authorities the members have in memory, as their ports show. From this
    /// [`Rotation`](tercet_pki::rotation::Rotation) plans, and by it [`Condition::holds`] judges.
    ///
    /// Cancel-safe: nothing is changed.
    ///
    /// # Errors
    ///
    /// [`RotateError::NoAuthority`] where no authority has signed anything,
    /// [`RotateError::File`] for files that cannot be read, [`RotateError::NotShown`] when a member
    /// that runs does not say.
    ///
    /// [`Condition::holds`]: tercet_pki::rotation::Condition::holds
    pub async fn holdings(&self) -> Result<Holdings, RotateError> {
        self.has_authority()?;
        Ok(look(self).await?.holdings)
    }

    /// Refuses fleets whose certificates nobody, or etcd itself, has signed.
    fn has_authority(&self) -> Result<(), RotateError> {
        let security = self.plan.security();
        let has = security.clients().has_certificates() || security.peers().has_certificates();
        if has { Ok(()) } else { Err(RotateError::NoAuthority { security }) }
    }

    /// Refuses to go on from certificates that are wrong on purpose.
    fn has_nothing_spoiled(&self) -> Result<(), RotateError> {
        self.spoiled.any().map_or(Ok(()), |path| Err(RotateError::Spoiled { path }))
    }

    /// The plan from the fleet's authority to its next one, which is made if there is none yet.
    fn plan_of(
        &self,
        method: RotationMethod,
        holdings: &Holdings,
    ) -> Result<Rotation, RotateError> {
        let old = self.identities().authority();
        let mut successor = match self.successor() {
            Some(successor) => successor,
            None => {
                let details = CertificateDetails::parse(old.certificate().der());
                let details = details.map_err(RotationError::from)?;
                let authority = Authority::successor_of(&details)?;
                Successor { authority, cross: None, read_before: HashMap::new() }
            }
        };
        if method == RotationMethod::CrossSigning && successor.cross.is_none() {
            successor.cross = Some(old.cross_sign(&successor.authority)?);
        }
        let (old, new) = (old.certificate(), &successor.authority);
        let by_cross = |cross| Rotation::authority_by_cross_signing(holdings, old, new, cross);
        let rotation = match (method, &successor.cross) {
            (RotationMethod::CrossSigning, Some(cross)) => by_cross(cross)?,
            (_, cross) => {
                let bundle = Rotation::authority_by_bundle(holdings, old, new)?;
                match cross {
                    // Begun by the other method: what that left in the chains goes as well.
                    Some(cross) if bundle.is_done() => by_cross(cross)?,
                    _ => bundle,
                }
            }
        };
        *self.successor.lock().unwrap_or_else(PoisonError::into_inner) = Some(successor);
        Ok(rotation)
    }

    pub(crate) fn successor(&self) -> Option<Successor> {
        self.successor.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The new authority is the fleet's from now on: everything is of it.
    fn install_successor(&self) -> Result<(), RotateError> {
        let Some(Successor { authority, .. }) = self.successor() else { return Ok(()) };
        let identities = files::read_again(self, authority)?;
        self.changing_files(|| {
            if let Some(files) = self.plan.revocation_files() {
                revoke::hand_over(&files, self.identities().authority(), identities.authority())?;
            }
            self.identities.replace(identities);
            *self.successor.lock().unwrap_or_else(PoisonError::into_inner) = None;
            Ok(())
        })
    }

    /// Runs `change`, which makes files that belong together other ones, while no client is made of
    /// them.
    pub(crate) fn changing_files<T>(&self, change: impl FnOnce() -> T) -> T {
        let _whole = self.changing_files.write().unwrap_or_else(PoisonError::into_inner);
        change()
    }
}

/// What is in a file.
fn read(path: &Path) -> Result<Vec<u8>, RotateError> {
    std::fs::read(path).map_err(|source| RotateError::File { path: path.to_owned(), source })
}
