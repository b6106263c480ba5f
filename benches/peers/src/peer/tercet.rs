//! Ours.

use tercet_client::{Client, Config, Range, Tls};

use super::Peer;
use crate::Failure;
use crate::link::Settings;

#[derive(Debug, Clone)]
pub(crate) struct Tercet(Client);

impl Tercet {
    pub(crate) const NAME: &str = "tercet-client";
}

impl Peer for Tercet {
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
}
