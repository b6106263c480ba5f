//! What goes through a proxy, in every security and version.

use tercet_harness::{Cluster, ProxyKind, Result, Security};

#[tokio::test]
async fn put_get_and_watch_go_through() -> Result<()> {
    for etcd in tercet_tests::available() {
        for security in Security::ALL {
            let cluster = Cluster::builder().binary(etcd.path()).security(security).start().await?;
            for kind in [ProxyKind::Gateway, ProxyKind::GrpcProxy] {
                let begin = std::time::Instant::now();
                let proxy = cluster.start_proxy(kind).await?;
                eprintln!("{} {security} {kind} {:?}", etcd.version(), begin.elapsed());
                let client = proxy.client().await?;
                client.put("hello", "world").await?;
                let value = client.get("hello").await?.expect("it was put");
                assert_eq!(value.value(), b"world");
            }
        }
    }
    Ok(())
}
#[tokio::test]
async fn v2() -> Result<()> {
    for etcd in tercet_tests::available() {
        if etcd.version().minor() > 5 {
            continue;
        }
        for security in Security::ALL {
            let cluster =
                Cluster::builder().binary(etcd.path()).security(security).v2().start().await?;
            let begin = std::time::Instant::now();
            cluster.start_proxy(ProxyKind::V2).await?;
            eprintln!("{} {security} v2 {:?}", etcd.version(), begin.elapsed());
        }
    }
    Ok(())
}
