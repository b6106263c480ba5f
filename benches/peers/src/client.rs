//! A client's process: it connects, and has its turn whenever it is told to.

mod leases;
mod requests;
mod watches;

use std::io::{BufRead, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use self::leases::{Keeping, Renewing};
use self::watches::Watching;
use crate::Failure;
use crate::histogram::Histogram;
use crate::link::{Done, Settings, Turn};
use crate::machine;
use crate::peer::{EtcdClient, Peer, Tercet};
use crate::rows::Row;

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
    let mut work = Work::prepare(&peer, settings, &histogram).await?;
    for turn in turns {
        let length = Duration::from_millis(turn?.millis);
        work.before_turn().await?;
        let (began, cpu_began) = (Instant::now(), machine::cpu_time());
        let operations = work.turn(began + length).await?;
        let seconds = began.elapsed().as_secs_f64();
        let cpu_seconds = (machine::cpu_time() - cpu_began).as_secs_f64();
        let (resident_kib, peak_kib) = machine::memory_kib();
        work.after_turn().await?;
        let latencies = histogram.take();
        let done = Done { operations, seconds, cpu_seconds, latencies, resident_kib, peak_kib };
        let mut output = std::io::stdout().lock();
        serde_json::to_writer(&mut output, &done)?;
        output.write_all(b"\n")?;
        output.flush()?;
    }
    Ok(())
}

/// What a client does in its turns.
enum Work<P: Peer> {
    Requests { peer: P, row: Row, histogram: Arc<Histogram> },
    Watching(Watching<P>),
    Renewing(Renewing<P>),
    Keeping(Keeping<P>),
}

impl<P: Peer> Work<P> {
    /// All that is not measured, and is there for all turns.
    async fn prepare(
        peer: &P,
        settings: &Settings,
        histogram: &Arc<Histogram>,
    ) -> Result<Self, Failure> {
        let (peer, row, histogram) = (peer.clone(), settings.row, histogram.clone());
        Ok(match row {
            Row::Put { .. } | Row::Get { .. } | Row::Range => {
                Self::Requests { peer, row, histogram }
            }
            Row::Watch { .. } | Row::WatchByOneReader { .. } => {
                Self::Watching(Watching::begin(peer, &settings.peer, row, histogram).await?)
            }
            Row::Renew { leases, at_a_time } => {
                Self::Renewing(Renewing::begin(peer, leases, at_a_time, histogram).await?)
            }
            Row::Keep { leases } => Self::Keeping(Keeping::new(peer, leases)),
        })
    }

    async fn before_turn(&mut self) -> Result<(), Failure> {
        match self {
            Self::Keeping(keeping) => keeping.begin().await,
            _ => Ok(()),
        }
    }

    /// How many operations it did.
    async fn turn(&mut self, end: Instant) -> Result<u64, Failure> {
        match self {
            Self::Requests { peer, row, histogram } => {
                requests::ask(peer, *row, end, histogram).await
            }
            Self::Watching(watching) => watching.write(end).await,
            Self::Renewing(renewing) => renewing.renew(end).await,
            Self::Keeping(keeping) => keeping.keep(end).await,
        }
    }

    async fn after_turn(&mut self) -> Result<(), Failure> {
        match self {
            Self::Keeping(keeping) => keeping.end().await,
            _ => Ok(()),
        }
    }
}
