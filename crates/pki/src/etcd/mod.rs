//! What differs between etcd versions: the one table of it, for whoever plans or judges.

mod flags;
mod go;
mod release;

pub use flags::{Flag, FlagKind};
pub use go::{Go, GoRange, ParseGoError};
pub use release::{Feature, ParseVersionError, Release, UnsupportedVersion, Version};
