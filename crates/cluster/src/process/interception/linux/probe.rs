//! Whether calls can be intercepted here: tried with a small child, once in a process.

use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use super::arming::Obstacle;
use super::{Hindered, spawn_intercepted};
use crate::process::interception::{Intercepted, Interception, Policy, Rule, Unsupported};
use crate::process::spawner::{Launch, Survival};

/// How long the child may take. It does next to nothing.
const ENDS_WITHIN: Duration = Duration::from_secs(10);

/// By how much its clock is put forward: nobody's is wrong by as much.
const FORWARD_SECONDS: u64 = 1_000_000_000;

/// Tries it.
///
/// # Errors
///
/// [`Unsupported`], with the reason and what to do.
pub(crate) fn check_support(calls: Intercepted) -> Result<(), Unsupported> {
    static DISK: OnceLock<Result<(), Unsupported>> = OnceLock::new();
    static CLOCK: OnceLock<Result<(), Unsupported>> = OnceLock::new();
    if calls.disk {
        DISK.get_or_init(|| judged("disk", try_disk())).clone()?;
    }
    if calls.clock {
        CLOCK.get_or_init(|| judged("clock", try_clock())).clone()?;
    }
    Ok(())
}

/// A file that is to be made if it is not there. It is there: a probe has no directory of its own,
/// which would stay if its owner died meanwhile.
fn try_disk() -> io::Result<()> {
    let policy = Arc::new(Policy::default());
    let calls = Intercepted { disk: true, clock: false };
    let makes = || -> io::Result<bool> {
        let arguments = vec!["-c".into(), "true >/dev/null && echo made".into()];
        Ok(run("/bin/sh", arguments, calls, &policy)?.trim() == "made")
    };
    if !makes()? {
        return Err(io::Error::other("a call that is to be let pass is not"));
    }
    let _full = policy.impose(Rule::NoRoom(libc::ENOSPC));
    if makes()? {
        return Err(io::Error::other("a call that is to fail does not"));
    }
    Ok(())
}

/// A program that tells the time.
fn try_clock() -> io::Result<()> {
    let policy = Arc::new(Policy::default());
    let calls = Intercepted { disk: false, clock: true };
    let _ahead = policy.impose(Rule::ShiftClock(i128::from(FORWARD_SECONDS) * 1_000_000_000));
    let date = ["/bin/date", "/usr/bin/date"].into_iter().find(|path| Path::new(path).exists());
    let Some(date) = date else {
        // Then it is left at that it begins and ends.
        return run("/bin/sh", vec!["-c".into(), ":".into()], calls, &policy).map(drop);
    };
    let said = run(date, vec!["+%s".into()], calls, &policy)?;
    let said: u64 = said.trim().parse().map_err(io::Error::other)?;
    let now =
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    // Nobody takes half of that to answer.
    if said < now.saturating_add(FORWARD_SECONDS / 2) {
        return Err(io::Error::other(
            "it reads the clock by itself, or cannot be told another time",
        ));
    }
    Ok(())
}

/// Runs it to its end, and returns what it has printed.
fn run(
    program: &str,
    arguments: Vec<std::ffi::OsString>,
    calls: Intercepted,
    policy: &Arc<Policy>,
) -> io::Result<String> {
    let mut printed: File = tempfile::tempfile()?;
    let launch = Launch {
        program: program.into(),
        arguments,
        environment: Vec::new(),
        stdin: Stdio::null(),
        log: Some(printed.try_clone()?),
        survival: Survival::DiesWithOwner,
    };
    let interception = Interception { calls, policy: Arc::clone(policy), name: "probe".to_owned() };
    let mut child = spawn_intercepted(launch, &interception)?;
    if child.wait_for_end(ENDS_WITHIN)?.is_none() {
        return Err(io::Error::new(io::ErrorKind::TimedOut, "a small child does not end"));
    }
    let mut text = String::new();
    printed.rewind()?;
    printed.read_to_string(&mut text)?;
    Ok(text)
}

/// In words.
fn judged(what: &'static str, result: io::Result<()>) -> Result<(), Unsupported> {
    let Err(error) = result else { return Ok(()) };
    let hindered = error.get_ref().and_then(|inner| inner.downcast_ref::<Hindered>());
    let Some(Hindered { obstacle, source }) = hindered else {
        return Err(Unsupported::new(what, format!("a trial failed: {error}"), LEAVE_OUT));
    };
    let release = rustix::system::uname().release().to_string_lossy().into_owned();
    Err(unsupported(what, *obstacle, source, &release, yama()))
}

const LEAVE_OUT: &str = "leave such tests out here";
const OPEN_SECCOMP: &str = "let containers use seccomp(2): docker run --security-opt seccomp=unconfined, or a profile that allows it";

