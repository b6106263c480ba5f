//! The backstop: a shell that outlives the owner for as long as cleaning up takes.
//!
//! It reads a pipe whose only other end is held by the owner. When the owner is gone, however it
//! went, the kernel closes that end; the shell then kills what runs on data in the run directory,
//! and removes the directory. A shell and not a program of our own: a library has no second binary
//! to run.

use std::io::{self, Write};
use std::path::Path;
use std::process::{ChildStdin, Stdio};
use std::sync::{Mutex, PoisonError};

use super::child::Child;
use super::run_record::{RunProcessKind, Spawned};
use super::spawner::{Launch, Survival, spawn};

/// `$1` is the run directory. The only word on standard input is `keep` (leave the directory).
///
/// Members are found by what they are told of their data, in each of the three forms that there are
/// (`plan::Configuration`), and not by process ids told to it: an id may come to mean another
/// process, and a member that was spawned a moment ago may not have been told of. Whatever else names
/// a file in the directory (an editor, `tail -f`) is let be. The patterns go to grep by a pipe, so
/// that it does not find itself.
const SCRIPT: &str = r#"
directory=$1 keep=''
while read -r word; do [ "$word" = keep ] && keep=1; done
members() {
    if [ -r /proc/self/cmdline ]; then
        printf '%s\n' "--data-dir=$directory/" "--config-file=$directory/" \
            "ETCD_DATA_DIR=$directory/" |
            grep -lF -f - /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null |
            while IFS=/ read -r _ _ pid _; do echo "$pid"; done
    else
        # With their environments, where this ps can show them.
        { ps -axwwE -o pid=,command= 2>/dev/null || ps -axww -o pid=,command=; } |
            while read -r pid line; do
                case $line in
                *"--data-dir=$directory/"* | *"--config-file=$directory/"* | \
                    *"ETCD_DATA_DIR=$directory/"*) echo "$pid" ;;
                esac
            done
    fi
}
tries=0
while pids=$(members) && [ -n "$pids" ] && [ "$tries" -lt 100 ]; do
    kill -9 $pids 2>/dev/null
    tries=$((tries + 1))
    sleep 0.01 || sleep 1
done
[ -n "$keep" ] && exit
tries=0
while [ -e "$directory" ] && [ "$tries" -lt 100 ]; do
    rm -rf -- "$directory" && break
    tries=$((tries + 1))
    sleep 0.01 || sleep 1
done
"#;

/// What it calls itself: the argument before the directory.
pub(crate) const NAME: &str = "tercet-watchdog";

/// Where the script's tools (grep, printf, ps, rm, sleep) are looked for after the owner's `PATH`,
/// which a hermetic test runner may have emptied.
const SYSTEM_PATH: &str = "/usr/bin:/bin:/usr/sbin:/sbin";

/// The watchdog of one run directory. Dropping it ends it without letting it act: what it guards is
/// then cleaned up, or kept, by its owner.
#[derive(Debug)]
pub(crate) struct Watchdog {
    /// None once it is let go.
    shell: Option<Child>,
    pipe: Mutex<ChildStdin>,
}

impl Watchdog {
    /// Starts watching over `directory`, which is removed when the owner dies.
    ///
    /// # Errors
    ///
    /// When `/bin/sh` cannot be run, or the path has a line break: grep would take it for two.
    pub(crate) fn start(directory: &Path) -> io::Result<Self> {
        if directory.as_os_str().as_encoded_bytes().contains(&b'\n') {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the path has a line break"));
        }
        let mut path = std::env::var_os("PATH").unwrap_or_default();
        path.push(":");
        path.push(SYSTEM_PATH);
        let mut shell = spawn(Launch {
            program: "/bin/sh".into(),
            arguments: vec!["-c".into(), SCRIPT.into(), NAME.into(), directory.into()],
            environment: vec![("PATH".into(), path)],
            stdin: Stdio::piped(),
            log: None,
            survival: Survival::OutlivesOwner,
        })?;
        let pipe = shell.stdin.take().ok_or_else(|| io::Error::other("a piped child has a pipe"));
        let shell = Some(Child::new(shell));
        Ok(Self { shell, pipe: Mutex::new(pipe?) })
    }

    /// As it is entered into the run's record. It is there before the directory, and so before the
    /// record; until it is in there, it is known by its arguments.
    pub(crate) fn as_spawned(&self) -> Spawned {
        Spawned {
            kind: RunProcessKind::Watchdog,
            name: RunProcessKind::Watchdog.word().to_owned(),
            pid: self.shell.as_ref().map_or(0, Child::pid),
            etcd: None,
            url: None,
        }
    }

