//! What the certificates of a proxy must be, and what etcd does when they are not.

use tercet_harness::{Cluster, ProxyKind, Result};

#[tokio::test]
async fn placeholder() -> Result<()> {
    let cluster = Cluster::builder().members(1).start().await?;
    cluster.start_proxy(ProxyKind::Gateway).await?;
    Ok(())
}
