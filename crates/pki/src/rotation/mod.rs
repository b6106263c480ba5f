//! Changing certificates and authorities of a fleet that runs, as a plan.
//!
//! etcd reads a certificate and its key again at every handshake, and its file of authorities once,
//! when it starts (`listener.go` of client/pkg/transport, 3.4 to 3.7: no `GetConfigForClient`). So
//! leaves change at once, and authorities with restarts:
//!
//! | plan | phases | restarts of each member |
//! |-|-|-|
//! | [`Rotation::leaves`], [`Rotation::all_leaves`] | new certificates | 0 |
//! | [`Rotation::authority_by_bundle`] | trust both; new certificates; trust the new one | 2 |
//! | [`Rotation::authority_by_cross_signing`] | new certificates with a cross certificate; trust the new one; drop the cross certificate | 1 |
//!
//! A plan is derived from the certificates that are there, and from nothing else. Whatever stopped
//! a rotation, look again at what everyone has ([`Holdings`]), plan again, and go on: what is done
//! is not planned again. Nothing here writes, unless a [`Change`] is told to.
//!
//! A plan is of one authority and those who trust it. Where clients and peers have authorities of
//! their own, each is changed by itself, with [`Holdings`] that have its files only.
//!
//! For a fleet in one directory, such as `cargo xtask pki` makes, all that is there is found by
//! [`FleetDirectory::holdings`](crate::FleetDirectory::holdings):
//!
//! ```
//! use tercet_pki::rotation::Rotation;
//! use tercet_pki::{Authority, Fleet, FleetDirectory, WriteOptions};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let scratch = tempfile::tempdir()?;
//! # let (dir, next) = (scratch.path().join("pki"), scratch.path().join("next.key"));
//! # let fleet = Fleet::builder().members(["infra1", "infra2"]).build()?;
//! # fleet.write_with(&dir, &WriteOptions::default().authority_key_in(&dir))?;
//! let new = Authority::generate("next")?;
//! new.write_key(&next)?; // and keep its certificate: after a break, both are read again
//! let old = FleetDirectory::load_without_key(&dir)?.authorities()[0].certificate.clone();
//! loop {
//!     // What an earlier run that was killed had begun, then what there is.
//!     FleetDirectory::recover(&dir, dir.join("ca.key"))?;
//!     let fleet = FleetDirectory::load_without_key(&dir)?;
//!     let rotation = Rotation::authority_by_bundle(&fleet.holdings(), &old, &new)?;
//!     let Some(phase) = rotation.phases().first() else { break };
//!     println!("{phase}");
//!     for change in &phase.changes {
//!         change.write()?; // and copied to the hosts of `change.holders()`
//!     }
//!     // Then each of `phase.restarts`, one after the other, each ready before the next.
//! }
//! // From now on the new key signs.
//! let mut fleet = FleetDirectory::load(&dir, &next)?;
//! fleet.add_client("alice")?;
//! # Ok(())
//! # }
//! ```

use std::collections::HashSet;

use time::OffsetDateTime;

use crate::fleet::chain;
use crate::read::{CertificateDetails, ReadError};
use crate::{Authority, Certificate, IssueError};

mod holdings;
mod phase;
mod steps;

pub use holdings::{Held, Holder, Holdings, Trusted};
pub use phase::{Change, Condition, Phase, Step};

use steps::Steps;

/// A rotation: what is left to be done, in phases.
///
/// ```
/// use tercet_pki::rotation::{Holder, Holdings, Rotation};
/// use tercet_pki::{Authority, Fleet};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let fleet = Fleet::generate(["infra1"])?;
/// let files = fleet.files("/etc/etcd/pki");
/// let (ca, member) = (fleet.authority().certificate_pem(), fleet.member("infra1").unwrap());
/// let holder = Holder::new("infra1")
///     .trusts(&files.ca, ca.as_bytes())?
///     .holds(files.members[0].server.clone(), member.server().chain_pem().as_bytes())?
///     .holds(files.members[0].peer.clone(), member.peer().chain_pem().as_bytes())?;
/// let holdings = Holdings::default().member(holder);
///
/// let (old, new) = (fleet.authority(), Authority::generate("next")?);
/// let cross = old.cross_sign(&new)?;
/// let rotation =
///     Rotation::authority_by_cross_signing(&holdings, old.certificate(), &new, &cross)?;
/// assert_eq!(rotation.phases().len(), 3);
/// assert_eq!(rotation.restarts(), 1);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a plan does nothing until it is carried out"]
pub struct Rotation {
    phases: Vec<Phase>,
}

