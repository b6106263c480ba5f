//! Keys under a prefix that their user does not see.

use std::time::Duration;

use tercet_client::{
    Client, Compare, Delete, Is, KeyValue, Keys, Mutex, Op, OpResponse, Put, Range, Txn, Watch,
};
use tercet_harness::{Cluster, Result, Timing};
use tercet_tests::{PATIENCE, available};

const TTL: Duration = Duration::from_secs(60);

async fn keys(client: &Client, range: impl Into<Range>) -> Result<Vec<String>> {
    let range = client.range(range).await?;
    Ok(range.kvs().iter().map(name).collect())
}

fn name(kv: &KeyValue) -> String {
    String::from_utf8_lossy(kv.key()).into_owned()
}

#[tokio::test]
async fn nothing_outside_is_read_or_written() -> Result<()> {
    for etcd in available() {
        let cluster =
            Cluster::builder().binary(etcd.path()).members(1).timing(Timing::Ci).start().await?;
        let client = cluster.client().await?;
        // Just before the namespace, just after it, and its prefix itself.
        let outside = ["a", "app", "app/", "app0", "b"];
        for key in outside {
            client.put(key, "outside").await?;
        }
        let app = client.namespace("app/");
        let inner = client.namespace("ap").namespace("p/");
        for key in ["a", "app/x", "z"] {
            app.put(key, "within").await?;
        }
        let everything = keys(&client, Range::all()).await?;
        assert_eq!(everything, ["a", "app", "app/", "app/a", "app/app/x", "app/z", "app0", "b"]);
        for client in [&app, &inner] {
            for range in [Range::all(), Range::starting_at("\0"), Range::between("a", "zz")] {
                assert_eq!(keys(client, range).await?, ["a", "app/x", "z"]);
            }
            assert_eq!(keys(client, Range::prefix("app/")).await?, ["app/x"]);
            assert_eq!(keys(client, Range::starting_at("b")).await?, ["z"]);
            assert!(client.get("b").await?.is_none());
            let pages = collect(client).await?;
            assert_eq!(pages, ["a", "app/x", "z"]);
        }

        let put = app.put_with(Put::new("a", "again").prev_kv()).await?;
        assert_eq!(put.prev_kv().map(name).as_deref(), Some("a"));
        let txn = Txn::when([
            Compare::exists("a"),
            Compare::missing("b"),
            // Outside there are others.
            Compare::value(Keys::starting_at("b"), Is::Equal, "within"),
        ])
        .then([
            Op::range(Keys::all()),
            Op::put_with(Put::new("a", "third").prev_kv()),
            Op::txn(Txn::always([Op::get("z")])),
        ]);
        let answer = app.txn(txn).await?;
        assert!(answer.succeeded());
        let [OpResponse::Range(range), OpResponse::Put(put), OpResponse::Txn(inner)] =
            answer.responses()
        else {
            panic!("{answer:?}");
        };
        assert_eq!(range.kvs().iter().map(name).collect::<Vec<_>>(), ["a", "app/x", "z"]);
        assert_eq!(put.prev_kv().map(name).as_deref(), Some("a"));
        let [OpResponse::Range(range)] = inner.responses() else { panic!("{inner:?}") };
        assert_eq!(range.kvs().iter().map(name).collect::<Vec<_>>(), ["z"]);

        let deleted = app.delete_range(Delete::new(Keys::all()).prev_kv()).await?;
        assert_eq!(deleted.prev_kvs().iter().map(name).collect::<Vec<_>>(), ["a", "app/x", "z"]);
        assert_eq!(keys(&client, Range::all()).await?, outside);
    }
    Ok(())
}

async fn collect(client: &Client) -> Result<Vec<String>> {
    let mut stream = client.stream(Range::all());
    let mut found = Vec::new();
    while let Some(kv) = stream.next().await {
        found.push(name(&kv?));
    }
    Ok(found)
}

#[tokio::test]
async fn watches_leases_and_locks_are_within() -> Result<()> {
    for etcd in available() {
        let cluster =
            Cluster::builder().binary(etcd.path()).members(1).timing(Timing::Ci).start().await?;
        let client = cluster.client().await?;
        let app = client.namespace("app/");
        let mut watcher = app.watch(Watch::all()).await?;
        client.put("b", "outside").await?;
        client.put("app/a", "within").await?;
        let next = tokio::time::timeout(PATIENCE, watcher.next()).await.expect("an event");
        let next = next.expect("goes on")?;
        let seen: Vec<_> = next.events().iter().map(|event| name(event.kv())).collect();
        assert_eq!(seen, ["a"]);

        let lease = client.lease_grant(TTL).await?.id();
        client.put_with(Put::new("outside", "").lease(lease)).await?;
        app.put_with(Put::new("leased", "").lease(lease)).await?;
        let there = app.lease_time_to_live_with_keys(lease).await?.expect("there");
        assert_eq!(there.keys(), ["leased"]);

        // The same name of a lock, in two namespaces: two locks.
        let [one, two] = [app.session(TTL).await?, client.session(TTL).await?];
        let held = Mutex::new(&one, "lock").lock().await?;
        let other = Mutex::new(&two, "lock").lock().await?;
        assert!(!keys(&client, Range::prefix("app/lock/")).await?.is_empty());
        assert!(!keys(&client, Range::prefix("lock/")).await?.is_empty());
        drop((held, other));
    }
    Ok(())
}
