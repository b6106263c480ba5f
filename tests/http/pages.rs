//! What members answer to anybody who gets in: health, version and metrics.

use tercet_harness::{Cluster, Result, Security};
use tercet_tests::{Curl, available};

use crate::fleet::Asked;

#[tokio::test]
async fn health_version_and_metrics_in_every_security_and_version() -> Result<()> {
    let Some(curl) = Curl::find() else { return Ok(()) };
    for etcd in available() {
        for security in Security::ALL {
            let builder = Cluster::builder().members(1).binary(etcd.path()).security(security);
            let cluster = builder.start().await?;
            let asked = Asked { cluster: &cluster, curl };
            assert_eq!(asked.get("/health", &[]).json()["health"], "true");
            let version = asked.get("/version", &[]).json();
            assert_eq!(version["etcdserver"], etcd.version().to_string(), "{version}");
            let metrics = asked.get("/metrics", &[]);
            assert!(metrics.answer().contains("\netcd_server_has_leader 1\n"));
            // The control: who does not get in gets none of it.
            if cluster.plan().client_shows().is_some() {
                for path in ["/health", "/version", "/metrics"] {
                    let refused = asked.ask(asked.trusting(), path, &[]);
                    assert!(refused.code != 0 && refused.body.is_empty(), "{refused:?}");
                }
            }
        }
    }
    Ok(())
}
