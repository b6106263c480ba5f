//! The number of a lease.

use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

use crate::json::json_debug;

/// The number of a lease, written as `etcdctl` writes it: sixteen hexadecimal digits.
///
/// 0 is none: etcd gives no lease that number.
///
/// ```
/// use tercet_client::LeaseId;
///
/// let id = LeaseId::from(0x694d_8a3b_5c0e_f102);
/// assert_eq!(id.to_string(), "694d8a3b5c0ef102");
/// assert_eq!("694d8a3b5c0ef102".parse(), Ok(id));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaseId(i64);

impl LeaseId {
    /// One that most likely no other lease has.
    pub(crate) fn random() -> Self {
        // Positive, as those that etcd chooses are, and not 0.
        Self((crate::random::unique() >> 1).cast_signed().max(1))
    }
}

impl From<i64> for LeaseId {
    fn from(id: i64) -> Self {
        Self(id)
    }
}

impl From<LeaseId> for i64 {
    fn from(id: LeaseId) -> Self {
        id.0
    }
}

impl fmt::LowerHex for LeaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::LowerHex::fmt(&self.0, f)
    }
}

/// As it is written: hexadecimal digits, which `etcdctl` takes as well.
impl FromStr for LeaseId {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        // Unsigned, as `Display` writes it.
        u64::from_str_radix(text, 16).map(|id| Self(id.cast_signed()))
    }
}

impl fmt::Display for LeaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

json_debug!(LeaseId);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_written_as_etcdctl_does() {
        assert_eq!(LeaseId::from(7).to_string(), "0000000000000007");
        assert_eq!(format!("{:?}", LeaseId::from(255)), "\"00000000000000ff\"");
        assert_eq!(i64::from(LeaseId::from(7)), 7);
        assert_eq!(format!("{:x} {:#x}", LeaseId::from(255), LeaseId::from(255)), "ff 0xff");
    }

    #[test]
    fn what_is_written_can_be_read() {
        for id in [0, 7, i64::MAX, i64::MIN, -1] {
            assert_eq!(LeaseId::from(id).to_string().parse(), Ok(LeaseId::from(id)));
        }
        assert_eq!("7".parse(), Ok(LeaseId::from(7)));
        for wrong in ["", "0x7", "seven", "-7", "10000000000000000"] {
            assert!(wrong.parse::<LeaseId>().is_err(), "{wrong}");
        }
    }
}