impl Rotation {
    /// New leaves for those that end before `end`, from the authority that everyone trusts
    /// already. No restart.
    ///
    /// With an `end` that the new leaves lie beyond, the plan can be made again until nothing is
    /// left; so `end` should not be further away than the leaves live.
    ///
    /// # Errors
    ///
    /// [`RotationError::NotTrusted`] if someone does not trust `authority`;
    /// [`RotationError::TooShort`] if new leaves would end before `end` as well;
    /// [`RotationError::Issue`].
    pub fn leaves(
        holdings: &Holdings,
        authority: &Authority,
        end: OffsetDateTime,
    ) -> Result<Self, RotationError> {
        let phases = renewed(holdings, authority, |leaf| leaf.not_after < end)?;
        for change in phases.iter().flat_map(|phase: &Phase| &phase.changes) {
            if let Change::Identity { identity, files, .. } = change {
                let new_end = read(identity.certificate())?.not_after;
                if new_end < end {
                    let path = files.certificate.clone();
                    return Err(RotationError::TooShort { path, end: new_end });
                }
            }
        }
        Ok(Self { phases })
    }

    /// New leaves for everyone, whenever theirs end: after a key may have been seen, say. No
    /// restart. Planned again, it begins anew.
    ///
    /// # Errors
    ///
    /// [`RotationError::NotTrusted`] if someone does not trust `authority`;
    /// [`RotationError::Issue`].
    pub fn all_leaves(holdings: &Holdings, authority: &Authority) -> Result<Self, RotationError> {
        Ok(Self { phases: renewed(holdings, authority, |_| true)? })
    }

    /// A new authority in the place of `old`, by files that hold both for a while: two restarts of
    /// each member. `old` may be any certificate in these files, also one that nobody has the key
    /// of any more; other authorities that are trusted stay so.
    ///
    /// # Errors
    ///
    /// [`RotationError::SameName`] if the two cannot be told apart by their names;
    /// [`RotationError::Separate`] for a file of authorities that has neither;
    /// [`RotationError::NotValidNow`] for a new authority that is not valid now;
    /// [`RotationError::Issue`]; [`RotationError::Read`].
    pub fn authority_by_bundle(
        holdings: &Holdings,
        old: &Certificate,
        new: &Authority,
    ) -> Result<Self, RotationError> {
        let (old, details) = (read(old)?, read(new.certificate())?);
        differ(holdings, &old, &details)?;
        is_valid_now(&details)?;
        let steps = Steps { old: Some(&old), new: &details, signer: new, cross: None };
        Self::until_done(holdings, |holdings| steps.bundle(holdings))
    }

