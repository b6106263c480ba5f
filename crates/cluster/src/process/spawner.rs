//! The one thread that spawns, and the only `unsafe` of the workspace.
//!
//! Linux delivers the parent-death signal when the **thread** that forked the child ends, not when
//! its process does (`prctl(2)`, PR_SET_PDEATHSIG). A child spawned from a test's own thread, or
//! from a runtime's worker, would die with that thread while its cluster is still in use. So every
//! child is spawned by a thread that is never joined and never returns.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError, mpsc};

use crate::binary::spawn_patiently;

/// What to spawn. The child inherits nothing that is not named here, but the process group: test
/// runners (nextest) and terminals end a test by signalling its group, and a member that left the
/// group would escape them.
#[derive(Debug)]
pub(crate) struct Launch {
    pub(crate) program: PathBuf,
    pub(crate) arguments: Vec<OsString>,
    pub(crate) environment: Vec<(OsString, OsString)>,
    pub(crate) stdin: Stdio,
    /// Where standard output and standard error both go; none for nowhere. Files and never pipes: a
    /// pipe that nobody reads stops the child when it is full.
    pub(crate) log: Option<File>,
    /// What becomes of the child when the owner dies first.
    pub(crate) survival: Survival,
}

/// What becomes of a child when its owner dies first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Survival {
    /// Killed with it (on Linux; elsewhere the watchdog does it).
    DiesWithOwner,
    /// Lives on in a session of its own, out of reach of signals to the owner's group: the watchdog.
    OutlivesOwner,
}

/// Spawns `launch` from the spawner thread.
///
/// # Errors
///
/// What `std::process::Command::spawn` says, after retrying while the program is "text file busy".
pub(crate) fn spawn(launch: Launch) -> io::Result<std::process::Child> {
    let (reply, answer) = mpsc::sync_channel(1);
    let gone = || io::Error::other("the thread that spawns processes is gone");
    spawner()?
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .send(Request { launch, reply })
        .map_err(|_| gone())?;
    answer.recv().map_err(|_| gone())?
}

struct Request {
    launch: Launch,
    reply: mpsc::SyncSender<io::Result<std::process::Child>>,
}

/// The way to the spawner thread, which is started by the first call.
fn spawner() -> io::Result<&'static Mutex<mpsc::Sender<Request>>> {
    static SPAWNER: OnceLock<Mutex<mpsc::Sender<Request>>> = OnceLock::new();
    static STARTING: Mutex<()> = Mutex::new(());
    if let Some(spawner) = SPAWNER.get() {
        return Ok(spawner);
    }
    let _starting = STARTING.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(spawner) = SPAWNER.get() {
        return Ok(spawner);
    }
    let (requests, inbox) = mpsc::channel::<Request>();
    std::thread::Builder::new()
        .name("tercet-spawner".to_owned())
        // Forking and answering needs little; the default would be 2 MiB.
        .stack_size(256 * 1024)
        .spawn(move || {
            // Never ends: the sender is in a static. A panic in here would kill every child, so
            // nothing below may panic.
            for Request { launch, reply } in inbox {
                if let Err(mpsc::SendError(Ok(mut orphan))) = reply.send(spawn_here(launch)) {
                    // Whoever asked is gone: nobody else will end it.
                    let _ = orphan.kill();
                    let _ = orphan.wait();
                }
            }
        })?;
    Ok(SPAWNER.get_or_init(|| Mutex::new(requests)))
}

fn spawn_here(launch: Launch) -> io::Result<std::process::Child> {
    let Launch { program, arguments, environment, stdin, log, survival } = launch;
    #[expect(clippy::disallowed_methods, reason = "this is where processes are spawned")]
    let mut command = Command::new(program);
    command.args(arguments).env_clear().envs(environment).stdin(stdin);
    match log {
        Some(log) => command.stdout(log.try_clone()?).stderr(log),
        None => command.stdout(Stdio::null()).stderr(Stdio::null()),
    };
    prepare(&mut command, survival);
    spawn_patiently(|| command.spawn())
}

/// Arranges what the child does between fork and exec.
#[expect(unsafe_code, reason = "pre_exec is the only way to run code in the child before exec")]
fn prepare(command: &mut Command, survival: Survival) {
    #[cfg(target_os = "linux")]
    let owner = rustix::process::getpid();
    let in_child = move || -> io::Result<()> {
        match survival {
            Survival::OutlivesOwner => {
                rustix::process::setsid()?;
            }
            #[cfg(target_os = "linux")]
            Survival::DiesWithOwner => {
                rustix::process::set_parent_process_death_signal(Some(
                    rustix::process::Signal::KILL,
                ))?;
                // The owner may have died before the line above: then no signal will ever come.
                if rustix::process::getppid() != Some(owner) {
                    return Err(io::ErrorKind::NotFound.into());
                }
            }
            #[cfg(not(target_os = "linux"))]
            Survival::DiesWithOwner => {}
        }
        Ok(())
    };
    // SAFETY: between fork and exec only async-signal-safe calls are allowed, since another thread
    // may have held any lock (the allocator's too) at the fork. The closure makes at most three
    // system calls (setsid, or prctl and getppid) through rustix, whose wrappers are the bare calls;
    // it allocates nothing, takes no lock and cannot panic: its errors are plain codes without a
    // payload. It captures two `Copy` values.
    unsafe {
        command.pre_exec(in_child);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str, survival: Survival) -> Launch {
        Launch {
            program: "/bin/sh".into(),
            arguments: vec!["-c".into(), script.into()],
            environment: vec![("PATH".into(), std::env::var_os("PATH").unwrap_or_default())],
            stdin: Stdio::null(),
            log: None,
            survival,
        }
    }

    #[test]
    fn a_child_survives_the_thread_that_asked_for_it() {
        // The control: a child whose own spawning thread ends is killed, so the signal is armed.
        let mut bound = std::thread::spawn(|| {
            spawn_here(shell("exec sleep 30", Survival::DiesWithOwner)).unwrap()
        })
        .join()
        .unwrap();
        if cfg!(target_os = "linux") {
            use std::os::unix::process::ExitStatusExt;
            assert_eq!(bound.wait().unwrap().signal(), Some(9));
        } else {
            bound.kill().unwrap();
            bound.wait().unwrap();
        }

        let mut child = std::thread::spawn(|| spawn(shell("read x", Survival::DiesWithOwner)))
            .join()
            .unwrap()
            .unwrap();
        assert!(child.wait().unwrap().code().is_some(), "ended by itself and not by a signal");
    }

    #[test]
    fn a_missing_program_is_an_error() {
        let launch =
            Launch { program: "/nonexistent/etcd".into(), ..shell("", Survival::DiesWithOwner) };
        assert_eq!(spawn(launch).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn nothing_is_inherited() {
        let script = "[ \"$(env | grep -v -e ^PWD= -e ^SHLVL= -e ^_= -e ^PATH=)\" = '' ]";
        let mut child = spawn(shell(script, Survival::DiesWithOwner)).unwrap();
        assert!(child.wait().unwrap().success());
        let mut control = shell(script, Survival::DiesWithOwner);
        control.environment.push(("ETCD_NAME".into(), "x".into()));
        assert!(!spawn(control).unwrap().wait().unwrap().success());
    }
}
