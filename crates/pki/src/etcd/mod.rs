//! What differs between etcd versions: the one table of it, for whoever plans or judges.

mod change;
mod cipher;
mod file;
mod flags;
mod go;
mod proxies;
mod release;
mod value;

pub use change::{DowngradeWay, VersionChange, VersionChangeError};
pub use cipher::{HTTP2_CIPHER_SUITES, has_cipher_suite};
#[cfg(feature = "read")]
pub(crate) use file::{CRL_FILE, SECTION_KEYS, SKIP_CLIENT_SAN_VERIFY, Section, SectionKey};
pub use file::{DEFAULTS_NOT_OF_FILES, FileKey, FileKind};
pub use flags::{Flag, FlagKind};
pub use go::{Go, GoRange, ParseGoError};
pub use release::{Feature, ParseVersionError, Release, UnsupportedVersion, Version};
#[cfg(feature = "read")]
pub(crate) use value::boolean;
pub use value::{FlagValue, FlagValueError};
