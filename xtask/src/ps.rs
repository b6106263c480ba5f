//! `cargo xtask ps`: which fleets of this user there are, whose they are, and what runs of them.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use lexopt::prelude::*;
use serde_json::json;
use tercet_cluster::runs::{self, Listing, ProcessState, Run, RunProcess, RunState};

use crate::style::{Style, table};
use crate::{Failure, chain};

const USAGE: &str = "\
Shows the fleets of this user on this machine: those that run, and what is left of others.

Usage: cargo xtask ps [--json] [DIR]...

  DIR       where their directories are (the system's temporary directory)
  --json    print one JSON object, and nothing else

A run is live while the process that started it lives. It is stale when that has gone without
clearing up, and kept when its files were to be kept: 'cargo xtask sweep' clears both.
";

pub(crate) fn run(mut arguments: lexopt::Parser) -> Result<ExitCode, Failure> {
    let (mut json, mut directories) = (false, Vec::new());
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("json") => json = true,
            Value(directory) => directories.push(PathBuf::from(directory)),
            Long("help") | Short('h') => {
                print!("{USAGE}");
                return Ok(ExitCode::SUCCESS);
            }
            other => return Err(other.unexpected().into()),
        }
    }
    let directories = where_runs_are(directories)?;
    let mut all = Listing::default();
    for directory in &directories {
        let listing = runs::list(directory)?;
        all.runs.extend(listing.runs);
        all.not_ours.extend(listing.not_ours);
    }
    if json {
        println!("{}", describe(&all));
    } else {
        show(&all, &directories);
    }
    Ok(ExitCode::SUCCESS)
}

/// Where to look: the directories that were given, each once, or the system's temporary one.
pub(crate) fn where_runs_are(mut given: Vec<PathBuf>) -> Result<Vec<PathBuf>, Failure> {
    if given.is_empty() {
        given.push(std::env::temp_dir());
    }
    let mut directories = Vec::new();
    for directory in given {
        let real = directory
            .canonicalize()
            .map_err(|error| format!("there is no {}: {error}", directory.display()))?;
        if !real.is_dir() {
            return Err(format!("{} is no directory", directory.display()).into());
        }
        if let (Some(parent), true) = (real.parent(), real.join("run.jsonl").exists()) {
            return Err(format!(
                "{} is a run itself: name the directory that it is in, {}",
                directory.display(),
                parent.display()
            )
            .into());
        }
        if !directories.contains(&real) {
            directories.push(real);
        }
    }
    Ok(directories)
}

fn describe(listing: &Listing) -> serde_json::Value {
    json!({
        "runs": listing.runs.iter().map(of_run).collect::<Vec<_>>(),
        "not_ours": listing.not_ours.iter().map(|one| json!({
            "path": one.path, "reason": chain(&one.reason),
        })).collect::<Vec<_>>(),
    })
}

/// A run for programs. Times are seconds.
pub(crate) fn of_run(run: &Run) -> serde_json::Value {
    let process = |process: &RunProcess| {
        json!({
            "kind": process.kind.word(),
            "name": process.name,
            "pid": process.pid,
            "etcd": process.etcd,
            "client_url": process.client_url,
            "state": process.state.to_string(),
        })
    };
    json!({
        "directory": run.directory,
        "state": run.state.to_string(),
        "kept": run.kept,
        "age_s": age(run.began).as_secs(),
        "owner": {
            "pid": run.owner.pid, "command": run.owner.command, "running": run.owner.is_running,
        },
        "processes": run.processes.iter().map(process).collect::<Vec<_>>(),
    })
}

fn show(listing: &Listing, directories: &[PathBuf]) {
    let style = Style::of_stdout();
    if listing.runs.is_empty() {
        println!("No fleet of yours is in {}.", names(directories));
    }
    for run in &listing.runs {
        println!(
            "{}  {}  {}",
            coloured(style, run.state),
            style.bold(&run.directory.display().to_string()),
            style.dim(&format!("{} old", short(age(run.began))))
        );
        let gone = if run.owner.is_running { "" } else { ", which is gone" };
        println!("  owner {}: {}{gone}", run.owner.pid, run.owner.command);
        for (number, line) in table(&rows(run)).iter().enumerate() {
            println!("  {}", if number == 0 { style.dim(line) } else { line.clone() });
        }
        println!();
    }
    for other in &listing.not_ours {
        let line = format!("not touched: {}: {}", other.path.display(), chain(&other.reason));
        println!("{}", style.dim(&line));
    }
    if listing.runs.iter().any(|run| run.state == RunState::Stale) {
        println!("{}", style.dim("cargo xtask sweep clears what is stale."));
    }
}

fn rows(run: &Run) -> Vec<Vec<String>> {
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let mut rows = vec![["NAME", "PID", "ETCD", "CLIENTS", "STATE"].map(str::to_owned).to_vec()];
    rows.extend(run.processes.iter().map(|process| {
        vec![
            process.name.clone(),
            match process.state {
                // It may be another's by now.
                ProcessState::Gone => "-".to_owned(),
                _ => process.pid.to_string(),
            },
            or_dash(&process.etcd),
            or_dash(&process.client_url),
            process.state.to_string(),
        ]
    }));
    rows
}

fn coloured(style: Style, state: RunState) -> String {
    let word = format!("{state:5}");
    match state {
        RunState::Live => style.good(&word),
        RunState::Stale => style.bad(&word),
        _ => word,
    }
}

pub(crate) fn names(directories: &[PathBuf]) -> String {
    let names = directories.iter().map(|directory: &PathBuf| Path::display(directory).to_string());
    names.collect::<Vec<_>>().join(", ")
}

/// How long ago it was; nothing where the clock was put back since.
fn age(began: SystemTime) -> Duration {
    began.elapsed().unwrap_or_default()
}

/// In the largest unit of which there are some.
fn short(age: Duration) -> String {
    let seconds = age.as_secs();
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_short() {
        let said = [0, 119, 120, 7199, 7200, 172_800].map(Duration::from_secs).map(short);
        assert_eq!(said, ["0 s", "119 s", "2 min", "119 min", "2 h", "2 days"]);
    }
}
