//! Elements that are taken once each.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tercet_client::{KeyValue, Keys, Outcome, Range};
use tercet_cluster::binary::Binary;
use tercet_harness::{Cluster, Result};
use tercet_tests::{PATIENCE, available, on_a_whole_fleet, say};
use tokio::task::JoinSet;

async fn fleet_of(etcd: &Binary, members: usize) -> Result<Cluster> {
    crate::fleet_of(etcd).members(members).start().await
}

fn text(element: &KeyValue) -> String {
    element.value_str().expect("text").to_owned()
}

#[tokio::test]
async fn the_first_in_is_the_first_out_whoever_put_it_in() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd, 1).await?;
        let client = cluster.client().await?;
        let queue = client.queue("jobs");
        assert!(queue.try_dequeue().await?.is_none());
        // A queue whose name begins so, and one put in by etcd's Go client at a time long ago.
        client.put("jobs2/1", "another's").await?;
        queue.enqueue("one").await?;
        client.put("jobs/1", "two").await?;
        queue.enqueue("three").await?;
        let keys = client.range(Range::prefix("jobs/").keys_only()).await?;
        assert_eq!(keys.count(), 3);
        for expected in ["one", "two", "three"] {
            assert_eq!(text(&queue.dequeue().await?), expected);
        }
        assert!(queue.try_dequeue().await?.is_none());
        assert!(client.get("jobs2/1").await?.is_some());

        // Who waits is woken.
        let waiting = tokio::spawn({
            let queue = queue.clone();
            async move { queue.dequeue().await }
        });
        queue.enqueue("four").await?;
        let woken = tokio::time::timeout(PATIENCE, waiting).await.expect("woken").unwrap()?;
        assert_eq!(text(&woken), "four");
    }
    Ok(())
}

#[tokio::test]
async fn the_least_number_goes_first_and_of_equals_the_oldest() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd, 1).await?;
        let client = cluster.client().await?;
        let queue = client.priority_queue("jobs");
        for (priority, value) in [(7, "c"), (40_000, "e"), (7, "d"), (0, "a"), (1, "b")] {
            queue.enqueue(priority, value).await?;
        }
        let keys = client.range(Range::prefix("jobs/")).await?;
        let keys: Vec<_> = keys.kvs().iter().map(|kv| String::from_utf8_lossy(kv.key())).collect();
        // As etcd's Go client names them.
        let expected = ["00000", "00001", "00007", "00007", "40000"].map(String::from);
        let numbers = ["0", "0", "0", "1", "0"];
        let expected = expected.iter().zip(numbers).map(|(p, n)| format!("jobs/{p}/{n:0>16}"));
        assert_eq!(keys, expected.collect::<Vec<_>>());
        assert!(client.get("__jobs/00007").await?.is_some());
        for expected in ["a", "b", "c", "d", "e"] {
            assert_eq!(text(&queue.dequeue().await?), expected);
        }
        assert!(queue.try_dequeue().await?.is_none());

        let mut tasks = JoinSet::new();
        for number in 0..24 {
            let queue = queue.clone();
            tasks.spawn(async move { queue.enqueue(5, number.to_string()).await });
        }
        while let Some(done) = tasks.join_next().await {
            done.unwrap()?;
        }
        let mut seen = HashSet::new();
        while let Some(element) = queue.try_dequeue().await? {
            assert!(seen.insert(text(&element)));
        }
        assert_eq!(seen.len(), 24);
    }
    Ok(())
}

/// Takers that stop waiting all the time lose nothing.
#[tokio::test]
async fn a_taker_that_stops_waiting_loses_nothing() -> Result<()> {
    const ELEMENTS: usize = 40;
    for etcd in available() {
        let cluster = fleet_of(etcd, 1).await?;
        let client = cluster.client().await?;
        let queue = client.queue("jobs");
        for number in 0..ELEMENTS {
            queue.enqueue(number.to_string()).await?;
        }
        let (mut taken, mut stopped) = (Vec::new(), 0_u64);
        let mut patience = Duration::from_micros(100);
        while taken.len() < ELEMENTS {
            match tokio::time::timeout(patience, queue.dequeue()).await {
                Ok(element) => taken.push(text(&element?)),
                Err(_) => stopped += 1,
            }
            // Each time at another moment.
            patience = (patience * 5 / 4).min(Duration::from_millis(20));
            if patience == Duration::from_millis(20) {
                patience = Duration::from_micros(100);
            }
        }
        assert!(stopped > 0, "the control: it was dropped under way");
        assert!(queue.try_dequeue().await?.is_none());
        let all: HashSet<_> = taken.iter().cloned().collect();
        assert_eq!(all.len(), ELEMENTS, "none twice");
        say(&format!("etcd {}: {ELEMENTS} elements, {stopped} takers stopped", etcd.version()));
    }
    Ok(())
}

/// Many put in and many take out while leaders die.
#[tokio::test]
async fn each_element_is_taken_once_while_leaders_die() -> Result<()> {
    for etcd in available() {
        on_a_whole_fleet(crate::fleet_of(etcd), elements_are_taken_once).await?;
    }
    Ok(())
}

async fn elements_are_taken_once(cluster: &Cluster) -> Result<()> {
    const PUTTERS: usize = 4;
    const TAKERS: usize = 4;
    const EACH: usize = 30;
    let client = cluster.client().await?;
    let queue = client.queue("jobs");
    let put_in = Arc::new(AtomicUsize::new(0));
    let (mut putters, mut takers) = (JoinSet::new(), JoinSet::new());
    for putter in 0..PUTTERS {
        let (queue, put_in) = (queue.clone(), put_in.clone());
        putters.spawn(async move {
            for number in 0..EACH {
                // What provably did not happen is tried again, and nothing else is told.
                while let Err(error) = queue.enqueue(format!("{putter}-{number}")).await {
                    assert_eq!(error.outcome(), Outcome::NotApplied, "{error}");
                }
                put_in.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    for _ in 0..TAKERS {
        // Each a queue of its own, as in another process.
        let queue = cluster.client().await?.queue("jobs");
        takers.spawn(async move {
            let mut taken = Vec::new();
            loop {
                match queue.dequeue().await {
                    Ok(element) if text(&element) == "end" => return taken,
                    Ok(element) => taken.push(text(&element)),
                    Err(error) => assert_eq!(error.outcome(), Outcome::NotApplied, "{error}"),
                }
            }
        });
    }
    let reach = async |count: usize| {
        while put_in.load(Ordering::Relaxed) < count {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    for round in 1..=2 {
        let goal = PUTTERS * EACH * round / 3;
        tokio::time::timeout(PATIENCE, reach(goal)).await.expect("they go on");
        cluster.leader().await?.kill()?.restart().await?;
    }
    while let Some(done) = putters.join_next().await {
        done.expect("no panic");
    }
    for _ in 0..TAKERS {
        queue.enqueue("end").await?;
    }
    let mut taken = Vec::new();
    let all_end = async {
        while let Some(done) = takers.join_next().await {
            taken.extend(done.expect("no panic"));
        }
    };
    tokio::time::timeout(PATIENCE, all_end).await.expect("each finds its end");
    let all: HashSet<_> = taken.iter().cloned().collect();
    assert_eq!((taken.len(), all.len()), (PUTTERS * EACH, PUTTERS * EACH));
    let left = client.range(Range::new(Keys::prefix("jobs/"))).await?;
    assert_eq!(left.count(), 0);
    Ok(())
}
