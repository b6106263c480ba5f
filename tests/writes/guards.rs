//! What guarded writes do where nothing is broken, and what becomes of their guards.

use std::collections::HashSet;
use std::time::Duration;

use tercet_client::{Compare, EVIDENCE_TIME, Keys, Op, OpResponse, Put, Range, Txn};
use tercet_harness::Result;
use tercet_tests::available;
use tokio::task::JoinSet;

use crate::fleet_of;

#[tokio::test]
async fn a_guarded_write_does_and_answers_what_a_plain_one_does() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd).members(1).start().await?;
        let client = cluster.client().await?;
        let guarded = client.guarded("guards/");
        let put = guarded.put("key", "1").await?;
        assert_eq!(client.get("key").await?.unwrap().mod_revision(), put.revision());
        let put = guarded.put_with(Put::new("key", "2").prev_kv()).await?;
        assert_eq!(put.prev_kv().unwrap().value(), b"1");

        // A transaction that holds, one that does not, with and without something to do then.
        let when = |compare| Txn::when([compare]).then([Op::put("then", "1"), Op::get("key")]);
        let answer = guarded.txn(when(Compare::exists("key"))).await?;
        assert!(answer.succeeded());
        let [OpResponse::Put(_), OpResponse::Range(read)] = answer.responses() else {
            panic!("{answer:?}")
        };
        assert_eq!(read.kvs()[0].value(), b"2");
        let before = answer.revision();
        let answer = guarded.txn(when(Compare::missing("key"))).await?;
        assert!(!answer.succeeded() && answer.responses().is_empty());
        assert_eq!(answer.revision(), before, "nothing was written, nor the guard");
        let otherwise = when(Compare::missing("key")).otherwise([Op::delete("then")]);
        let answer = guarded.txn(otherwise).await?;
        assert!(!answer.succeeded());
        let [OpResponse::Delete(deleted)] = answer.responses() else { panic!("{answer:?}") };
        assert_eq!(deleted.deleted(), 1);

        let deleted = guarded.delete_range(Keys::prefix("k")).await?;
        assert_eq!((deleted.deleted(), deleted.revision()), (1, answer.revision() + 1));
    }
    Ok(())
}

/// As many as were under way at once, all with one lease of twice the promised time.
#[tokio::test]
async fn guards_are_few_and_go_away() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd).members(1).start().await?;
        let client = cluster.client().await?;
        let guarded = client.guarded("guards/");
        for number in 0..20 {
            guarded.put("key", number.to_string()).await?;
        }
        assert_eq!(client.range(Range::prefix("guards/")).await?.count(), 1);
        let mut tasks = JoinSet::new();
        for number in 0..20 {
            let guarded = guarded.clone();
            tasks.spawn(async move { guarded.put(format!("{number}"), "").await });
        }
        while let Some(done) = tasks.join_next().await {
            done.unwrap()?;
        }
        let guards = client.range(Range::prefix("guards/")).await?;
        assert!((1..=20).contains(&guards.count()), "{}", guards.count());
        let leases: HashSet<_> = guards.kvs().iter().map(|kv| kv.lease().unwrap()).collect();
        assert_eq!(leases.len(), 1);
        assert!(EVIDENCE_TIME.as_secs() >= 600);
    }
    Ok(())
}

/// Somebody deletes or overwrites them: the next write notices, and is done with others.
#[tokio::test]
async fn guards_that_somebody_has_taken_away_are_made_again() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd).members(1).start().await?;
        let client = cluster.client().await?;
        let guarded = client.guarded("guards/");
        let otherwise =
            || Txn::when([Compare::missing("x")]).then([]).otherwise([Op::put("y", "1")]);
        for _ in 0..3 {
            guarded.put("key", "1").await?;
            assert!(client.delete_range(Keys::prefix("guards/")).await?.deleted() > 0);
            guarded.put("key", "2").await?;
            let guard = client.range(Range::prefix("guards/")).await?.into_kvs().pop().unwrap();
            client.put(guard.key_bytes(), "mine").await?;
            guarded.txn(otherwise()).await?;
        }
        assert_eq!(client.get("key").await?.unwrap().version(), 6, "none twice");
    }
    Ok(())
}

/// A write that nobody waits for any more takes its guard with it: the others go on with theirs, and
/// each that was acknowledged is there once.
#[tokio::test]
async fn a_write_that_is_dropped_under_way_harms_no_other() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd).members(1).start().await?;
        let client = cluster.client().await?;
        let guarded = client.guarded("guards/");
        let (mut acknowledged, mut dropped) = (Vec::new(), 0);
        let mut patience = Duration::from_micros(50);
        while acknowledged.len() < 20 || dropped < 10 {
            let key = format!("key/{}", acknowledged.len() + dropped);
            match tokio::time::timeout(patience, guarded.put(key.clone(), "1")).await {
                Ok(put) => acknowledged.push((key, put?.revision())),
                Err(_) => dropped += 1,
            }
            patience = (patience * 5 / 4).min(Duration::from_millis(30));
            if dropped < 10 && patience == Duration::from_millis(30) {
                patience = Duration::from_micros(50);
            }
        }
        for (key, revision) in acknowledged {
            let kv = client.get(key).await?.expect("acknowledged");
            assert_eq!((kv.mod_revision(), kv.version()), (revision, 1));
        }
    }
    Ok(())
}
