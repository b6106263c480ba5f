//! Requests for keys: a read is as if it had never been, and a write is done whole or not at all.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tercet_client::{
    Client, Config, Delete, ErrorKind, Keys, Op, Outcome, Put, Range, Resolution, StmOptions, Txn,
};
use tokio::sync::Mutex;
use tower::util::AndThenLayer;

use crate::scene::Scene;

pub(crate) async fn all(scene: &Scene) {
    requests(scene).await;
    pages(scene).await;
    range_stream(scene).await;
    guarded(scene).await;
    resolve(scene).await;
    transact(scene).await;
    reads_of_a_transaction(scene).await;
    // More than a connection may have requests at once: none has kept its place.
    for number in 0..2000_u32 {
        let mut get = Box::pin(scene.client.get(format!("many/{number}")));
        let once = std::future::poll_fn(|context| {
            std::task::Poll::Ready(get.as_mut().poll(context).is_pending())
        });
        assert!(once.await);
    }
    scene.works().await;
    scene.wait_for_requests(0).await;
}

fn key(number: u32) -> String {
    format!("keys/{number}")
}

async fn requests(scene: &Scene) {
    let client = &scene.client;
    scene.each("kv/calls.rs put", async |number| client.put(key(number), "1").await).await;
    let put = async |number| client.put_with(Put::new(key(number), "1")).await;
    scene.each("kv/calls.rs put_with", put).await;
    scene.each("kv/calls.rs get", async |number| client.get(key(number)).await).await;
    let range = async |_| client.range(Range::prefix("keys/")).await;
    scene.each("kv/calls.rs range", range).await;
    scene.each("kv/calls.rs delete", async |number| client.delete(key(number)).await).await;
    let delete = async |_| client.delete_range(Delete::new(Keys::prefix("keys/9"))).await;
    scene.each("kv/calls.rs delete_range", delete).await;

    let mut cuts = scene.cuts("kv/calls.rs txn");
    while cuts.go_on() {
        let (one, two) = (key(scene.number()), key(scene.number()));
        let both = Txn::always([Op::put(one.clone(), "1"), Op::put(two.clone(), "1")]);
        let done = cuts.drop_in(client.txn(both)).await.transpose().unwrap();
        let read = client.txn(Txn::always([Op::get(one), Op::get(two)])).await.unwrap();
        let found: Vec<_> = read
            .into_responses()
            .into_iter()
            .map(|response| match response {
                tercet_client::OpResponse::Range(range) => range.kvs().len(),
                other => panic!("{other:?}"),
            })
            .collect();
        assert!(found == [1, 1] || (found == [0, 0] && done.is_none()), "{cuts:?}: {found:?}");
    }
}

async fn pages(scene: &Scene) {
    const KEYS: usize = 8;
    let client = &scene.client;
    for number in 0..KEYS {
        client.put(format!("pages/{number}"), "1").await.unwrap();
    }
    let all: Vec<_> = (0..KEYS).map(|number| format!("pages/{number}").into_bytes()).collect();
    let mut cuts = scene.cuts("kv/pages.rs next");
    while cuts.go_on() {
        let mut pages = client.pages(Range::prefix("pages/"), 3);
        let mut found = Vec::new();
        loop {
            let next = match cuts.drop_in(pages.next()).await {
                Some(next) => next,
                None => pages.next().await,
            };
            let Some(page) = next else { break };
            found.extend(page.unwrap().kvs().iter().map(|kv| kv.key().to_vec()));
        }
        assert_eq!(found, all, "{cuts:?}");
    }
    let mut cuts = scene.cuts("kv/pages.rs next");
    while cuts.go_on() {
        let mut keys = client.stream(Range::prefix("pages/"));
        let mut found = Vec::new();
        loop {
            let next = match cuts.drop_in(keys.next()).await {
                Some(next) => next,
                None => keys.next().await,
            };
            let Some(kv) = next else { break };
            found.push(kv.unwrap().key().to_vec());
        }
        assert_eq!(found, all, "{cuts:?}");
    }
}

async fn range_stream(scene: &Scene) {
    let client = &scene.client;
    let lacks = |error: &tercet_client::Error| error.kind() == ErrorKind::Unsupported;
    let stream = async |_| client.range_stream(Range::prefix("pages/")).await;
    scene.each_but("kv/range_stream.rs range_stream", lacks, stream).await;
    let mut cuts = scene.cuts("kv/range_stream.rs next");
    if client.range_stream(Range::prefix("pages/")).await.is_err_and(|error| lacks(&error)) {
        return;
    }
    while cuts.go_on() {
        let mut stream = client.range_stream(Range::prefix("pages/")).await.unwrap();
        let mut found = 0;
        loop {
            let next = match cuts.drop_in(stream.next()).await {
                Some(next) => next,
                None => stream.next().await,
            };
            let Some(some) = next else { break };
            found += some.unwrap().kvs().len();
        }
        assert_eq!(found, 8, "{cuts:?}");
    }
}

