//! A lease that is lost is told so before the server ends it.

use std::time::{Duration, Instant};

use tercet_client::{Client, LeaseLostReason, Put, Watch};
use tercet_harness::{Cluster, End, Faults, Result};
use tercet_tests::{PATIENCE, available};
use tokio::task::JoinHandle;

use crate::{TTL, client_of, fleet_of, renewed};

/// When the server has ended the lease of this key, as another client sees it.
async fn gone(client: &Client, key: &'static str) -> Result<JoinHandle<Instant>> {
    let mut changes = client.watch(Watch::key(key).no_puts()).await?;
    Ok(tokio::spawn(async move {
        changes.next().await.expect("not over").expect("it goes on");
        Instant::now()
    }))
}

/// The first member's clients are cut off; others go on.
async fn split(cluster: &Cluster) -> Result<(Client, Client)> {
    let [first, others @ ..] = &cluster.endpoints()[..] else { panic!("there are three") };
    Ok((client_of(cluster, vec![first.clone()]).await?, client_of(cluster, others.to_vec()).await?))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_cut_off_knows_before_the_server_acts() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd).faults(Faults::NONE.links()).start().await?;
        let (here, elsewhere) = split(&cluster).await?;
        let lease = here.lease(TTL).await?;
        here.put_with(Put::new("hangs", "on it").lease(lease.id())).await?;

        // The control: a gap that is shorter than the lease lives changes nothing.
        let cut = cluster.cut(End::Clients, cluster.member(0))?;
        let begin = Instant::now();
        while elsewhere.lease_time_to_live(lease.id()).await?.expect("not yet").remaining()
            > TTL / 2
        {
            assert!(begin.elapsed() < PATIENCE, "it is renewed");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        drop(cut);
        renewed(&lease).await;

        let gone = gone(&elsewhere, "hangs").await?;
        let _cut = cluster.cut(End::Clients, cluster.member(0))?;
        let lost = lease.lost().await;
        let told = Instant::now();
        assert_eq!((lost.id(), lost.reason()), (lease.id(), LeaseLostReason::Unanswered));
        assert!(!lease.is_alive());
        assert!(told < gone.await.expect("it does not panic"), "{etcd:?}");
        assert_eq!(elsewhere.lease_time_to_live(lease.id()).await?, None);
        // It stays lost, whatever comes.
        assert_eq!(lease.lost().await, lost);
    }
    Ok(())
}

#[tokio::test]
async fn who_is_revoked_elsewhere_is_told_at_the_next_keepalive() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd).members(1).start().await?;
        let client = cluster.client().await?;
        let (lease, other) = (client.lease(TTL).await?, client.lease(TTL).await?);
        client.lease_revoke(lease.id()).await?;
        assert_eq!(lease.lost().await.reason(), LeaseLostReason::Gone);
        renewed(&other).await;
        // What is revoked here is told before it is done.
        let again = client.keep_alive(other.id()).await?;
        other.revoke().await?;
        assert_eq!(again.lost().await.reason(), LeaseLostReason::Revoked);
        assert!(client.leases().await?.is_empty());
        // That it is gone is what was asked for.
        lease.revoke().await?;
    }
    Ok(())
}
