//! Members and maintenance.

use tercet_client::{AlarmKind, Client, Compact, Config, Error, ErrorKind, SavedSnapshot};
use tokio::io::AsyncWriteExt as _;

use crate::scene::Scene;

pub(crate) async fn all(scene: &Scene) {
    connecting(scene).await;
    members(scene).await;
    maintenance(scene).await;
    snapshots(scene).await;
}

async fn connecting(scene: &Scene) {
    let connect = async |_| Client::connect(Config::new([scene.url.clone()])).await;
    scene.each("client.rs connect", connect).await;
    let tls = tercet_client::Tls::unverified().unwrap();
    let config = async |_| Ok(tls.rustls_config().await);
    scene.each("transport/tls.rs rustls_config", config).await;

    let mut cuts = scene.cuts("transport/sync.rs sync_endpoints");
    while cuts.go_on() {
        // With one that is not there, so that there is something to replace.
        let config = Config::new(["http://127.0.0.1:9".to_owned(), scene.url.clone()]);
        let client = Client::connect(config).await.unwrap();
        let done = cuts.drop_in(client.sync_endpoints()).await.transpose().unwrap();
        let expected = if done.is_some() { 1 } else { 2 };
        assert_eq!(client.endpoints().len(), expected, "{cuts:?}");
        client.get("works").await.unwrap();
    }
}

/// With a learner that is never there, so that the one member stays the quorum.
async fn members(scene: &Scene) {
    let client = &scene.client;
    scene.each("operate/members.rs member_list", async |_| client.member_list().await).await;
    let list = async |_| client.member_list_serializable().await;
    scene.each("operate/members.rs member_list_serializable", list).await;
    let own = client.member_list().await.unwrap().members()[0].clone();
    // Refused, since it has that already: one more would be needed for the quorum.
    let taken = |error: &Error| error.server_message().is_some_and(|text| text.contains("exists"));
    let add = async |_| client.member_add(own.peer_urls().to_vec()).await;
    scene.each_but("operate/members.rs member_add", taken, add).await;

    let learner = async || {
        let list = client.member_list().await.unwrap();
        list.members().iter().find(|member| member.is_learner()).map(|member| member.id())
    };
    // Another URL each time: a member's number is made of it and of the second (`membership/member.go`),
    // and one that was removed does not come again.
    let add = || client.member_add_learner([format!("http://192.0.2.1:{}", scene.number())]);
    let mut cuts = scene.cuts("operate/members.rs member_add_learner");
    while cuts.go_on() {
        let added = cuts.drop_in(add()).await.transpose().unwrap();
        scene.wait_for_requests(0).await;
        match learner().await {
            Some(id) => drop(client.member_remove(id).await.unwrap()),
            None => assert!(added.is_none(), "it was added"),
        }
    }
    let mut cuts = scene.cuts("operate/members.rs member_remove");
    while cuts.go_on() {
        if learner().await.is_none() {
            add().await.unwrap();
        }
        let id = learner().await.unwrap();
        let removed = cuts.drop_in(client.member_remove(id)).await.transpose().unwrap();
        scene.wait_for_requests(0).await;
        assert!(removed.is_none() || learner().await.is_none(), "it was removed");
    }
    if learner().await.is_none() {
        add().await.unwrap();
    }
    let id = learner().await.unwrap();
    let update = async |_| client.member_update(id, ["http://192.0.2.2:2380"]).await;
    scene.each("operate/members.rs member_update", update).await;
    let not_ready = |error: &Error| error.kind() == ErrorKind::LearnerNotReady;
    let promote = async |_| client.member_promote(id).await;
    scene.each_but("operate/members.rs member_promote", not_ready, promote).await;
    client.member_remove(id).await.unwrap();
    // It leads, and has nobody to hand that to.
    let moving = async |_| client.move_leader(&scene.url, 1).await;
    scene.each_but("operate/move_leader.rs move_leader", |_| true, moving).await;
}

async fn maintenance(scene: &Scene) {
    let (client, url) = (&scene.client, scene.url.as_str());
    let id = client.status(url).await.unwrap().member_id();
    scene.each("operate/status.rs status", async |_| client.status(url).await).await;
    scene.each("operate/hash.rs hash", async |_| client.hash(url).await).await;
    scene.each("operate/hash.rs hash_kv", async |_| client.hash_kv(url, 0).await).await;
    scene.each("operate/defragment.rs defragment", async |_| client.defragment(url).await).await;
    scene.each("operate/alarm.rs alarms", async |_| client.alarms().await).await;
    let activate = async |_| client.alarm_activate(id, AlarmKind::NoSpace).await;
    scene.each("operate/alarm.rs alarm_activate", activate).await;
    let disarm = async |_| client.alarm_disarm(id, AlarmKind::NoSpace).await;
    scene.each("operate/alarm.rs alarm_disarm", disarm).await;

    let compacted = |error: &Error| error.kind() == ErrorKind::Compacted;
    let newest = async || client.put("newest", "1").await.unwrap().revision();
    let compact = async |_| client.compact(newest().await).await;
    scene.each_but("operate/compact.rs compact", compacted, compact).await;
    let compact = async |_| client.compact_with(Compact::to(newest().await).physical()).await;
    scene.each_but("operate/compact.rs compact_with", compacted, compact).await;

    // No etcd here goes back, and each says so in its own way.
    let validate = async |_| client.downgrade_validate("3.0.0").await;
    scene.each_but("operate/downgrade.rs downgrade_validate", |_| true, validate).await;
    let enable = async |_| client.downgrade_enable("3.0.0").await;
    scene.each_but("operate/downgrade.rs downgrade_enable", |_| true, enable).await;
    let cancel = async |_| client.downgrade_cancel().await;
    scene.each_but("operate/downgrade.rs downgrade_cancel", |_| true, cancel).await;
}

async fn snapshots(scene: &Scene) {
    let (client, url) = (&scene.client, scene.url.as_str());
    scene.each("operate/snapshot.rs snapshot", async |_| client.snapshot(url).await).await;

    let mut cuts = scene.cuts("operate/snapshot.rs next");
    while cuts.go_on() {
        let mut snapshot = client.snapshot(url).await.unwrap();
        loop {
            let next = match cuts.drop_in(snapshot.next()).await {
                Some(next) => next,
                None => snapshot.next().await,
            };
            // That it is whole is checked at its end, by its digest.
            let Some(chunk) = next else { break };
            chunk.unwrap();
        }
    }

    let mut cuts = scene.cuts("operate/snapshot.rs write_to");
    while cuts.go_on() {
        let snapshot = client.snapshot(url).await.unwrap();
        let mut written = Vec::new();
        let saved = cuts.drop_in(snapshot.write_to(&mut written)).await.transpose().unwrap();
        assert!(saved.is_none() || !written.is_empty());
        written.flush().await.unwrap();
    }

    let directory = tempfile::tempdir().unwrap();
    let mut cuts = scene.cuts("operate/snapshot.rs save");
    while cuts.go_on() {
        let path = directory.path().join("saved");
        let snapshot = client.snapshot(url).await.unwrap();
        let saved = cuts.drop_in(snapshot.save(&path)).await.transpose().unwrap();
        // In the end there is one file, whole, or none.
        let halves = async || {
            let files = directory.path().read_dir().unwrap().count();
            let whole = usize::from(SavedSnapshot::read(&path).is_ok());
            i64::try_from(files - whole.min(files)).unwrap()
        };
        scene.wait_for("files that are not whole", 0, halves).await;
        assert!(saved.is_none() || path.exists(), "it was saved");
        let _ = std::fs::remove_file(path);
    }
}