async fn guarded(scene: &Scene) {
    let guarded = scene.client.guarded("guards/");
    let put = async |number| guarded.put(key(number), "1").await;
    scene.each("kv/guarded/calls.rs put", put).await;
    let put = async |number| guarded.put_with(Put::new(key(number), "1")).await;
    scene.each("kv/guarded/calls.rs put_with", put).await;
    let delete = async |number| guarded.delete(key(number)).await;
    scene.each("kv/guarded/calls.rs delete", delete).await;
    let delete = async |_| guarded.delete_range(Keys::prefix("keys/9")).await;
    scene.each("kv/guarded/calls.rs delete_range", delete).await;
    let txn = async |number| guarded.txn(Txn::always([Op::put(key(number), "1")])).await;
    scene.each("kv/guarded/calls.rs txn", txn).await;
}

/// Of writes that were done, and of which nobody was told.
async fn resolve(scene: &Scene) {
    let lost = Arc::new(AtomicBool::new(false));
    let losing = lost.clone();
    let layer = AndThenLayer::new(move |reply| {
        let is_lost = losing.load(Ordering::Relaxed);
        std::future::ready(if is_lost { Err(unheard()) } else { Ok(reply) })
    });
    let layer = tower::ServiceBuilder::new()
        .layer(layer)
        .map_err(Box::<dyn std::error::Error + Send + Sync>::from)
        .into_inner();
    let client = Client::connect(Config::new([scene.url.clone()]).layer(layer)).await.unwrap();
    let guarded = client.guarded("guards/");
    guarded.put("before", "1").await.unwrap();
    let mut cuts = scene.cuts("kv/guarded/resolve.rs resolve");
    while cuts.go_on() {
        lost.store(true, Ordering::Relaxed);
        let error = guarded.put(key(scene.number()), "1").await.unwrap_err();
        lost.store(false, Ordering::Relaxed);
        assert!(error.outcome() == Outcome::Unknown && error.is_resolvable(), "{error:?}");
        cuts.drop_in(error.resolve(&client)).await.transpose().unwrap();
        let resolved = error.resolve(&client).await.unwrap();
        assert!(matches!(resolved, Resolution::Applied { succeeded: true, .. }), "{resolved:?}");
        guarded.put("after", "1").await.unwrap();
    }
}

fn unheard() -> Box<dyn std::error::Error + Send + Sync> {
    "the answer is not heard".into()
}

/// It counts once each time, or not at all.
async fn transact(scene: &Scene) {
    let client = &scene.client;
    let count = async || -> u32 {
        let kv = client.get("count").await.unwrap();
        kv.map_or(0, |kv| kv.value_str().unwrap().parse().unwrap())
    };
    let one_more = async |options: Option<StmOptions>| {
        let body = |stm: tercet_client::Stm| async move {
            let count = stm.get("count").await?;
            let count: u32 =
                count.map_or(0, |count| String::from_utf8_lossy(&count).parse().unwrap());
            stm.put("count", (count + 1).to_string());
            Ok(())
        };
        match options {
            None => client.transact(body).await,
            Some(options) => client.transact_with(options, body).await,
        }
    };
    let guarded = client.guarded("guards/");
    for function in ["coordination/stm.rs transact", "coordination/stm.rs transact_with"] {
        let mut cuts = scene.cuts(function);
        while cuts.go_on() {
            scene.wait_for_requests(0).await;
            let before = count().await;
            let options = function.ends_with("with").then(StmOptions::default);
            let options = options.map(|options| options.guarded(&guarded));
            let done = cuts.drop_in(one_more(options)).await.transpose().unwrap();
            scene.wait_for_requests(0).await;
            let more = count().await - before;
            assert!(more == 1 || (more == 0 && done.is_none()), "{cuts:?}: {more}");
        }
    }
}

/// Those of a body that loses patience with them and goes on.
async fn reads_of_a_transaction(scene: &Scene) {
    let client = &scene.client;
    client.put("read", "1").await.unwrap();
    let functions = [
        "coordination/stm/memory.rs get",
        "coordination/stm/memory.rs get_all",
        "coordination/stm/memory.rs mod_revision",
    ];
    for (which, function) in functions.into_iter().enumerate() {
        let cuts = Mutex::new(scene.cuts(function));
        while cuts.lock().await.go_on() {
            let committed = Cell::new(0);
            client
                .transact(async |stm| {
                    let mut cuts = cuts.lock().await;
                    let read = async {
                        match which {
                            0 => stm.get("read").await.map(|_| ()),
                            1 => stm.get_all(["read", "none"]).await.map(|_| ()),
                            _ => stm.mod_revision("read").await.map(|_| ()),
                        }
                    };
                    cuts.drop_in(read).await.transpose()?;
                    let value = stm.get("read").await?.expect("it is there");
                    assert_eq!(value, "1");
                    stm.put("written", value);
                    committed.set(committed.get() + 1);
                    Ok(())
                })
                .await
                .unwrap();
            assert_eq!(committed.get(), 1);
        }
    }
}
