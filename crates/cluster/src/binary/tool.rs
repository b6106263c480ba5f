//! Runs a tool to its end: without input, with its output captured, for a bounded time.
//!
//! This is the one place that starts short-lived programs (`etcd --version`, pip, apt-get,
//! dpkg-deb). The output goes to an unlinked file and not to a pipe: nobody has to read it for the
//! tool to go on, and a grandchild that keeps it open cannot hold us up.

use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// What is kept of a tool's output. A tool that writes more is broken, and killed.
const OUTPUT_LIMIT_BYTES: usize = 1 << 20;

/// Another thread's child holds a fresh binary open for writing between its fork and its exec:
/// microseconds, or tens of milliseconds on a machine with more work than processors.
const TEXT_BUSY_PATIENCE: Duration = Duration::from_secs(1);

/// Whether a program could not be started because its file is still open for writing somewhere.
///
/// A rename does not cure it: the descriptor that our own unpacking used may live on, for a moment,
/// in a child that another thread has forked and that has not yet called exec. Trying again does.
pub(super) fn is_text_busy(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::ExecutableFileBusy
}

/// Starts what `spawn` starts, again and again for a moment while its file is busy.
///
/// # Errors
///
/// Those of `spawn`.
pub(crate) fn spawn_patiently<T>(mut spawn: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    let begun = Instant::now();
    let mut pause = Duration::from_millis(1);
    loop {
        match spawn() {
            Err(error) if is_text_busy(&error) && begun.elapsed() < TEXT_BUSY_PATIENCE => {
                nap(pause);
                pause = (pause * 2).min(Duration::from_millis(50));
            }
            result => return result,
        }
    }
}

/// Waits for something that nobody can tell us of: another process, or another's lock.
#[expect(clippy::disallowed_methods, reason = "each caller polls a condition, for a bounded time")]
pub(super) fn nap(time: Duration) {
    std::thread::sleep(time);
}

/// A tool about to be run.
#[derive(Debug)]
pub(super) struct Tool {
    command: Command,
    limits: Limits,
    own_group: bool,
}

/// How long a tool may take.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// From start to end, whatever happens.
    total: Duration,
    /// Until whatever the tool talks to has answered.
    answer: Option<Answer>,
}

/// How to tell a tool that waits for a dead network from one that is merely slow.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer {
    /// Whether a tool that has said this has been answered.
    pub(super) shown_by: fn(&str) -> bool,
    pub(super) within: Duration,
}

/// What a tool did.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) status: ExitStatus,
    /// Standard output and standard error as they came.
    pub(super) text: String,
}

/// Why a tool did not come to its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum ToolError {
    #[error("it could not be started")]
    Start(#[source] io::Error),
    #[error("it did not end within {} s", .0.as_secs_f32())]
    Late(Duration),
    #[error("nothing answered it within {:.1} s", .0.as_secs_f32())]
    Unanswered(Duration),
    #[error("it writes without end")]
    Flood,
    #[error("its output could not be kept")]
    Output(#[source] io::Error),
}

impl Tool {
    /// `program` without arguments, with our environment, ending within `total`.
    #[expect(clippy::disallowed_methods, reason = "this is the owner of tools")]
    pub(super) fn new(program: &Path, total: Duration) -> Self {
        let mut command = Command::new(program);
        command.stdin(Stdio::null());
        Self { command, limits: Limits { total, answer: None }, own_group: false }
    }

    pub(super) fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.command.args(args);
        self
    }

    pub(super) fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub(super) fn env_remove(mut self, name: impl AsRef<OsStr>) -> Self {
        self.command.env_remove(name);
        self
    }

    /// Gives it a process group of its own, so that its children die with it when it is killed.
    ///
    /// Not for what may take long: a Ctrl-C, and a test runner that ends a test, reach only the
    /// group of the caller.
    pub(super) fn in_own_group(mut self) -> Self {
        self.command.process_group(0);
        self.own_group = true;
        self
    }

    /// Runs it to its end.
    pub(super) fn run(self) -> Result<Outcome, ToolError> {
        self.run_watched(|| ())
    }

    /// Runs it to its end, calling `watch` ten times a second.
    pub(super) fn run_watched(mut self, mut watch: impl FnMut()) -> Result<Outcome, ToolError> {
        let output = tempfile::tempfile().map_err(ToolError::Output)?;
        let copies = (output.try_clone(), output.try_clone());
        self.command.stdout(copies.0.map_err(ToolError::Output)?);
        self.command.stderr(copies.1.map_err(ToolError::Output)?);
        let child = spawn_patiently(|| self.command.spawn()).map_err(ToolError::Start)?;
        let mut running = Running {
            child,
            output,
            begun: Instant::now(),
            limits: self.limits,
            own_group: self.own_group,
        };
        let mut pause = Duration::from_millis(1);
        loop {
            match running.look() {
                Ok(None) => {}
                Ok(Some(outcome)) => return Ok(outcome),
                Err(error) => {
                    running.kill();
                    return Err(error);
                }
            }
            nap(pause);
            // Fine at first, for what ends in milliseconds; ten times a second in the long run.
            pause = (pause * 2).min(Duration::from_millis(100));
            watch();
        }
    }

    pub(super) fn current_dir(mut self, directory: &Path) -> Self {
        self.command.current_dir(directory);
        self
    }

    /// Gives it up when what it talks to has not answered in time.
    pub(super) fn answered(mut self, answer: Answer) -> Self {
        self.limits.answer = Some(answer);
        self
    }
}

