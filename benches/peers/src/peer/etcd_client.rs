//! etcd-client 0.21.1, with its own defaults.

use etcd_client::{Certificate, Client, ConnectOptions, GetOptions, Identity, TlsOptions};

use super::Peer;
use crate::Failure;
use crate::link::Settings;

#[derive(Clone)]
pub(crate) struct EtcdClient(Client);

impl EtcdClient {
    pub(crate) const NAME: &str = "etcd-client";
}

impl Peer for EtcdClient {
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
}
