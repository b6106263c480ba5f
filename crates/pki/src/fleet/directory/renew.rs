//! New certificates for old ones.

use std::fmt;
use std::time::Duration;

use time::OffsetDateTime;

use crate::issue::reissue::lifetime;
use crate::read::CertificateDetails;
use crate::{
    FleetDirectory, IdentityFiles, IssueError, Key, PairState, Reissue, Role, StoredIdentity,
};

use super::ExtendError;
use super::extend::put;

/// What [`FleetDirectory::renewal`] is to renew, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "options do nothing until a renewal is planned with them"]
pub struct RenewalOptions {
    /// `None`: all.
    within: Option<Duration>,
    same_key: bool,
    lifetime: Option<Duration>,
}

impl RenewalOptions {
    /// All identities.
    pub fn all() -> Self {
        Self { within: None, same_key: false, lifetime: None }
    }

    /// Those that have expired or will within this time, and those that are damaged.
    pub fn expiring_within(time: Duration) -> Self {
        Self { within: Some(time), ..Self::all() }
    }

    /// Keeps the keys. Without it each certificate gets a new one, so that a key that leaked
    /// unnoticed is of use no longer than the old certificate.
    pub fn same_key(mut self) -> Self {
        self.same_key = true;
        self
    }

    /// How long the new certificates are valid, instead of as long as each old one was.
    pub fn lifetime(mut self, lifetime: Duration) -> Self {
        self.lifetime = Some(lifetime);
        self
    }
}

/// Which identities are to be renewed, and why. Nothing is changed until
/// [`FleetDirectory::renew`].
#[derive(Clone, Debug)]
#[must_use = "a plan does nothing until it is carried out"]
pub struct Renewal {
    options: RenewalOptions,
    due: Vec<Due>,
    left: Vec<StoredIdentity>,
}

/// One identity to be renewed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Due {
    /// What it is for.
    pub role: Role,
    /// The member or the client; `None` for the certificate that all members share.
    pub name: Option<String>,
    /// Its files.
    pub files: IdentityFiles,
    /// Why.
    pub reason: Reason,
    /// When the old certificate ends.
    pub old_end: OffsetDateTime,
    /// When the new one will.
    pub new_end: OffsetDateTime,
    /// Whether that is early, since the authority ends then: change the authority, or this one is
    /// soon due again.
    pub ends_with_authority: bool,
    old: CertificateDetails,
}

/// Why an identity is renewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// All are.
    Asked,
    /// It has expired.
    Expired,
    /// It expires in so many days, rounded down.
    ExpiresIn {
        /// The days.
        days: i64,
    },
    /// It is not valid yet: whoever made it had a clock that is ahead of this one.
    NotYetValid,
    /// Its key is gone.
    KeyMissing,
    /// Its key is another's.
    Mismatched,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asked => f.write_str("all are renewed"),
            Self::Expired => f.write_str("expired"),
            Self::ExpiresIn { days: 0 } => f.write_str("expires within a day"),
            Self::ExpiresIn { days: 1 } => f.write_str("expires in 1 day"),
            Self::ExpiresIn { days } => write!(f, "expires in {days} days"),
            Self::NotYetValid => f.write_str("not valid yet"),
            Self::KeyMissing => f.write_str("its key is missing"),
            Self::Mismatched => f.write_str("its key is another's"),
        }
    }
}

impl Renewal {
    /// What is to be renewed, in the order in which it will be. Empty if nothing is due.
    #[must_use]
    pub fn due(&self) -> &[Due] {
        &self.due
    }

    /// What is damaged, and cannot be renewed: of a certificate that is missing, cannot be read or
    /// is a stranger's, nobody knows what the next one should say.
    #[must_use]
    pub fn left(&self) -> &[StoredIdentity] {
        &self.left
    }
}

