//! Which etcd to run, and how to get it.

#![cfg_attr(
    not(feature = "download"),
    expect(dead_code, reason = "without the sources, nobody reads what is there for them")
)]

mod cache;
mod error;
mod found;
#[cfg(feature = "download")]
mod get;
mod locate;
mod locator;
mod pins;
mod probe;
mod progress;
mod request;
mod search_path;
#[cfg(feature = "download")]
mod source;
#[cfg(feature = "download")]
mod store;
pub(crate) mod tool;

pub use cache::Cached;
pub(crate) use error::chain;
pub use error::{Attempt, LocateError, NotFound};
pub use found::{Binary, Origin};
pub use locator::Locator;
pub use probe::ProbeError;
pub use progress::{Progress, Silent, Stderr};
pub use request::{DEFAULT_VERSION, ParseSourceError, Request, Source};
pub use tercet_pki::etcd::{
    DowngradeWay, Feature, ParseVersionError, Release, UnsupportedVersion, Version, VersionChange,
    VersionChangeError,
};
