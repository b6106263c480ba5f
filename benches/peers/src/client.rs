//! A client's process: it connects, and has its turn whenever it is told to.

use std::io::{BufRead, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use crate::Failure;
use crate::histogram::Histogram;
use crate::link::{Done, Settings, Turn};
use crate::machine;
use crate::peer::{EtcdClient, Peer, Tercet};
use crate::rows::{self, Row};

pub(crate) fn run() -> Result<(), Failure> {
    let mut lines = std::io::stdin().lock().lines();
    let settings = lines.next().ok_or("nobody said what to do")??;
    let settings: Settings = serde_json::from_str(&settings)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(settings.threads)
        .enable_all()
        .build()?;
    let turns = lines.map(|line| Ok(serde_json::from_str(&line?)?));
    match settings.peer.as_str() {
        Tercet::NAME => runtime.block_on(turns_of::<Tercet>(&settings, turns)),
        EtcdClient::NAME => runtime.block_on(turns_of::<EtcdClient>(&settings, turns)),
        other => Err(format!("there is no client {other}").into()),
    }
}

async fn turns_of<P: Peer>(
    settings: &Settings,
    turns: impl Iterator<Item = Result<Turn, Failure>>,
) -> Result<(), Failure> {
    let peer = P::connect(settings).await?;
    let histogram = Arc::new(Histogram::new());
    for turn in turns {
        let length = Duration::from_millis(turn?.millis);
        let (began, cpu_began) = (Instant::now(), machine::cpu_time());
        let operations = requests(&peer, settings.row, began + length, &histogram).await?;
        let seconds = began.elapsed().as_secs_f64();
        let cpu_seconds = (machine::cpu_time() - cpu_began).as_secs_f64();
        let (resident_kib, peak_kib) = machine::memory_kib();
        let latencies = histogram.take();
        let done = Done { operations, seconds, cpu_seconds, latencies, resident_kib, peak_kib };
        let mut output = std::io::stdout().lock();
        serde_json::to_writer(&mut output, &done)?;
        output.write_all(b"\n")?;
        output.flush()?;
    }
    Ok(())
}

/// Asks, as many times at once as the row says, until the time is up.
async fn requests<P: Peer>(
    peer: &P,
    row: Row,
    end: Instant,
    histogram: &Arc<Histogram>,
) -> Result<u64, Failure> {
    let mut askers = JoinSet::new();
    for asker in 0..row.at_a_time() {
        let (mut peer, histogram) = (peer.clone(), histogram.clone());
        askers.spawn(async move {
            // Far from each other's keys, and the same ones for every client.
            let mut number = asker * 37;
            let mut operations = 0;
            while Instant::now() < end {
                let began = Instant::now();
                once(&mut peer, row, number).await?;
                histogram.add(began.elapsed());
                number += 1;
                operations += 1;
            }
            Ok::<u64, Failure>(operations)
        });
    }
    let mut operations = 0;
    while let Some(asker) = askers.join_next().await {
        operations += asker??;
    }
    Ok(operations)
}

async fn once<P: Peer>(peer: &mut P, row: Row, number: usize) -> Result<(), Failure> {
    let (read, expected) = match row {
        Row::Put { .. } => return peer.put(rows::key(number), rows::value()).await,
        Row::Get { serializable, .. } => {
            (peer.get(rows::key(number), serializable).await?, rows::VALUE_BYTES)
        }
        Row::Range => (peer.range(rows::RANGE_PREFIX).await?, rows::VALUE_BYTES * rows::RANGE_KEYS),
    };
    if read != expected {
        return Err(format!("{} gave {read} bytes of {expected}", row.name()).into());
    }
    Ok(())
}
