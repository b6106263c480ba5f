//! The upkeep of a fleet's stores, on every etcd that there is.

use std::time::Instant;

use tercet_client::{AlarmKind, ErrorKind, Range};
use tercet_cluster::binary::Binary;
use tercet_harness::{Cluster, Member, Result, StoreOptions, Timing};
use tercet_tests::{PATIENCE, available};

async fn start(etcd: &Binary, members: usize, store: StoreOptions) -> Result<Cluster> {
    let builder = Cluster::builder().binary(etcd.path()).members(members).timing(Timing::Ci);
    builder.store(store).start().await
}

#[tokio::test]
async fn files_become_smaller_the_leader_last() -> Result<()> {
    for etcd in available() {
        let cluster = start(etcd, 3, StoreOptions::default()).await?;
        let client = cluster.client().await?;
        for _ in 0..30 {
            client.put("large", vec![7; 100_000]).await?;
        }
        let leader = cluster.leader().await?.name().to_owned();
        let revision = cluster.compact_all().await?;
        // Again, and to an older one, which is as good as done.
        cluster.compact(revision).await?;
        cluster.compact(revision - 1).await?;
        let old = client.range(Range::key("large").revision(revision - 1)).await;
        assert_eq!(old.expect_err("it is gone").kind(), ErrorKind::Compacted);
        // What a member has not freed yet is none of the others' business.
        for member in cluster.members() {
            member.client().await?.get("large").await?;
        }

        let done = cluster.defragment().await?;
        assert_eq!(done.len(), 3);
        assert_eq!(done[2].member, leader, "{done:?}");
        assert!(done.iter().all(|one| one.after_bytes <= one.before_bytes), "{done:?}");
        let asked = done.iter().find(|one| one.after_bytes < one.before_bytes / 2);
        assert!(asked.is_some(), "{done:?}");
        let again = cluster.member(0).defragment().await?;
        assert_eq!(again.member, "m1");

        let report = cluster.hash_kv().await?;
        assert!(report.agrees(), "etcd {}: {report}", etcd.version());
        assert_eq!((report.members().len(), report.revision()), (3, revision));
        let error = cluster.compact(revision + 1000).await.expect_err("it is to come").to_string();
        let begins = format!("compacting to revision {}: ", revision + 1000);
        assert!(error.starts_with(&begins), "{error}");
    }
    Ok(())
}

/// All members have the same while there are writes, compactions and a member that is down.
#[tokio::test]
async fn members_are_compared_while_they_are_written_to() -> Result<()> {
    for etcd in available() {
        let cluster = start(etcd, 3, StoreOptions::default()).await?;
        let client = cluster.client().await?;
        let writing = tokio::spawn({
            let client = client.clone();
            async move {
                for number in 0_u64.. {
                    // A fleet under load may lose its leader.
                    let Ok(put) = client.put("counter", number.to_string()).await else { continue };
                    if number % 50 == 49 {
                        let _ = client.compact(put.revision()).await;
                    }
                }
            }
        });
        for _ in 0..10 {
            let report = cluster.hash_kv().await?;
            assert!(report.agrees(), "etcd {}: {report}", etcd.version());
        }
        writing.abort();
        let follower = (cluster.leader().await?.index() + 1) % 3;
        let down = cluster.member(follower).kill()?;
        let report = cluster.hash_kv().await?;
        assert_eq!((report.members().len(), report.agrees()), (2, true), "{report}");
        down.restart().await?;
    }
    Ok(())
}

/// etcd has learners refuse nearly everything, which is no reason for the others not to be cared for.
#[tokio::test]
async fn a_learner_is_left_alone() -> Result<()> {
    for etcd in available() {
        let cluster = start(etcd, 3, StoreOptions::default()).await?;
        cluster.client().await?.put("hello", "world").await?;
        let learner = cluster.add_learner().await?;
        let report = cluster.hash_kv().await?;
        assert_eq!((report.members().len(), report.agrees()), (3, true), "{report}");
        assert_eq!(cluster.defragment().await?.len(), 3);
        let others =
            |member: Member<'_>| -> Vec<_> { member.others().iter().map(Member::index).collect() };
        assert_eq!(others(cluster.member(1)), [0, 2], "who has a vote, and not itself");
        assert_eq!(others(learner), [0, 1, 2]);
        let error = learner.defragment().await.expect_err("it refuses");
        let cause = std::error::Error::source(&error).expect("a cause").to_string();
        assert!(cause.contains("rpc not supported for learner"), "{cause}");
        // But this it gives, from 3.5 on.
        let directory = tempfile::tempdir().expect("a directory");
        let saved = learner.save_snapshot(directory.path().join("backup.db")).await;
        assert_eq!(saved.is_ok(), etcd.version().minor() >= 5, "{saved:?}");
    }
    Ok(())
}

/// The whole way: full, alarm, nothing written; compacted, defragmented, disarmed, written.
#[tokio::test]
async fn a_full_store_takes_writes_again_when_it_is_cleaned() -> Result<()> {
    const QUOTA_BYTES: u64 = 4 << 20;
    for etcd in available() {
        let store = StoreOptions::default().quota_bytes(QUOTA_BYTES);
        let cluster = start(etcd, 3, store).await?;
        let client = cluster.client().await?;
        let write = async || client.put("large", vec![7; 100_000]).await;
        let mut written = 0_u64;
        let error = loop {
            match write().await {
                Ok(_) => written += 100_000,
                Err(error) => break error,
            }
            assert!(written < 10 * QUOTA_BYTES, "the quota of {QUOTA_BYTES} is not kept");
        };
        assert_eq!(error.kind(), ErrorKind::NoSpace, "etcd {}: {error:?}", etcd.version());
        assert!(written > QUOTA_BYTES / 2, "{written}");

        // Not only the member that was asked.
        let full = cluster.alarms().await?;
        assert!(!full.is_empty());
        assert!(full.iter().all(|alarm| alarm.kind() == AlarmKind::NoSpace), "{full:?}");
        for member in cluster.members() {
            let error = member.client().await?.put("small", "1").await.expect_err("it is full");
            assert_eq!(error.kind(), ErrorKind::NoSpace);
        }
        assert!(client.get("large").await?.is_some(), "reads go on");
        // The control: without more room, disarming does not help.
        cluster.disarm().await?;
        assert_eq!(cluster.alarms().await?, []);
        let refused = async {
            for _ in 0..3 {
                if let Err(error) = write().await {
                    return Some(error.kind());
                }
            }
            None
        };
        assert_eq!(refused.await, Some(ErrorKind::NoSpace));

        cluster.compact_all().await?;
        assert!(!cluster.alarms().await?.is_empty());
        // Once is enough, unless a member was not done with compacting.
        let begin = Instant::now();
        while {
            cluster.defragment().await?;
            cluster.disarm().await?;
            write().await.is_err() && begin.elapsed() < PATIENCE
        } {}
        write().await?;
        assert_eq!(cluster.alarms().await?, []);
        let report = cluster.hash_kv().await?;
        assert!(report.agrees(), "{report}");
    }
    Ok(())
}
