//! How a fleet is broken on purpose: precisely, and so that it heals when the guard is dropped.

mod error;

pub use error::FaultError;
