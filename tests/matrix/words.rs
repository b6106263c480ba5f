//! Every way of etcd's security guide, as one word.

use tercet_harness::{Cluster, Result, Security};

#[tokio::test]
async fn every_word_starts_a_fleet() -> Result<()> {
    for (etcd, security) in
        tercet_tests::available().iter().flat_map(|e| Security::ALL.map(|s| (e, s)))
    {
        eprintln!("{} {security}", etcd.version());
        let cluster = Cluster::builder().binary(etcd.path()).security(security).start().await?;
        let client = cluster.client().await?;
        client.put("hello", security.to_string()).await?;
        let value = client.get("hello").await?.expect("it was put");
        assert_eq!(value.value(), security.to_string().as_bytes());
        cluster.member(0).kill()?.restart().await?;
        eprintln!("{:?}", cluster.start_times());
    }
    Ok(())
}
