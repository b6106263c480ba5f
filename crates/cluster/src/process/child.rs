//! One child process and what may be done to it.

use std::io;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

/// A spawned process, killed and reaped when dropped.
///
/// It stays unreaped (a zombie at worst) until it is waited for here, so its pid cannot come to mean
/// another process while this value lives.
#[derive(Debug)]
pub(crate) struct Child {
    inner: std::process::Child,
    #[cfg(target_os = "linux")]
    handle: Option<rustix::fd::OwnedFd>,
}

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
        }
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

    /// Asks it to end (SIGTERM), without waiting. Nothing happens to a process that has ended.
    pub(crate) fn terminate(&self) {
        self.signal(rustix::process::Signal::TERM);
    }

    /// Stops it until [`resume`](Self::resume).
    pub(crate) fn pause(&self) {
        self.signal(rustix::process::Signal::STOP);
    }

    /// Lets a paused one go on.
    pub(crate) fn resume(&self) {
        self.signal(rustix::process::Signal::CONT);
    }

    /// It has not been reaped, so its id is still its own.
    fn signal(&self, signal: rustix::process::Signal) {
        if let Some(pid) = i32::try_from(self.pid()).ok().and_then(rustix::process::Pid::from_raw) {
            let _ = rustix::process::kill_process(pid, signal);
        }
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
