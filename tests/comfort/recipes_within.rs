//! What is made of keys, within a namespace: none of it is outside.

use std::time::Duration;

use tercet_client::{
    Cache, Client, Compare, Election, ErrorKind, Is, Keys, Mutex, Op, Range, RwLock, Txn,
};
use tercet_harness::{Cluster, Result, Timing};
use tercet_tests::available;

const TTL: Duration = Duration::from_secs(60);

async fn keys(client: &Client) -> Result<Vec<String>> {
    let all = client.range(Range::all()).await?;
    Ok(all.kvs().iter().map(|kv| String::from_utf8_lossy(kv.key()).into_owned()).collect())
}

/// After each, all that there is has the prefix on the server, and none of it for whoever is within.
#[tokio::test]
async fn all_recipes_are_within() -> Result<()> {
    for etcd in available() {
        let builder = Cluster::builder().binary(etcd.path()).members(1).timing(Timing::Ci);
        let cluster = builder.start().await?;
        let client = cluster.client().await?;
        let app = client.namespace("app/");
        client.put("job", "outside").await?;

        let guarded = app.guarded("guards/");
        guarded.put("guarded", "1").await?;
        app.queue("jobs").enqueue("a").await?;
        app.priority_queue("urgent").enqueue(3, "b").await?;
        app.transact(async |stm| {
            assert_eq!(stm.get("guarded").await?.as_deref(), Some(&b"1"[..]));
            assert_eq!(stm.get("job").await?, None, "that is outside");
            stm.put("counted", "1");
            Ok(())
        })
        .await?;
        let session = app.session(TTL).await?;
        let lock = Mutex::new(&session, "lock").lock().await?;
        lock.put("under-lock", "1").await?;
        let read = RwLock::new(&session, "rw").read().await?;
        let leads = Election::new(&session, "who").campaign("me").await?;
        let gate = app.barrier("gate");
        assert!(gate.hold().await?);
        let both = session.double_barrier("both", 1).enter().await?;

        // On the server, each of them.
        let all = keys(&client).await?;
        let (within, outside): (Vec<_>, Vec<_>) =
            all.iter().partition(|key| key.starts_with("app/"));
        assert_eq!(outside, ["job"]);
        for prefix in [
            "guards/",
            "guarded",
            "jobs/",
            "__jobs/guards/",
            "urgent/00003/",
            "counted",
            "lock/",
            "under-lock",
            "rw/",
            "who/",
            "gate",
            "both/waiters/",
        ] {
            let prefix = format!("app/{prefix}");
            assert!(within.iter().any(|key| key.starts_with(&prefix)), "{prefix}: {within:?}");
        }
        // And within, the same without it.
        let seen: Vec<_> = keys(&app).await?;
        assert!(within.iter().map(|key| &key["app/".len()..]).eq(seen.iter().map(String::as_str)));
        assert!(lock.fence().key().starts_with(b"lock/"));
        assert_eq!(Election::new(&session, "who").leader().await?.expect("one").value(), b"me");

        answers_and_errors(&app).await?;
        cache(&client, &app).await?;

        // What is given back is gone from there.
        assert_eq!(app.queue("jobs").dequeue().await?.value(), b"a");
        assert_eq!(app.priority_queue("urgent").dequeue().await?.value(), b"b");
        lock.unlock().await?;
        read.unlock().await?;
        leads.resign().await?;
        both.leave().await?;
        assert!(gate.release().await?);
        session.close().await?;
        for prefix in ["app/lock/", "app/rw/", "app/who/", "app/both/waiters/", "app/gate"] {
            assert_eq!(
                client.range(Range::prefix(prefix).count_only()).await?.count(),
                0,
                "{prefix}"
            );
        }
        assert_eq!(client.get("job").await?.expect("untouched").value(), b"outside");
    }
    Ok(())
}

/// Keys in errors are those that were asked for, and so are those of pages.
async fn answers_and_errors(app: &Client) -> Result<()> {
    let error = app.put("", "nothing").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidRequest);
    let twice = Txn::always([Op::put("twice", "1"), Op::put("twice", "2")]);
    let error = app.txn(twice).await.unwrap_err();
    assert_eq!(error.key(), Some(&b"twice"[..]), "{error:?}");
    assert!(!error.to_string().contains("app/"), "{error}");
    let held = Txn::when([Compare::value("counted", Is::Equal, "1")]).then([Op::get("counted")]);
    assert!(app.txn(held).await?.succeeded());

    let mut pages = app.pages(Range::all(), 2);
    let mut found = Vec::new();
    while let Some(page) = pages.next().await {
        found.extend(page?.kvs().iter().map(|kv| String::from_utf8_lossy(kv.key()).into_owned()));
    }
    assert_eq!(found, keys(app).await?);
    Ok(())
}

/// It has what is within, by the names from within, and hears of nothing else.
async fn cache(client: &Client, app: &Client) -> Result<()> {
    let cache = Cache::start(app, Keys::all()).await?;
    client.put("cached", "outside").await?;
    let last = app.put("cached", "within").await?.revision();
    cache.wait_for(last).await?;
    assert_eq!(cache.get("cached").expect("there").value(), b"within");
    assert!(cache.get("app/cached").is_none() && cache.get("job").is_none());
    let names: Vec<_> =
        cache.snapshot().iter().map(|kv| String::from_utf8_lossy(kv.key()).into_owned()).collect();
    assert_eq!(names, keys(app).await?);
    client.delete("cached").await?;
    Ok(())
}
