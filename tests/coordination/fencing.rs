//! A holder that has lost its lock and does not know.

use std::time::Duration;

use tercet_client::{Client, Config, ErrorKind, Mutex, Tls};
use tercet_harness::{Cluster, End, Faults, LinkPolicy, Result};
use tercet_tests::available;
use tokio::task::JoinSet;

use crate::{TTL, fleet_of};

const WRITES: usize = 20;

/// A client that waits longer than any lease of this test lives.
pub(crate) async fn patient(cluster: &Cluster, endpoints: Vec<String>) -> Result<Client> {
    let files = cluster.files();
    let tls = Tls::mutual_files(&files.ca, &files.client.certificate, &files.client.key)?;
    let config = Config::new(endpoints).tls(tls).request_timeout(Duration::from_secs(60));
    Ok(Client::connect(config).await?)
}

/// The first holder's writes are held up on their way until its lease has run out and another one
/// has the lock and has written. Then they arrive. How many of them were done?
async fn late_writes(cluster: &Cluster, fenced: bool) -> Result<usize> {
    let [first, others @ ..] = &cluster.endpoints()[..] else { panic!("there are three") };
    let here = patient(cluster, vec![first.clone()]).await?;
    let elsewhere = patient(cluster, others.to_vec()).await?;
    let session = here.session(TTL).await?;
    let guard = Mutex::new(&session, "lock").lock().await?;
    let token = guard.fence().token();
    let guard = std::sync::Arc::new(guard);

    // What is sent waits, and nothing is lost: as of a process that is paused after it has sent.
    let held = cluster.impose_both_ways(End::Clients, cluster.member(0), LinkPolicy::HOLD)?;
    let mut writes = JoinSet::new();
    for number in 0..WRITES {
        let (here, guard) = (here.clone(), guard.clone());
        writes.spawn(async move {
            let (key, value) = (format!("work/{number}"), "of the first");
            match fenced {
                true => guard.put(key, value).await.map(drop),
                false => here.put(key, value).await.map(drop),
            }
        });
    }
    let next = elsewhere.session(TTL).await?;
    let next = Mutex::new(&next, "lock").lock().await?;
    assert!(!session.is_alive(), "it was told before");
    assert!(next.fence().token() > token);
    for number in 0..WRITES {
        next.put(format!("work/{number}"), "of the second").await?;
    }
    drop(held);
    while let Some(result) = writes.join_next().await {
        match result.unwrap() {
            Err(error) => assert_eq!(error.kind(), ErrorKind::NotHeld, "{error:?}"),
            Ok(()) => assert!(!fenced, "a stale write was accepted"),
        }
    }
    let work = elsewhere.range(tercet_client::Keys::prefix("work/")).await?;
    assert_eq!(work.kvs().len(), WRITES);
    next.unlock().await?;
    Ok(work.kvs().iter().filter(|kv| kv.value() == b"of the first").count())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_write_of_a_former_holder_is_done() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd).faults(Faults::NONE.links()).start().await?;
        assert_eq!(late_writes(&cluster, true).await?, 0);
        // The control: a lock alone does not keep them out.
        assert_eq!(late_writes(&cluster, false).await?, WRITES);
    }
    Ok(())
}
