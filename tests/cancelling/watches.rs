//! Watches: those that nobody waits for are taken back, and no event is lost.

use tercet_client::{Cache, ErrorKind, Keys, Watch, WatchResponse};

use crate::scene::Scene;

pub(crate) async fn all(scene: &Scene) {
    let client = &scene.client;
    scene.each("watch/watcher.rs watch", async |_| client.watch(Watch::prefix("w/")).await).await;
    scene.wait_for_watches(0).await;
    let list = async |_| client.list_then_watch(Watch::prefix("w/")).await;
    scene.each("watch/list.rs list_then_watch", list).await;
    scene.wait_for_watches(0).await;
    events(scene).await;
    progress(scene).await;
    cache(scene).await;
    scene.wait_for_watches(0).await;
}

fn values(response: &WatchResponse) -> impl Iterator<Item = String> + '_ {
    response.events().iter().map(|event| event.kv().value_str().unwrap().to_owned())
}

async fn events(scene: &Scene) {
    let client = &scene.client;
    let mut cuts = scene.cuts("watch/watcher.rs next");
    while cuts.go_on() {
        let mut watcher = client.watch("told").await.unwrap();
        scene.wait_for_watches(1).await;
        let writer = client.clone();
        let writing = tokio::spawn(async move {
            for number in 0..5 {
                writer.put("told", number.to_string()).await.unwrap();
            }
        });
        let mut told = Vec::new();
        while told.len() < 5 {
            let next = match cuts.drop_in(watcher.next()).await {
                Some(next) => next,
                None => watcher.next().await,
            };
            told.extend(values(&next.unwrap().unwrap()));
        }
        assert_eq!(told, ["0", "1", "2", "3", "4"], "{cuts:?}");
        writing.await.unwrap();
        drop(watcher);
        scene.wait_for_watches(0).await;
    }
}

async fn progress(scene: &Scene) {
    let mut watcher = scene.client.watch("told").await.unwrap();
    let asks = async |_| watcher.request_progress().await;
    let lacks = |error: &tercet_client::Error| error.kind() == ErrorKind::Unsupported;
    scene.each_but("watch/watcher.rs request_progress", lacks, asks).await;
    scene.client.put("told", "after all").await.unwrap();
    while values(&watcher.next().await.unwrap().unwrap()).next().is_none() {}
}

async fn cache(scene: &Scene) {
    let client = &scene.client;
    let start = async |_| Cache::start(client, Keys::prefix("w/")).await;
    scene.each("watch/cache/mod.rs start", start).await;
    scene.wait_for_watches(0).await;

    let mut cache = Cache::start(client, Keys::prefix("w/")).await.unwrap();
    let mut cuts = scene.cuts("watch/cache/mod.rs wait_for");
    while cuts.go_on() {
        let number = scene.number().to_string();
        let revision = client.put("w/key", number.clone()).await.unwrap().revision();
        cuts.drop_in(cache.wait_for(revision)).await.transpose().unwrap();
        cache.wait_for(revision).await.unwrap();
        assert_eq!(cache.get("w/key").unwrap().value(), number.as_bytes());
    }

    let mut cuts = scene.cuts("watch/cache/mod.rs changed");
    while cuts.go_on() {
        let revision = client.put("w/key", "changed").await.unwrap().revision();
        let mut seen = cuts.drop_in(cache.changed()).await;
        // What was dropped has taken no news with it.
        while seen.transpose().unwrap().is_none_or(|seen| seen < revision) {
            seen = Some(cache.changed().await);
        }
    }
}
