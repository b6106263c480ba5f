//! Issuing: who signs, what for, and what comes out.

mod authority;
mod builder;
mod certificate;
mod chain;
mod constraints;
pub(crate) mod der;
mod error;
mod host;
mod identity;
mod key;
mod leaf;
#[cfg(feature = "read")]
mod load;
pub(crate) mod name;
mod network;
#[cfg(feature = "read")]
mod policy;
mod random;
#[cfg(feature = "read")]
pub(crate) mod reissue;
#[cfg(feature = "read")]
mod request;
mod revocation;
mod signing;
#[cfg(feature = "read")]
mod successor;
mod uri;
mod validity;
mod wrong;

pub use authority::{AUTHORITY_PATH_LENGTH, Authority};
pub use builder::AuthorityBuilder;
pub use certificate::Certificate;
pub use chain::Chain;
pub use error::IssueError;
pub use host::{Host, HostError};
pub use identity::Identity;
pub use key::{Key, KeyError, KeyKind};
pub use leaf::Leaf;
#[cfg(feature = "read")]
pub use load::LoadError;
pub use name::{COMMON_NAME_MAX, NameError};
pub use network::{Network, NetworkError};
#[cfg(feature = "read")]
pub use policy::{Policy, Refusal, Refused, SignError};
#[cfg(feature = "read")]
pub use reissue::Reissue;
#[cfg(feature = "read")]
pub use request::{Request, RequestError};
#[cfg(feature = "read")]
pub use revocation::RevocationListError;
pub use revocation::{RevocationList, RevocationReason, Revocations};
pub use uri::UriError;
pub use validity::{AUTHORITY_LIFETIME, BACKDATE, LEAF_LIFETIME, MISSED_BY};
pub use wrong::WRONG_HOSTS;
