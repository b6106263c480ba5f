//! What came out, for people and for programs.

use serde::Serialize;

use crate::Failure;
use crate::histogram;
use crate::link::Done;
use crate::rows::Row;

/// Everything about one run.
#[derive(Debug, Serialize)]
pub(crate) struct Run {
    pub(crate) machine: String,
    pub(crate) load_after: String,
    pub(crate) etcd: String,
    pub(crate) leader: String,
    pub(crate) tls: bool,
    pub(crate) endpoints: usize,
    pub(crate) threads: usize,
    pub(crate) fsync: bool,
    pub(crate) rounds: usize,
    pub(crate) turn_seconds: f64,
    pub(crate) measured: Vec<Measured>,
}

/// One client in one row.
#[derive(Debug, Serialize)]
pub(crate) struct Measured {
    pub(crate) row: String,
    pub(crate) client: String,
    /// The median of the turns, as is the CPU time.
    pub(crate) per_second: f64,
    pub(crate) per_second_least: f64,
    pub(crate) per_second_most: f64,
    pub(crate) p50_micros: f64,
    pub(crate) p99_micros: f64,
    pub(crate) cpu_micros: f64,
    pub(crate) resident_mib: f64,
    pub(crate) peak_mib: f64,
}

impl Measured {
    pub(crate) fn of(row: Row, client: &str, turns: Vec<Done>) -> Self {
        let per_second = sorted(turns.iter().map(|turn| turn.operations as f64 / turn.seconds));
        let cpu =
            sorted(turns.iter().map(|turn| turn.cpu_seconds * 1e6 / turn.operations.max(1) as f64));
        let latencies: Vec<_> = turns.iter().map(|turn| turn.latencies.as_slice()).collect();
        let mib = |kib: Option<u64>| kib.unwrap_or(0) as f64 / 1024.0;
        Self {
            row: row.name(),
            client: client.to_owned(),
            per_second: median(&per_second),
            per_second_least: per_second.first().copied().unwrap_or(0.0),
            per_second_most: per_second.last().copied().unwrap_or(0.0),
            p50_micros: histogram::micros_below(0.5, &latencies),
            p99_micros: histogram::micros_below(0.99, &latencies),
            cpu_micros: median(&cpu),
            resident_mib: mib(turns.last().map(|turn| turn.resident_kib)),
            peak_mib: mib(turns.iter().map(|turn| turn.peak_kib).max()),
        }
    }
}

pub(crate) fn json(run: &Run) -> Result<(), Failure> {
    println!("{}", serde_json::to_string_pretty(run)?);
    Ok(())
}

pub(crate) fn table(run: &Run) {
    println!("{}; {} afterwards", run.machine, run.load_after);
    println!(
        "etcd {}, 3 members, {}, leader {}, {} given; {} turns of {} s each, {} threads",
        run.etcd,
        if run.tls { "mutual TLS" } else { "plaintext" },
        run.leader,
        match run.endpoints {
            1 => "one".to_owned(),
            more => more.to_string(),
        },
        run.rounds,
        run.turn_seconds,
        run.threads
    );
    println!(
        "fsync {}; the members share the processors with the client; CPU is the client's alone",
        if run.fsync { "on" } else { "off" }
    );
    println!();
    println!(
        "{:<33}{:<15}{:>10}{:>10}{:>10}{:>9}{:>9}{:>9}",
        "", "", "per s", "p50 µs", "p99 µs", "CPU µs", "RSS MiB", "peak MiB"
    );
    let mut measured = run.measured.iter().peekable();
    while let Some(first) = measured.next() {
        line(&first.row, first);
        let Some(second) = measured.next_if(|second| second.row == first.row) else { continue };
        line("", second);
        let ratio = |of: fn(&Measured) -> f64| format!("{:.2}x", of(first) / of(second));
        println!(
            "{:<33}{:<15}{:>10}{:>10}{:>10}{:>9}{:>9}{:>9}",
            "",
            "",
            ratio(|measured| measured.per_second),
            ratio(|measured| measured.p50_micros),
            ratio(|measured| measured.p99_micros),
            ratio(|measured| measured.cpu_micros),
            ratio(|measured| measured.resident_mib),
            ratio(|measured| measured.peak_mib),
        );
    }
}

fn line(row: &str, measured: &Measured) {
    println!(
        "{row:<33}{:<15}{:>10.0}{:>10.0}{:>10.0}{:>9.1}{:>9.1}{:>9.1}",
        measured.client,
        measured.per_second,
        measured.p50_micros,
        measured.p99_micros,
        measured.cpu_micros,
        measured.resident_mib,
        measured.peak_mib
    );
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<_> = values.collect();
    values.sort_by(f64::total_cmp);
    values
}

fn median(sorted: &[f64]) -> f64 {
    sorted.get(sorted.len() / 2).copied().unwrap_or(0.0)
}
