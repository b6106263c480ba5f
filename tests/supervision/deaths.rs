//! An owner that dies in any way, at any moment, with any fault active, leaves nothing.
//!
//! What is left is not looked for by name: the owner runs below a process that adopts all that it
//! leaves behind, and whose own end says that there is nothing more. `TERCET_TEST_ROUNDS` says how many
//! times an owner dies, `TERCET_TEST_SEED` draws the same deaths again.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use serde_json::Value;
use tercet_cluster::Faults;
use tercet_tests::{
    command, command_lines_naming, command_that_can_be_interrupted, eventually, say,
};

use super::{GONE_WITHIN, number};

/// As many as are over in half a minute.
const ROUNDS: usize = 40;

const ENDS: [&str; 20] = [
    // Signals from elsewhere, to the owner alone or to its group, as test runners and terminals do.
    "SIGKILL",
    "SIGTERM",
    "SIGINT",
    "SIGHUP",
    "group SIGKILL",
    "group SIGINT",
    "group SIGTERM",
    // From another thread, in the midst of whatever is done.
    "exits",
    "aborts",
    "panics elsewhere",
    "overflows its stack",
    "has no memory",
    "execs",
    "panics",
    "returns",
    "forgets it and returns",
    "drops it outside any runtime",
    // The process lives on.
    "thread returns",
    "thread panics",
    "thread destructor",
];

const FAULTS: [&str; 14] = [
    "none",
    "killed",
    "all killed",
    "stopped",
    "all stopped",
    "paused",
    "all paused",
    "one paused, one killed",
    "restarting",
    "crash loop",
    "killed while it starts",
    "link cut",
    "link slow",
    "link isolated, and written to",
];

/// Those that need what not every machine allows.
const DISK_AND_CLOCK: [&str; 6] = [
    "slow disk",
    "failing disk",
    "full disk",
    "clock forward",
    "clock back, slow disk, paused",
    "link, disk and clock, stopped",
];

/// Those that there can be here.
fn faults() -> Vec<&'static str> {
    let mut faults = FAULTS.to_vec();
    match Faults::NONE.disk().clock().check_support() {
        Ok(()) => faults.extend(DISK_AND_CLOCK),
        Err(unsupported) => say(&format!("disks and clocks are left as they are: {unsupported}")),
    }
    faults
}

/// The latest moment of those that are told from the beginning: a start takes half of it when the
/// machine is quiet.
const LATEST_OF_START: Duration = Duration::from_millis(300);

/// The latest moment of those that are told from when the fault is active.
const LATEST_OF_FAULT: Duration = Duration::from_millis(200);

/// How far it can come.
const ACTIVE: &str = "with the fault active";

/// One death.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Death {
    end: &'static str,
    after: Duration,
    /// Whether this is counted from when the fault is active, and not from the beginning.
    after_fault: bool,
    fault: &'static str,
    number: usize,
}

/// What came of it.
#[derive(Debug)]
struct Outcome {
    /// How far it had come.
    reached: &'static str,
    /// From the owner's end to nothing; none where only a thread ended.
    gone_after: Duration,
}

impl Death {
    fn drawn(dice: &mut Dice, faults: &[&'static str]) -> Self {
        let after_fault = dice.below(2) == 0;
        let latest = if after_fault { LATEST_OF_FAULT } else { LATEST_OF_START };
        Self {
            end: dice.one_of(&ENDS),
            after: Duration::from_micros(dice.below(u64::try_from(latest.as_micros()).unwrap())),
            after_fault,
            fault: dice.one_of(faults),
            number: usize::try_from(dice.below(1000)).unwrap(),
        }
    }

    /// Has an owner live and die so, and says what is left of it if anything is.
    fn happens(&self, environment: &[(&str, &str)]) -> Result<Outcome, String> {
        let parent = tempfile::tempdir().unwrap();
        let mut owner = Mortal::start(self, parent.path(), environment);
        let result = self
            .is_brought_about(&mut owner)
            .and_then(|()| owner.is_gone_from(parent.path(), self.end.starts_with("thread")));
        owner.clean_up();
        result
    }

    /// Sends the signal, where that is how it ends: all others come by themselves.
    fn is_brought_about(&self, owner: &mut Mortal) -> Result<(), String> {
        let signal = self.end.split(' ').next_back().and_then(|word| word.strip_prefix("SIG"));
        let Some(signal) = signal else { return Ok(()) };
        while self.after_fault && owner.reached != ACTIVE {
            let by = Instant::now() + Duration::from_secs(60);
            owner.hears(by).ok_or("it does not get to its fault")?;
        }
        #[expect(clippy::disallowed_methods, reason = "the moment was drawn")]
        std::thread::sleep(self.after);
        let group = if self.end.starts_with("group") { "-" } else { "" };
        let target = format!("{group}{}", owner.pid);
        let kill = command("kill").args(["-s", signal, "--", &target]).status();
        assert!(kill.unwrap().success(), "{self:?}");
        Ok(())
    }
}

/// An owner below its reaper.
struct Mortal {
    reaper: Child,
    said: Receiver<Value>,
    pid: u64,
    addresses: Vec<String>,
    reached: &'static str,
}

impl Mortal {
    fn start(death: &Death, parent: &Path, environment: &[(&str, &str)]) -> Self {
        let plus = if death.after_fault { "+" } else { "" };
        let mut reaper = command_that_can_be_interrupted(env!("CARGO_BIN_EXE_reaper"))
            .arg(env!("CARGO_BIN_EXE_mortal"))
            .args([death.end, &format!("{plus}{}", death.after.as_micros())])
            .args([death.fault, &death.number.to_string()])
            .env("TMPDIR", parent)
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let stdout = BufReader::new(reaper.stdout.take().unwrap());
        let (tell, said) = channel();
        std::thread::spawn(move || {
            let lines = stdout.lines().map_while(Result::ok);
            // A line may be cut off by the owner's end, and followed by the reaper's.
            let values =
                lines.filter_map(|line| serde_json::from_str(&line[line.rfind("{\"")?..]).ok());
            let _ = values.into_iter().try_for_each(|value: Value| tell.send(value));
        });
        let first = said.recv_timeout(Duration::from_secs(10)).unwrap();
        let pid = first["owner"].as_u64().unwrap();
        Self { reaper, said, pid, addresses: Vec::new(), reached: "while it started" }
    }

