//! All rows, all clients, in turns.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use crate::link::{CLIENT, Done, Settings, Turn};
use crate::options::Options;
use crate::peer::{EtcdClient, Tercet};
use crate::report::{self, Measured};
use crate::rows::{KEPT_TTL, Row};
use crate::{Failure, fleet, machine};

/// Ours first: the ratios are ours to theirs.
const PEERS: [&str; 2] = [Tercet::NAME, EtcdClient::NAME];

pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let runtime = tokio::runtime::Runtime::new()?;
    let before = machine::describe();
    let (cluster, etcd) = runtime.block_on(fleet::start(options))?;
    let leader = runtime
        .block_on(async { cluster.leader().await.map(|leader| leader.name().to_owned()) })?;
    let mut endpoints = cluster.endpoints();
    endpoints.truncate(options.endpoints.unwrap_or(endpoints.len()));
    let peers =
        PEERS.iter().filter(|peer| options.only.as_deref().is_none_or(|only| only == **peer));
    let peers: Vec<_> = peers.copied().collect();
    if peers.is_empty() {
        return Err(format!("--only knows {}", PEERS.join(" and ")).into());
    }
    let mut measured = Vec::new();
    for row in &options.rows {
        eprintln!("{} …", row.name());
        let mut processes = peers
            .iter()
            .map(|peer| {
                Process::start(
                    options,
                    &Settings {
                        peer: (*peer).to_owned(),
                        row: *row,
                        threads: options.threads,
                        endpoints: endpoints.clone(),
                        tls: fleet::pem(&cluster, options),
                    },
                )
            })
            .collect::<Result<Vec<_>, _>>()?;
        let mut turns = vec![Vec::new(); processes.len()];
        // The first is for connections, caches and the allocator.
        let (warm_ups, rounds, length) = schedule(options, *row);
        for round in 0..warm_ups + rounds {
            for (process, turns) in processes.iter_mut().zip(&mut turns) {
                let done = process.turn(length)?;
                if round >= warm_ups {
                    turns.push(done);
                }
            }
        }
        for process in processes {
            process.end()?;
        }
        for (peer, turns) in peers.iter().zip(turns) {
            measured.push(Measured::of(*row, peer, turns));
        }
    }
    let run = report::Run {
        machine: before,
        load_after: machine::load(),
        etcd: etcd.version().to_string(),
        leader,
        tls: !options.plaintext,
        endpoints: endpoints.len(),
        threads: options.threads,
        fsync: options.fsync,
        rounds: options.rounds,
        turn_seconds: options.turn.as_secs_f64(),
        measured,
    };
    if options.json {
        report::json(&run)?
    } else {
        report::table(&run)
    }
    Ok(())
}

/// How many turns there are that are not counted, how many that are, and how long each is.
fn schedule(options: &Options, row: Row) -> (usize, usize, Duration) {
    match row {
        // Each lease is renewed twice in a turn. Every turn begins with granting them, which is not
        // counted and warms up enough.
        Row::Keep { .. } => (0, options.rounds.min(KEEPING_ROUNDS), KEPT_TTL * 2 / 3),
        _ => (1, options.rounds, options.turn),
    }
}

/// Of turns that are seconds long.
const KEEPING_ROUNDS: usize = 3;

/// A client's process.
struct Process {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    name: String,
}

impl Process {
    fn start(options: &Options, settings: &Settings) -> Result<Self, Failure> {
        let program = std::env::current_exe()?;
        let mut command = match options.wrap.split_first() {
            Some((wrap, arguments)) => {
                let mut command = Command::new(wrap);
                command.args(arguments).arg(program);
                command
            }
            None => Command::new(program),
        };
        let mut child = command.arg(CLIENT).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (Some(mut input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("a client without pipes".into());
        };
        serde_json::to_writer(&mut input, settings)?;
        input.write_all(b"\n")?;
        let name = format!("{} in {}", settings.peer, settings.row.name());
        Ok(Self { child, input, output: BufReader::new(output), name })
    }

    fn turn(&mut self, length: Duration) -> Result<Done, Failure> {
        let millis = u64::try_from(length.as_millis())?;
        serde_json::to_writer(&mut self.input, &Turn { millis })?;
        self.input.write_all(b"\n")?;
        let mut line = String::new();
        if self.output.read_line(&mut line)? == 0 {
            return Err(format!("{} gave up: {}", self.name, self.child.wait()?).into());
        }
        Ok(serde_json::from_str(&line)?)
    }

    /// It ends when it is told nothing more.
    fn end(mut self) -> Result<(), Failure> {
        drop(self.input);
        let status = self.child.wait()?;
        if status.success() { Ok(()) } else { Err(format!("{}: {status}", self.name).into()) }
    }
}
