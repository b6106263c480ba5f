//! Which etcd to run, and how to get it.

mod release;

pub use release::{ParseVersionError, Version};