fn unsupported(
    what: &'static str,
    obstacle: Obstacle,
    source: &io::Error,
    release: &str,
    yama: Option<u8>,
) -> Unsupported {
    let code = source.raw_os_error();
    let (because, fix) = match (obstacle, code) {
        (Obstacle::Filter, Some(libc::EINVAL)) => (
            format!("its kernel ({release}) is too old to ask us about calls"),
            "take Linux 5.5 or later",
        ),
        (Obstacle::Filter, Some(libc::ENOSYS)) => (
            format!("its kernel ({release}) has no seccomp, or a container's profile hides it"),
            OPEN_SECCOMP,
        ),
        (Obstacle::Filter, Some(libc::EBUSY)) => (
            "another program already answers the calls of all that is started here".to_owned(),
            "run this outside of that sandbox",
        ),
        (Obstacle::Filter | Obstacle::NoNewPrivileges, _) => {
            (format!("seccomp is forbidden here: {source}"), OPEN_SECCOMP)
        }
        (Obstacle::Traced, _) if yama.is_some_and(|scope| scope >= 2) => (
            format!(
                "kernel.yama.ptrace_scope is {}: not even a child may be traced",
                yama.unwrap_or_default()
            ),
            "set kernel.yama.ptrace_scope to 0 or 1",
        ),
        (Obstacle::Traced, _) => (
            format!("a child may not be traced: {source}"),
            "let containers use ptrace(2) (docker run --cap-add SYS_PTRACE), and let no debugger follow children",
        ),
        (Obstacle::Auxv, _) => (
            format!("what a child knows of its kernel cannot be changed in /proc/PID: {source}"),
            "mount /proc without hidepid, and take a program that may be read",
        ),
        (Obstacle::HandOver | Obstacle::Supervisor, _) => {
            (format!("{}: {source}", obstacle.what()), LEAVE_OUT)
        }
    };
    Unsupported::new(what, because, fix)
}

/// How far tracing is restricted, where that is (`kernel.yama.ptrace_scope`).
fn yama() -> Option<u8> {
    std::fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").ok()?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons() {
        let reason = |obstacle, code, yama| {
            let source = io::Error::from_raw_os_error(code);
            unsupported("disk", obstacle, &source, "4.19.0", yama).to_string()
        };
        insta::assert_snapshot!(
            [
                reason(Obstacle::Filter, libc::EINVAL, None),
                reason(Obstacle::Filter, libc::ENOSYS, None),
                reason(Obstacle::Filter, libc::EBUSY, None),
                reason(Obstacle::Filter, libc::EPERM, None),
                reason(Obstacle::NoNewPrivileges, libc::EINVAL, None),
                reason(Obstacle::Traced, libc::EPERM, Some(3)),
                reason(Obstacle::Traced, libc::EPERM, Some(1)),
                reason(Obstacle::Auxv, libc::ENOENT, None),
                reason(Obstacle::HandOver, libc::EMFILE, None),
                reason(Obstacle::Supervisor, libc::EAGAIN, None),
            ]
            .join("\n"),
            @r"
            faults of a member's disk cannot be had here: its kernel (4.19.0) is too old to ask us about calls; take Linux 5.5 or later
            faults of a member's disk cannot be had here: its kernel (4.19.0) has no seccomp, or a container's profile hides it; let containers use seccomp(2): docker run --security-opt seccomp=unconfined, or a profile that allows it
            faults of a member's disk cannot be had here: another program already answers the calls of all that is started here; run this outside of that sandbox
            faults of a member's disk cannot be had here: seccomp is forbidden here: Operation not permitted (os error 1); let containers use seccomp(2): docker run --security-opt seccomp=unconfined, or a profile that allows it
            faults of a member's disk cannot be had here: seccomp is forbidden here: Invalid argument (os error 22); let containers use seccomp(2): docker run --security-opt seccomp=unconfined, or a profile that allows it
            faults of a member's disk cannot be had here: kernel.yama.ptrace_scope is 3: not even a child may be traced; set kernel.yama.ptrace_scope to 0 or 1
            faults of a member's disk cannot be had here: a child may not be traced: Operation not permitted (os error 1); let containers use ptrace(2) (docker run --cap-add SYS_PTRACE), and let no debugger follow children
            faults of a member's disk cannot be had here: what a child knows of its kernel cannot be changed in /proc/PID: No such file or directory (os error 2); mount /proc without hidepid, and take a program that may be read
            faults of a member's disk cannot be had here: it did not hand over where the kernel asks: Too many open files (os error 24); leave such tests out here
            faults of a member's disk cannot be had here: there is no thread to answer: Resource temporarily unavailable (os error 11); leave such tests out here
            "
        );
    }

    #[test]
    fn what_cannot_be_said_by_a_step_is_told_as_it_is() {
        let error = judged("clock", Err(io::Error::other("it did not go"))).unwrap_err();
        insta::assert_snapshot!(error, @"faults of a member's clock cannot be had here: a trial failed: it did not go; leave such tests out here");
        assert_eq!(judged("clock", Ok(())), Ok(()));
    }
}
