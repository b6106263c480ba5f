//! The rules, one concept a file.

mod authorities;
mod automatic;
mod expiry;
mod files;
mod gateway;
mod handshakes;
mod keys;
mod live;
mod pairs;
mod plaintext;
mod protocol;
mod revocation;
mod revoked;
mod serials;
mod settings;
mod usable;
mod weak;
mod words;

use super::case::Case;
use super::findings::Findings;

/// Looks at a case and adds what it finds.
pub(super) type Check = fn(&Case<'_>, &mut Findings);

/// All of them. Their order does not matter: the report has its own.
pub(super) const ALL: &[Check] = &[
    settings::check,
    files::check,
    usable::check,
    pairs::check,
    authorities::check,
    revocation::check,
    revoked::check,
    weak::check,
    protocol::check,
    keys::check,
    serials::check,
    automatic::check,
    gateway::check,
    plaintext::check,
    expiry::check,
    handshakes::check,
    // Last, since what files explain is told of them.
    live::check,
];
