//! What differs between etcd versions: the one table of it, for whoever plans or judges.

mod cipher;
mod flags;
mod go;
mod proxies;
mod release;
mod value;

pub use cipher::{HTTP2_CIPHER_SUITES, has_cipher_suite};
pub use flags::{Flag, FlagKind};
pub use go::{Go, GoRange, ParseGoError};
pub use release::{Feature, ParseVersionError, Release, UnsupportedVersion, Version};
#[cfg(feature = "read")]
pub(crate) use value::boolean;
pub use value::{FlagValue, FlagValueError};
