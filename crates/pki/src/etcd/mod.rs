//! What differs between etcd versions: the one table of it, for whoever plans or judges.

mod flags;
mod release;

pub use flags::{Flag, FlagKind};
pub use release::{Feature, ParseVersionError, Release, UnsupportedVersion, Version};
