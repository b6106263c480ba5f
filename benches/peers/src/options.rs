//! What to compare, and for how long.

use std::path::PathBuf;
use std::time::Duration;

use lexopt::prelude::*;

use crate::Failure;
use crate::rows::Row;

pub(crate) const USAGE: &str = "\
Compares clients, in turns, on one fleet of three members.

  --etcd PATH       this etcd (the default one)
  --quick           short rounds, and few: only to see that it runs
  --rounds N        how often each client has its turn in each row (7)
  --millis N        how long a turn is (1000)
  --row WORDS       only rows with these words in their name; may be repeated
  --plaintext       without TLS; it is mutual otherwise
  --endpoints N     give the clients only the first N members
  --threads N       worker threads of a client's runtime (as many as there are processors)
  --fsync           the members write to the disk for good before they answer
  --only CLIENT     only tercet-client or etcd-client, for a profile
  --wrap COMMAND    run each client below this, such as 'perf record -g -o FILE'
  --json            JSON in place of the table
";

#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) etcd: Option<PathBuf>,
    pub(crate) rounds: usize,
    pub(crate) turn: Duration,
    pub(crate) rows: Vec<Row>,
    pub(crate) plaintext: bool,
    pub(crate) endpoints: Option<usize>,
    pub(crate) threads: usize,
    pub(crate) fsync: bool,
    pub(crate) only: Option<String>,
    pub(crate) wrap: Vec<String>,
    pub(crate) json: bool,
}

impl Options {
    /// Nothing when only help was asked for.
    pub(crate) fn parse() -> Result<Option<Self>, Failure> {
        let mut options = Self {
            etcd: None,
            rounds: 7,
            turn: Duration::from_secs(1),
            rows: Row::ALL.to_vec(),
            plaintext: false,
            endpoints: None,
            threads: std::thread::available_parallelism()?.get(),
            fsync: false,
            only: None,
            wrap: Vec::new(),
            json: false,
        };
        let mut words = Vec::new();
        let mut arguments = lexopt::Parser::from_env();
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("etcd") => options.etcd = Some(arguments.value()?.into()),
                Long("quick") => {
                    options.rounds = 2;
                    options.turn = Duration::from_millis(200);
                }
                Long("rounds") => options.rounds = arguments.value()?.parse()?,
                Long("millis") => {
                    options.turn = Duration::from_millis(arguments.value()?.parse()?);
                }
                Long("row") => words.push(arguments.value()?.string()?),
                Long("plaintext") => options.plaintext = true,
                Long("endpoints") => options.endpoints = Some(arguments.value()?.parse()?),
                Long("threads") => options.threads = arguments.value()?.parse()?,
                Long("fsync") => options.fsync = true,
                Long("only") => options.only = Some(arguments.value()?.string()?),
                Long("wrap") => {
                    let command = arguments.value()?.string()?;
                    options.wrap = command.split_whitespace().map(str::to_owned).collect();
                }
                Long("json") => options.json = true,
                Short('h') | Long("help") => return Ok(None),
                other => return Err(other.unexpected().into()),
            }
        }
        if !words.is_empty() {
            let named = |row: &Row| words.iter().any(|words| row.name().contains(words));
            options.rows.retain(named);
        }
        if options.rows.is_empty() {
            let names: Vec<_> = Row::ALL.iter().map(|row| row.name()).collect();
            return Err(format!("no such row; there are: {}", names.join("; ")).into());
        }
        if options.rounds == 0 || options.turn.is_zero() || options.threads == 0 {
            return Err("rounds, turns and threads of zero measure nothing".into());
        }
        Ok(Some(options))
    }
}
