//! Requests, as many at once as the row says.

use std::sync::Arc;
use std::time::Instant;

use tokio::task::JoinSet;

use crate::Failure;
use crate::histogram::Histogram;
use crate::peer::Peer;
use crate::rows::{self, Row};

/// Asks until the time is up.
pub(super) async fn ask<P: Peer>(
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
    sum(askers).await
}

/// What they did in all.
pub(super) async fn sum(mut askers: JoinSet<Result<u64, Failure>>) -> Result<u64, Failure> {
    let mut operations = 0;
    while let Some(asker) = askers.join_next().await {
        operations += asker??;
    }
    Ok(operations)
}

async fn once<P: Peer>(peer: &mut P, row: Row, number: usize) -> Result<(), Failure> {
    let (read, expected) = match row {
        Row::Get { serializable, .. } => {
            (peer.get(rows::key(number), serializable).await?, rows::VALUE_BYTES)
        }
        Row::Range => (peer.range(rows::RANGE_PREFIX).await?, rows::VALUE_BYTES * rows::RANGE_KEYS),
        _ => return peer.put(rows::key(number), rows::value()).await,
    };
    if read != expected {
        return Err(format!("{} gave {read} bytes of {expected}", row.name()).into());
    }
    Ok(())
}
