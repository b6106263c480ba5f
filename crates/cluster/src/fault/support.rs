//! Whether faults can be had here, and whether a member can have them.

use std::sync::Arc;

use super::error::FaultError;
use crate::cluster::Member;
use crate::plan::Faults;
use crate::process::{Intercepted, Policy, Unsupported, check_support};

impl Faults {
    /// Whether these can be had on this machine, and in this container. Faults of disks and clocks
    /// take a kernel that can ask us about a member's calls (Linux 5.5, on x86-64 or aarch64) and
    /// that is allowed to; no root. Links can be broken everywhere.
    ///
    /// It is tried, with a small child: some ten milliseconds, once in a process. A start does the
    /// same, so this is for tests that would rather be left out:
    ///
    /// ```
    /// use tercet_cluster::Faults;
    ///
    /// if let Err(unsupported) = Faults::NONE.clock().check_support() {
    ///     println!("left out: {unsupported}");
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Unsupported`], with the reason and what to do.
    pub fn check_support(self) -> Result<(), Unsupported> {
        check_support(Intercepted { disk: self.has_disk(), clock: self.has_clock() })
    }
}

/// What rules over the calls of `member`, for a fault of its `kind`.
pub(super) fn system<'a>(
    member: &Member<'a>,
    kind: &'static str,
    is_ready: fn(Faults) -> bool,
) -> Result<&'a Arc<Policy>, FaultError> {
    let cluster = member.cluster();
    if !is_ready(cluster.plan().spec().faults_ready_for()) {
        return Err(FaultError::NotReadyFor { kind });
    }
    if member.is_removed() {
        return Err(FaultError::Removed { member: member.name().to_owned() });
    }
    Ok(cluster.cell(member.index()).system())
}

/// The same, of one that runs.
pub(super) fn running_system<'a>(
    member: &Member<'a>,
    kind: &'static str,
    is_ready: fn(Faults) -> bool,
) -> Result<&'a Arc<Policy>, FaultError> {
    let system = system(member, kind, is_ready)?;
    if !member.is_running() {
        return Err(FaultError::NotRunning { member: member.name().to_owned() });
    }
    Ok(system)
}
