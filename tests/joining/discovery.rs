//! Fleets that form by discovery.

use tercet_cluster::Joining;
use tercet_harness::{Cluster, Result, Security};

#[tokio::test]
async fn cluster_of_3_by_discovery() -> Result<()> {
    for etcd in tercet_tests::available() {
        for security in Security::ALL {
            let builder = Cluster::builder().binary(etcd.path()).security(security);
            let cluster = builder.joining(Joining::Discovery { members: 1 }).start().await?;
            let client = cluster.client().await?;
            client.put("hello", "world").await?;
            eprintln!("{} {security} {:?}", etcd.version(), cluster.start_times());
        }
    }
    Ok(())
}
