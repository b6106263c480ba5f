//! The one thread that spawns.
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
use std::time::{Duration, Instant};

/// How long a program may be busy: open for writing somewhere, so that Linux does not run it.
///
/// A rename does not cure it: the descriptor that our own unpacking used may live on in a child
/// that another thread has forked and that has not yet called exec. That is over in microseconds,
/// or in tens of milliseconds on a machine with more work than processors; trying again does. The
/// rest is for a person who is just copying the file.
const TEXT_BUSY_PATIENCE: Duration = Duration::from_secs(5);

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

/// Where a child runs. Without a word, where its owner does, and in its owner's process group.
#[derive(Debug, Default)]
pub(crate) struct Place {
    /// The working directory.
    pub(crate) directory: Option<PathBuf>,
    /// Whether it gets a process group of its own, so that its children can be killed with it.
    pub(crate) own_group: bool,
}

/// Spawns `launch` from the spawner thread.
///
/// # Errors
///
/// What `std::process::Command::spawn` says, after retrying while the program is "text file busy".
pub(crate) fn spawn(launch: Launch) -> io::Result<std::process::Child> {
    spawn_at(launch, Place::default())
}

/// [`spawn`], somewhere else.
///
/// # Errors
///
/// Those of [`spawn`].
pub(crate) fn spawn_at(launch: Launch, place: Place) -> io::Result<std::process::Child> {
    spawn_patiently(command(launch, place)?, |_| Ok(()))
}

/// [`spawn`], with more arranged for what the child does between fork and exec, and `after` run by the
/// spawner thread when it has called exec. When that fails, the child is killed.
///
/// # Errors
///
/// Those of [`spawn`], and those of `after`.
#[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "only seccomp needs it"))]
pub(super) fn spawn_command(
    launch: Launch,
    arrange: impl FnOnce(&mut Command),
    after: After,
) -> io::Result<std::process::Child> {
    let mut command = command(launch, Place::default())?;
    arrange(&mut command);
    spawn_patiently(command, after)
}

/// What is done to a child that has called exec. It holds up everybody's children.
pub(super) type After = fn(&mut std::process::Child) -> io::Result<()>;

fn spawn_patiently(mut command: Command, after: After) -> io::Result<std::process::Child> {
    let begun = Instant::now();
    let mut pause = Duration::from_millis(1);
    loop {
        let (back, result) = spawn_there(command, after)?;
        match result {
            // Waited for here and not there, where it would hold up everybody's children.
            Err(error) if is_text_busy(&error) && begun.elapsed() < TEXT_BUSY_PATIENCE => {
                #[expect(clippy::disallowed_methods, reason = "nobody tells when it can be run")]
                std::thread::sleep(pause);
                pause = (pause * 2).min(Duration::from_millis(50));
                command = back;
            }
            result => return result,
        }
    }
}

fn is_text_busy(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::ExecutableFileBusy
}

/// What was to be spawned, and what came of it.
type Spawned = (Command, io::Result<std::process::Child>);

/// Has `command` spawned once by the spawner thread.
fn spawn_there(command: Command, after: After) -> io::Result<Spawned> {
    let (reply, answer) = mpsc::sync_channel(1);
    let gone = || io::Error::other("the thread that spawns processes is gone");
    spawner()?
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .send(Request { command, after, reply })
        .map_err(|_| gone())?;
    answer.recv().map_err(|_| gone())
}

struct Request {
    command: Command,
    after: After,
    reply: mpsc::SyncSender<Spawned>,
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
            for Request { mut command, after, reply } in inbox {
                let result = command.spawn().and_then(|mut child| match after(&mut child) {
                    Ok(()) => Ok(child),
                    Err(error) => {
                        let _ = child.kill();
                        let _ = child.wait();
                        Err(error)
                    }
                });
                if let Err(mpsc::SendError((_, Ok(mut orphan)))) = reply.send((command, result)) {
                    // Whoever asked is gone: nobody else will end it.
                    let _ = orphan.kill();
                    let _ = orphan.wait();
                }
            }
        })?;
    Ok(SPAWNER.get_or_init(|| Mutex::new(requests)))
}

fn command(launch: Launch, place: Place) -> io::Result<Command> {
    let Launch { program, arguments, environment, stdin, log, survival } = launch;
    #[expect(clippy::disallowed_methods, reason = "this is where processes are spawned")]
    let mut command = Command::new(program);
    command.args(arguments).env_clear().envs(environment).stdin(stdin);
    match log {
        Some(log) => command.stdout(log.try_clone()?).stderr(log),
        None => command.stdout(Stdio::null()).stderr(Stdio::null()),
    };
    if let Some(directory) = place.directory {
        command.current_dir(directory);
    }
    if place.own_group {
        command.process_group(0);
    }
    prepare(&mut command, survival);
    Ok(command)
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
    // payload. It captures two `Copy` values. The working directory and the process group are set by
    // the standard library itself, before the closure runs.
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
            let sleep = shell("exec sleep 30", Survival::DiesWithOwner);
            command(sleep, Place::default()).unwrap().spawn().unwrap()
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

    #[test]
    fn a_place_is_taken() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().canonicalize().unwrap();
        let group_of = |launch: Launch, own_group| {
            let place = Place { directory: Some(path.clone()), own_group };
            let mut child = spawn_at(launch, place).unwrap();
            let pid = rustix::process::Pid::from_child(&child);
            let group = rustix::process::getpgid(Some(pid)).unwrap();
            child.kill().unwrap();
            child.wait().unwrap();
            (group == pid, group == rustix::process::getpgrp())
        };
        let sleep = || shell("exec sleep 30", Survival::DiesWithOwner);
        assert_eq!(group_of(sleep(), true), (true, false));
        assert_eq!(group_of(sleep(), false), (false, true));
        let script = shell("[ \"$(pwd -P)\" = \"$0\" ]", Survival::DiesWithOwner);
        let arguments = [script.arguments, vec![path.clone().into()]].concat();
        let script = Launch { arguments, ..shell("", Survival::DiesWithOwner) };
        let place = Place { directory: Some(path), own_group: false };
        assert!(spawn_at(script, place).unwrap().wait().unwrap().success());
    }

    // Only Linux refuses to run a file that is open for writing.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_busy_file_is_waited_for_and_holds_up_nobody_else() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("busy");
        std::fs::copy("/bin/true", &path).unwrap();
        let writer = File::options().append(true).open(&path).unwrap();
        let busy = || Launch { program: path.clone(), ..shell("", Survival::DiesWithOwner) };
        // The control: without patience, it fails.
        let (_, result) =
            spawn_there(command(busy(), Place::default()).unwrap(), |_| Ok(())).unwrap();
        assert!(is_text_busy(&result.unwrap_err()));
        std::thread::scope(|scope| {
            let busy = scope.spawn(|| spawn(busy()));
            // Were they behind it, it would have run out of patience by the time that they are done.
            for _ in 0..5 {
                let mut other = spawn(shell("", Survival::DiesWithOwner)).unwrap();
                assert!(other.wait().unwrap().success());
            }
            assert!(!busy.is_finished(), "the control: it is still busy");
            drop(writer);
            assert!(busy.join().unwrap().unwrap().wait().unwrap().success());
        });
    }
}
