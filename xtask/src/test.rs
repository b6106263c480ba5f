//! `cargo xtask test`: all tests, on every etcd that can be had here.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use lexopt::prelude::*;
use tercet_cluster::binary::{Binary, LocateError, Locator, Request, Source};

use crate::Failure;
use crate::up::which;

const USAGE: &str = "\
Runs all tests of the workspace, and those that run a fleet once for each etcd.

Usage: cargo xtask test [--etcd VERSION|PATH]... [-- ARGUMENTS OF cargo test]

  --etcd VERSION|PATH   only these; by default the default etcd, and what pip and apt have
";

pub(crate) fn run(mut arguments: lexopt::Parser) -> Result<ExitCode, Failure> {
    let mut asked = Vec::new();
    let mut passed_on = Vec::new();
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("etcd") => asked.push(which(&arguments.value()?.string()?)),
            Short('h') | Long("help") => {
                print!("{USAGE}");
                return Ok(ExitCode::SUCCESS);
            }
            Value(value) => {
                passed_on.push(value);
                passed_on.extend(arguments.raw_args()?);
            }
            other => return Err(other.unexpected().into()),
        }
    }
    let locator = Locator::from_env();
    let etcds = if asked.is_empty() { all(&locator)? } else { these(&locator, &asked)? };
    println!("etcd to test on:");
    for etcd in &etcds {
        println!("  {} {} ({})", etcd.version(), etcd.path().display(), etcd.origin());
    }
    for (index, etcd) in etcds.iter().enumerate() {
        // What runs no fleet is the same on every etcd.
        let scope: &[&str] =
            if index == 0 { &["--workspace"] } else { &["--package", "tercet-tests"] };
        println!("\n== etcd {}: cargo test {}", etcd.version(), scope.join(" "));
        #[expect(clippy::disallowed_methods, reason = "cargo, in the foreground, waited for")]
        let status = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .arg("test")
            .args(scope)
            .args(&passed_on)
            .env("TERCET_ETCD", etcd.path())
            .status()?;
        if !status.success() {
            eprintln!("error: the tests failed on etcd {}", etcd.version());
            return Ok(ExitCode::FAILURE);
        }
    }
    let versions: Vec<_> = etcds.iter().map(|etcd| etcd.version().to_string()).collect();
    println!("\nall tests passed on etcd {}", versions.join(", "));
    Ok(ExitCode::SUCCESS)
}

/// The default, then what each other source has. A source that has none is said, and no error: the
/// default is enough to test on.
fn all(locator: &Locator) -> Result<Vec<Binary>, LocateError> {
    let mut found = vec![locator.locate(&Request::Default)?];
    for source in [Source::Pip, Source::Apt] {
        match locator.fetch(None, Some(source)) {
            Ok(etcd) => found.push(etcd),
            Err(error) => println!("not tested: etcd from {source}: {}", crate::chain(&error)),
        }
    }
    let mut seen: Vec<PathBuf> = Vec::new();
    found.retain(|etcd| {
        let path = real(etcd.path());
        let new = !seen.contains(&path);
        seen.push(path);
        new
    });
    Ok(found)
}

fn these(locator: &Locator, asked: &[Request]) -> Result<Vec<Binary>, LocateError> {
    asked.iter().map(|request| locator.locate(request)).collect()
}

fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}
