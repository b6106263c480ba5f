//! Every way of etcd's security guide, as one word.

use tercet_harness::{Cluster, Result, Security};

#[tokio::test]
async fn every_word_starts_a_fleet() -> Result<()> {
    for security in
        [Security::Plaintext, Security::ServerTls, Security::ClientAuth, Security::Mutual]
    {
        let cluster = Cluster::builder().security(security).start().await?;
        let client = cluster.client().await?;
        client.put("hello", security.to_string()).await?;
        let value = client.get("hello").await?.expect("it was put");
        assert_eq!(value.value(), security.to_string().as_bytes());
    }
    Ok(())
}
