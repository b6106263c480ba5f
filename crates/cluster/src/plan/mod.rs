//! What a fleet will be, decided before anything is touched: pure, without files, sockets or clocks.
//!
//! A [`Spec`] says what is wanted. Together with where the members may listen ([`Address`]) and
//! where their files go it becomes a [`Plan`]: every member's command line, environment, files and
//! certificates. What changes in a fleet's life is planned as well: a [`MemberSpec`] is what one
//! member is to be from now on, and [`Plan::member`] makes a [`MemberPlan`] of it. Everything that
//! can be refused is refused here.

mod address;
mod configuration;
mod environment;
mod error;
mod faults;
mod flags;
mod fleet;
mod host;
mod joining;
mod link;
mod member;
mod proxy;
mod security;
mod settings;
mod spec;
mod store;
mod timing;
mod tls;
#[cfg(test)]
mod versions;

pub use address::Address;
pub use configuration::{Configuration, ConfigurationFile, ParseConfigurationError};
pub use error::PlanError;
pub use faults::Faults;
pub use fleet::Plan;
pub use host::{MemberHost, ParseHostError};
pub(crate) use joining::DiscoveryProtocol;
pub use joining::{DiscoveryService, Joining};
pub use link::{Linked, Slot, Token};
pub use member::{Entry, MemberPlan, MemberSpec};
pub use proxy::{ParseProxyKindError, ProxyFiles, ProxyKind, ProxyPlan};
pub(crate) use proxy::{ProxySpec, Upstream};
pub use security::{ParseSecurityError, Protection, Security};
pub use spec::Spec;
pub use store::StoreOptions;
pub use timing::{ParseTimingError, Timing};
pub use tls::{ParseTlsVersionError, TlsOptions, TlsVersion};
