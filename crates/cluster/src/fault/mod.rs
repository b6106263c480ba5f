//! How a fleet is broken on purpose: precisely, and so that it heals when the guard is dropped.

mod crash;
mod error;
mod pause;

pub use crash::{CrashAt, StartPoint};
pub use error::FaultError;

pub use crate::cluster::Paused;
