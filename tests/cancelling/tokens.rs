//! Who is dropped while he authenticates: the next one does, once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tercet_client::{Client, Config, Error, ErrorKind, Observer};

use crate::cuts::Cuts;
use crate::scene::Scene;

#[derive(Default)]
struct Tokens(AtomicU32);

impl Observer for Tokens {
    fn token_refreshed(&self, _: &str) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

pub(crate) async fn all(scene: &Scene) {
    let anybody = &scene.client;
    anybody.user_add("root", "password").await.unwrap();
    anybody.role_add("root").await.unwrap();
    anybody.user_grant_role("root", "root").await.unwrap();
    let root = Config::new([scene.url.clone()]).user("root", "password");
    let rooted = Client::connect(root.clone()).await.unwrap();

    let lacks = |error: &Error| error.kind() == ErrorKind::Unsupported;
    let status = async |_| anybody.auth_status().await;
    scene.each_but("auth/status.rs auth_status", lacks, status).await;
    let mut cuts = scene.cuts("auth/status.rs auth_enable");
    while cuts.go_on() {
        cuts.drop_in(anybody.auth_enable()).await.transpose().unwrap();
        scene.wait_for_requests(0).await;
        rooted.auth_disable().await.unwrap();
    }
    let mut cuts = scene.cuts("auth/status.rs auth_disable");
    while cuts.go_on() {
        rooted.auth_enable().await.unwrap();
        cuts.drop_in(rooted.auth_disable()).await.transpose().unwrap();
        scene.wait_for_requests(0).await;
    }

    rooted.auth_enable().await.unwrap();
    let mut cuts = Cuts::of("the first request of a user");
    while cuts.go_on() {
        let tokens = Arc::new(Tokens::default());
        let client = Client::connect(root.clone().observer(tokens.clone())).await.unwrap();
        cuts.drop_in(client.get("key")).await.transpose().unwrap();
        client.put("key", "1").await.unwrap();
        client.get("key").await.unwrap();
        let tokens = tokens.0.load(Ordering::Relaxed);
        assert_eq!(tokens, 1, "{cuts:?}: what was got is kept");
    }
    rooted.auth_disable().await.unwrap();
}
