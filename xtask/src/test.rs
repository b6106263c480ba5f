//! `cargo xtask test`: all tests, on every etcd that can be had here.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use lexopt::prelude::*;
use tercet_cluster::binary::{Binary, LocateError, Locator, Request, Source, Version};

use crate::Failure;
use crate::up::which;

const USAGE: &str = "\
Runs all tests of the workspace, and those that run a fleet once for each etcd.

Usage: cargo xtask test [--etcd VERSION|PATH]... [--require VERSION]... [-- ARGUMENTS OF cargo test]

  --etcd VERSION|PATH   only these; by default the default etcd, and what pip and apt have
  --require VERSION     it is a failure when this version is not among those tested
";

/// What the command was asked to do.
#[derive(Debug, Default)]
struct Options {
    asked: Vec<Request>,
    required: Vec<Version>,
    passed_on: Vec<OsString>,
}

pub(crate) fn run(arguments: lexopt::Parser) -> Result<ExitCode, Failure> {
    let Some(options) = Options::parse(arguments)? else {
        print!("{USAGE}");
        return Ok(ExitCode::SUCCESS);
    };
    let locator = Locator::from_env();
    let (etcds, not_had) = match options.asked.is_empty() {
        true => all(&locator)?,
        false => (these(&locator, &options.asked)?, Vec::new()),
    };
    println!("etcd to test on:");
    for etcd in &etcds {
        println!("  {} {} ({})", etcd.version(), etcd.path().display(), etcd.origin());
    }
    let versions: Vec<_> = etcds.iter().map(Binary::version).collect();
    // Before the tests, which take minutes: it is known by now.
    if let Some(complaint) = missing(&options.required, &versions) {
        print!("{}", summary("tested on", &[], &not_had));
        return Err(complaint.into());
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
            .args(&options.passed_on)
            .env("TERCET_ETCD", etcd.path())
            // Tests that loop over versions have their loop here.
            .env("TERCET_TEST_ALONE", "1")
            .status()?;
        if !status.success() {
            print!("\n{}", summary("passed on", &versions[..index], &not_had));
            eprintln!("error: the tests failed on etcd {}", etcd.version());
            return Ok(ExitCode::FAILURE);
        }
    }
    print!("\n{}", summary("all tests passed on", &versions, &not_had));
    Ok(ExitCode::SUCCESS)
}

impl Options {
    /// Nothing when only help was asked for.
    fn parse(mut arguments: lexopt::Parser) -> Result<Option<Self>, Failure> {
        let mut options = Self::default();
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("etcd") => options.asked.push(which(&arguments.value()?.string()?)?),
                Long("require") => options.required.push(arguments.value()?.string()?.parse()?),
                Short('h') | Long("help") => return Ok(None),
                Value(value) => {
                    options.passed_on.push(value);
                    options.passed_on.extend(arguments.raw_args()?);
                }
                other => return Err(other.unexpected().into()),
            }
        }
        Ok(Some(options))
    }
}

/// What to say of the required versions that are not among the tested.
fn missing(required: &[Version], tested: &[Version]) -> Option<String> {
    let missing: Vec<_> = required.iter().filter(|version| !tested.contains(version)).collect();
    (!missing.is_empty()).then(|| {
        format!("required, but not among the etcds that can be tested on: {}", list(missing))
    })
}

/// What was tested, and what was not, in two lines at most.
fn summary(words: &str, tested: &[Version], not_had: &[Source]) -> String {
    let versions = if tested.is_empty() { "none".to_owned() } else { list(tested) };
    let mut text = format!("{words} etcd: {versions}\n");
    if !not_had.is_empty() {
        text += &format!("not available, so not tested: etcd from {}\n", list(not_had));
    }
    text
}

fn list<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(", ")
}

/// The default, then what each other source has. A source that has none is said, and no error: the
/// default is enough to test on.
fn all(locator: &Locator) -> Result<(Vec<Binary>, Vec<Source>), LocateError> {
    let mut not_had = Vec::new();
    let mut found = vec![locator.locate(&Request::Default)?];
    for source in [Source::Pip, Source::Apt] {
        match locator.fetch(None, Some(source)) {
            Ok(etcd) => found.push(etcd),
            Err(error) => {
                println!("not tested: etcd from {source}: {}", crate::chain(&error));
                not_had.push(source);
            }
        }
    }
    let mut seen: Vec<PathBuf> = Vec::new();
    found.retain(|etcd| {
        let path = real(etcd.path());
        let new = !seen.contains(&path);
        seen.push(path);
        new
    });
    Ok((found, not_had))
}

fn these(locator: &Locator, asked: &[Request]) -> Result<Vec<Binary>, LocateError> {
    asked.iter().map(|request| locator.locate(request)).collect()
}

fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        text.parse().unwrap()
    }

    #[test]
    fn what_is_required_and_not_tested_is_named() {
        let tested = [version("3.5.1"), version("3.4.23")];
        assert_eq!(missing(&[], &tested), None);
        assert_eq!(missing(&[version("v3.4.23"), version("3.5.1")], &tested), None);
        let required = [version("3.5.1"), version("3.6.14"), version("3.4.24")];
        assert_eq!(
            missing(&required, &tested).unwrap(),
            "required, but not among the etcds that can be tested on: 3.6.14, 3.4.24"
        );
    }

    #[test]
    fn the_end_says_what_was_tested_and_what_was_not() {
        let tested = [version("3.5.1"), version("3.4.23")];
        let all = summary("all tests passed on", &tested, &[]);
        assert_eq!(all, "all tests passed on etcd: 3.5.1, 3.4.23\n");
        assert_eq!(
            summary("passed on", &[], &[Source::Pip, Source::Apt]),
            "passed on etcd: none\nnot available, so not tested: etcd from pip, apt\n"
        );
    }

    #[test]
    fn arguments_are_read() {
        let parse = |arguments: &[&str]| Options::parse(lexopt::Parser::from_args(arguments));
        let options = parse(&["--require", "3.5.1", "--require=3.4.23", "--", "--nocapture"]);
        let options = options.unwrap().unwrap();
        assert_eq!(options.required, [version("3.5.1"), version("3.4.23")]);
        assert_eq!(options.passed_on, ["--nocapture"]);
        assert!(options.asked.is_empty());
        let options = parse(&["--etcd", "3.5.1"]).unwrap().unwrap();
        assert_eq!(options.asked, [Request::Version(version("3.5.1"))]);
        assert!(parse(&["--require", "3.5"]).is_err());
    }
}
