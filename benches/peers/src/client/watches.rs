//! One who writes, and many who are told.

use std::sync::Arc;
use std::time::Instant;

use crate::Failure;
use crate::histogram::Histogram;
use crate::peer::{Peer, Tercet};
use crate::rows::{self, Row};
use crate::tally::Tally;

pub(super) struct Watching<P> {
    peer: P,
    key: &'static str,
    watches: usize,
    tally: Arc<Tally>,
}

impl<P: Peer> Watching<P> {
    pub(super) async fn begin(
        mut peer: P,
        name: &str,
        row: Row,
        histogram: Arc<Histogram>,
    ) -> Result<Self, Failure> {
        let watches = row.watches();
        // A client is not told of the other's turns.
        let key = if name == Tercet::NAME { "bench/watch/ours" } else { "bench/watch/theirs" };
        let tally = Tally::new(watches, histogram);
        peer.watch(key, row, tally.clone()).await?;
        Ok(Self { peer, key, watches, tally })
    }

    /// Writes, and again when all have it.
    pub(super) async fn write(&mut self, end: Instant) -> Result<u64, Failure> {
        let mut events = 0;
        while Instant::now() < end {
            self.tally.begin();
            self.peer.put(self.key.into(), rows::value()).await?;
            self.tally.all_came().await?;
            events += self.watches as u64;
        }
        Ok(events)
    }
}
