//! Futures that are dropped at every point at which they wait.
//!
//! Each public async function of the client is begun again and again and polled once more each time,
//! until it is done by then; it is dropped at once, or when it is woken and not asked. What its
//! documentation says must then hold, and nothing be left: no task, no stream, no watch, no lease that
//! somebody keeps, no place in a queue.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test may")]

mod controls;
mod cuts;
mod keys;
mod leases;
mod locks;
mod queues;
mod scene;
mod servers;
mod sources;
mod tokens;
mod upkeep;
mod users;
mod watches;

use tercet_harness::Result;
use tercet_tests::available;

use crate::scene::Scene;

/// One after the other on one fleet, since what is left is counted there.
#[tokio::test]
async fn nothing_is_left_wherever_it_is_dropped() -> Result<()> {
    for etcd in available() {
        let tasks = scene::tasks();
        let scene = Scene::new(etcd).await?;
        leases::all(&scene).await;
        locks::all(&scene).await;
        servers::all(&scene).await;
        watches::all(&scene).await;
        scene.wait_for_no_lease().await;
        queues::all(&scene).await;
        keys::all(&scene).await;
        upkeep::all(&scene).await;
        users::all(&scene).await;
        tokens::all(&scene).await;
        controls::all(&scene).await;
        let covered = scene.end(tasks).await;
        let there_are = sources::functions();
        let others: Vec<_> = there_are.symmetric_difference(&covered).collect();
        assert!(others.is_empty(), "either not dropped here, or no function: {others:?}");
    }
    Ok(())
}
