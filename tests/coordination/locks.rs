//! Mutexes, and readers and writers: who holds them, in which order, and how they end.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tercet_client::{Client, ErrorKind, Keys, Mutex, RwLock};
use tercet_harness::Result;
use tercet_tests::{PATIENCE, available};
use tokio::task::JoinSet;

use crate::{LONG, fleet_of};

/// Waits until there are so many keys below this name.
pub(crate) async fn queue(client: &Client, name: &'static str, length: usize) -> Result<()> {
    let begin = Instant::now();
    loop {
        let keys = client.range(Keys::prefix(format!("{name}/"))).await?.kvs().len();
        if keys == length {
            return Ok(());
        }
        assert!(begin.elapsed() < PATIENCE, "{keys} keys and not {length}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn one_holds_it_and_the_others_wait_in_order() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd).members(1).start().await?;
        let client = cluster.client().await?;
        let session = client.session(LONG).await?;
        let first = Mutex::new(&session, "lock").lock().await?;
        let key = format!("lock/{:x}", i64::from(session.lease_id()));
        assert_eq!(first.fence().key(), key.as_bytes());
        let kv = client.get(key).await?.expect("there");
        assert_eq!(
            (kv.create_revision(), kv.lease()),
            (first.fence().token(), Some(session.lease_id()))
        );

        // Nobody else has it, of another session or of this one.
        let other = client.session(LONG).await?;
        assert!(Mutex::new(&other, "lock").try_lock().await?.is_none());
        assert!(Mutex::new(&session, "lock").try_lock().await?.is_none());
        queue(&client, "lock", 1).await?;

        let mut waiting = JoinSet::new();
        let mut tokens = vec![first.fence().token()];
        for place in 1..=4 {
            let session = client.session(LONG).await?;
            waiting.spawn(async move {
                let guard = Mutex::new(&session, "lock").lock().await?;
                let token = guard.fence().token();
                guard.unlock().await?;
                Ok::<_, tercet_client::Error>(token)
            });
            queue(&client, "lock", 1 + place).await?;
        }
        first.unlock().await?;
        while let Some(token) = waiting.join_next().await {
            tokens.push(token.unwrap()?);
        }
        assert_eq!(tokens.len(), 5);
        assert!(tokens.is_sorted(), "{tokens:?}");
        // Dropping is unlocking.
        let guard = Mutex::new(&other, "lock").try_lock().await?.expect("nobody has it");
        drop(guard);
        drop(Mutex::new(&session, "lock").lock().await?);
        queue(&client, "lock", 0).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn never_two_at_once() -> Result<()> {
    const TASKS: usize = 8;
    const TIMES: usize = 5;
    for etcd in available() {
        let cluster = fleet_of(etcd).start().await?;
        let client = cluster.client().await?;
        let inside = Arc::new(AtomicUsize::new(0));
        let mut tasks = JoinSet::new();
        // Two of each share a session, and so a key.
        for _ in 0..TASKS / 2 {
            let session = client.session(LONG).await?;
            for _ in 0..2 {
                let (session, inside, client) = (session.clone(), inside.clone(), client.clone());
                tasks.spawn(async move {
                    let mutex = Mutex::new(&session, "lock");
                    for _ in 0..TIMES {
                        let guard = mutex.lock().await?;
                        assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "one is inside");
                        // No transaction: the lock alone keeps others out.
                        let kv = client.get("count").await?;
                        let count =
                            kv.map_or(0, |kv| kv.value_str().unwrap().parse::<u64>().unwrap());
                        client.put("count", (count + 1).to_string()).await?;
                        inside.fetch_sub(1, Ordering::SeqCst);
                        guard.unlock().await?;
                    }
                    Ok::<_, tercet_client::Error>(())
                });
            }
        }
        while let Some(done) = tasks.join_next().await {
            done.unwrap()?;
        }
        let count = client.get("count").await?.expect("there");
        assert_eq!(count.value(), (TASKS * TIMES).to_string().as_bytes());
        queue(&client, "lock", 0).await?;
    }
    Ok(())
}

/// Whoever no longer waits leaves no key, and none of those behind him waits longer for it.
#[tokio::test]
async fn who_gives_up_leaves_the_queue() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd).members(1).start().await?;
        let client = cluster.client().await?;
        let sessions =
            [client.session(LONG).await?, client.session(LONG).await?, client.session(LONG).await?];
        let [holder, fickle, patient] = sessions.map(|session| Mutex::new(&session, "lock"));
        let guard = holder.lock().await?;
        let waiting = tokio::spawn(async move { fickle.lock().await.map(drop) });
        queue(&client, "lock", 2).await?;
        let behind = tokio::spawn(async move { patient.lock().await });
        queue(&client, "lock", 3).await?;
        waiting.abort();
        queue(&client, "lock", 2).await?;
        guard.unlock().await?;
        drop(behind.await.unwrap()?);
        queue(&client, "lock", 0).await?;

        // At whatever point it is dropped: polled once, twice, and so on.
        for polls in 0..12 {
            let mut locking = Box::pin(holder.lock());
            let mut left = polls;
            let result = std::future::poll_fn(|context| {
                if left == 0 {
                    return std::task::Poll::Ready(None);
                }
                left -= 1;
                locking.as_mut().poll(context).map(Some)
            });
            let result = tokio::time::timeout(Duration::from_millis(20), result).await;
            drop((result, locking));
            queue(&client, "lock", 0).await?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn who_loses_his_session_or_key_is_told() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd).members(1).start().await?;
        let client = cluster.client().await?;
        let (first, second) = (client.session(LONG).await?, client.session(LONG).await?);
        let guard = Mutex::new(&first, "lock").lock().await?;
        let waiting = Mutex::new(&second, "lock");
        let waiting = tokio::spawn(async move { waiting.lock().await });
        queue(&client, "lock", 2).await?;
        client.lease_revoke(second.lease_id()).await?;
        let error = waiting.await.unwrap().expect_err("it has no lease");
        assert_eq!(error.kind(), ErrorKind::LeaseLost, "{error:?}");
        let error = Mutex::new(&second, "lock").lock().await.expect_err("it is lost");
        assert_eq!(error.kind(), ErrorKind::LeaseLost, "{error:?}");

        // The control, and then without the key.
        guard.put("a", "1").await?;
        client.delete(guard.fence().key().to_vec()).await?;
        let error = guard.put("a", "2").await.expect_err("it is not held");
        assert_eq!(error.kind(), ErrorKind::NotHeld, "{error:?}");
        assert_eq!(client.get("a").await?.expect("there").value(), b"1");
        let error = guard.unlock().await.expect_err("it is not held");
        assert_eq!(error.kind(), ErrorKind::NotHeld, "{error:?}");
    }
    Ok(())
}

#[tokio::test]
async fn readers_share_and_writers_do_not() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd).members(1).start().await?;
        let client = cluster.client().await?;
        let sessions =
            [client.session(LONG).await?, client.session(LONG).await?, client.session(LONG).await?];
        let [one, two, three] = sessions.map(|session| RwLock::new(&session, "rw"));
        let (first, again) = (one.read().await?, one.read().await?);
        let second = two.try_read().await?.expect("readers share");
        assert!(three.try_write().await?.is_none(), "they read");
        let writing = tokio::spawn(async move { three.write().await });
        queue(&client, "rw", 4).await?;
        // It is fair: a reader that comes after a writer waits for it.
        assert!(two.try_read().await?.is_none());
        let reading = tokio::spawn(async move { two.read().await });
        queue(&client, "rw", 5).await?;
        first.unlock().await?;
        drop((again, second));
        let writer = writing.await.unwrap()?;
        assert!(!reading.is_finished());
        writer.put("a", "written").await?;
        let token = writer.fence().token();
        writer.unlock().await?;
        let reader = reading.await.unwrap()?;
        assert!(reader.fence().token() > token);
        reader.unlock().await?;
        queue(&client, "rw", 0).await?;
    }
    Ok(())
}
