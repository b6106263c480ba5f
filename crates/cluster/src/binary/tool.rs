//! Runs a tool to its end: without input, with its output captured, for a bounded time.
//!
//! This is the one place that starts short-lived programs (`etcd --version`, pip, apt-get,
//! dpkg-deb). Like members they die with their owner, however it ends: what goes on writing into the
//! cache for nobody would be in the way of the next. The output goes to an unlinked file and not to
//! a pipe: nobody has to read it for the tool to go on, and a grandchild that keeps it open cannot
//! hold us up.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::process::{Child, Launch, Place, Survival, spawn_at};

/// What is kept of a tool's output. A tool that writes more is broken, and killed.
const OUTPUT_LIMIT_BYTES: usize = 1 << 20;

/// Waits for something that nobody can tell us of: another process, or another's lock.
#[expect(clippy::disallowed_methods, reason = "each caller polls a condition, for a bounded time")]
pub(crate) fn nap(time: Duration) {
    std::thread::sleep(time);
}

/// A tool about to be run.
#[derive(Debug)]
pub(crate) struct Tool {
    program: PathBuf,
    arguments: Vec<OsString>,
    environment: BTreeMap<OsString, OsString>,
    place: Place,
    limits: Limits,
}

/// How long a tool may take.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// From start to end, whatever happens.
    total: Duration,
    /// Until whatever the tool talks to has answered.
    answer: Option<Answer>,
}

/// How to tell a tool that waits for a dead network from one that is merely slow, or that a busy
/// machine has not let come to asking.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    /// Whether a tool that has said this has begun to ask.
    pub(crate) asked_by: fn(&str) -> bool,
    /// Whether a tool that has said this has been answered.
    pub(crate) shown_by: fn(&str) -> bool,
    /// From the question to the answer.
    pub(crate) within: Duration,
    /// From the start to the question: only for a tool that does not say that it asks.
    pub(crate) asks_within: Duration,
}

/// What a tool did.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) status: ExitStatus,
    /// Standard output and standard error as they came.
    pub(crate) text: String,
}

/// Why a tool did not come to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ToolError {
    #[error("it could not be started")]
    Start(#[source] io::Error),
    #[error("it did not end within {} s", .0.as_secs_f32())]
    Late(Duration),
    #[error("nothing answered it within {:.1} s", .0.as_secs_f32())]
    Unanswered(Duration),
    #[error("it asked nobody within {} s", .0.as_secs_f32())]
    Idle(Duration),
    #[error("it writes without end")]
    Flood,
    #[error("its output could not be kept")]
    Output(#[source] io::Error),
}

impl Tool {
    /// `program` without arguments, with our environment, ending within `total`.
    pub(crate) fn new(program: &Path, total: Duration) -> Self {
        Self {
            program: program.to_owned(),
            arguments: Vec::new(),
            environment: std::env::vars_os().collect(),
            place: Place::default(),
            limits: Limits { total, answer: None },
        }
    }

    pub(crate) fn args<S: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = S>) -> Self {
        self.arguments.extend(args.into_iter().map(|argument| argument.as_ref().to_owned()));
        self
    }

    pub(crate) fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.environment.insert(name.as_ref().to_owned(), value.as_ref().to_owned());
        self
    }

    /// Only what of the environment has a name that is `kept`.
    pub(crate) fn env_where(mut self, kept: impl Fn(&OsStr) -> bool) -> Self {
        self.environment.retain(|name, _| kept(name));
        self
    }

    /// Gives it a process group of its own, so that its children die with it when it is killed.
    ///
    /// Not for what may take long: a Ctrl-C, and a test runner that ends a test, reach only the
    /// group of the caller, and its own death takes only its child along.
    pub(crate) fn in_own_group(mut self) -> Self {
        self.place.own_group = true;
        self
    }

    pub(crate) fn current_dir(mut self, directory: &Path) -> Self {
        self.place.directory = Some(directory.to_owned());
        self
    }

    /// Gives it up when what it talks to has not answered in time.
    pub(crate) fn answered(mut self, answer: Answer) -> Self {
        self.limits.answer = Some(answer);
        self
    }

    /// Runs it to its end.
    pub(crate) fn run(self) -> Result<Outcome, ToolError> {
        self.run_watched(|| ())
    }

    /// Runs it to its end, calling `watch` ten times a second.
    pub(crate) fn run_watched(self, mut watch: impl FnMut()) -> Result<Outcome, ToolError> {
        let mut running = self.start()?;
        let mut pause = Duration::from_millis(1);
        loop {
            if let Some(outcome) = running.look()? {
                return Ok(outcome);
            }
            running.wait(pause)?;
            // Fine at first, for what ends in milliseconds; ten times a second in the long run.
            pause = (pause * 2).min(Duration::from_millis(100));
            watch();
        }
    }

    /// Starts it, to be [`finish`](Running::finish)ed.
    pub(crate) fn start(self) -> Result<Running, ToolError> {
        let output = tempfile::tempfile().map_err(ToolError::Output)?;
        let own_group = self.place.own_group;
        let launch = Launch {
            program: self.program,
            arguments: self.arguments,
            environment: self.environment.into_iter().collect(),
            stdin: Stdio::null(),
            log: Some(output.try_clone().map_err(ToolError::Output)?),
            survival: Survival::DiesWithOwner,
        };
        let child = Child::new(spawn_at(launch, self.place).map_err(ToolError::Start)?);
        Ok(Running {
            child,
            output,
            ran: Duration::ZERO,
            asked: None,
            limits: self.limits,
            own_group,
            ended: false,
        })
    }
}

