//! What differs between etcd versions: the one table of it, for whoever plans or judges.

mod release;

pub use release::{Feature, ParseVersionError, Release, UnsupportedVersion, Version};
