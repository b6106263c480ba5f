//! Who does not get in, and what etcd says.

use tercet_cluster::plan::DiscoveryService;
use tercet_harness::{Cluster, Joining, Result, Security};
use tercet_tests::available;

use crate::outsider::{Outsider, service};

async fn start(etcd: &tercet_cluster::binary::Binary, security: Security) -> Result<Cluster> {
    let builder = Cluster::builder().binary(etcd.path()).members(1).security(security);
    builder.joining(Joining::Discovery { members: 1 }).start().await
}

/// The same discovery, with another token.
fn of_token(service: &DiscoveryService, token: &str) -> DiscoveryService {
    match service.clone() {
        DiscoveryService::V2 { url, ca } => {
            let (directory, _) = url.rsplit_once('/').unwrap();
            DiscoveryService::V2 { url: format!("{directory}/{token}"), ca }
        }
        DiscoveryService::V3 { endpoints, ca, client, .. } => {
            DiscoveryService::V3 { endpoints, token: token.to_owned(), ca, client }
        }
        other => panic!("{other:?}"),
    }
}

/// All places are taken. Until 3.5 etcd would become a proxy by default, and nobody would notice.
#[tokio::test]
async fn a_full_discovery_token_is_refused() -> Result<()> {
    for etcd in available() {
        for security in [Security::Plaintext, Security::Mutual] {
            let cluster = start(etcd, security).await?;
            let mut outsider = Outsider::new(&cluster, service(&cluster)).start();
            let said = outsider.wait_for_failure();
            assert!(said.contains("discovery: cluster is full"), "{}", outsider.told());
            // The control: the one that there was place for is in.
            cluster.client().await?.put("hello", "world").await?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_wrong_discovery_token_is_refused() -> Result<()> {
    for etcd in available() {
        let cluster = start(etcd, Security::Mutual).await?;
        let wrong = of_token(&service(&cluster), "nobody-has-told-of-this");
        let mut outsider = Outsider::new(&cluster, wrong).start();
        let said = outsider.wait_for_failure();
        let expected = if etcd.version().minor() >= 6 {
            "discovery: size key not found"
        } else {
            // What it goes on to say, that the token was used before, is not so.
            "100: Key not found (/tercet/nobody-has-told-of-this)"
        };
        assert!(said.contains(expected), "{}", outsider.told());
    }
    Ok(())
}

/// What the plan does about it is what lets the members of such a fleet trust their discovery.
#[tokio::test]
async fn a_discovery_is_not_trusted_without_its_authority() -> Result<()> {
    for etcd in available() {
        let cluster = start(etcd, Security::Mutual).await?;
        let mut outsider = Outsider::new(&cluster, service(&cluster));
        let unknown = "certificate signed by unknown authority";
        if etcd.version().minor() >= 6 {
            outsider = outsider.without("discovery-cacert");
        } else {
            outsider.environment.retain(|(name, _)| name != "SSL_CERT_FILE");
        }
        // It goes on trying: the discovery may be late.
        outsider.start().wait_for_output(unknown);
        // The control is above: with it, the discovery says that there is no place.
    }
    Ok(())
}

#[tokio::test]
async fn the_newer_discovery_asks_who_comes() -> Result<()> {
    for etcd in available().iter().filter(|etcd| etcd.version().minor() >= 6) {
        let cluster = start(etcd, Security::Mutual).await?;
        let outsider = Outsider::new(&cluster, service(&cluster));
        let outsider = outsider.without("discovery-cert").without("discovery-key");
        let mut outsider = outsider.start();
        outsider.wait_for_output("failed to get cluster size from discovery service");
        let discovery = cluster.discovery().unwrap().member(0);
        let refused = || {
            let log = discovery.log_tail(200);
            log.iter().any(|line| line.contains("client didn't provide a certificate"))
        };
        assert!(tercet_tests::eventually(tercet_tests::PATIENCE, refused));
    }
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_is_refused_before_anything_is_started() {
    for members in [0, 10] {
        let builder = Cluster::builder().joining(Joining::Discovery { members });
        let error = format!("{:?}", builder.start().await.unwrap_err());
        assert!(error.contains("it has no members, or more than 9"), "{error}");
    }
}
