//! Ending a process that is not our child.

use std::io;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

/// How long a killed process may take to be gone, as [`Child`](super::Child)'s.
const KILL_WITHIN: Duration = Duration::from_secs(5);

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Killed,
    /// The one that was meant has ended before.
    WasGone,
}

/// Kills the process `pid` (SIGKILL) if `is_it` says that it is the one that is meant, and waits until
/// it is gone: dead, though perhaps not reaped by whoever is its parent.
///
/// On Linux it is opened before it is asked about, so that it cannot be another one by the time that
/// the signal is sent.
pub(crate) fn end(pid: u32, is_it: impl Fn() -> bool) -> io::Result<Ended> {
    let number = i32::try_from(pid).ok().and_then(Pid::from_raw);
    // The first process, and what to a signal means more than one, is never ours.
    let Some(number) = number.filter(|number| !number.is_init()) else { return Ok(Ended::WasGone) };
    let Some(target) = Target::open(number)? else { return Ok(Ended::WasGone) };
    if !is_it() {
        return Ok(Ended::WasGone);
    }
    match target.kill() {
        Ok(()) => {}
        Err(rustix::io::Errno::SRCH) => return Ok(Ended::WasGone),
        Err(error) => return Err(error.into()),
    }
    let deadline = Instant::now() + KILL_WITHIN;
    while !target.is_gone(&is_it)? {
        if Instant::now() > deadline {
            return Err(io::Error::new(
                io::ErrorKind::TimedOut,
                format!("it is still there {KILL_WITHIN:?} after SIGKILL"),
            ));
        }
    }
    Ok(Ended::Killed)
}

/// A process, opened.
struct Target {
    pid: Pid,
    /// None where there are no handles of processes: not on Linux, or before 5.3.
    #[cfg(target_os = "linux")]
    handle: Option<rustix::fd::OwnedFd>,
}

impl Target {
    /// None when there is none.
    fn open(pid: Pid) -> io::Result<Option<Self>> {
        #[cfg(target_os = "linux")]
        {
            use rustix::io::Errno;
            use rustix::process::{PidfdFlags, pidfd_open};
            match pidfd_open(pid, PidfdFlags::empty()) {
                Ok(handle) => Ok(Some(Self { pid, handle: Some(handle) })),
                Err(Errno::SRCH) => Ok(None),
                // A sandbox may refuse what it does not know.
                Err(Errno::NOSYS | Errno::PERM) => Ok(Some(Self { pid, handle: None })),
                Err(error) => Err(error.into()),
            }
        }
        #[cfg(not(target_os = "linux"))]
        Ok(Some(Self { pid }))
    }

    fn kill(&self) -> rustix::io::Result<()> {
        #[cfg(target_os = "linux")]
        if let Some(handle) = &self.handle {
            return rustix::process::pidfd_send_signal(handle, Signal::KILL);
        }
        rustix::process::kill_process(self.pid, Signal::KILL)
    }

    /// Looks, after waiting for a moment at most.
    fn is_gone(&self, is_it: &impl Fn() -> bool) -> io::Result<bool> {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        #[cfg(target_os = "linux")]
        if let Some(handle) = &self.handle {
            let limit = Timespec::try_from(KILL_WITHIN).ok();
            let ended = poll(&mut [PollFd::new(handle, PollFlags::IN)], limit.as_ref());
            return match ended {
                Ok(ended) => Ok(ended > 0),
                Err(rustix::io::Errno::INTR) => Ok(false),
                Err(error) => Err(error.into()),
            };
        }
        let limit = Timespec::try_from(Duration::from_millis(2)).ok();
        let nothing: &mut [PollFd<'_>] = &mut [];
        let _ = poll(nothing, limit.as_ref());
        let pid = u32::try_from(self.pid.as_raw_nonzero().get()).unwrap_or_default();
        let dead = super::look(pid)?.is_none_or(|seen| seen.condition == super::Condition::Ended);
        Ok(dead || !is_it())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Child, Launch, Survival, spawn};
    use super::*;
    use std::process::Stdio;

    #[test]
    fn only_the_one_that_is_meant_is_ended() {
        let mut child = Child::new(
            spawn(Launch {
                program: "/bin/sh".into(),
                arguments: vec!["-c".into(), "read -r x".into()],
                environment: Vec::new(),
                stdin: Stdio::piped(),
                log: None,
                survival: Survival::DiesWithOwner,
            })
            .unwrap(),
        );
        assert_eq!(end(child.pid(), || false).unwrap(), Ended::WasGone);
        assert!(child.exit_status().unwrap().is_none(), "the control");
        // One that is paused as well.
        child.pause();
        assert_eq!(end(child.pid(), || true).unwrap(), Ended::Killed);
        assert!(child.wait_for_end(Duration::from_secs(5)).unwrap().is_some());
        for never in [0, 1, 1 << 30, u32::MAX] {
            assert_eq!(end(never, || true).unwrap(), Ended::WasGone);
        }
    }
}
