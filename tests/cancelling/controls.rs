//! The same without care: what the tests look for is there to be seen.

use tercet_client::{Keys, Op, Put, Range, Txn};

use crate::cuts::Cuts;
use crate::scene::{LONG, Scene};

pub(crate) async fn all(scene: &Scene) {
    held(scene).await;
    careless_lock(scene).await;
    careless_queue(scene).await;
}

/// What is not dropped is counted.
async fn held(scene: &Scene) {
    let client = &scene.client;
    scene.wait_for_requests(0).await;
    let watcher = client.watch("held").await.unwrap();
    scene.wait_for_watches(1).await;
    scene.wait_for_requests(1).await;
    drop(watcher);
    let lease = client.lease(LONG).await.unwrap();
    assert!(client.leases().await.unwrap().contains(&lease.id()));
    lease.revoke().await.unwrap();
}

/// One whose key stays when it is dropped while it waits.
async fn careless_lock(scene: &Scene) {
    let (client, mut left) = (&scene.client, 0);
    let mut cuts = Cuts::of("a careless lock");
    while cuts.go_on() {
        let lock = async {
            client.put_with(Put::new("careless/lock", "")).await?;
            client.range(Range::prefix("careless/")).await?;
            client.delete("careless/lock").await
        };
        cuts.drop_in(lock).await;
        scene.wait_for_requests(0).await;
        left += client.delete_range(Keys::prefix("careless/")).await.unwrap().deleted();
    }
    assert!(left > 0, "a lock that leaves its key behind does not, as far as is seen");
}

/// One that takes an element out before it gives it to anybody.
async fn careless_queue(scene: &Scene) {
    let (client, mut lost) = (&scene.client, 0);
    let mut cuts = Cuts::of("a careless queue");
    while cuts.go_on() {
        client.put("careless/element", "").await.unwrap();
        let take = async {
            let taken = Txn::always([Op::get("careless/element"), Op::delete("careless/element")]);
            client.txn(taken).await
        };
        let taken = cuts.drop_in(take).await;
        scene.wait_for_requests(0).await;
        let is_there = client.get("careless/element").await.unwrap().is_some();
        lost += u32::from(taken.is_none() && !is_there);
    }
    assert!(lost > 0, "a queue that loses what it takes does not, as far as is seen");
}
