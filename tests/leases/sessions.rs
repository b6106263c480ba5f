//! Sessions: from their beginning to their end.

use std::time::{Duration, Instant};

use tercet_client::{Client, ErrorKind, LeaseId, LeaseLostReason};
use tercet_harness::Result;
use tercet_tests::{PATIENCE, available};

use crate::{TTL, fleet_of};

async fn wait_until_gone(client: &Client, id: LeaseId) -> Result<()> {
    let begin = Instant::now();
    while client.leases().await?.contains(&id) {
        assert!(begin.elapsed() < PATIENCE, "lease {id} is still there");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

#[tokio::test]
async fn a_session_ends_with_its_last_handle() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd).members(1).start().await?;
        let client = cluster.client().await?;
        // Far longer than this test: only revoking ends it.
        let session = client.session(Duration::from_secs(3600)).await?;
        let (id, clone) = (session.lease_id(), session.clone());
        drop(session);
        assert!(clone.is_alive() && client.leases().await?.contains(&id));
        drop(clone);
        wait_until_gone(&client, id).await?;

        let session = client.session(Duration::from_secs(3600)).await?;
        let (id, clone) = (session.lease_id(), session.clone());
        session.close().await?;
        assert!(!clone.is_alive());
        assert_eq!(clone.lost().await.reason(), LeaseLostReason::Revoked);
        assert!(!client.leases().await?.contains(&id));

        // With a lease of one's own, which may be left.
        let lease = client.lease_grant(TTL).await?.id();
        let session = client.session_builder().lease(lease).revoke_on_drop(false).open().await?;
        assert_eq!((session.lease_id(), session.ttl()), (lease, TTL));
        drop(session);
        assert!(client.leases().await?.contains(&lease));

        let error = client.session(Duration::ZERO).await.expect_err("that is none");
        assert_eq!(error.kind(), ErrorKind::InvalidRequest);
    }
    Ok(())
}
