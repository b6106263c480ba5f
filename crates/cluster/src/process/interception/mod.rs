//! What stands between a child and its system: calls of its own that are answered by us.
//!
//! A member's disk is made slow, failing or full, and its wall clock put forward or back, without
//! root and without another program than etcd: the child installs a seccomp filter on itself before
//! exec, and the kernel asks us what becomes of the calls that the filter names (`seccomp_unotify(2)`).
//! All others pass as if there were none.
//!
//! - [`policy`]: what becomes of which call; pure, and shared with the guards of faults.
//! - `linux/filter`: the program of the filter; pure.
//! - `linux/arming`: what the child does between fork and exec.
//! - `linux/vdso`: why a child with a clock of ours asks the kernel for the time at all.
//! - `linux/supervisor`: the thread that answers; one for each child, and gone with it.
//! - `linux/probe`: whether any of it can be had here.
//! - `linux/sys`: the bare system calls; the only `unsafe` of it.

mod policy;
mod unsupported;

#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
mod elsewhere;
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
mod linux;

use std::sync::Arc;

pub(crate) use policy::{Imposed, Policy, Rule};
pub use unsupported::Unsupported;

#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
pub(crate) use elsewhere::{Supervisor, check_support, spawn_intercepted};
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
pub(crate) use linux::{Supervisor, check_support, spawn_intercepted};

/// Which calls of a child are answered by us, and how.
#[derive(Clone, Debug)]
pub(crate) struct Interception {
    pub(crate) calls: Intercepted,
    /// What becomes of them. It may serve one child after the other.
    pub(crate) policy: Arc<Policy>,
    /// Whose they are: for the name of the thread that answers.
    pub(crate) name: String,
}

/// Which calls of a child are answered by us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Intercepted {
    /// Those that flush files, and those that take room on the disk.
    pub(crate) disk: bool,
    /// Those that ask for the time of day.
    pub(crate) clock: bool,
}

impl Intercepted {
    #[cfg(test)]
    pub(crate) const DISK: Self = Self { disk: true, clock: false };
    #[cfg(test)]
    pub(crate) const CLOCK: Self = Self { disk: false, clock: true };

    /// None is asked for.
    pub(crate) const fn is_none(self) -> bool {
        !self.disk && !self.clock
    }
}
