//! What is compacted away while a watch is between two members.

use std::time::Duration;

use tercet_client::{Cache, CacheState, Client, ErrorKind, Keys, Watch};
use tercet_harness::{Cluster, End, LinkFault, LinkPolicy, Result};
use tercet_tests::available;

use crate::support::{PATIENCE, fleet_of, next, tells_progress_in_turn};

/// Clients that are made after this go past it: by the other members.
fn cut_off<'a>(cluster: &'a Cluster) -> Result<LinkFault<'a>> {
    Ok(cluster.impose_both_ways(End::Clients, cluster.member(0), LinkPolicy::RESET)?)
}

/// A client of the first member only, which clients can be cut off from.
async fn of_first(cluster: &Cluster) -> Result<Client> {
    Ok(cluster.member(0).client().await?)
}

async fn compact(cluster: &Cluster, rounds: usize) -> Result<i64> {
    let other = cluster.member(1).client().await?;
    let mut revision = 0;
    for round in 0..rounds {
        revision = other.put("w/key", format!("{round}")).await?.revision();
    }
    other.compact(revision).await?;
    Ok(revision)
}

#[tokio::test]
async fn what_is_lost_is_told_with_the_revision_and_nothing_is_skipped() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd, 3).start().await?;
        let client = of_first(&cluster).await?;
        let mut watcher = client.watch(Watch::prefix("w/")).await?;
        let mut kept = client.watch(Watch::prefix("w/")).await?;
        client.put("w/key", "before").await?;
        for watcher in [&mut watcher, &mut kept] {
            assert_eq!(next(watcher).await.events()[0].kv().value(), b"before");
        }
        let cache = Cache::start(&client, Keys::prefix("w/")).await?;

        // The control: the same without a compaction.
        let cut = cut_off(&cluster)?;
        let other = cluster.member(1).client().await?;
        other.put("w/key", "between").await?;
        drop(cut);
        for watcher in [&mut watcher, &mut kept] {
            assert_eq!(next(watcher).await.events()[0].kv().value(), b"between");
        }
        assert_eq!(cache.relists(), 0);

        let cut = cut_off(&cluster)?;
        while cache.state() != CacheState::Detached {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let compacted = compact(&cluster, 5).await?;
        drop(cut);
        let error = tokio::time::timeout(PATIENCE, watcher.next()).await.unwrap().unwrap();
        let error = error.expect_err("it is compacted away");
        assert_eq!(error.kind(), ErrorKind::Compacted, "{error}");
        assert_eq!(error.compact_revision(), Some(compacted));
        assert!(watcher.next().await.is_none());
        // The cache has begun again.
        cache.wait_for(compacted).await?;
        assert_eq!(cache.get("w/key").unwrap().value(), b"4");
        assert_eq!(cache.relists(), 1);
    }
    Ok(())
}

/// A watch to which nothing happens knows how far it is, where a member can be asked.
#[tokio::test]
async fn an_idle_watch_outlives_a_compaction_if_it_knows_how_far_it_is() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd, 3).start().await?;
        let client = of_first(&cluster).await?;
        let mut idle = client.watch("idle").await?;
        let asks = tells_progress_in_turn(etcd.version());
        let other = cluster.member(1).client().await?;
        let mut told = 0;
        for round in 0..5 {
            told = other.put("w/key", format!("{round}")).await?.revision();
        }
        if asks {
            loop {
                idle.request_progress().await?;
                if next(&mut idle).await.revision() >= told {
                    break;
                }
            }
        }
        let cut = cut_off(&cluster)?;
        while idle.is_in_place() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        other.compact(told).await?;
        drop(cut);
        if asks {
            let mark = other.put("idle", "no more").await?.revision();
            assert_eq!(next(&mut idle).await.events()[0].kv().mod_revision(), mark);
        } else {
            // The control.
            let error = tokio::time::timeout(PATIENCE, idle.next()).await.unwrap().unwrap();
            assert_eq!(error.unwrap_err().kind(), ErrorKind::Compacted);
        }
    }
    Ok(())
}
