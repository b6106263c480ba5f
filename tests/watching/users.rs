//! Watches of a user whose token does not hold for long.

use std::time::Duration;

use tercet_client::{Client, Config, ErrorKind, Keys, Permission, Tls, Watch};
use tercet_harness::{Cluster, Result};
use tercet_tests::available;

use crate::support::{PATIENCE, fleet_of, next, put};

async fn client_of(cluster: &Cluster, name: &str) -> Result<Client> {
    let files = cluster.plan().files();
    let tls = Tls::mutual_files(&files.ca, &files.client.certificate, &files.client.key)?;
    let config = Config::new(cluster.endpoints()).tls(tls).user(name, name);
    Ok(Client::connect(config).await?)
}

/// Longer than a token holds, by the server's clock.
async fn outlive_a_token() {
    tokio::time::sleep(Duration::from_millis(2_500)).await;
}

#[tokio::test]
async fn watches_outlive_their_tokens_and_end_with_their_permission() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd, 3).flag("auth-token-ttl", "1").start().await?;
        let root = cluster.client().await?;
        for name in ["root", "alice"] {
            root.user_add(name, name).await?;
            root.role_add(name).await.ok();
            root.user_grant_role(name, name).await?;
        }
        let own = Permission::read_write(Keys::prefix("alice/"));
        root.role_grant_permission("alice", own.clone()).await?;
        root.auth_enable().await?;
        cluster.set_user("root", "root");
        let (root, alice) =
            (client_of(&cluster, "root").await?, client_of(&cluster, "alice").await?);

        let mut first = alice.watch(Watch::prefix("alice/")).await?;
        outlive_a_token().await;
        // On a stream with a token that is no longer taken a watch goes on, and none begins.
        let mut second = alice.watch(Watch::prefix("alice/")).await?;
        alice.put("alice/key", "one").await?;
        for watcher in [&mut first, &mut second] {
            assert_eq!(next(watcher).await.events()[0].kv().value(), b"one");
        }
        // The control: what alice may not watch is refused, and harms no other.
        for _ in 0..3 {
            let denied = alice.watch("bob/key").await.unwrap_err();
            assert_eq!(denied.kind(), ErrorKind::PermissionDenied, "{denied}");
        }
        // All of them resume, with a new one.
        outlive_a_token().await;
        let on = first.endpoint();
        let member = cluster.members().find(|member| member.client_url() == on).unwrap();
        let down = member.kill()?;
        put(&alice, "alice/key", "two").await;
        for watcher in [&mut first, &mut second] {
            assert_eq!(next(watcher).await.events()[0].kv().value(), b"two");
        }
        down.restart().await?;

        // Whoever may no longer read is told when the watch has to go on elsewhere.
        root.role_revoke_permission("alice", Keys::prefix("alice/")).await?;
        let on = first.endpoint();
        let member = cluster.members().find(|member| member.client_url() == on).unwrap();
        let down = member.kill()?;
        let error = tokio::time::timeout(PATIENCE, async {
            loop {
                if let Err(error) = first.next().await.expect("an answer") {
                    return error;
                }
            }
        });
        let error = error.await.expect("in time");
        assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
        assert!(first.next().await.is_none());
        down.restart().await?;
    }
    Ok(())
}
