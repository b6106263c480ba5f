//! New leaves, without a restart.

use tercet_client::Watch;
use tercet_harness::{Layout, Result, Security};
use tercet_tests::{Load, LoadOptions, available};

use super::support::{by_files, fleet, look, processes, starts, verify};

#[tokio::test]
async fn leaves_are_renewed_while_everything_runs() -> Result<()> {
    for etcd in available() {
        for layout in [Layout::PerMember, Layout::Shared] {
            let cluster = fleet(etcd, layout, Security::Mutual).await?;
            let client = cluster.client().await?;
            let mut watcher = client.watch(Watch::prefix("watched/")).await?;
            let (pids, before) = (processes(&cluster), look(&cluster).await);
            let old = cluster.identities().client().certificate().clone();

            let load = Load::start(&client, LoadOptions::default()).await;
            // One that connects all the time, to any member.
            let dialling = by_files(&cluster, cluster.endpoints());
            let options = LoadOptions::default().prefix("dialling/");
            let dialling = Load::dialling(vec![dialling], options).await;
            load.acknowledges(50).await;
            for _ in 0..3 {
                cluster.rotate_leaves().await?;
                cluster.client().await?.put("watched/new", "connection").await?;
                load.acknowledges(20).await;
                dialling.acknowledges(5).await;
            }
            let (report, dialled) = (load.stop().await, dialling.stop().await);

            assert_eq!(processes(&cluster), pids, "nothing was restarted");
            assert_eq!(starts(&cluster), [1, 1, 1]);
            let after = look(&cluster).await;
            assert_eq!((before.len(), after.len()), (6, 6));
            for (before, after) in before.iter().zip(&after) {
                assert_ne!(before.leaf, after.leaf);
                assert_eq!(before.authorities, after.authorities);
            }
            let now = cluster.identities();
            assert_ne!(*now.client().certificate(), old);
            assert_eq!(now.member("m1").unwrap().server().certificate().der(), after[0].leaf);
            // The watch that was there before has lived through it.
            for _ in 0..3 {
                let response = watcher.next().await.expect("it goes on")?;
                assert_eq!(response.events()[0].kv().key(), b"watched/new");
            }
            for (what, report) in [("leaves", report), ("leaves, dialling", dialled)] {
                assert_eq!((report.not_applied(), report.unknown()), (0, 0), "{report}");
                verify(&format!("{what}, {layout:?}"), etcd, &report, &client).await;
            }
        }
    }
    Ok(())
}