/// A tool that has been started and not yet reaped.
struct Running {
    child: Child,
    output: File,
    begun: Instant,
    limits: Limits,
    own_group: bool,
}

impl Running {
    /// Its outcome, or nothing while it runs within its limits.
    fn look(&mut self) -> Result<Option<Outcome>, ToolError> {
        let ended = self.child.try_wait().map_err(ToolError::Output)?;
        // After looking whether it has ended: what is read is then all that it said.
        if let Some(status) = ended {
            let text = self.text().map_err(ToolError::Output)?;
            return Ok(Some(Outcome { status, text }));
        }
        if self.output.metadata().map_err(ToolError::Output)?.len() > OUTPUT_LIMIT_BYTES as u64 {
            return Err(ToolError::Flood);
        }
        let elapsed = self.begun.elapsed();
        if elapsed > self.limits.total {
            return Err(ToolError::Late(self.limits.total));
        }
        if let Some(answer) = self.limits.answer
            && elapsed > answer.within
        {
            if !(answer.shown_by)(&self.text().map_err(ToolError::Output)?) {
                return Err(ToolError::Unanswered(answer.within));
            }
            self.limits.answer = None;
        }
        Ok(None)
    }

    /// What it has said so far.
    fn text(&mut self) -> io::Result<String> {
        // At an offset of our own: the position in the file is shared with the tool.
        let mut bytes = vec![0; OUTPUT_LIMIT_BYTES];
        let mut length = 0;
        while length < bytes.len() {
            match self.output.read_at(&mut bytes[length..], length as u64)? {
                0 => break,
                more => length += more,
            }
        }
        Ok(String::from_utf8_lossy(&bytes[..length]).into_owned())
    }

    fn kill(&mut self) {
        // Both fail only when it is dead already.
        if self.own_group {
            let group = rustix::process::Pid::from_child(&self.child);
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        } else {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);

    fn shell(script: &str, total: Duration) -> Tool {
        Tool::new(Path::new("/bin/sh"), total).args(["-c", script])
    }

    #[test]
    fn output_and_status_are_kept() {
        let outcome = shell("echo out; echo err >&2; cat; exit 3", PATIENCE).run().unwrap();
        assert_eq!((outcome.text.as_str(), outcome.status.code()), ("out\nerr\n", Some(3)));
    }

    #[test]
    fn a_tool_that_does_not_end_is_killed_with_its_children() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("pid");
        let script = format!("sleep 1000 & echo $! > {}; wait", file.display());
        let begun = Instant::now();
        let error = shell(&script, Duration::from_millis(500)).in_own_group().run().unwrap_err();
        assert!(matches!(error, ToolError::Late(_)), "{error}");
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
        let pid = std::fs::read_to_string(file).unwrap().trim().parse().unwrap();
        let pid = rustix::process::Pid::from_raw(pid).unwrap();
        // Killed at once, but reaped by init in its own time: a zombie still has a number.
        while is_alive(pid) {
            assert!(begun.elapsed() < PATIENCE, "the child of the killed tool lives on");
            nap(Duration::from_millis(5));
        }
    }

    fn is_alive(pid: rustix::process::Pid) -> bool {
        let status = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_pid()));
        let zombie = status.is_ok_and(|status| status.contains(") Z "));
        rustix::process::test_kill_process(pid).is_ok() && !zombie
    }

    #[test]
    fn silence_of_the_network_ends_a_tool_and_slowness_does_not() {
        let answer =
            Answer { shown_by: |text| text.contains("Get:"), within: Duration::from_millis(300) };
        let dead = shell("echo Connecting; sleep 1000", PATIENCE);
        let error = dead.in_own_group().answered(answer).run().unwrap_err();
        assert!(matches!(error, ToolError::Unanswered(_)), "{error}");
        let slow = shell("echo Get:1; sleep 0.6; echo done", PATIENCE);
        let outcome = slow.answered(answer).run().unwrap();
        assert_eq!(outcome.text, "Get:1\ndone\n");
    }

    #[test]
    fn a_tool_that_writes_without_end_is_killed() {
        let error = shell("exec yes", PATIENCE).run().unwrap_err();
        assert!(matches!(error, ToolError::Flood), "{error}");
    }

    // Only Linux refuses to run a file that is open for writing.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_busy_file_is_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("busy");
        std::fs::copy("/bin/true", &path).unwrap();
        let writer = File::options().append(true).open(&path).unwrap();
        // The control: without patience, it fails.
        let error = spawn_once(&path).unwrap_err();
        assert!(is_text_busy(&error), "{error}");
        std::thread::scope(|scope| {
            scope.spawn(|| {
                nap(Duration::from_millis(200));
                drop(writer);
            });
            let outcome = Tool::new(&path, PATIENCE).run().unwrap();
            assert!(outcome.status.success());
        });
    }

    #[cfg(target_os = "linux")]
    #[expect(clippy::disallowed_methods, reason = "this is the owner of tools")]
    fn spawn_once(path: &Path) -> io::Result<ExitStatus> {
        Command::new(path).status()
    }
}
