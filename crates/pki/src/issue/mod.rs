//! Issuing: who signs, what for, and what comes out.

mod authority;
mod certificate;
pub(crate) mod der;
mod host;
mod identity;
mod leaf;
pub(crate) mod name;
mod random;
mod validity;
mod wrong;

pub use authority::{AUTHORITY_PATH_LENGTH, Authority, IssueError};
pub use certificate::Certificate;
pub use host::{Host, HostError};
pub use identity::Identity;
pub use leaf::Leaf;
pub use name::{COMMON_NAME_MAX, NameError};
pub use validity::{AUTHORITY_LIFETIME, BACKDATE, LEAF_LIFETIME, MISSED_BY};
pub use wrong::WRONG_HOSTS;
