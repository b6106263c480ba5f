//! etcd-client 0.21.1, with its own defaults.

use std::sync::Arc;
use std::time::Duration;

use etcd_client::{Certificate, Client, ConnectOptions, GetOptions, Identity, TlsOptions};

use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::Peer;
use crate::Failure;
use crate::link::Settings;
use crate::rows::{PREPARED_AT_A_TIME, Row};
use crate::tally::Tally;

/// What one watch holds for its task.
const EVENTS_HELD: usize = 16;

#[derive(Clone)]
pub(crate) struct EtcdClient(Client);

impl EtcdClient {
    pub(crate) const NAME: &str = "etcd-client";
}

impl Peer for EtcdClient {
    type Kept = JoinSet<()>;

    async fn connect(settings: &Settings) -> Result<Self, Failure> {
        let options = settings.tls.clone().map(|pem| {
            let tls = TlsOptions::new()
                .ca_certificate(Certificate::from_pem(pem.authority))
                .identity(Identity::from_pem(pem.chain, pem.key));
            ConnectOptions::new().with_tls(tls)
        });
        Ok(Self(Client::connect(&settings.endpoints, options).await?))
    }

    async fn put(&mut self, key: Vec<u8>, value: Vec<u8>) -> Result<(), Failure> {
        self.0.put(key, value, None).await?;
        Ok(())
    }

    async fn get(&mut self, key: Vec<u8>, serializable: bool) -> Result<usize, Failure> {
        let options = serializable.then(|| GetOptions::new().with_serializable());
        let answer = self.0.get(key, options).await?;
        Ok(answer.kvs().iter().map(|kv| kv.value().len()).sum())
    }

    async fn range(&mut self, prefix: &'static str) -> Result<usize, Failure> {
        let answer = self.0.get(prefix, Some(GetOptions::new().with_prefix())).await?;
        Ok(answer.kvs().iter().map(|kv| kv.value().len()).sum())
    }

    async fn watch(
        &mut self,
        key: &'static str,
        row: Row,
        tally: Arc<Tally>,
    ) -> Result<(), Failure> {
        let watches = row.watches();
        let mut stream = self.0.watch(key, None).await?;
        for _ in 1..watches {
            stream.watch(key, None).await?;
        }
        let mut created = 0;
        while created < watches {
            let response = stream.message().await?.ok_or("the stream has ended")?;
            created += usize::from(response.created());
        }
        if matches!(row, Row::WatchByOneReader { .. }) {
            tokio::spawn(async move {
                while let Ok(Some(response)) = stream.message().await {
                    tally.came(response.events().len());
                }
            });
            return Ok(());
        }
        // The numbers are given from 0 on, in the order of creation.
        let mut watchers = Vec::with_capacity(watches);
        for _ in 0..watches {
            let (sender, mut receiver) = tokio::sync::mpsc::channel(EVENTS_HELD);
            watchers.push(sender);
            let tally = tally.clone();
            tokio::spawn(async move {
                while let Some(response) = receiver.recv().await {
                    let response: etcd_client::WatchResponse = response;
                    tally.came(response.events().len());
                }
            });
        }
        tokio::spawn(async move {
            while let Ok(Some(response)) = stream.message().await {
                let watcher = usize::try_from(response.watch_id()).ok();
                let Some(watcher) = watcher.and_then(|watcher| watchers.get(watcher)) else {
                    continue;
                };
                if watcher.send(response).await.is_err() {
                    return;
                }
            }
        });
        Ok(())
    }

    async fn grant(&mut self, ttl: Duration) -> Result<i64, Failure> {
        let seconds = i64::try_from(ttl.as_secs())?;
        Ok(self.0.lease_grant(seconds, None).await?.id())
    }

    async fn renew(&mut self, lease: i64) -> Result<(), Failure> {
        // It waits for the first answer.
        self.0.lease_keep_alive(lease).await?;
        Ok(())
    }

    async fn revoke(&mut self, lease: i64) -> Result<(), Failure> {
        self.0.lease_revoke(lease).await?;
        Ok(())
    }

    async fn leases(&mut self) -> Result<usize, Failure> {
        Ok(self.0.leases().await?.leases().len())
    }

    /// A stream for each lease, held open, would be the other way; more than 250 on a connection are
    /// refused by etcd before 3.5.5.
    async fn keep(&mut self, leases: Vec<i64>, ttl: Duration) -> Result<JoinSet<()>, Failure> {
        let mut keepers = JoinSet::new();
        let share = leases.len().div_ceil(PREPARED_AT_A_TIME);
        for some in leases.chunks(share) {
            let (mut peer, some) = (self.clone(), some.to_vec());
            keepers.spawn(async move {
                let mut ticks = tokio::time::interval(ttl / 3);
                ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
                loop {
                    ticks.tick().await;
                    for lease in some.iter().copied() {
                        if let Err(error) = peer.renew(lease).await {
                            eprintln!("lease {lease:x} was not renewed: {error}");
                        }
                    }
                }
            });
        }
        Ok(keepers)
    }
}