impl FleetDirectory {
    /// Plans a renewal, judged at `now`. Nothing is changed.
    ///
    /// New certificates have the names, usages and hosts of the old ones and a new serial number,
    /// and never outlive the authority that signs them.
    ///
    /// # Errors
    ///
    /// [`ExtendError::NoAuthorityKey`], [`ExtendError::AuthorityEnds`];
    /// [`ExtendError::Damaged`] if the key is to be kept and there is none that fits.
    pub fn renewal(
        &self,
        options: &RenewalOptions,
        now: OffsetDateTime,
    ) -> Result<Renewal, ExtendError> {
        let (mut due, mut left) = (Vec::new(), Vec::new());
        for identity in &self.identities {
            let StoredIdentity { role, name, files, chain, state } = identity;
            let (true, Some(old)) = (state.can_be_renewed(), chain.first()) else {
                left.push(identity.clone());
                continue;
            };
            let Some(reason) = reason(state, old, options, now) else { continue };
            if options.same_key && *state != PairState::Sound {
                return Err(ExtendError::Damaged { files: files.clone(), state: state.clone() });
            }
            let lifetime = options.lifetime.unwrap_or_else(|| lifetime(old));
            let (new_end, ends_with_authority) = self.new_end(lifetime, now)?;
            due.push(Due {
                role: *role,
                name: name.clone(),
                files: files.clone(),
                reason,
                old_end: old.not_after,
                new_end,
                ends_with_authority,
                old: old.clone(),
            });
        }
        Ok(Renewal { options: options.clone(), due, left })
    }

    /// Carries a renewal out, pair by pair: killed at any moment, the next run of anything here
    /// leaves every pair whole, and a renewal planned again does the rest.
    ///
    /// etcd reads both files of a pair again at every handshake, so that members need no restart.
    ///
    /// # Errors
    ///
    /// [`ExtendError::Changed`] if a certificate is not the one that was planned for; else as
    /// [`renewal`](Self::renewal). What was renewed before the error stays renewed.
    pub fn renew(&mut self, renewal: &Renewal) -> Result<Vec<IdentityFiles>, ExtendError> {
        let _lock = self.lock()?;
        let renewed = self.renew_each(renewal);
        // Once, and not after each pair: whatever was renewed.
        self.look()?;
        renewed
    }

    fn renew_each(&self, renewal: &Renewal) -> Result<Vec<IdentityFiles>, ExtendError> {
        let mut renewed = Vec::new();
        for due in &renewal.due {
            let stored = self.identity(due.role, due.name.as_deref());
            if stored.and_then(|stored| stored.chain.first()) != Some(&due.old) {
                return Err(ExtendError::Changed { path: due.files.certificate.clone() });
            }
            let mut reissue = Reissue::default();
            if let Some(lifetime) = renewal.options.lifetime {
                reissue = reissue.lifetime(lifetime);
            }
            if renewal.options.same_key {
                reissue = reissue.key(kept_key(&due.files)?);
            }
            let identity = self.signer()?.reissue(&due.old, &reissue)?;
            put([(&due.files, &identity)], true)?;
            renewed.push(due.files.clone());
        }
        Ok(renewed)
    }

    /// When a certificate issued at `now` for so long ends: with its authority at the latest, and
    /// whether that is so.
    fn new_end(
        &self,
        lifetime: Duration,
        now: OffsetDateTime,
    ) -> Result<(OffsetDateTime, bool), ExtendError> {
        let lifetime = lifetime.try_into().ok();
        let end = lifetime.and_then(|lifetime| now.checked_add(lifetime));
        let end = end.ok_or(IssueError::Validity)?;
        let last = self.authority_end(self.signer()?);
        Ok((end.min(last), last < end))
    }
}

fn kept_key(files: &IdentityFiles) -> Result<Key, ExtendError> {
    let path = files.key.clone();
    let text = super::read_if_there(&path)?.unwrap_or_default();
    // PEM is ASCII; what is not, is no key.
    Key::from_pem(std::str::from_utf8(&text).unwrap_or_default())
        .map_err(|source| ExtendError::Key { path, source })
}

/// Why an identity is due, if it is.
fn reason(
    state: &PairState,
    old: &CertificateDetails,
    options: &RenewalOptions,
    now: OffsetDateTime,
) -> Option<Reason> {
    match state {
        PairState::KeyMissing => return Some(Reason::KeyMissing),
        PairState::Mismatched => return Some(Reason::Mismatched),
        PairState::Sound => {}
        // Somebody else's, or nothing to go by.
        _ => return None,
    }
    let left = old.not_after - now;
    match options.within {
        _ if old.not_before > now => Some(Reason::NotYetValid),
        _ if left.is_negative() => Some(Reason::Expired),
        None => Some(Reason::Asked),
        Some(within) if left <= within => Some(Reason::ExpiresIn { days: left.whole_days() }),
        Some(_) => None,
    }
}