    /// Waits for the end, and then for everything to be gone.
    fn is_gone_from(&mut self, parent: &Path, lives_on: bool) -> Result<Outcome, String> {
        let ended = Instant::now() + Duration::from_secs(60);
        let (begin, kept) = loop {
            let said = self.hears(ended).ok_or("it does not end")?;
            if lives_on && said.get("thread").is_some() || said.get("signal").is_some() {
                let kept = said["kept"].as_array().into_iter().flatten();
                let kept = kept.filter_map(|open| open.as_str().map(str::to_owned));
                break (Instant::now(), kept.collect::<Vec<_>>());
            }
        };
        if lives_on {
            let reaper = u64::from(self.reaper.id());
            let held = || held(self.pid, reaper, &kept);
            let none =
                || children(self.pid).is_empty() && entries(parent) == 0 && held().is_empty();
            if !eventually(GONE_WITHIN, none) {
                let (left, held) = (self.left(parent), held());
                return Err(format!("left beside the owner: {left} {held:?}"));
            }
            self.ports_are_free()?;
            let gone_after = begin.elapsed();
            drop(self.reaper.stdin.take());
            let limit = Instant::now() + GONE_WITHIN;
            while self.hears(limit).ok_or("it does not end")?.get("gone_us").is_none() {}
            return Ok(Outcome { reached: self.reached, gone_after });
        }
        let gone_after = loop {
            let Some(said) = self.hears(begin + GONE_WITHIN) else {
                return Err(format!("left: {}", self.left(parent)));
            };
            if let Some(micros) = said["gone_us"].as_u64() {
                break Duration::from_micros(micros);
            }
        };
        if entries(parent) > 0 {
            return Err(format!("a directory is left: {}", self.left(parent)));
        }
        let lines = command_lines_naming(parent);
        if !lines.is_empty() {
            return Err(format!("these name its directory: {lines:?}"));
        }
        self.ports_are_free()?;
        Ok(Outcome { reached: self.reached, gone_after })
    }

