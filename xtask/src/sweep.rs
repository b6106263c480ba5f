//! `cargo xtask sweep`: what dead owners of fleets have left is ended and removed.

use std::path::PathBuf;
use std::process::ExitCode;

use lexopt::prelude::*;
use serde_json::json;
use tercet_cluster::runs::{self, Sweep, SweepOutcome, Swept};

use crate::ps::{names, of_run, where_runs_are};
use crate::style::Style;
use crate::{Failure, chain};

const USAGE: &str = "\
Ends and removes what is left of fleets whose owners are gone, and never anything else.

Usage: cargo xtask sweep [OPTIONS] [DIR]...

  DIR         where their directories are (the system's temporary directory)
  --dry-run   only say what would be done
  --kept      remove files that were to be kept (TERCET_KEEP) as well
  --json      print one JSON object, and nothing else

Stale is a run of this user whose lock is free and whose owner is gone: no process has its id and
began when it did. Of the processes only those are ended that its record names, by id and start, or
that run on data in its directory. What it leaves and why is shown by 'cargo xtask ps'.
";

pub(crate) fn run(mut arguments: lexopt::Parser) -> Result<ExitCode, Failure> {
    let (mut json, mut dry_run, mut kept) = (false, false, false);
    let mut directories = Vec::new();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("json") => json = true,
            Long("dry-run") => dry_run = true,
            Long("kept") => kept = true,
            Value(directory) => directories.push(PathBuf::from(directory)),
            Long("help") | Short('h') => {
                print!("{USAGE}");
                return Ok(ExitCode::SUCCESS);
            }
            other => return Err(other.unexpected().into()),
        }
    }
    let directories = where_runs_are(directories)?;
    let mut all = Vec::new();
    for directory in &directories {
        all.extend(runs::sweep(directory, Sweep::default().dry_run(dry_run).kept(kept))?);
    }
    if json {
        let all: Vec<_> = all.iter().map(describe).collect();
        println!("{}", json!({ "dry_run": dry_run, "runs": all }));
    } else {
        show(&all, dry_run, &directories);
    }
    let failed = all.iter().any(|swept| matches!(swept.outcome, SweepOutcome::Failed(_)));
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn describe(swept: &Swept) -> serde_json::Value {
    let mut value = of_run(&swept.run);
    let (word, ended) = match &swept.outcome {
        SweepOutcome::Removed { ended } => ("removed", ended.as_slice()),
        SweepOutcome::Ended { ended } => ("ended", ended.as_slice()),
        SweepOutcome::Failed(_) => ("failed", &[][..]),
        _ => ("left", &[][..]),
    };
    value["outcome"] = word.into();
    value["ended"] = json!(ended);
    value["because"] = match &swept.outcome {
        SweepOutcome::Left(because) => because.to_string().into(),
        SweepOutcome::Failed(error) => chain(error).into(),
        _ => serde_json::Value::Null,
    };
    value
}

fn show(all: &[Swept], dry_run: bool, directories: &[PathBuf]) {
    let style = Style::of_stdout();
    for swept in all {
        let text = match &swept.outcome {
            SweepOutcome::Failed(error) => style.bad(&format!("failed: {}", chain(error))),
            outcome @ SweepOutcome::Left(_) => style.dim(&outcome.to_string()),
            outcome if dry_run => format!("would be {outcome}"),
            outcome => style.good(&outcome.to_string()),
        };
        println!("{}: {text}", swept.run.directory.display());
    }
    let left = |swept: &&Swept| matches!(swept.outcome, SweepOutcome::Left(_));
    if all.iter().filter(left).count() == all.len() {
        println!("There is nothing to sweep in {}.", names(directories));
    }
}
