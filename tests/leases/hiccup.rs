//! A lease that is asked for in vain, and then again.

use std::time::Duration;

use tercet_client::{Client, Config, Tls};
use tercet_harness::Result;
use tercet_tests::available;
use tokio::time::timeout;

use crate::fleet_of;

/// How long a lease lives that nobody keeps here.
const TTL: Duration = Duration::from_secs(600);

/// Whoever gave up left an answer awaited; the next is told what is answered to him.
#[tokio::test]
async fn it_is_kept_at_the_first_try_when_the_member_is_back() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd).members(1).start().await?;
        let files = cluster.files();
        let tls = Tls::mutual_files(&files.ca, &files.client.certificate, &files.client.key)?;
        let config = Config::new(cluster.endpoints()).tls(tls);
        let client = Client::connect(config.request_timeout(Duration::from_secs(60))).await?;
        let id = client.lease_grant(TTL).await?.id();
        for _ in 0..3 {
            let paused = cluster.member(0).pause()?;
            let given_up = timeout(Duration::from_millis(500), client.keep_alive(id)).await;
            assert!(given_up.is_err(), "it is paused");
            drop(paused);
            client.get("key").await?;
            // Less than the silence after which another stream is tried.
            let kept = timeout(Duration::from_secs(4), client.keep_alive(id)).await;
            assert_eq!(kept.expect("in time")?.ttl(), TTL);
        }
    }
    Ok(())
}
