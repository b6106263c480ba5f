//! Transactions written as plain code.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use tercet_client::{Client, Error, ErrorKind, Isolation, Op, Outcome, Put, Stm, StmOptions, Txn};
use tercet_cluster::binary::Binary;
use tercet_harness::{Cluster, Result};
use tercet_tests::{available, on_a_whole_fleet, say};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

const ALL: [Isolation; 4] = [
    Isolation::SerializableSnapshot,
    Isolation::Serializable,
    Isolation::RepeatableReads,
    Isolation::ReadCommitted,
];

async fn fleet_of(etcd: &Binary, members: usize) -> Result<Cluster> {
    crate::fleet_of(etcd).members(members).start().await
}

async fn number(stm: &Stm, key: String) -> Result<i64, Error> {
    let value = stm.get(key).await?.unwrap_or_default();
    Ok(String::from_utf8_lossy(&value).parse().unwrap_or(0))
}

async fn stored(client: &Client, key: &str) -> Result<i64, Error> {
    let kv = client.get(key.to_owned()).await?;
    Ok(kv.and_then(|kv| kv.value_str()?.parse().ok()).unwrap_or(0))
}

fn with(isolation: Isolation) -> StmOptions {
    StmOptions::default().isolation(isolation)
}

#[tokio::test]
async fn what_it_writes_it_reads_and_others_see_it_at_once_or_not_at_all() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd, 1).await?;
        let client = cluster.client().await?;
        client.put("old", "1").await?;
        for isolation in ALL {
            let options = with(isolation).prefetch(["old", "new"]);
            let done = client
                .transact_with(options, async |stm| {
                    let seen = stm.get_all(["old", "new"]).await?;
                    assert_eq!(seen, [Some("1".into()), None]);
                    assert!(stm.mod_revision("old").await? > 0);
                    assert_eq!(stm.mod_revision("new").await?, 0);
                    stm.put("new", "2");
                    stm.delete("old");
                    assert_eq!(stm.get_all(["old", "new"]).await?, [None, Some("2".into())]);
                    assert_eq!(stm.get("new").await?.unwrap(), "2");
                    Ok(stm.revision())
                })
                .await?;
            assert_eq!(client.get("new").await?.unwrap().mod_revision(), done.revision());
            assert!(client.get("old").await?.is_none());
            let one =
                matches!(isolation, Isolation::SerializableSnapshot | Isolation::Serializable);
            assert_eq!(done.value().is_some(), one);
            client.txn(Txn::always([Op::put("old", "1"), Op::delete("new")])).await?;
        }
        let before = client.get("old").await?.unwrap().mod_revision();
        let given_up = client
            .transact(async |stm| {
                stm.put("old", "2");
                Err::<(), _>(Error::aborted("no"))
            })
            .await
            .unwrap_err();
        assert_eq!(given_up.kind(), ErrorKind::Aborted);
        assert_eq!(client.get("old").await?.unwrap().mod_revision(), before);
        let only_read = client.transact(async |stm| stm.get("old").await).await?;
        assert_eq!((only_read.attempts(), only_read.value().as_deref()), (1, Some(&b"1"[..])));
    }
    Ok(())
}

/// What a write keeps is there to be read: the run's own, or else the store's.
#[tokio::test]
async fn what_is_kept_is_what_is_there() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd, 1).await?;
        let client = cluster.client().await?;
        client.put("key", "stored").await?;
        let lease = client.lease_grant(Duration::from_secs(60)).await?.id();
        let seen = client
            .transact(async |stm| {
                stm.put_with(Put::keep_value("key").lease(lease));
                let stored = stm.get("key").await?;
                assert_eq!(stm.get_all(["key"]).await?, std::slice::from_ref(&stored));
                stm.put("other", "written");
                stm.put_with(Put::keep_value("other").lease(lease));
                Ok((stored, stm.get("other").await?))
            })
            .await?;
        let expected = (Some("stored".into()), Some("written".into()));
        assert_eq!(*seen.value(), expected);
        for (key, value) in [("key", "stored"), ("other", "written")] {
            let kv = client.get(key).await?.expect("it is there");
            assert_eq!((kv.value_str(), kv.lease()), (Some(value), Some(lease)));
        }
        // A lease that was given is kept by what comes after it.
        client
            .transact(async |stm| {
                stm.put_with(Put::new("third", "first").lease(lease));
                stm.put_with(Put::new("third", "then").keep_lease());
                Ok(())
            })
            .await?;
        let kv = client.get("third").await?.expect("it is there");
        assert_eq!((kv.value_str(), kv.lease()), (Some("then"), Some(lease)));
    }
    Ok(())
}

