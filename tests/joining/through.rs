//! A discovery that somebody else runs, with a size that is entered by hand.

use std::time::Duration;

use tercet_cluster::plan::DiscoveryService;
use tercet_harness::{Cluster, Joining, Result, Security};
use tercet_tests::{Curl, available};

/// Enters that a fleet of `size` is to form, as the guide of each protocol has it.
async fn enter(
    discovery: &Cluster,
    curl: Curl,
    token: &str,
    size: usize,
) -> Result<DiscoveryService> {
    let ca = discovery.files().ca.clone();
    let endpoints = discovery.endpoints();
    if discovery.plan().spec().has_v2() {
        let url = format!("{}/v2/keys/discovery/{token}", endpoints[0]);
        let value = format!("value={size}");
        let at = format!("{url}/_config/size");
        let put = curl.run(["--cacert", &ca.display().to_string(), "-XPUT", &at, "-d", &value]);
        assert_eq!(put.json()["action"], "set");
        return Ok(DiscoveryService::V2 { url, ca: Some(ca) });
    }
    let key = format!("/_etcd/registry/{token}/_config/size");
    discovery.client().await?.put(key, size.to_string()).await?;
    Ok(DiscoveryService::V3 { endpoints, token: token.to_owned(), ca: Some(ca), client: None })
}

#[tokio::test]
async fn several_fleets_through_one_discovery() -> Result<()> {
    let Some(curl) = Curl::find() else { return Ok(()) };
    for etcd in available() {
        let builder = Cluster::builder().binary(etcd.path()).members(1);
        let builder = builder.security(Security::ServerTls);
        let builder = if etcd.version().minor() <= 5 { builder.v2() } else { builder };
        let discovery = builder.start().await?;
        let fleet = |members, service: &DiscoveryService| {
            let builder = Cluster::builder().binary(etcd.path()).members(members);
            builder.joining(Joining::Through(service.clone())).start()
        };
        let one = enter(&discovery, curl, "one", 3).await?;
        let other = enter(&discovery, curl, "other", 1).await?;
        let fleets = [fleet(3, &one).await?, fleet(1, &other).await?];
        for (cluster, size) in fleets.iter().zip([3, 1]) {
            assert!(cluster.discovery().is_none(), "it is not the fleet's");
            let list = cluster.client().await?.member_list().await?;
            assert_eq!(list.members().len(), size);
        }

        // The places of the one are taken; of the third, nobody knows how many there are.
        let full = format!("{:?}", fleet(1, &one).await.unwrap_err());
        assert!(full.contains("token has as many members as it was made for"), "{full}");
        let nobody = match other {
            DiscoveryService::V2 { url, ca } => {
                DiscoveryService::V2 { url: url.replace("/other", "/third"), ca }
            }
            DiscoveryService::V3 { endpoints, ca, client, .. } => {
                DiscoveryService::V3 { endpoints, token: "third".to_owned(), ca, client }
            }
            other => panic!("{other:?}"),
        };
        let unknown = format!("{:?}", fleet(1, &nobody).await.unwrap_err());
        assert!(unknown.contains("the discovery service knows no such token"), "{unknown}");
    }
    Ok(())
}

/// Who waits for members that do not come says so, and for how many.
#[tokio::test]
async fn too_few_come() -> Result<()> {
    let Some(curl) = Curl::find() else { return Ok(()) };
    for etcd in available() {
        let builder = Cluster::builder().binary(etcd.path()).members(1);
        let builder = builder.security(Security::ServerTls);
        let builder = if etcd.version().minor() <= 5 { builder.v2() } else { builder };
        let discovery = builder.start().await?;
        let service = enter(&discovery, curl, "three", 3).await?;
        let two = Cluster::builder().binary(etcd.path()).members(2);
        let two = two.ready_within(Duration::from_secs(5)).joining(Joining::Through(service));
        let error = format!("{:?}", two.start().await.unwrap_err());
        assert!(error.contains("has 2 of the members and waits for 1 more"), "{error}");
    }
    Ok(())
}