/// A tool that has been started, killed with its group and reaped when dropped.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    output: File,
    /// For how long, not counting what this machine kept us waiting: see [`Self::wait`].
    ran: Duration,
    /// The value of `ran` when it was first seen to ask.
    asked: Option<Duration>,
    limits: Limits,
    own_group: bool,
    ended: bool,
}

impl Running {
    /// Waits for its end, without blocking. Cancelled, it is killed with this.
    pub(crate) async fn finish(mut self) -> Result<Outcome, ToolError> {
        let mut pause = Duration::from_millis(1);
        loop {
            if let Some(outcome) = self.look()? {
                return Ok(outcome);
            }
            let begun = Instant::now();
            tokio::time::sleep(pause).await;
            // As in `wait`.
            self.ran += begun.elapsed().min(pause * 2);
            pause = (pause * 2).min(Duration::from_millis(100));
        }
    }

    /// Its outcome, or nothing while it runs within its limits.
    fn look(&mut self) -> Result<Option<Outcome>, ToolError> {
        let ended = self.child.exit_status().map_err(ToolError::Output)?;
        // After looking whether it has ended: what is read is then all that it said.
        if let Some(status) = ended {
            self.ended = true;
            let text = self.text().map_err(ToolError::Output)?;
            return Ok(Some(Outcome { status, text }));
        }
        if self.output.metadata().map_err(ToolError::Output)?.len() > OUTPUT_LIMIT_BYTES as u64 {
            return Err(ToolError::Flood);
        }
        if self.ran > self.limits.total {
            return Err(ToolError::Late(self.limits.total));
        }
        if let Some(answer) = self.limits.answer {
            let text = self.text().map_err(ToolError::Output)?;
            self.judge(answer, &text)?;
        }
        Ok(None)
    }

    /// Whether there is still hope that it is answered.
    fn judge(&mut self, answer: Answer, text: &str) -> Result<(), ToolError> {
        if (answer.shown_by)(text) {
            self.limits.answer = None;
            return Ok(());
        }
        if self.asked.is_none() && (answer.asked_by)(text) {
            self.asked = Some(self.ran);
        }
        match self.asked {
            Some(asked) if self.ran - asked > answer.within => {
                Err(ToolError::Unanswered(answer.within))
            }
            None if self.ran > answer.asks_within => Err(ToolError::Idle(answer.asks_within)),
            _ => Ok(()),
        }
    }

    /// Waits for its end, for `pause` at most.
    fn wait(&mut self, pause: Duration) -> Result<(), ToolError> {
        let begun = Instant::now();
        self.child.wait_for_end(pause).map_err(ToolError::Output)?;
        // A longer pause than was asked for is this machine's, which has too much to do: the tool
        // did not get to run either, and is not to be blamed for it.
        self.ran += begun.elapsed().min(pause * 2);
        Ok(())
    }