    /// From now on the directory outlives the owner.
    ///
    /// The word is far shorter than a pipe's atomic write (512 bytes, POSIX), and the shell reads
    /// it at once: this does not block. Rust ignores SIGPIPE, so a dead shell is an error here.
    pub(crate) fn keep_directory(&self) -> io::Result<()> {
        self.pipe.lock().unwrap_or_else(PoisonError::into_inner).write_all(b"keep\n")
    }

    /// Leaves the rest to it, as if the owner were gone.
    pub(crate) fn let_go(mut self) {
        // Forgotten and not dropped, which would kill it. It becomes a zombie of the owner's until
        // the owner ends.
        std::mem::forget(self.shell.take());
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        // Before the pipe closes: it must not act any more.
        if let Some(shell) = &mut self.shell {
            let _ = shell.kill();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsString;
    use std::time::Duration;

    /// A process that lives on, with `word` on its command line.
    fn bystander(word: String) -> Child {
        bystander_with(word, Vec::new())
    }

    /// And with these variables in its environment.
    fn bystander_with(word: String, environment: Vec<(OsString, OsString)>) -> Child {
        Child::new(
            spawn(Launch {
                program: "/bin/sh".into(),
                arguments: vec!["-c".into(), "read -r x".into(), "member".into(), word.into()],
                environment,
                stdin: Stdio::piped(),
                log: None,
                // As on a system without a parent-death signal: the watchdog is alone.
                survival: Survival::OutlivesOwner,
            })
            .unwrap(),
        )
    }

    fn ends(child: &mut Child) -> bool {
        child.wait_for_end(Duration::from_secs(10)).unwrap().is_some()
    }

    #[test]
    fn when_the_owner_is_gone_it_ends_the_members_and_removes_the_directory() {
        // Nothing in a name leads it astray.
        for name in ["plain", "a b", "it's \"odd\" $HOME *", "-rf"] {
            let parent = tempfile::tempdir().unwrap();
            let directory = parent.path().canonicalize().unwrap().join(name);
            std::fs::create_dir(&directory).unwrap();
            let other = parent.path().join("other");
            std::fs::create_dir(&other).unwrap();
            let told = |environment: &Path| {
                let data = environment.join("m1/data").into_os_string();
                bystander_with("etcd".into(), vec![("ETCD_DATA_DIR".into(), data)])
            };
            let mut members = [
                bystander(format!("--data-dir={}/m1", directory.display())),
                bystander(format!("--config-file={}/m1/etcd.yaml", directory.display())),
                told(&directory),
            ];
            let mut reader = bystander(format!("{}/m1/etcd.log", directory.display()));
            let mut strangers = [
                bystander(format!("--data-dir={}/m1", other.display())),
                bystander(format!("--config-file={}/m1/etcd.yaml", other.display())),
                told(&other),
            ];

            let mut watchdog = Watchdog::start(&directory).unwrap();
            let mut shell = watchdog.shell.take().unwrap();
            // The control: while the owner lives, nothing happens.
            assert!(shell.wait_for_end(Duration::from_millis(50)).unwrap().is_none());
            let runs = |child: &mut Child| child.exit_status().unwrap().is_none();
            assert!(members.iter_mut().all(runs) && directory.exists());

            drop(watchdog);
            assert!(members.iter_mut().all(ends), "{name}");
            assert!(ends(&mut shell), "{name}");
            assert!(!directory.exists(), "{name}");
            assert!(other.exists());
            assert!(reader.exit_status().unwrap().is_none(), "who reads a log is let be");
            assert!(strangers.iter_mut().all(runs));
        }
    }

    #[test]
    fn a_directory_to_be_kept_is_kept() {
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().canonicalize().unwrap().join("kept");
        std::fs::create_dir(&directory).unwrap();
        let mut member = bystander(format!("--data-dir={}/m1", directory.display()));
        let mut watchdog = Watchdog::start(&directory).unwrap();
        watchdog.keep_directory().unwrap();
        let mut shell = watchdog.shell.take().unwrap();
        drop(watchdog);
        assert!(ends(&mut member) && ends(&mut shell));
        assert!(directory.exists());
    }

    #[test]
    fn dropped_by_its_owner_it_does_nothing() {
        let directory = tempfile::tempdir().unwrap();
        drop(Watchdog::start(directory.path()).unwrap());
        assert!(directory.path().exists());
        let error = Watchdog::start(Path::new("/tmp/two\nlines")).unwrap_err();
        assert_eq!(error.to_string(), "the path has a line break");
    }
}
