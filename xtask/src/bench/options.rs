//! What to measure.

use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::prelude::*;
use tercet_cluster::binary::{Locator, Request};

use crate::Failure;
use crate::up::which;

pub(super) const USAGE: &str = "\
Measures. Without --peers: the criterion benchmarks of `benches`.

Usage: cargo xtask bench [OPTIONS] [-- ARGUMENTS]

  --peers                the client beside etcd-client, in turns, on one fleet
  --etcd VERSION|PATH    on this etcd (the default one)
  --quick                only as long as it takes to see that it runs
  -- ARGUMENTS           for the program that measures; with --peers: -- --help lists them
";

#[derive(Debug, Default)]
pub(super) struct Options {
    pub(super) peers: bool,
    pub(super) quick: bool,
    pub(super) passed_on: Vec<OsString>,
    etcd: Option<Request>,
}

impl Options {
    /// Nothing when only help was asked for.
    pub(super) fn parse(mut arguments: lexopt::Parser) -> Result<Option<Self>, Failure> {
        let mut options = Self::default();
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("peers") => options.peers = true,
                Long("quick") => options.quick = true,
                Long("etcd") => options.etcd = Some(which(&arguments.value()?.string()?)?),
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

    /// Where the etcd is that was asked for; nothing for the default one.
    pub(super) fn etcd_path(&self) -> Result<Option<PathBuf>, Failure> {
        let Some(request) = &self.etcd else { return Ok(None) };
        Ok(Some(Locator::from_env().locate(request)?.path().to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_read() {
        let parse = |arguments: &[&str]| Options::parse(lexopt::Parser::from_args(arguments));
        let options = parse(&["--peers", "--quick", "--", "--json", "--row", "put"]);
        let options = options.unwrap().unwrap();
        assert!(options.peers && options.quick);
        assert_eq!(options.passed_on, ["--json", "--row", "put"]);
        assert!(!parse(&[]).unwrap().unwrap().peers);
        assert!(parse(&["--help"]).unwrap().is_none());
        assert!(parse(&["--pears"]).is_err());
        assert!(parse(&["--etcd", "3.5"]).is_err());
    }
}
