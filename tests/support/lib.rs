//! What several test files need.

mod curl;
mod etcd;
mod etcds;
mod load;
mod raw_fleet;
mod streams;
mod torn;
mod ways;

pub use curl::{Curl, Curled};
pub use etcd::{PATIENCE, Port, RawEtcd};
pub use etcds::{all, available, of_minor, say};
pub use load::{Answer, Dial, Fault, Found, History, Load, LoadOptions, LoadReport, Read, Write};
pub use raw_fleet::{RawFleet, Words, wait_until_serving};
pub use streams::next_of;
pub use torn::on_a_whole_fleet;
pub use ways::{patch_steps, steps_up, ways_up};

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Whether the process runs: it exists and is no zombie.
///
/// # Panics
///
/// Never on Linux and macOS, where a process can be asked about.
#[must_use]
pub fn is_running(pid: u32) -> bool {
    if cfg!(target_os = "linux") {
        // The state follows the name, which is in parentheses and may hold anything.
        let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else { return false };
        let state = stat.rsplit(')').next().unwrap_or_default().trim_start();
        return !state.starts_with(['Z', 'X']);
    }
    let output = command("ps").args(["-o", "state=", "-p", &pid.to_string()]).output();
    output.is_ok_and(|output| {
        let state = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        !state.is_empty() && !state.starts_with('Z')
    })
}

/// Waits until `condition` holds, and says whether it did within `limit`.
pub fn eventually(limit: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let begin = Instant::now();
    while !condition() {
        if begin.elapsed() > limit {
            return false;
        }
        #[expect(clippy::disallowed_methods, reason = "between two looks at another process")]
        std::thread::sleep(Duration::from_millis(2));
    }
    true
}

/// A command, for tests that run other programs.
#[must_use]
pub fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    #[expect(clippy::disallowed_methods, reason = "tests wait for what they run")]
    Command::new(program)
}

/// A command for a program that is to be ended by signals. Where this process was started with SIGINT
/// or SIGHUP ignored, as by a shell's `&` without job control or by nohup, what it starts would ignore
/// them as well.
#[must_use]
pub fn command_that_can_be_interrupted(program: &str) -> Command {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // Signals 1 and 2 are the first bits.
    if ignored.is_none_or(|mask| mask & 0b11 == 0) {
        return command(program);
    }
    // It becomes the program.
    let mut env = command("env");
    env.args(["--default-signal=INT,HUP", program]);
    env
}

/// The command lines of all processes that name `directory`, or a file in it.
#[must_use]
pub fn command_lines_naming(directory: &Path) -> Vec<String> {
    let name = directory.display().to_string();
    let all: Vec<String> = if cfg!(target_os = "linux") {
        let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let lines = entries.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
        lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " ")).collect()
    } else {
        let output = command("ps").args(["-axww", "-o", "command="]).output();
        let text = output.map(|output| output.stdout).unwrap_or_default();
        String::from_utf8_lossy(&text).lines().map(str::to_owned).collect()
    };
    all.into_iter().filter(|line| line.contains(&name)).collect()
}

/// A cluster in another process, as its `owner` program printed it.
#[derive(Debug)]
pub struct Owned {
    /// The process that owns it.
    pub owner: Child,
    /// Its members' processes.
    pub members: Vec<u32>,
    /// Its directory.
    pub directory: PathBuf,
    /// Where its members listen.
    pub addresses: Vec<String>,
}

impl Owned {
    /// Runs the `owner` program at `path`, and waits until its cluster is ready.
    ///
    /// # Panics
    ///
    /// When the program does not say that its cluster is ready.
    #[must_use]
    pub fn start(path: &str, end: &str, parent: &Path) -> Self {
        Self::start_with(path, end, parent, &[])
    }

    /// The same, with more in its environment.
    ///
    /// # Panics
    ///
    /// When the program does not say that its cluster is ready.
    #[must_use]
    pub fn start_with(path: &str, end: &str, parent: &Path, more: &[(&str, &str)]) -> Self {
        use std::io::BufRead as _;
        let mut owner = command_that_can_be_interrupted(path)
            .arg(end)
            .env("TMPDIR", parent)
            .envs(more.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the owner runs");
        let mut line = String::new();
        let stdout = owner.stdout.as_mut().expect("it is piped");
        std::io::BufReader::new(stdout).read_line(&mut line).expect("it prints");
        let said: serde_json::Value = match serde_json::from_str(&line) {
            Ok(said) => said,
            Err(error) => {
                panic!("the owner said {line:?} ({error}); {:?}", owner.wait_with_output())
            }
        };
        let number = |value: &serde_json::Value| {
            value.as_u64().and_then(|number| u32::try_from(number).ok()).expect("a process id")
        };
        let members = said["members"].as_array().expect("a list").iter().map(number).collect();
        let directory = said["directory"].as_str().expect("a path").into();
        let addresses = said["addresses"].as_array().expect("a list").iter();
        let addresses = addresses.map(|url| url.as_str().expect("a URL").to_owned()).collect();
        Self { owner, members, directory, addresses }
    }

    /// Whether all members run and the directory is there.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.members.iter().copied().all(is_running) && self.directory.exists()
    }

    /// Whether no member runs, nor anything else that was started for them, the directory is gone
    /// and the ports are free.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        !self.members.iter().copied().any(is_running)
            && !self.directory.exists()
            && command_lines_naming(&self.directory).is_empty()
            && self.addresses.iter().all(|address| std::net::TcpListener::bind(address).is_ok())
    }
}
