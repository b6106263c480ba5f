//! When a certificate is valid.

use std::time::Duration;

use time::OffsetDateTime;

/// How long an [`Authority`](crate::Authority) is valid: ten years, as kubeadm's and mkcert's.
pub const AUTHORITY_LIFETIME: Duration = days(3650);

/// How long a leaf is valid unless it says otherwise: one year, as kubeadm's.
pub const LEAF_LIFETIME: Duration = days(365);

/// How long before now a certificate begins, so that a machine whose clock is a little late
/// accepts it: five minutes, as kubeadm's.
pub const BACKDATE: Duration = Duration::from_secs(5 * 60);

/// By how much [`Leaf::expired`](crate::Leaf::expired) and
/// [`Leaf::not_yet_valid`](crate::Leaf::not_yet_valid) miss the present: a day, so that no clock
/// in a fleet is wrong enough to accept them.
pub const MISSED_BY: Duration = days(1);

/// When a certificate shall be valid, seen from the moment it is issued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Validity {
    /// From now on, for so long.
    For(Duration),
    /// Issued a while ago, with only so much left.
    ExpiresIn(Duration),
    /// No more.
    Expired,
    /// Not yet.
    NotYetValid,
}

/// The first and the last moment of a certificate. X.509 keeps whole seconds of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) not_before: OffsetDateTime,
    pub(crate) not_after: OffsetDateTime,
}

impl Validity {
    /// The window of a certificate issued at `now`; `None` past the year 9999.
    pub(crate) fn window(self, now: OffsetDateTime) -> Option<Window> {
        let window = |not_before, not_after| Window { not_before, not_after };
        Some(match self {
            Self::For(lifetime) => window(before(now, BACKDATE)?, after(now, lifetime)?),
            Self::ExpiresIn(left) => {
                let end = after(now, left)?;
                // Long lives are not made longer; they still begin in the past.
                let begin = before(end, LEAF_LIFETIME)?.min(before(now, BACKDATE)?);
                window(begin, end)
            }
            Self::Expired => {
                let end = before(now, MISSED_BY)?;
                window(before(end, LEAF_LIFETIME)?, end)
            }
            Self::NotYetValid => {
                let begin = after(now, MISSED_BY)?;
                window(begin, after(begin, LEAF_LIFETIME)?)
            }
        })
    }
}

impl Validity {
    /// The part of `window` that lies within its issuer's: what outlives its issuer is refused
    /// before it has expired. What is wrong on purpose stays so, and below an authority that is
    /// wrong on purpose there is nothing to keep.
    pub(crate) fn within(self, window: Window, issuer: Window, now: OffsetDateTime) -> Window {
        let not_after = match self {
            Self::For(_) | Self::ExpiresIn(_) if issuer.not_after > now => {
                window.not_after.min(issuer.not_after)
            }
            _ => window.not_after,
        };
        Window { not_before: window.not_before, not_after }
    }
}

fn after(moment: OffsetDateTime, by: Duration) -> Option<OffsetDateTime> {
    moment.checked_add(by.try_into().ok()?)
}

fn before(moment: OffsetDateTime, by: Duration) -> Option<OffsetDateTime> {
    moment.checked_sub(by.try_into().ok()?)
}

const fn days(days: u64) -> Duration {
    Duration::from_secs(days * 24 * 60 * 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_wrong_ones_exclude_the_present() {
        let now = OffsetDateTime::UNIX_EPOCH + days(20_000);
        let holds = |validity: Validity| {
            let window = validity.window(now).unwrap();
            assert!(window.not_before < window.not_after);
            (window.not_before..=window.not_after).contains(&now)
        };
        assert!(holds(Validity::For(LEAF_LIFETIME)));
        assert!(holds(Validity::For(Duration::ZERO)));
        assert!(holds(Validity::ExpiresIn(Duration::from_secs(3))));
        assert!(holds(Validity::ExpiresIn(days(4000))));
        assert!(!holds(Validity::Expired));
        assert!(!holds(Validity::NotYetValid));
    }

    #[test]
    fn what_expires_soon_was_issued_long_ago() {
        let now = OffsetDateTime::UNIX_EPOCH + days(20_000);
        let window = Validity::ExpiresIn(days(5)).window(now).unwrap();
        assert_eq!(window.not_before, now - days(360));
        assert_eq!(window.not_after, now + days(5));
    }

    #[test]
    fn a_time_that_cannot_be_written_is_refused() {
        assert_eq!(Validity::For(Duration::MAX).window(OffsetDateTime::now_utc()), None);
        assert_eq!(Validity::For(days(10_000 * 366)).window(OffsetDateTime::now_utc()), None);
    }
}
