//! Disks that are slow, failing or full.

use std::fmt;
use std::time::Duration;

use super::error::FaultError;
use super::support::running_system;
use crate::cluster::Member;
use crate::plan::Faults;
use crate::process::{Imposed, Rule};

/// What a member's disk answers when it is asked to have what was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DiskError {
    /// It is broken (`EIO`).
    Io,
    /// There is no room for what was taken in already (`ENOSPC`), as with a disk on a network.
    NoSpace,
    /// It takes no more of this user (`EDQUOT`).
    Quota,
    /// It has become read-only (`EROFS`).
    ReadOnly,
}

impl DiskError {
    /// The number that the system has for it.
    fn code(self) -> i32 {
        match self {
            Self::Io => rustix::io::Errno::IO,
            Self::NoSpace => rustix::io::Errno::NOSPC,
            Self::Quota => rustix::io::Errno::DQUOT,
            Self::ReadOnly => rustix::io::Errno::ROFS,
        }
        .raw_os_error()
    }
}

impl fmt::Display for DiskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Io => "EIO",
            Self::NoSpace => "ENOSPC",
            Self::Quota => "EDQUOT",
            Self::ReadOnly => "EROFS",
        })
    }
}

/// A member's disk that is broken until this is dropped, or [healed](Self::heal).
///
/// Faults of one disk go together: delays add up, and of errors the one that was asked for last is
/// had. Each holds as long as its own guard, over all restarts of the member; it does nothing any
/// more once the fleet is gone. Healing waits for nothing: calls that are held up go on at once.
#[derive(Debug)]
#[must_use = "the disk is healed when this is dropped"]
pub struct DiskFault {
    imposed: Imposed,
}

impl DiskFault {
    /// The same as dropping it, in a word.
    pub fn heal(self) {}

    /// How many calls of the member it has touched so far.
    #[must_use]
    pub fn hits(&self) -> u64 {
        self.imposed.hits()
    }
}

impl Member<'_> {
    /// From now on each flush of a file (`fsync`, `fdatasync`) takes `delay` longer.
    ///
    /// The real flush is done then. Flushes wait each for itself: two at once take no longer than
    /// one. Reading and writing without a flush is as fast as ever.
    ///
    /// A write through a leader with a slow disk takes about that much longer; with a slow follower
    /// it does not, as long as the others are a majority. A fleet of one acknowledges before it
    /// flushes until 3.5.4 and 3.4.20
    /// ([`AloneFlushesFirst`](crate::binary::Feature::AloneFlushesFirst)): it is not slow then.
    ///
    /// The fleet must have been started for it: [`Faults::disk`].
    ///
    /// # Errors
    ///
    /// [`FaultError`] when the member is down or removed, or the fleet not made ready.
    pub fn slow_disk(&self, delay: Duration) -> Result<DiskFault, FaultError> {
        self.break_disk(Rule::SlowFlush(delay))
    }

    /// From now on each flush of a file (`fsync`, `fdatasync`) fails with `error`, and is not done.
    ///
    /// etcd writes its log no further then, and ends by itself (a fatal line, or a panic, in its
    /// log). It does so again at each start until the disk is healed; after that it comes back with
    /// all that was acknowledged. What was written and not flushed is still there: no power is lost.
    ///
    /// The fleet must have been started for it: [`Faults::disk`].
    ///
    /// # Errors
    ///
    /// [`FaultError`] when the member is down or removed, or the fleet not made ready.
    pub fn fail_disk(&self, error: DiskError) -> Result<DiskFault, FaultError> {
        self.break_disk(Rule::FailFlush(error.code()))
    }

    /// From now on the disk gives no room (`ENOSPC`): no file or directory can be made (`openat` with
    /// `O_CREAT` and `mkdirat`, also where there is one already), none made longer (`ftruncate`,
    /// `fallocate`), and nothing written at a place (`pwrite64` and its kind).
    ///
    /// What is appended by `write` is taken, since etcd's log is: it lies in files of 64 MB that have
    /// their room before they are used, and a disk that is really full takes it as well. The database
    /// is written by `pwrite64`: so this is a disk on which changing a file takes room too, as on
    /// btrfs and ZFS, and etcd notices at its next commit, a tenth of a second after a change.
    ///
    /// The fleet must have been started for it: [`Faults::disk`].
    ///
    /// # Errors
    ///
    /// [`FaultError`] when the member is down or removed, or the fleet not made ready.
    pub fn fill_disk(&self) -> Result<DiskFault, FaultError> {
        self.break_disk(Rule::NoRoom(DiskError::NoSpace.code()))
    }

    fn break_disk(&self, rule: Rule) -> Result<DiskFault, FaultError> {
        let system = running_system(self, "disk", Faults::has_disk)?;
        Ok(DiskFault { imposed: system.impose(rule) })
    }
}
