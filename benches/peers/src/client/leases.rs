//! Leases, renewed by hand or kept.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::requests::sum;
use crate::Failure;
use crate::histogram::Histogram;
use crate::peer::Peer;
use crate::rows::{KEPT_TTL, PREPARED_AT_A_TIME, RENEWED_TTL};

/// Each is renewed when it is told to, one after the other.
pub(super) struct Renewing<P> {
    peer: P,
    leases: Arc<[i64]>,
    at_a_time: usize,
    histogram: Arc<Histogram>,
}

impl<P: Peer> Renewing<P> {
    pub(super) async fn begin(
        peer: P,
        leases: usize,
        at_a_time: usize,
        histogram: Arc<Histogram>,
    ) -> Result<Self, Failure> {
        let leases = grant(&peer, leases, RENEWED_TTL).await?.into();
        Ok(Self { peer, leases, at_a_time, histogram })
    }

    pub(super) async fn renew(&mut self, end: Instant) -> Result<u64, Failure> {
        let mut keepers = JoinSet::new();
        for keeper in 0..self.at_a_time {
            let (mut peer, leases) = (self.peer.clone(), self.leases.clone());
            let (histogram, step) = (self.histogram.clone(), self.at_a_time);
            keepers.spawn(async move {
                let mut operations = 0;
                for lease in leases.iter().cycle().skip(keeper).step_by(step) {
                    let began = Instant::now();
                    if began >= end {
                        break;
                    }
                    peer.renew(*lease).await?;
                    histogram.add(began.elapsed());
                    operations += 1;
                }
                Ok::<u64, Failure>(operations)
            });
        }
        sum(keepers).await
    }
}

/// All are kept alive for the whole turn; an operation is one second of one lease.
pub(super) struct Keeping<P: Peer> {
    peer: P,
    count: usize,
    leases: Vec<i64>,
    kept: Option<P::Kept>,
}

impl<P: Peer> Keeping<P> {
    pub(super) fn new(peer: P, count: usize) -> Self {
        Self { peer, count, leases: Vec::new(), kept: None }
    }

    pub(super) async fn begin(&mut self) -> Result<(), Failure> {
        self.leases = grant(&self.peer, self.count, KEPT_TTL).await?;
        self.kept = Some(self.peer.keep(self.leases.clone(), KEPT_TTL).await?);
        Ok(())
    }

    pub(super) async fn keep(&mut self, end: Instant) -> Result<u64, Failure> {
        let length = end.saturating_duration_since(Instant::now());
        tokio::time::sleep_until(end.into()).await;
        Ok((self.count as f64 * length.as_secs_f64()) as u64)
    }

    /// They are all still there, and are then gone.
    pub(super) async fn end(&mut self) -> Result<(), Failure> {
        let alive = self.peer.leases().await?;
        if alive < self.count {
            return Err(format!("of {} leases that were kept, {alive} are left", self.count).into());
        }
        self.kept = None;
        revoke(&self.peer, std::mem::take(&mut self.leases)).await
    }
}

async fn grant<P: Peer>(peer: &P, count: usize, ttl: Duration) -> Result<Vec<i64>, Failure> {
    let mut granters = JoinSet::new();
    for granter in 0..PREPARED_AT_A_TIME {
        let mut peer = peer.clone();
        let mine = (granter..count).step_by(PREPARED_AT_A_TIME).len();
        granters.spawn(async move {
            let mut leases = Vec::with_capacity(mine);
            for _ in 0..mine {
                leases.push(peer.grant(ttl).await?);
            }
            Ok::<_, Failure>(leases)
        });
    }
    let mut leases = Vec::with_capacity(count);
    while let Some(granter) = granters.join_next().await {
        leases.extend(granter??);
    }
    Ok(leases)
}

async fn revoke<P: Peer>(peer: &P, leases: Vec<i64>) -> Result<(), Failure> {
    let mut revokers = JoinSet::new();
    for some in leases.chunks(leases.len().div_ceil(PREPARED_AT_A_TIME).max(1)) {
        let (mut peer, some) = (peer.clone(), some.to_vec());
        revokers.spawn(async move {
            for lease in some {
                peer.revoke(lease).await?;
            }
            Ok::<_, Failure>(0)
        });
    }
    sum(revokers).await.map(drop)
}
