//! What differs between etcd versions: the one table of it, for whoever plans or judges.

mod cipher;
mod flags;
mod go;
mod release;

pub use cipher::{HTTP2_CIPHER_SUITES, has_cipher_suite};
pub use flags::{Flag, FlagKind};
pub use go::{Go, GoRange, ParseGoError};
pub use release::{Feature, ParseVersionError, Release, UnsupportedVersion, Version};
