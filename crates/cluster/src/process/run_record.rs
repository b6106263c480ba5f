//! What a run directory says of whose it is and what runs on it, for those who come when its owner is
//! gone: `runs` reads it.
//!
//! One file is both the record and the lock. It is locked before anything is written to it, and for as
//! long as its owner lives and has not dropped it; the lock goes with the owner, however that ends.
//! Processes do not inherit it: std opens files close-on-exec.
//!
//! A process is recorded as soon as it is spawned, when it has an id, and not announced before. Should
//! the owner die in between, it is found as the watchdog finds it, by what it is told of its data: that
//! needs no record, and holds from the moment that it runs etcd. So a record is what says for certain
//! that a process is ours, and how it is called; nothing relies on its being complete.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use super::sighting::{Machine, StartTime, look};

/// Its name in the directory.
pub(crate) const RECORD: &str = "run.jsonl";

/// The version of its format. Whoever reads another one leaves the directory alone.
const FORMAT: u64 = 1;

/// As much as is read of one: some ten thousand restarts.
const MOST_BYTES: u64 = 4 << 20;

/// As much of the owner's command line as a person wants to see.
const MOST_COMMAND: usize = 300;

/// The record of a run that goes on. Dropping it lets the lock go.
#[derive(Debug)]
pub(crate) struct RunRecord {
    file: File,
}

/// What a process of a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RunProcessKind {
    /// An etcd.
    Member,
    /// One of etcd's own proxies.
    Proxy,
    /// What cleans up when the owner dies.
    Watchdog,
}

impl RunProcessKind {
    const ALL: [Self; 3] = [Self::Member, Self::Proxy, Self::Watchdog];

    /// As a word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Member => "member",
            Self::Proxy => "proxy",
            Self::Watchdog => "watchdog",
        }
    }
}

/// A process that was spawned for a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Spawned {
    pub(crate) kind: RunProcessKind,
    pub(crate) name: String,
    pub(crate) pid: u32,
    /// The version of its etcd.
    pub(crate) etcd: Option<String>,
    /// Where clients find it.
    pub(crate) url: Option<String>,
}

impl RunRecord {
    /// Makes the record of the new run directory `directory`, whose owner this process is, and locks
    /// it.
    pub(crate) fn create(directory: &Path) -> io::Result<Self> {
        let mut options = File::options();
        let options = options.append(true).create_new(true).mode(0o600);
        let file = options.open(directory.join(RECORD))?;
        match file.lock() {
            // On a file system that cannot lock nobody gets this one either, and it is not swept.
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {}
            locked => locked?,
        }
        let pid = std::process::id();
        let machine = Machine::here();
        let record = Self { file };
        record.append(&json!({
            "tercet": FORMAT,
            "directory": directory.to_string_lossy(),
            "host": machine.host,
            "boot": machine.boot,
            "pid_namespace": machine.pid_namespace,
            "pid": pid,
            "start": look(pid)?.map(|seen| seen.start.0),
            "command": own_command(),
            "began": SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs(),
        }))?;
        Ok(record)
    }

    /// Enters a process that runs, or is at least not reaped.
    pub(crate) fn spawned(&self, spawned: &Spawned) {
        let Spawned { kind, name, pid, etcd, url } = spawned;
        // Asking ps at each spawn would be most of it, elsewhere; then it began just now.
        let start = if cfg!(target_os = "linux") {
            look(*pid).ok().flatten().map(|seen| seen.start.0)
        } else {
            Some(SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs())
        };
        self.enter(&json!({
            "process": kind.word(),
            "name": name, "pid": pid, "start": start, "etcd": etcd, "url": url,
        }));
    }

    /// The directory is to outlive the run.
    pub(crate) fn keep(&self) {
        self.enter(&json!({ "kept": true }));
    }

    /// A full disk is no reason not to go on: the process is found by its data too, and what is to be
    /// kept is kept by the watchdog and by the owner.
    fn enter(&self, line: &Value) {
        let _ = self.append(line);
    }

    /// One write, at the end: lines of several threads are not mixed, and one that was cut off is the
    /// last.
    fn append(&self, line: &Value) -> io::Result<()> {
        (&self.file).write_all(format!("{line}\n").as_bytes())
    }
}

impl Drop for RunRecord {
    fn drop(&mut self) {
        // Closing it is not enough while a child that another thread has just forked has it as well.
        let _ = self.file.unlock();
    }
}

