//! Writes of a user whose tokens are forgotten, or grow old because users change.

use std::sync::Arc;
use std::time::Duration;

use tercet_client::{Client, Config, Keys, Permission, Tls};
use tercet_harness::{Cluster, Result};
use tercet_pki::Leaf;
use tercet_tests::{Load, LoadOptions, available, say};

use crate::fleet_of;

const ROOT: (&str, &str) = ("root", "the root's password");
const ALICE: (&str, &str) = ("alice", "alice's password");

async fn of_user(cluster: &Cluster, (name, password): (&str, &str)) -> Client {
    let identity = cluster.identities().issue(&Leaf::client("a program")).unwrap();
    let authority = cluster.identities().authority().certificate_pem();
    let tls = Tls::mutual(authority, identity.chain_pem(), identity.key_pem()).unwrap();
    let config = Config::new(cluster.endpoints()).tls(tls).user(name, password);
    Client::connect(config.request_timeout(Duration::from_secs(3))).await.unwrap()
}

#[tokio::test]
async fn no_write_is_lost_or_misreported_while_tokens_are_not_taken() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd).start().await?;
        let root = cluster.client().await?;
        root.user_add(ROOT.0, ROOT.1).await?;
        root.user_grant_role("root", "root").await?;
        root.user_add(ALICE.0, ALICE.1).await?;
        root.role_add("alice").await?;
        for prefix in ["alice/", "guards-of-alice/"] {
            let permission = Permission::read_write(Keys::prefix(prefix));
            root.role_grant_permission("alice", permission).await?;
        }
        root.user_grant_role("alice", "alice").await?;
        root.auth_enable().await?;
        cluster.set_user(ROOT.0, ROOT.1);
        let root = Arc::new(cluster.client().await?);
        let alice = of_user(&cluster, ALICE).await;
        let options = LoadOptions::default().writers(3).prefix("alice/");
        let load = Load::guarded(&alice, options).await;
        for number in 0..10 {
            // Tokens of this kind stay good. What was asked for before the change and is carried out
            // after it is old.
            root.role_add(format!("role-{number}")).await?;
            load.acknowledges(5).await;
        }
        for member in cluster.members() {
            member.kill()?.restart().await?;
            load.acknowledges(10).await;
        }
        let report = load.stop().await;
        say(&format!("etcd {}, with tokens: {report}", etcd.version()));
        report.verify(&root).await;
        assert_eq!(report.unknown(), 0, "{:?}", report.history().errors());
    }
    Ok(())
}
