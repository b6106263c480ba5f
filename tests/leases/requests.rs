//! Every request for leases, and what is refused before it is sent.

use std::collections::HashSet;
use std::time::Duration;

use tercet_client::{ErrorKind, LeaseId, Outcome, Put};
use tercet_harness::{Cluster, Result};
use tercet_tests::available;

const TTL: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_lease_from_its_grant_to_its_end() -> Result<()> {
    for etcd in available() {
        let cluster = Cluster::builder().binary(etcd.path()).members(1).start().await?;
        let client = cluster.client().await?;
        let granted = client.lease_grant(TTL).await?;
        let id = granted.id();
        assert_eq!(granted.ttl(), TTL);
        assert!(client.leases().await?.contains(&id));

        client.put_with(Put::new("a", "1").lease(id)).await?;
        client.put_with(Put::new("b", "2").lease(id)).await?;
        client.put("c", "3").await?;
        let there = client.lease_time_to_live_with_keys(id).await?.expect("it is there");
        assert_eq!((there.id(), there.granted()), (id, TTL));
        assert!(there.remaining() <= TTL);
        let mut keys = there.keys().to_vec();
        keys.sort();
        assert_eq!(keys, ["a", "b"]);
        assert!(client.lease_time_to_live(id).await?.expect("it is there").keys().is_empty());
        assert_eq!(client.lease_keep_alive_once(id).await?, TTL);

        let before = client.get("c").await?.expect("there").mod_revision();
        assert!(client.lease_revoke(id).await?.revision() > before);
        assert!(client.get("a").await?.is_none() && client.get("b").await?.is_none());
        assert!(client.get("c").await?.is_some(), "it has no lease");
        assert_eq!(client.lease_time_to_live(id).await?, None);
        for error in [
            client.lease_revoke(id).await.expect_err("it is gone"),
            client.lease_keep_alive_once(id).await.expect_err("it is gone"),
            client.keep_alive(id).await.expect_err("it is gone"),
        ] {
            assert_eq!(error.kind(), ErrorKind::LeaseNotFound, "{error:?}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_number_of_ones_own() -> Result<()> {
    for etcd in available() {
        let cluster = Cluster::builder().binary(etcd.path()).members(1).start().await?;
        let client = cluster.client().await?;
        assert_eq!(client.lease_grant_as(7, TTL).await?.id(), LeaseId::from(7));
        let error = client.lease_grant_as(7, TTL).await.expect_err("there is one");
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::LeaseExists, Outcome::NotApplied));
        let error = client.lease_grant_as(0, TTL).await.expect_err("that is none");
        assert_eq!(error.kind(), ErrorKind::InvalidRequest);
        assert_eq!(error.endpoint(), None, "nothing was sent");
    }
    Ok(())
}

/// A grant or a revocation whose answer is lost is sent again: no lease is left that nobody knows
/// of, none that was granted is missing, and what we have revoked ourselves is no error.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_sent_again_is_done_once() -> Result<()> {
    for etcd in available() {
        let cluster = crate::fleet_of(etcd).start().await?;
        let client = cluster.client().await?;
        let (working, (stop, mut stopped)) =
            (client.clone(), tokio::sync::oneshot::channel::<()>());
        let grants = tokio::spawn(async move {
            let (mut granted, mut unknown) = (HashSet::new(), 0);
            while stopped.try_recv().is_err() {
                match working.lease_grant(Duration::from_secs(3600)).await {
                    Ok(lease) => assert!(granted.insert(lease.id()), "a number comes twice"),
                    Err(error) if error.outcome() == Outcome::Unknown => unknown += 1,
                    Err(_) => {}
                }
            }
            (granted, unknown)
        });
        for member in cluster.members() {
            member.kill()?.restart().await?;
        }
        let _ = stop.send(());
        let (granted, unknown) = grants.await.expect("it does not panic");
        cluster.wait_until_ready().await?;
        let there: HashSet<_> = client.leases().await?.into_iter().collect();
        assert!(granted.is_subset(&there), "granted, and not there");
        let nobodys = there.difference(&granted).count();
        assert!(nobodys <= unknown, "{nobodys} leases that nobody knows of, {unknown} unknown");

        let working = client.clone();
        let revocations = tokio::spawn(async move {
            for id in there {
                match working.lease_revoke(id).await {
                    Err(error) if error.outcome() == Outcome::NotApplied && !error.is_timeout() => {
                        assert_ne!(error.kind(), ErrorKind::LeaseNotFound, "{error:?}");
                    }
                    _ => {}
                }
            }
        });
        for member in cluster.members() {
            member.kill()?.restart().await?;
        }
        revocations.await.expect("no revocation finds its own lease gone");
    }
    Ok(())
}
