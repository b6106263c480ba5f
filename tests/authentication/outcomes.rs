//! What is said of a request that is refused, and of what it may have done before.

use tercet_client::{ErrorKind, Keys, Outcome};
use tercet_harness::Result;
use tercet_tests::{PATIENCE, available};

use crate::{ALICE, ROOT, client_of, kind, with_users};

const TTL: std::time::Duration = std::time::Duration::from_secs(60);

/// It is sent twice, since its token is forgotten, and is done neither time.
#[tokio::test]
async fn a_lease_of_others_is_not_taken_for_ones_own() -> Result<()> {
    for etcd in available() {
        let cluster = with_users(etcd, 1).await?;
        cluster.client().await?.auth_enable().await?;
        cluster.set_user(ROOT.0, ROOT.1);
        let root = client_of(&cluster, ROOT).await;
        root.lease_grant_as(7, TTL).await?;
        let alice = client_of(&cluster, ALICE).await;
        alice.put("alice/key", "with a token").await?;
        for _ in 0..2 {
            cluster.member(0).restart().await?;
            assert_eq!(kind(alice.lease_grant_as(7, TTL).await), ErrorKind::LeaseExists);
            cluster.member(0).restart().await?;
            assert_eq!(kind(alice.lease_revoke(8).await), ErrorKind::LeaseNotFound);
        }
        // The control.
        alice.lease_revoke(7).await?;
        alice.lease_grant_as(7, TTL).await?;
    }
    Ok(())
}

/// A member puts the key, waits for its turn, and may not look any more: the key is there.
#[tokio::test]
async fn a_candidate_that_may_no_longer_look_may_lead() -> Result<()> {
    for etcd in available() {
        let cluster = with_users(etcd, 1).await?;
        cluster.client().await?.auth_enable().await?;
        let (root, alice) = (client_of(&cluster, ROOT).await, client_of(&cluster, ALICE).await);
        let office = "alice/office";
        let lease = root.lease_grant(TTL).await?.id();
        let leads = root.election_server().campaign(office, lease, "root").await?;
        let own = alice.lease_grant(TTL).await?.id();
        let standing = tokio::spawn({
            let elections = alice.election_server();
            async move { elections.campaign(office, own, "alice").await }
        });
        let candidates = async || -> Result<usize> {
            Ok(root.range(Keys::prefix(format!("{office}/"))).await?.kvs().len())
        };
        let begin = std::time::Instant::now();
        while candidates().await? < 2 {
            assert!(begin.elapsed() < PATIENCE, "she does not stand");
            assert!(!standing.is_finished());
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        root.user_revoke_role("alice", "alice").await?;
        root.election_server().resign(&leads).await?;
        let error = standing.await.expect("no panic").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
        assert_eq!((error.outcome(), candidates().await?), (Outcome::Unknown, 1), "{error}");

        // The control: what is refused before anything is done is that.
        let error = root.election_server().campaign(office, 4711, "root").await.unwrap_err();
        assert_eq!(
            (error.kind(), error.outcome()),
            (ErrorKind::LeaseNotFound, Outcome::NotApplied)
        );
    }
    Ok(())
}
