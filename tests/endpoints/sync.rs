//! A client that outlives every endpoint that it was made with.

use std::time::Duration;

use tercet_client::{Client, Config};
use tercet_harness::Result;
use tercet_tests::available;

use crate::{Writing, fleet};

/// All three members are replaced, one by one, by others with other addresses.
#[tokio::test]
async fn a_client_goes_on_when_every_member_has_been_replaced() -> Result<()> {
    for etcd in available() {
        let cluster = fleet(etcd).await?;
        let first = cluster.endpoints();
        let config = || Config::new(first.clone());
        let following = Client::connect(config().auto_sync(Duration::from_millis(100))).await?;
        let asked_to = Client::connect(config()).await?;
        let left_behind = Client::connect(config()).await?;
        left_behind.put("key", "value").await?;
        let writing = Writing::begin(&following);
        writing.goes_on(10).await;
        for index in 0..3 {
            let old = cluster.member(index);
            cluster.add_member().await?;
            writing.goes_on(20).await;
            old.remove().await?;
            writing.goes_on(20).await;
            asked_to.sync_endpoints().await?;
            asked_to.get("key").await?;
        }
        let now = cluster.endpoints();
        assert!(now.iter().all(|url| !first.contains(url)), "{now:?}");
        writing.goes_on(50).await;
        for error in writing.end().await {
            // A write that was under way at a member that was removed may be lost, and says so.
            tercet_tests::say(&error);
        }
        for client in [&following, &asked_to] {
            let mut endpoints = client.endpoints();
            let mut expected = now.clone();
            endpoints.sort();
            expected.sort();
            assert_eq!(endpoints, expected);
        }
        // The control: who did not follow has nobody to ask.
        assert_eq!(left_behind.endpoints(), first);
        assert!(left_behind.get("key").await.is_err_and(|error| error.is_connect()));
    }
    Ok(())
}