/// The command line of this process, as far as a person wants to see it.
fn own_command() -> String {
    let words: Vec<_> =
        std::env::args_os().map(|word| word.to_string_lossy().into_owned()).collect();
    words.join(" ").chars().take(MOST_COMMAND).collect()
}

/// What a record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Recorded {
    pub(crate) directory: PathBuf,
    pub(crate) machine: Machine,
    pub(crate) owner: u32,
    pub(crate) owner_start: StartTime,
    pub(crate) command: String,
    pub(crate) began: SystemTime,
    pub(crate) kept: bool,
    /// In the order in which they were spawned. One without a start time was gone by then.
    pub(crate) processes: Vec<(Spawned, StartTime)>,
}

/// Why a record says nothing.
#[derive(Debug)]
pub(crate) enum Unreadable {
    /// There is none.
    Missing,
    Io(io::Error),
    /// It is no file, or not of this user.
    Foreign,
    /// It is of another version.
    Format(u64),
    Invalid,
}

/// Opens and reads the record in `directory`, which belongs to the user `uid`.
pub(crate) fn read(directory: &Path, uid: u32) -> Result<(File, Recorded), Unreadable> {
    let of_error = |error: io::Error| match error.kind() {
        io::ErrorKind::NotFound => Unreadable::Missing,
        // What NOFOLLOW says of a link.
        _ if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {
            Unreadable::Foreign
        }
        _ => Unreadable::Io(error),
    };
    // Neither by a link to elsewhere, nor waiting for the other end of a pipe.
    let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    let mut options = File::options();
    #[expect(clippy::cast_possible_wrap, reason = "flags are the same bits either way")]
    let options = options.read(true).custom_flags(flags.bits() as i32);
    let file = options.open(directory.join(RECORD)).map_err(of_error)?;
    let metadata = file.metadata().map_err(Unreadable::Io)?;
    if !metadata.is_file() || metadata.uid() != uid || metadata.mode() & 0o077 != 0 {
        return Err(Unreadable::Foreign);
    }
    let mut text = String::new();
    (&file).take(MOST_BYTES).read_to_string(&mut text).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidData => Unreadable::Invalid,
        _ => Unreadable::Io(error),
    })?;
    Ok((file, parse(&text)?))
}

fn parse(text: &str) -> Result<Recorded, Unreadable> {
    // What follows the last line break was cut off.
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let mut lines = whole.lines().map(serde_json::from_str::<Value>);
    let Some(Ok(head)) = lines.next() else { return Err(Unreadable::Invalid) };
    match head["tercet"].as_u64() {
        Some(FORMAT) => {}
        Some(other) => return Err(Unreadable::Format(other)),
        None => return Err(Unreadable::Invalid),
    }
    let mut recorded = of_head(&head).ok_or(Unreadable::Invalid)?;
    for line in lines {
        let line = line.map_err(|_| Unreadable::Invalid)?;
        recorded.kept |= line["kept"] == true;
        recorded.processes.extend(of_process(&line));
    }
    Ok(recorded)
}

fn of_head(head: &Value) -> Option<Recorded> {
    let text = |key: &str| head[key].as_str().map(str::to_owned);
    Some(Recorded {
        directory: text("directory")?.into(),
        machine: Machine {
            host: text("host")?,
            boot: text("boot")?,
            pid_namespace: text("pid_namespace")?,
        },
        owner: u32::try_from(head["pid"].as_u64()?).ok()?,
        owner_start: StartTime(head["start"].as_u64()?),
        command: text("command")?,
        began: SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(head["began"].as_u64()?))?,
        kept: false,
        processes: Vec::new(),
    })
}

fn of_process(line: &Value) -> Option<(Spawned, StartTime)> {
    let word = line["process"].as_str()?;
    let spawned = Spawned {
        kind: RunProcessKind::ALL.into_iter().find(|kind| kind.word() == word)?,
        name: line["name"].as_str()?.to_owned(),
        pid: pid(&line["pid"])?,
        etcd: line["etcd"].as_str().map(str::to_owned),
        url: line["url"].as_str().map(str::to_owned),
    };
    Some((spawned, StartTime(line["start"].as_u64()?)))
}

/// Never 0 and never more than an `i32`: to a signal these mean groups of processes, or all of them.
fn pid(value: &Value) -> Option<u32> {
    let pid = u32::try_from(value.as_u64()?).ok()?;
    (pid > 1 && i32::try_from(pid).is_ok()).then_some(pid)
}