/// Two that read both keys and write one each, so that one of them should see what the other did: it
/// does, and the control, which compares nothing, does not.
#[tokio::test]
async fn write_skew_is_prevented_and_without_comparing_it_is_not() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd, 1).await?;
        let client = cluster.client().await?;
        for isolation in ALL {
            client.txn(Txn::always([Op::put("a", "1"), Op::put("b", "1")])).await?;
            let both_have_read = Arc::new(Barrier::new(2));
            let mut tasks = JoinSet::new();
            for own in ["a", "b"] {
                let (client, both_have_read) = (client.clone(), both_have_read.clone());
                tasks.spawn(async move {
                    let first = AtomicBool::new(true);
                    let done = client.transact_with(with(isolation), async |stm| {
                        let sum =
                            number(&stm, "a".into()).await? + number(&stm, "b".into()).await?;
                        if first.swap(false, Ordering::Relaxed) {
                            both_have_read.wait().await;
                        }
                        // One of both must stay.
                        if sum > 1 {
                            stm.put(own, "0");
                        }
                        Ok(())
                    });
                    done.await.map(|done| done.attempts())
                });
            }
            let mut attempts = 0;
            while let Some(done) = tasks.join_next().await {
                attempts += done.expect("no panic")?;
            }
            let left = stored(&client, "a").await? + stored(&client, "b").await?;
            match isolation {
                Isolation::ReadCommitted => assert_eq!((left, attempts), (0, 2), "the control"),
                _ => assert_eq!((left, attempts), (1, 3), "{isolation}"),
            }
        }
    }
    Ok(())
}

/// Somebody writes two keys at once between the reads of them.
#[tokio::test]
async fn reads_are_of_one_revision_where_that_is_promised() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd, 1).await?;
        let client = cluster.client().await?;
        for isolation in ALL {
            client.txn(Txn::always([Op::put("a", "1"), Op::put("b", "1")])).await?;
            let first = AtomicBool::new(true);
            let skewed = AtomicUsize::new(0);
            let done = client
                .transact_with(with(isolation), async |stm| {
                    let a = number(&stm, "a".into()).await?;
                    if first.swap(false, Ordering::Relaxed) {
                        client.txn(Txn::always([Op::put("a", "2"), Op::put("b", "2")])).await?;
                    }
                    let b = number(&stm, "b".into()).await?;
                    skewed.fetch_add(usize::from(a != b), Ordering::Relaxed);
                    Ok((a, b))
                })
                .await?;
            let told = (*done.value(), done.attempts(), skewed.into_inner());
            match isolation {
                Isolation::RepeatableReads => {
                    assert_eq!(told, ((2, 2), 2, 1), "seen, not returned")
                }
                Isolation::ReadCommitted => assert_eq!(told, ((1, 2), 1, 1), "the control"),
                _ => assert_eq!(told, ((1, 1), 1, 0), "{isolation}"),
            }
        }
    }
    Ok(())
}

/// Also of futures that begin at once, with somebody who writes all the time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_that_begin_at_once_are_of_one_revision() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd, 1).await?;
        let client = cluster.client().await?;
        let writer = tokio::spawn({
            let client = client.clone();
            async move {
                for number in 0.. {
                    let number = number.to_string();
                    let both = [Op::put("a", number.clone()), Op::put("b", number)];
                    client.txn(Txn::always(both)).await.expect("a fleet that is whole");
                }
            }
        });
        let mut skewed = [0; 2];
        for _ in 0..100 {
            for (at, isolation) in
                [Isolation::default(), Isolation::ReadCommitted].iter().enumerate()
            {
                let done = client.transact_with(with(*isolation), async |stm| {
                    let (a, b) = tokio::join!(stm.get("a"), stm.get("b"));
                    Ok(a? != b?)
                });
                skewed[at] += usize::from(done.await?.into_value());
            }
        }
        writer.abort();
        assert_eq!(skewed[0], 0);
        assert!(skewed[1] > 0, "the control: each of its own");
    }
    Ok(())
}

/// What is written and was not read is compared by the default alone; and what is compacted away
/// meanwhile is read again.
#[tokio::test]
async fn what_others_do_in_between_is_noticed() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd, 1).await?;
        let client = cluster.client().await?;
        for (isolation, attempts) in
            [(Isolation::SerializableSnapshot, 2), (Isolation::Serializable, 1)]
        {
            let first = AtomicBool::new(true);
            let done = client
                .transact_with(with(isolation), async |stm| {
                    stm.get("read").await?;
                    if first.swap(false, Ordering::Relaxed) {
                        client.put("blind", "theirs").await?;
                    }
                    stm.put("blind", "ours");
                    Ok(())
                })
                .await?;
            assert_eq!(done.attempts(), attempts);
            assert_eq!(client.get("blind").await?.unwrap().value(), b"ours");
        }
        let first = AtomicBool::new(true);
        let done = client
            .transact(async |stm| {
                stm.get("read").await?;
                if first.swap(false, Ordering::Relaxed) {
                    let revision = client.put("other", "1").await?.revision();
                    client.compact(revision).await?;
                }
                stm.get("other").await
            })
            .await?;
        assert_eq!((done.attempts(), done.value().is_some()), (2, true));
    }
    Ok(())
}

