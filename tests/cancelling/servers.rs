//! Locks and elections that the members do: whatever is dropped goes with the lease.

use tercet_client::LeaseId;

use crate::scene::{LONG, Scene};

pub(crate) async fn all(scene: &Scene) {
    locks(scene).await;
    elections(scene).await;
}

async fn granted(scene: &Scene) -> LeaseId {
    scene.client.lease_grant(LONG).await.unwrap().id()
}

/// Ends it, and then all that hung on it is gone.
async fn gone(scene: &Scene, lease: LeaseId, below: &'static str) {
    scene.client.lease_revoke(lease).await.unwrap();
    scene.wait_for_none_below(below).await;
}

async fn locks(scene: &Scene) {
    const BELOW: &str = "server-lock/";
    let locks = scene.client.lock_server();
    let mut cuts = scene.cuts("coordination/server/lock.rs lock");
    while cuts.go_on() {
        let lease = granted(scene).await;
        cuts.drop_in(locks.lock("server-lock", lease)).await.transpose().unwrap();
        gone(scene, lease, BELOW).await;
    }
    let mut cuts = scene.cuts("coordination/server/lock.rs unlock");
    while cuts.go_on() {
        let lease = granted(scene).await;
        let key = locks.lock("server-lock", lease).await.unwrap();
        cuts.drop_in(locks.unlock(key.clone())).await.transpose().unwrap();
        locks.unlock(key).await.unwrap();
        scene.wait_for_none_below(BELOW).await;
        gone(scene, lease, BELOW).await;
    }
}

async fn elections(scene: &Scene) {
    const BELOW: &str = "server-election/";
    const NAME: &str = "server-election";
    let elections = scene.client.election_server();
    let mut cuts = scene.cuts("coordination/server/election.rs campaign");
    while cuts.go_on() {
        let lease = granted(scene).await;
        cuts.drop_in(elections.campaign(NAME, lease, "one")).await.transpose().unwrap();
        gone(scene, lease, BELOW).await;
    }

    let mut cuts = scene.cuts("coordination/server/election.rs resign");
    while cuts.go_on() {
        let lease = granted(scene).await;
        let leads = elections.campaign(NAME, lease, "one").await.unwrap();
        cuts.drop_in(elections.resign(&leads)).await.transpose().unwrap();
        elections.resign(&leads).await.unwrap();
        scene.wait_for_none_below(BELOW).await;
        gone(scene, lease, BELOW).await;
    }

    let lease = granted(scene).await;
    let leads = elections.campaign(NAME, lease, "first").await.unwrap();
    let proclaim = async |number: u32| elections.proclaim(&leads, number.to_string()).await;
    scene.each("coordination/server/election.rs proclaim", proclaim).await;
    let leader = async |_| elections.leader(NAME).await;
    scene.each("coordination/server/election.rs leader", leader).await;
    let observe = async |_| elections.observe(NAME).await;
    scene.each("coordination/server/election.rs observe", observe).await;

    let mut cuts = scene.cuts("coordination/server/election.rs next");
    while cuts.go_on() {
        elections.proclaim(&leads, "said").await.unwrap();
        let mut leaders = elections.observe(NAME).await.unwrap();
        for _ in 0..2 {
            let next = match cuts.drop_in(leaders.next()).await {
                Some(next) => next,
                None => leaders.next().await,
            };
            assert!(next.unwrap().unwrap().value().starts_with(b"said"), "{cuts:?}");
            elections.proclaim(&leads, "said again").await.unwrap();
        }
    }
    gone(scene, lease, BELOW).await;
}
