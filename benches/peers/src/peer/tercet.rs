//! Ours.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{Stream, StreamExt as _};
use tercet_client::{Client, Config, Lease, Range, Tls, WatchResponse};
use tokio::task::JoinSet;

use super::Peer;
use crate::Failure;
use crate::link::Settings;
use crate::rows::{PREPARED_AT_A_TIME, Row};
use crate::tally::Tally;

#[derive(Debug, Clone)]
pub(crate) struct Tercet(Client);

impl Tercet {
    pub(crate) const NAME: &str = "tercet-client";
}

impl Peer for Tercet {
    type Kept = Vec<Lease>;

    async fn connect(settings: &Settings) -> Result<Self, Failure> {
        let mut config = Config::new(settings.endpoints.clone());
        if let Some(pem) = settings.tls.clone() {
            config = config.tls(Tls::mutual(pem.authority, pem.chain, pem.key)?);
        }
        Ok(Self(Client::connect(config).await?))
    }

    async fn put(&mut self, key: Vec<u8>, value: Vec<u8>) -> Result<(), Failure> {
        self.0.put(key, value).await?;
        Ok(())
    }

    async fn get(&mut self, key: Vec<u8>, serializable: bool) -> Result<usize, Failure> {
        let range = Range::key(key);
        let range = if serializable { range.serializable() } else { range };
        let answer = self.0.range(range).await?;
        Ok(answer.kvs().iter().map(|kv| kv.value().len()).sum())
    }

    async fn range(&mut self, prefix: &'static str) -> Result<usize, Failure> {
        let answer = self.0.range(Range::prefix(prefix)).await?;
        Ok(answer.kvs().iter().map(|kv| kv.value().len()).sum())
    }

    async fn watch(
        &mut self,
        key: &'static str,
        row: Row,
        tally: Arc<Tally>,
    ) -> Result<(), Failure> {
        let mut watchers = Vec::with_capacity(row.watches());
        for _ in 0..row.watches() {
            watchers.push(self.0.watch(key).await?);
        }
        if matches!(row, Row::WatchByOneReader { .. }) {
            tokio::spawn(read(futures_util::stream::select_all(watchers), tally));
            return Ok(());
        }
        for watcher in watchers {
            tokio::spawn(read(watcher, tally.clone()));
        }
        Ok(())
    }

    async fn grant(&mut self, ttl: Duration) -> Result<i64, Failure> {
        Ok(self.0.lease_grant(ttl).await?.id().into())
    }

    async fn renew(&mut self, lease: i64) -> Result<(), Failure> {
        self.0.lease_keep_alive_once(lease).await?;
        Ok(())
    }

    async fn revoke(&mut self, lease: i64) -> Result<(), Failure> {
        self.0.lease_revoke(lease).await?;
        Ok(())
    }

    async fn leases(&mut self) -> Result<usize, Failure> {
        Ok(self.0.leases().await?.len())
    }

    async fn keep(&mut self, leases: Vec<i64>, _: Duration) -> Result<Vec<Lease>, Failure> {
        let mut kept = Vec::with_capacity(leases.len());
        for some in leases.chunks(PREPARED_AT_A_TIME) {
            let mut keepers = JoinSet::new();
            for lease in some.iter().copied() {
                let client = self.0.clone();
                keepers.spawn(async move { client.keep_alive(lease).await });
            }
            while let Some(lease) = keepers.join_next().await {
                kept.push(lease??);
            }
        }
        Ok(kept)
    }
}

async fn read(
    mut events: impl Stream<Item = tercet_client::Result<WatchResponse>> + Unpin,
    tally: Arc<Tally>,
) {
    while let Some(Ok(change)) = events.next().await {
        tally.came(change.events().len());
    }
}
