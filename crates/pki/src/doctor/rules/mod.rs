//! The rules, one concept a file.

use super::case::Case;
use super::findings::Findings;

/// Looks at a case and adds what it finds.
pub(super) type Check = fn(&Case<'_>, &mut Findings);

/// All of them. Their order does not matter: the report has its own.
pub(super) const ALL: &[Check] = &[];
