//! The fleet that both clients ask.

use tercet_client::{Client, Config, Tls};
use tercet_cluster::binary::{Binary, Locator, Request};
use tercet_cluster::{Cluster, Security, Spec, Timing};

use crate::Failure;
use crate::link::Pem;
use crate::options::Options;
use crate::rows;

/// Enough to have all keys in place in a moment.
const SEEDED_AT_A_TIME: usize = 64;

/// Three members, with the keys that are read in place.
pub(crate) async fn start(options: &Options) -> Result<(Cluster, Binary), Failure> {
    let request = options.etcd.clone().map_or(Request::Default, Request::Path);
    let etcd = Locator::from_env().locate(&request)?;
    // Patient enough to keep its leader under full load.
    let timing = if options.fsync { Timing::Stock } else { Timing::Ci };
    let security = if options.plaintext { Security::Plaintext } else { Security::Mutual };
    let spec = Spec::default().timing(timing).security(security);
    let cluster = Cluster::start(&spec, &etcd, &std::env::temp_dir()).await?;
    seed(&cluster, options).await?;
    Ok((cluster, etcd))
}

/// What a client needs to know to talk to it.
pub(crate) fn pem(cluster: &Cluster, options: &Options) -> Option<Pem> {
    if options.plaintext {
        return None;
    }
    let identities = cluster.identities();
    let identity = identities.client();
    Some(Pem {
        authority: identities.authority().certificate_pem().to_owned(),
        chain: identity.chain_pem().to_owned(),
        key: identity.key_pem().to_owned(),
    })
}

async fn seed(cluster: &Cluster, options: &Options) -> Result<(), Failure> {
    let mut config = Config::new(cluster.endpoints());
    if let Some(pem) = pem(cluster, options) {
        config = config.tls(Tls::mutual(pem.authority, pem.chain, pem.key)?);
    }
    let client = Client::connect(config).await?;
    let mut writers = tokio::task::JoinSet::new();
    for first in 0..SEEDED_AT_A_TIME {
        let client = client.clone();
        writers.spawn(async move {
            for number in (first..rows::RANGE_KEYS).step_by(SEEDED_AT_A_TIME) {
                client.put(rows::key(number), rows::value()).await?;
            }
            Ok::<_, tercet_client::Error>(())
        });
    }
    while let Some(writer) = writers.join_next().await {
        writer??;
    }
    Ok(())
}