    /// A new authority in the place of `old`, by a certificate for its key from the old one: one
    /// restart of each member. `cross` is made once, by
    /// [`old.cross_sign(&new)`](Authority::cross_sign); after that the old key is not needed.
    ///
    /// # Errors
    ///
    /// [`RotationError::PathLength`] if leaves may not stand two below the old authority (minica
    /// makes such), [`RotationError::NotACross`] if `cross` is another certificate,
    /// [`RotationError::NotValidNow`] if one of the three is not valid now,
    /// [`RotationError::SameName`], [`RotationError::Separate`], [`RotationError::Issue`],
    /// [`RotationError::Read`].
    pub fn authority_by_cross_signing(
        holdings: &Holdings,
        old: &Certificate,
        new: &Authority,
        cross: &Certificate,
    ) -> Result<Self, RotationError> {
        let (old, details, cross) = (read(old)?, read(new.certificate())?, read(cross)?);
        let path_length = old.basic_constraints.and_then(|constraints| constraints.path_length);
        if path_length == Some(0) {
            return Err(RotationError::PathLength { authority: old.subject.text });
        }
        differ(holdings, &old, &details)?;
        let same = cross.subject.der == details.subject.der
            && cross.public_key_der == details.public_key_der;
        if !same || !chain::is_issued_by(&cross, &old) {
            return Err(RotationError::NotACross {
                old: old.subject.text,
                new: details.subject.text,
            });
        }
        // Whoever trusts the old one only refuses all that an expired one has signed.
        for certificate in [&details, &cross, &old] {
            is_valid_now(certificate)?;
        }
        let path_length = cross.basic_constraints.and_then(|constraints| constraints.path_length);
        let below = u32::try_from(new.intermediates().len()).unwrap_or(u32::MAX);
        if path_length.is_some_and(|most| most < below) {
            return Err(RotationError::PathLength { authority: cross.subject.text });
        }
        let steps = Steps { old: Some(&old), new: &details, signer: new, cross: Some(&cross) };
        Self::until_done(holdings, |holdings| steps.cross(holdings))
    }

    /// What is left to be done, in order.
    #[must_use]
    pub fn phases(&self) -> &[Phase] {
        &self.phases
    }

    /// Whether nothing is left to be done.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.phases.is_empty()
    }

    /// How many of the phases restart members.
    #[must_use]
    pub fn restarts(&self) -> usize {
        self.phases.iter().filter(|phase| !phase.restarts.is_empty()).count()
    }

    /// Plans phase after phase, each on what the one before leaves.
    fn until_done(
        holdings: &Holdings,
        next: impl Fn(&Holdings) -> Result<Option<Phase>, RotationError>,
    ) -> Result<Self, RotationError> {
        let mut holdings = holdings.clone();
        let mut phases = Vec::new();
        while let Some(phase) = next(&holdings)? {
            for change in &phase.changes {
                holdings.make(change)?;
            }
            for member in &phase.restarts {
                holdings.restart(member);
            }
            phases.push(phase);
        }
        Ok(Self { phases })
    }
}

impl Holdings {
    /// What is left when a change is made. For dry runs; nothing is written.
    ///
    /// # Errors
    ///
    /// A [`ReadError`] for a change that was put together by hand, of what is no certificate.
    pub fn make(&mut self, change: &Change) -> Result<(), ReadError> {
        let (path, certificates) = match change {
            Change::Authorities { path, pem, .. } | Change::Chain { path, pem, .. } => {
                (path, crate::read::certificates(pem.as_bytes())?)
            }
            Change::Identity { files, identity, .. } => {
                (&files.certificate, crate::read::certificates(identity.chain_pem().as_bytes())?)
            }
        };
        for holder in self.holders_mut() {
            for trusted in holder.trusted.iter_mut().filter(|trusted| trusted.path == *path) {
                trusted.authorities.clone_from(&certificates);
            }
            for held in holder.identities.iter_mut() {
                if held.files.certificate == *path {
                    held.chain.clone_from(&certificates);
                }
            }
        }
        Ok(())
    }

    /// What is left when a member restarts: it has in memory what its files say.
    pub fn restart(&mut self, member: &str) {
        for holder in self.members.iter_mut().filter(|holder| holder.name == member) {
            if let Some(names) = &mut holder.in_memory {
                let files = holder.trusted.iter().flat_map(|trusted| &trusted.authorities);
                let all: HashSet<_> = files.map(|one| one.subject.der.clone()).collect();
                *names = all.into_iter().collect();
            }
        }
    }
}

/// New leaves for some, from the authority that everyone trusts.
fn renewed(
    holdings: &Holdings,
    authority: &Authority,
    is_due: impl Fn(&CertificateDetails) -> bool,
) -> Result<Vec<Phase>, RotationError> {
    let new = read(authority.certificate())?;
    for holder in holdings.holders() {
        if !holder.trusted.iter().all(|trusted| trusted.has(&new)) {
            return Err(RotationError::NotTrusted { holder: holder.name.clone() });
        }
    }
    let steps = Steps { old: None, new: &new, signer: authority, cross: None };
    steps.renew(holdings, |chain| chain.first().is_some_and(&is_due))
}

