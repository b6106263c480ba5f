//! Leases with keys that whoever keeps them may not write.

use std::time::{Duration, Instant};

use tercet_client::{ErrorKind, Keys, LeaseLostReason, LeaseState, Permission, Put};
use tercet_cluster::binary::Version;
use tercet_harness::Result;
use tercet_tests::available;

use crate::{ALICE, ROOT, client_of, with_users};

/// How long the lease lives that must not be lost.
const TTL: Duration = Duration::from_secs(5);

/// Whether this etcd looks at a lease's keys when it is to be renewed
/// (`server/etcdserver/v3_server.go`, `checkLeaseRenew`).
fn looks_at_keys(etcd: Version) -> bool {
    etcd >= Version::new(3, 6, 9)
        || (Version::new(3, 5, 28) <= etcd && etcd < Version::new(3, 6, 0))
}

/// The server ends the stream of all over the one that it refuses. The others are kept.
#[tokio::test]
async fn one_that_is_refused_loses_no_other() -> Result<()> {
    for etcd in available() {
        if !looks_at_keys(etcd.version()) {
            continue;
        }
        let cluster = with_users(etcd, 1).await?;
        cluster.client().await?.auth_enable().await?;
        let (root, alice) = (client_of(&cluster, ROOT).await, client_of(&cluster, ALICE).await);
        // The lowest numbers there are: of those that are due at once they come first.
        for (id, key) in [(1, "secret/key"), (2, "shared/key")] {
            root.lease_grant_as(id, Duration::from_secs(600)).await?;
            root.put_with(Put::new(key, "value").lease(id)).await?;
        }
        let shared = || Keys::prefix("shared/");
        root.role_grant_permission("alice", Permission::read_write(shared())).await?;

        let own = alice.lease(TTL).await?;
        alice.put_with(Put::new("alice/key", "value").lease(own.id())).await?;
        let begin = Instant::now();
        let error = alice.keep_alive(1).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
        assert!(error.to_string().contains("does not let us renew it"), "{error}");

        // One that is kept, and may not be renewed any more from now on.
        let kept = alice.keep_alive(2).await?;
        root.role_revoke_permission("alice", shared()).await?;
        while begin.elapsed() < 3 * TTL {
            assert!(own.is_alive(), "{:?} after {:?}", own.state(), begin.elapsed());
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        assert!(alice.get("alice/key").await?.is_some());
        assert!(matches!(kept.state(), LeaseState::Alive(_)), "it has its time: {kept:?}");
        drop(kept);

        // A short one that is refused is lost in its time, and says why.
        root.lease_grant_as(3, TTL).await?;
        let short = alice.keep_alive(3).await?;
        root.put_with(Put::new("secret/short", "value").lease(3)).await?;
        let lost = short.lost().await;
        assert_eq!(lost.reason(), LeaseLostReason::Unanswered);
        assert!(lost.to_string().contains("permission denied"), "{lost}");
        assert!(own.is_alive());
    }
    Ok(())
}
