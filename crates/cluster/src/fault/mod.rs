//! How a fleet is broken on purpose: precisely, and so that it heals when the guard is dropped.

mod certificate;
mod clock;
mod crash;
mod dice;
mod disk;
mod error;
#[cfg_attr(not(test), expect(dead_code, unused_imports, reason = "until the fleets are on it"))]
mod links;
mod pause;
mod support;

pub use certificate::{CertificateFault, CertificateFlaw, ParseFlawError, StrangerTrusted};
pub use clock::ClockFault;
pub use crash::{CrashAt, StartPoint};
pub use disk::{DiskError, DiskFault};
pub use error::FaultError;

pub use crate::cluster::Paused;
