//! One child process and what may be done to it.

use std::io;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use super::interception::Supervisor;

/// A spawned process, killed and reaped when dropped.
///
/// It stays unreaped (a zombie at worst) until it is waited for here, so its pid cannot come to mean
/// another process while this value lives.
#[derive(Debug)]
pub(crate) struct Child {
    inner: std::process::Child,
    #[cfg(target_os = "linux")]
    handle: Option<rustix::fd::OwnedFd>,
    /// How many hold it still.
    pauses: u32,
    /// Whether it was asked to end: it can do so only when nobody holds it still.
    asked_to_end: bool,
    /// Who answers those of its calls that are intercepted. Dropped after it was killed: until then
    /// it may wait for an answer.
    supervisor: Option<Supervisor>,
}

/// How long a process may take to stand still. A thread in the middle of a system call finishes
/// that first, which a broken disk may keep it from: it does nothing of its own then either.
const PAUSE_WITHIN: Duration = Duration::from_secs(1);

/// How long a killed process may take to be gone. SIGKILL takes milliseconds; a process in an
/// uninterruptible wait for a broken disk may take forever, and must not take its owner with it.
const KILL_WITHIN: Duration = Duration::from_secs(5);

impl Child {
    pub(crate) fn new(inner: std::process::Child) -> Self {
        #[cfg(target_os = "linux")]
        let handle =
            i32::try_from(inner.id()).ok().and_then(rustix::process::Pid::from_raw).and_then(
                |pid| rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).ok(),
            );
        Self {
            inner,
            #[cfg(target_os = "linux")]
            handle,
            pauses: 0,
            asked_to_end: false,
            supervisor: None,
        }
    }

    /// From now on `supervisor` lives as long as this.
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "there is none elsewhere"))]
    pub(super) fn answered_by(&mut self, supervisor: Supervisor) {
        self.supervisor = Some(supervisor);
    }

    pub(crate) fn pid(&self) -> u32 {
        self.inner.id()
    }

    /// How it ended, or none while it runs. Never blocks.
    pub(crate) fn exit_status(&mut self) -> io::Result<Option<ExitStatus>> {
        self.inner.try_wait()
    }

    /// Sends SIGKILL without waiting for the end. Nothing happens to a process that has ended.
    pub(crate) fn send_kill(&mut self) {
        // The only error left by std is "already reaped", which is what was asked for.
        let _ = self.inner.kill();
    }

    /// Asks it to end (SIGTERM), without waiting. Nothing happens to a process that has ended. One
    /// that is paused goes on, whoever holds it still: it could not end.
    pub(crate) fn terminate(&mut self) {
        self.asked_to_end = true;
        self.signal(rustix::process::Signal::TERM);
        if std::mem::take(&mut self.pauses) > 0 {
            self.signal(rustix::process::Signal::CONT);
        }
    }

    /// Stops it until there were as many calls of [`resume`](Self::resume) as of this, and returns
    /// when it stands still, after a second at most. Says whether it did so: not to a process that
    /// was asked to end.
    pub(crate) fn pause(&mut self) -> bool {
        if self.asked_to_end {
            return false;
        }
        self.pauses += 1;
        if self.pauses == 1 {
            self.signal(rustix::process::Signal::STOP);
            let deadline = Instant::now() + PAUSE_WITHIN;
            while !self.stands_still() && Instant::now() < deadline {
                self.wait_for_change(Duration::from_millis(1));
            }
        }
        true
    }

    /// Takes one [`pause`](Self::pause) back. When that was the last, it goes on.
    pub(crate) fn resume(&mut self) {
        if self.pauses == 1 {
            self.signal(rustix::process::Signal::CONT);
        }
        self.pauses = self.pauses.saturating_sub(1);
    }

    /// Whether anybody holds it still.
    pub(crate) fn is_paused(&self) -> bool {
        self.pauses > 0
    }

    /// Whether all its threads stand still, or it has ended.
    fn stands_still(&self) -> bool {
        use rustix::process::{WaitId, WaitIdOptions, waitid};
        let Some(pid) = self.id() else { return true };
        // Nothing is taken: how it ended is for `exit_status`.
        let what = WaitIdOptions::STOPPED
            | WaitIdOptions::EXITED
            | WaitIdOptions::NOHANG
            | WaitIdOptions::NOWAIT;
        // What cannot be asked is not waited for.
        waitid(WaitId::Pid(pid), what).map_or(true, |status| status.is_some())
    }

    /// It has not been reaped, so its id is still its own.
    fn signal(&self, signal: rustix::process::Signal) {
        if let Some(pid) = self.id() {
            let _ = rustix::process::kill_process(pid, signal);
        }
    }

    fn id(&self) -> Option<rustix::process::Pid> {
        i32::try_from(self.pid()).ok().and_then(rustix::process::Pid::from_raw)
    }

    /// Kills and reaps.
    ///
    /// # Errors
    ///
    /// When it is still there after five seconds.
    pub(crate) fn kill(&mut self) -> io::Result<ExitStatus> {
        self.send_kill();
        self.wait_for_end(KILL_WITHIN)?.ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::TimedOut,
                format!("process {} is still there {KILL_WITHIN:?} after SIGKILL", self.pid()),
            )
        })
    }

    /// Waits for the end, at most `limit`. Blocks the thread.
    pub(crate) fn wait_for_end(&mut self, limit: Duration) -> io::Result<Option<ExitStatus>> {
        let deadline = Instant::now() + limit;
        loop {
            if let Some(status) = self.inner.try_wait()? {
                return Ok(Some(status));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            self.wait_for_change(left);
        }
    }

    /// Returns when the process has ended, or `left` is over, or earlier.
    fn wait_for_change(&self, left: Duration) {
        use rustix::event::{PollFd, Timespec, poll};
        #[cfg(target_os = "linux")]
        if let Some(handle) = &self.handle {
            let timeout = Timespec::try_from(left).ok();
            let ended = PollFd::new(handle, rustix::event::PollFlags::IN);
            let _ = poll(&mut [ended], timeout.as_ref());
            return;
        }
        // No handle to wait on (not Linux, or before 5.3): look again every millisecond.
        let timeout = Timespec::try_from(left.min(Duration::from_millis(1))).ok();
        let nothing: &mut [PollFd<'_>] = &mut [];
        let _ = poll(nothing, timeout.as_ref());
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}