    /// What it has said so far.
    fn text(&mut self) -> io::Result<String> {
        // At an offset of our own: the position in the file is shared with the tool.
        let length = self.output.metadata()?.len().min(OUTPUT_LIMIT_BYTES as u64);
        let mut bytes = vec![0; usize::try_from(length).unwrap_or(OUTPUT_LIMIT_BYTES)];
        let mut length = 0;
        while length < bytes.len() {
            match self.output.read_at(&mut bytes[length..], length as u64)? {
                0 => break,
                more => length += more,
            }
        }
        Ok(String::from_utf8_lossy(&bytes[..length]).into_owned())
    }
}

impl Drop for Running {
    /// However it comes to this: a limit, a failure to look, or a panic of whoever is told.
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        let pid = i32::try_from(self.child.pid()).ok().and_then(rustix::process::Pid::from_raw);
        // Not reaped yet, so that the number still means it. It fails only when all are dead.
        if let Some(group) = pid.filter(|_| self.own_group) {
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
        }
        // The child itself is killed and reaped by its own drop.
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Far longer than anything here takes, and shorter than what hangs.
    const PATIENCE: Duration = Duration::from_secs(60);

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
        assert!(begun.elapsed() < PATIENCE, "it was waited for");
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
        let answer = Answer {
            asked_by: |text| text.contains("Connecting"),
            shown_by: |text| text.contains("Get:"),
            within: Duration::from_millis(300),
            asks_within: PATIENCE,
        };
        let dead = || shell("echo Connecting; sleep 1000", PATIENCE).in_own_group();
        let error = dead().answered(answer).run().unwrap_err();
        assert!(matches!(error, ToolError::Unanswered(_)), "{error}");
        // Slow to ask, as on a machine that has no time for it, and slow after the answer.
        let slow = shell("sleep 0.6; echo Connecting; echo Get:1; sleep 0.6; echo done", PATIENCE);
        let outcome = slow.answered(answer).run().unwrap();
        assert_eq!(outcome.text, "Connecting\nGet:1\ndone\n");
        // One whose words are others than those that are known is not waited for without end.
        let asks_within = Duration::from_millis(300);
        let mute = Answer { asked_by: |_| false, asks_within, ..answer };
        let error = dead().answered(mute).run().unwrap_err();
        assert!(matches!(error, ToolError::Idle(_)), "{error}");
    }

    #[test]
    fn a_panic_of_whoever_watches_leaves_no_tool() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("pid");
        let script = format!("echo $$ > {}; exec sleep 1000", file.display());
        let pid = || std::fs::read_to_string(&file).ok()?.trim().parse().ok();
        let watch = || {
            if pid().is_some() {
                panic!("of the one who watches");
            }
        };
        let run = std::panic::AssertUnwindSafe(|| shell(&script, PATIENCE).run_watched(watch));
        std::panic::catch_unwind(run).unwrap_err();
        let pid = rustix::process::Pid::from_raw(pid().unwrap()).unwrap();
        assert!(rustix::process::test_kill_process(pid).is_err(), "not killed, or not reaped");
    }

    #[test]
    fn a_tool_has_our_environment_and_what_is_added_and_not_what_is_taken_away() {
        let own = std::env::var_os("PATH").unwrap_or_default().into_string().unwrap();
        let tool = shell("echo $PATH; echo $TERCET_ADDED; pwd -P", PATIENCE)
            .env("TERCET_ADDED", "added")
            .current_dir(Path::new("/"));
        assert_eq!(tool.run().unwrap().text, format!("{own}\nadded\n/\n"));
        let bare = shell("env", PATIENCE).env("ETCD_NAME", "x");
        let bare = bare.env_where(|name| !name.as_encoded_bytes().starts_with(b"ETCD_"));
        assert!(!bare.run().unwrap().text.contains("ETCD_NAME"));
    }

    #[test]
    fn a_tool_that_writes_without_end_is_killed() {
        let error = shell("exec yes", PATIENCE).run().unwrap_err();
        assert!(matches!(error, ToolError::Flood), "{error}");
    }
}