#[tokio::test]
async fn who_is_always_overtaken_is_told_when_time_is_up() -> Result<()> {
    let cluster = fleet_of(&available()[0], 1).await?;
    let client = cluster.client().await?;
    let options = StmOptions::default().timeout(Duration::from_millis(500));
    let runs = AtomicUsize::new(0);
    let late = client
        .transact_with(options, async |stm| {
            let count = number(&stm, "count".into()).await?;
            runs.fetch_add(1, Ordering::Relaxed);
            client.put("count", (count + 1).to_string()).await?;
            stm.put("count", "mine");
            Ok(())
        })
        .await
        .unwrap_err();
    assert_eq!((late.kind(), late.outcome()), (ErrorKind::DeadlineExceeded, Outcome::NotApplied));
    assert!(late.to_string().contains("others changed what it read"), "{late}");
    // The last run was perhaps dropped before its own write.
    let (counted, runs) =
        (stored(&client, "count").await?, i64::try_from(runs.into_inner()).unwrap());
    assert!(counted == runs || counted == runs - 1, "{counted} {runs}");
    Ok(())
}

const ACCOUNTS: usize = 6;
const TASKS: usize = 8;

/// Many move money about while leaders die. Each transaction that returned was applied exactly once,
/// so that each account has what was moved to it, to the penny.
#[tokio::test]
async fn money_stays_the_same_while_leaders_die() -> Result<()> {
    for etcd in available() {
        on_a_whole_fleet(crate::fleet_of(etcd), money_stays_the_same).await?;
    }
    Ok(())
}

async fn money_stays_the_same(cluster: &Cluster) -> Result<()> {
    let client = cluster.client().await?;
    let guarded = client.guarded("guards/");
    let balances: Arc<Vec<AtomicI64>> =
        Arc::new((0..ACCOUNTS).map(|_| AtomicI64::new(100)).collect());
    let opened = (0..ACCOUNTS).map(|account| Op::put(format!("account/{account}"), "100"));
    client.txn(Txn::always(opened)).await?;
    let stop = Arc::new(AtomicBool::new(false));
    let committed = Arc::new(AtomicUsize::new(0));
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let (client, guarded, stop) = (client.clone(), guarded.clone(), stop.clone());
        let (balances, committed) = (balances.clone(), committed.clone());
        tasks.spawn(async move {
            let mut unsent = 0;
            for step in 0.. {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                let (from, to) = (task % ACCOUNTS, (task + 1 + step % (ACCOUNTS - 1)) % ACCOUNTS);
                let options = StmOptions::default().guarded(&guarded);
                let moved = client.transact_with(options, async |stm| {
                    let [from, to] = [from, to].map(|account| format!("account/{account}"));
                    let has = number(&stm, from.clone()).await?;
                    let other = number(&stm, to.clone()).await?;
                    let amount = i64::try_from(step % 7).unwrap().min(has);
                    stm.put(from, (has - amount).to_string());
                    stm.put(to, (other + amount).to_string());
                    Ok(amount)
                });
                match moved.await {
                    Ok(moved) => {
                        balances[from].fetch_sub(*moved.value(), Ordering::Relaxed);
                        balances[to].fetch_add(*moved.value(), Ordering::Relaxed);
                        committed.fetch_add(1, Ordering::Relaxed);
                    }
                    Err(error) if error.outcome() == Outcome::NotApplied => unsent += 1,
                    Err(error) => panic!("{error}"),
                }
            }
            unsent
        });
    }
    let more = async |count: usize| {
        let goal = committed.load(Ordering::Relaxed) + count;
        while committed.load(Ordering::Relaxed) < goal {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    for _ in 0..3 {
        tokio::time::timeout(tercet_tests::PATIENCE, more(30)).await.expect("they go on");
        cluster.leader().await?.kill()?.restart().await?;
    }
    tokio::time::timeout(tercet_tests::PATIENCE, more(30)).await.expect("they go on");
    stop.store(true, Ordering::Relaxed);
    let mut unsent = 0;
    while let Some(done) = tasks.join_next().await {
        unsent += done.expect("no panic, and nothing unknown");
    }
    let mut sum = 0;
    for (account, balance) in balances.iter().enumerate() {
        let has = stored(&client, &format!("account/{account}")).await?;
        assert_eq!(has, balance.load(Ordering::Relaxed), "account {account}");
        sum += has;
    }
    assert_eq!(sum, 100 * i64::try_from(ACCOUNTS).unwrap());
    let committed = committed.load(Ordering::Relaxed);
    say(&format!(
        "etcd {}: {committed} transfers by {TASKS} tasks, 3 leaders killed, {unsent} not sent",
        cluster.binary().version()
    ));
    Ok(())
}
