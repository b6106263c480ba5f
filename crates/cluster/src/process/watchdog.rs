//! The backstop: a shell that outlives the owner for as long as cleaning up takes.
//!
//! It reads a pipe whose only other end is held by the owner. When the owner is gone, however it
//! went, the kernel closes that end; the shell then kills the members that it was told of, if they
//! are still the same processes, and removes the run directory. A shell and not a program of our
//! own: a library has no second binary to run.

use std::io::{self, Write};
use std::path::Path;
use std::process::{ChildStdin, Stdio};
use std::sync::{Mutex, PoisonError};

use super::child::Child;
use super::spawner::{Launch, Survival, spawn};

/// A pid is only killed while its command line names the run directory: pids are reused.
///
/// `$1` is the run directory. Lines on standard input are `pid N` (a member was started) and `keep`
/// (leave the directory).
const SCRIPT: &str = r#"
pids='' keep=''
while read -r word value; do
    case $word in
        pid) pids="$pids $value" ;;
        keep) keep=1 ;;
    esac
done
ours() {
    if [ -r "/proc/$1/cmdline" ]; then
        line=$(tr '\0' ' ' <"/proc/$1/cmdline")
    else
        line=$(ps -o command= -p "$1" 2>/dev/null)
    fi
    case $line in *"$directory/"*) return 0 ;; *) return 1 ;; esac
}
directory=$1
for pid in $pids; do ours "$pid" && kill -9 "$pid"; done
for pid in $pids; do
    tries=0
    while ours "$pid" && [ "$tries" -lt 100 ]; do
        tries=$((tries + 1))
        sleep 0.01 || sleep 1
    done
done
[ -n "$keep" ] && exit
tries=0
while [ -e "$directory" ] && [ "$tries" -lt 100 ]; do
    rm -rf -- "$directory" && break
    tries=$((tries + 1))
    sleep 0.01 || sleep 1
done
"#;

/// The watchdog of one run directory. Dropping it ends it without letting it act: what it guards is
/// then cleaned up, or kept, by its owner.
#[derive(Debug)]
pub(crate) struct Watchdog {
    shell: Child,
    pipe: Mutex<ChildStdin>,
}

impl Watchdog {
    /// Starts watching over `directory`, which is removed when the owner dies.
    pub(crate) fn start(directory: &Path) -> io::Result<Self> {
        let mut shell = spawn(Launch {
            program: "/bin/sh".into(),
            arguments: vec!["-c".into(), SCRIPT.into(), "tercet-watchdog".into(), directory.into()],
            // It calls rm, sleep and tr, which are not everywhere in /bin.
            environment: std::env::var_os("PATH")
                .map(|path| ("PATH".into(), path))
                .into_iter()
                .collect(),
            stdin: Stdio::piped(),
            log: None,
            survival: Survival::OutlivesOwner,
        })?;
        let pipe = shell.stdin.take().ok_or_else(|| io::Error::other("a piped child has a pipe"));
        let shell = Child::new(shell);
        Ok(Self { shell, pipe: Mutex::new(pipe?) })
    }

    /// Puts a member under its watch.
    pub(crate) fn watch(&self, pid: u32) -> io::Result<()> {
        self.tell(&format!("pid {pid}\n"))
    }

    /// From now on the directory outlives the owner.
    pub(crate) fn keep_directory(&self) -> io::Result<()> {
        self.tell("keep\n")
    }

    /// Lines are far shorter than the pipe's atomic write (512 bytes, POSIX), and the shell reads
    /// them at once: this does not block. Rust ignores SIGPIPE, so a dead shell is an error here.
    fn tell(&self, line: &str) -> io::Result<()> {
        self.pipe.lock().unwrap_or_else(PoisonError::into_inner).write_all(line.as_bytes())
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        // Before the pipe closes: it must not act any more.
        let _ = self.shell.kill();
    }
}