    /// What is said next, if it is by then.
    fn hears(&mut self, by: Instant) -> Option<Value> {
        match self.said.recv_timeout(by.saturating_duration_since(Instant::now())) {
            Ok(said) => {
                if let Some(addresses) = said["addresses"].as_array() {
                    let text = |address: &Value| address.as_str().unwrap().to_owned();
                    self.addresses = addresses.iter().map(text).collect();
                    self.reached = "when it was ready";
                }
                if said.get("fault").is_some() {
                    self.reached = ACTIVE;
                }
                Some(said)
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => None,
        }
    }

    fn ports_are_free(&self) -> Result<(), String> {
        for address in &self.addresses {
            TcpListener::bind(address)
                .map_err(|error| format!("{address} is not free: {error}"))?;
        }
        Ok(())
    }

    fn left(&self, parent: &Path) -> String {
        let of_owner = children(self.pid);
        let adopted = children(u64::from(self.reaper.id()));
        let files = std::fs::read_dir(parent).unwrap().flatten().map(|entry| entry.path());
        format!("{of_owner:?} {adopted:?} {:?}", files.collect::<Vec<_>>())
    }

    /// Whatever came of it, nothing of it stays.
    fn clean_up(mut self) {
        let mut reaper = self.reaper.try_wait();
        if !matches!(reaper, Ok(Some(_))) {
            // The reaper ends when there is nothing left to adopt.
            eventually(Duration::from_secs(10), || {
                for (pid, _) in
                    children(self.pid).into_iter().chain(children(self.reaper.id().into()))
                {
                    let _ = command("kill")
                        .args(["-9", &pid.to_string()])
                        .stderr(Stdio::null())
                        .status();
                }
                reaper = self.reaper.try_wait();
                matches!(reaper, Ok(Some(_)))
            });
        }
    }
}

/// What the owner itself still has of a fleet that is gone: threads that serve it, and whatever is open,
/// such as the sockets that hold ports; but not what it was given, which its reaper has as well, nor what
/// is `kept` in any process that ever had a runtime.
fn held(owner: u64, reaper: u64, kept: &[String]) -> Vec<String> {
    let entries = |pid: u64, what: &str| {
        std::fs::read_dir(format!("/proc/{pid}/{what}")).into_iter().flatten().flatten()
    };
    let threads = entries(owner, "task").filter_map(|entry| {
        let name = std::fs::read_to_string(entry.path().join("comm")).ok()?;
        // The one that spawns is the process's, for good.
        let is_a_fleets = name.starts_with("tercet-") && name.trim() != "tercet-spawner";
        is_a_fleets.then(|| name.trim().to_owned())
    });
    let open = |pid: u64| {
        let targets = entries(pid, "fd").filter_map(|entry| std::fs::read_link(entry.path()).ok());
        targets.map(|target| target.display().to_string()).collect::<Vec<_>>()
    };
    let given = open(reaper);
    let open =
        open(owner).into_iter().filter(|target| !given.contains(target) && !kept.contains(target));
    threads.chain(open).collect()
}

fn entries(path: &Path) -> usize {
    std::fs::read_dir(path).unwrap().count()
}

/// The processes that run and whose parent this is, with their command lines.
fn children(parent: u64) -> Vec<(u64, String)> {
    let of = |pid: u64| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let mut fields = stat.rsplit(')').next()?.split_whitespace();
        let (state, its_parent) = (fields.next()?, fields.next()?.parse::<u64>().ok()?);
        if its_parent != parent || ["Z", "X"].contains(&state) {
            return None;
        }
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        Some((pid, String::from_utf8_lossy(&line).replace('\0', " ")))
    };
    let pids = std::fs::read_dir("/proc").unwrap().flatten();
    pids.filter_map(|entry| of(entry.file_name().to_str()?.parse().ok()?)).collect()
}

/// Pseudo-random numbers that a seed repeats: splitmix64.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }

    fn one_of(&mut self, all: &[&'static str]) -> &'static str {
        all[usize::try_from(self.below(all.len() as u64)).unwrap()]
    }
}

#[test]
fn whatever_ends_the_owner_whatever_is_broken_nothing_is_left() {
    let rounds = number("TERCET_TEST_ROUNDS").unwrap_or(ROUNDS);
    let seed = number("TERCET_TEST_SEED")
        .unwrap_or_else(|| std::time::UNIX_EPOCH.elapsed().unwrap().as_secs());
    let (mut dice, faults) = (Dice(seed), faults());
    let mut tables: [BTreeMap<&str, Vec<Duration>>; 4] = Default::default();
    let mut leaks = Vec::new();
    for round in 0..rounds {
        let death = Death::drawn(&mut dice, &faults);
        match death.happens(&[]) {
            Ok(outcome) => {
                let names = ["all", death.end, death.fault, outcome.reached];
                for (table, name) in tables.iter_mut().zip(names) {
                    table.entry(name).or_default().push(outcome.gone_after);
                }
            }
            Err(left) => {
                eprintln!("round {round}: {death:?}: {left}");
                leaks.push((round, death, left));
            }
        }
    }
    eprintln!("{rounds} rounds, seed {seed}, {} leaks; from the end to nothing, ms:", leaks.len());
    eprintln!("{:<30}{:>6}{:>8}{:>8}{:>8}", "", "rounds", "p50", "p99", "max");
    for (name, times) in tables.iter_mut().flatten() {
        times.sort();
        let at = |share: usize| times[(times.len() - 1) * share / 100].as_secs_f64() * 1000.0;
        eprintln!("{name:<30}{:>6}{:>8.1}{:>8.1}{:>8.1}", times.len(), at(50), at(99), at(100));
    }
    assert!(leaks.is_empty(), "TERCET_TEST_SEED={seed} repeats them: {leaks:?}");
    let reached: Vec<_> = tables[3].keys().copied().collect();
    assert!(reached.len() > 1 || rounds < ROUNDS, "the control: {reached:?}");
}

/// What would be left is seen.
#[test]
fn the_control_something_is_left() {
    let death = Death {
        end: "SIGKILL",
        after: Duration::from_millis(1),
        after_fault: true,
        fault: "none",
        number: 0,
    };
    let left = death.happens(&[("TERCET_KEEP", "always")]).unwrap_err();
    assert!(left.contains("a directory is left"), "{left}");
    let left = death.happens(&[("MORTAL_STRAY", "1")]).unwrap_err();
    assert!(left.contains("sleep 60"), "{left}");
    let beside = Death { end: "thread returns", ..death };
    let left = beside.happens(&[("MORTAL_STRAY", "1")]).unwrap_err();
    assert!(left.contains("sleep 60"), "{left}");
    // And without, nothing is.
    assert_eq!(death.happens(&[]).unwrap().reached, ACTIVE);
}