fn read(certificate: &Certificate) -> Result<CertificateDetails, ReadError> {
    CertificateDetails::parse(certificate.der())
}

/// Members show the names of the authorities they have in memory and nothing else of them; and Go
/// takes the first of two of one name, and reports a failed signature.
///
/// And a file that has neither is of another circle, say of peers with an authority of their own:
/// to add one to it would let in whoever has a certificate of the other circle.
fn differ(
    holdings: &Holdings,
    old: &CertificateDetails,
    new: &CertificateDetails,
) -> Result<(), RotationError> {
    let files = || holdings.holders().flat_map(|holder| &holder.trusted);
    let is_twin = |one: &CertificateDetails| {
        one.subject.der == new.subject.der && one.certificate != new.certificate
    };
    let twin = old.subject.der == new.subject.der;
    if twin || files().flat_map(|file| &file.authorities).any(is_twin) {
        return Err(RotationError::SameName { name: new.subject.text.clone() });
    }
    match files().find(|file| !file.has(old) && !file.has(new)) {
        Some(file) => Err(RotationError::Separate { path: file.path.clone() }),
        None => Ok(()),
    }
}

fn is_valid_now(authority: &CertificateDetails) -> Result<(), RotationError> {
    let now = OffsetDateTime::now_utc();
    if authority.not_before <= now && now <= authority.not_after {
        return Ok(());
    }
    Err(RotationError::NotValidNow {
        authority: authority.subject.text.clone(),
        begin: authority.not_before,
        end: authority.not_after,
    })
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RotationError {
    /// The new authority has the name of another.
    #[error(
        "another authority is called {name} as well as the new one: make the new one with another \
         name (`Authority::generate` gives each one of its own)"
    )]
    SameName {
        /// The name.
        name: String,
    },
    /// The old authority may have no other below it.
    #[error(
        "the path length of {authority} is 0, and nobody would accept a leaf below a cross \
         certificate: rotate by bundle instead"
    )]
    PathLength {
        /// The old authority.
        authority: String,
    },
    /// A file of authorities has neither the old nor the new one.
    #[error(
        "{} has neither the old nor the new authority: leave it, and the identities that only it \
         is for, out of this rotation (where clients and peers have authorities of their own, each \
         is changed by itself), or put the old one in",
        path.display()
    )]
    Separate {
        /// The file.
        path: std::path::PathBuf,
    },
    /// An authority, or the cross certificate, is not valid now.
    #[error(
        "the certificate of {authority} is valid from {begin} to {end}, and not now: nobody would \
         accept what it stands for (an old authority that has expired is changed by bundle)"
    )]
    NotValidNow {
        /// Whose.
        authority: String,
        /// When it begins.
        begin: OffsetDateTime,
        /// When it ends.
        end: OffsetDateTime,
    },
    /// The cross certificate is something else.
    #[error(
        "the cross certificate is not one of {old} for {new}: make it with `old.cross_sign(&new)`"
    )]
    NotACross {
        /// The old authority.
        old: String,
        /// The new authority.
        new: String,
    },
    /// Someone does not trust the authority that new leaves would come from.
    #[error(
        "{holder} does not trust the authority of the new certificates: change the authority \
         first, by bundle or by cross-signing"
    )]
    NotTrusted {
        /// Who.
        holder: String,
    },
    /// A new leaf would be due again at once.
    #[error(
        "the new certificate of {} would end on {}, and be due again at once: ask for an earlier \
         end", path.display(), end.date()
    )]
    TooShort {
        /// Where it would be.
        path: std::path::PathBuf,
        /// When it would end.
        end: OffsetDateTime,
    },
    /// A certificate could not be issued.
    #[error("a certificate could not be issued")]
    Issue(#[from] IssueError),
    /// A certificate could not be read.
    #[error("a certificate could not be read")]
    Read(#[from] ReadError),
}

#[cfg(test)]
mod tests;
