//! Leases and sessions: none is kept that nobody holds.

use tercet_client::{ErrorKind, LeaseLostReason};

use crate::scene::{LONG, SHORT, Scene};

pub(crate) async fn all(scene: &Scene) {
    requests(scene).await;
    kept(scene).await;
    sessions(scene).await;
}

async fn requests(scene: &Scene) {
    let client = &scene.client;
    scene.each("lease/calls.rs lease_grant", async |_| client.lease_grant(SHORT).await).await;
    let grant = async |number: u32| client.lease_grant_as(i64::from(number), SHORT).await;
    scene.each("lease/calls.rs lease_grant_as", grant).await;

    let mut cuts = scene.cuts("lease/calls.rs lease_revoke");
    while cuts.go_on() {
        let id = client.lease_grant(LONG).await.unwrap().id();
        let done = cuts.drop_in(client.lease_revoke(id)).await.transpose().unwrap();
        match client.lease_revoke(id).await {
            Ok(_) => assert!(done.is_none(), "it was revoked"),
            Err(error) => assert_eq!(error.kind(), ErrorKind::LeaseNotFound),
        }
    }

    let id = client.lease_grant(LONG).await.unwrap().id();
    let left = async |_| client.lease_time_to_live(id).await;
    scene.each("lease/calls.rs lease_time_to_live", left).await;
    let keys = async |_| client.lease_time_to_live_with_keys(id).await;
    scene.each("lease/calls.rs lease_time_to_live_with_keys", keys).await;
    scene.each("lease/calls.rs leases", async |_| client.leases().await).await;
    let once = async |_| client.lease_keep_alive_once(id).await;
    scene.each("lease/calls.rs lease_keep_alive_once", once).await;
    client.lease_revoke(id).await.unwrap();
}

/// The test waits in the end for all leases to be gone: that nobody keeps those of here.
async fn kept(scene: &Scene) {
    let client = &scene.client;
    scene.each("lease/handle.rs lease", async |_| client.lease(SHORT).await).await;

    let mut cuts = scene.cuts("lease/handle.rs keep_alive");
    while cuts.go_on() {
        let id = client.lease_grant(SHORT).await.unwrap().id();
        cuts.drop_in(client.keep_alive(id)).await.transpose().unwrap();
    }

    let mut cuts = scene.cuts("lease/handle.rs lost");
    while cuts.go_on() {
        let lease = client.lease(LONG).await.unwrap();
        let other = client.keep_alive(lease.id()).await.unwrap();
        let revoking = tokio::spawn(other.revoke());
        cuts.drop_in(lease.lost()).await;
        revoking.await.unwrap().unwrap();
        assert_eq!(lease.lost().await.reason(), LeaseLostReason::Revoked);
    }

    let mut cuts = scene.cuts("lease/handle.rs revoke");
    while cuts.go_on() {
        let lease = client.lease(SHORT).await.unwrap();
        cuts.drop_in(lease.revoke()).await.transpose().unwrap();
    }
}

async fn sessions(scene: &Scene) {
    let client = &scene.client;
    scene.each("coordination/session.rs session", async |_| client.session(SHORT).await).await;

    let mut cuts = scene.cuts("coordination/session.rs open");
    while cuts.go_on() {
        let id = client.lease_grant(SHORT).await.unwrap().id();
        let opening = client.session_builder().lease(id).open();
        cuts.drop_in(opening).await.transpose().unwrap();
    }

    let mut cuts = scene.cuts("coordination/session.rs lost");
    while cuts.go_on() {
        let session = client.session(LONG).await.unwrap();
        let closing = tokio::spawn(session.clone().close());
        cuts.drop_in(session.lost()).await;
        closing.await.unwrap().unwrap();
        assert_eq!(session.lost().await.reason(), LeaseLostReason::Revoked);
    }

    let mut cuts = scene.cuts("coordination/session.rs close");
    while cuts.go_on() {
        let session = client.session(LONG).await.unwrap();
        let id = session.lease_id();
        cuts.drop_in(session.clone().close()).await.transpose().unwrap();
        assert_eq!(session.is_alive(), !cuts.has_begun(), "{cuts:?}");
        // One that was never begun is left to whoever drops the last handle.
        drop(session);
        let is_there = async || i64::from(client.leases().await.unwrap().contains(&id));
        scene.wait_for("the session's lease", 0, is_there).await;
    }
}
