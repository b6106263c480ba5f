//! Users whom a certificate names.

use tercet_client::{Client, Config, ErrorKind};
use tercet_harness::{Cluster, Result};
use tercet_pki::Leaf;
use tercet_tests::available;

use crate::{ALICE, BOB, ROOT, acts_as, client_of, kind, showing, with_users};

/// What makes a client whose certificate has this common name.
fn named(cluster: &Cluster, common_name: &str) -> Config {
    showing(cluster, &cluster.identities().issue(&Leaf::client(common_name)).unwrap())
}

#[tokio::test]
async fn a_common_name_is_a_user() -> Result<()> {
    for etcd in available() {
        let cluster = with_users(etcd, 1).await?;
        let client = cluster.client().await?;
        client.user_add_without_password("carol").await?;
        client.user_grant_role("carol", "alice").await?;
        client.auth_enable().await?;

        // One who also has a password, and one who has none.
        for name in ["alice", "carol"] {
            acts_as(&Client::connect(named(&cluster, name)).await?, "alice").await?;
        }
        // The password's user, and not the certificate's.
        let both = named(&cluster, "alice").user(BOB.0, BOB.1);
        acts_as(&Client::connect(both).await?, "bob").await?;

        // Nobody's name, and no name.
        let unnamed = cluster.identities().issue(&Leaf::unnamed_client("somebody"))?;
        for nobody in [named(&cluster, "dave"), showing(&cluster, &unnamed)] {
            let error = Client::connect(nobody).await?.get("alice/key").await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error:?}");
        }

        // Who is known by a certificate only is let in with no password.
        let carol = client_of(&cluster, ("carol", "guessed")).await;
        let error = carol.get("alice/key").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AuthFailed, "{error:?}");
        assert!(error.to_string().contains("user `carol` is not authenticated"), "{error}");

        // A certificate needs no token that could get old.
        let alice = Client::connect(named(&cluster, "alice")).await?;
        alice.put("alice/key", "value").await?;
        client_of(&cluster, ROOT).await.role_add("another").await?;
        alice.put("alice/key", "value").await?;
        assert_eq!(kind(alice.put("elsewhere", "value").await), ErrorKind::PermissionDenied);
    }
    Ok(())
}

/// While one whose certificate says `root` makes users and deletes them, one whose certificate says
/// `alice` writes and deletes; neither sees anything of the other. etcd's own test is the same.
#[tokio::test]
async fn common_names_work_while_users_come_and_go() -> Result<()> {
    const USERS: usize = 30;
    for etcd in available() {
        let cluster = with_users(etcd, 1).await?;
        cluster.client().await?.auth_enable().await?;
        let root = Client::connect(named(&cluster, "root")).await?;
        let alice = Client::connect(named(&cluster, "alice")).await?;
        let writes = tokio::spawn(async move {
            for number in 0.. {
                let key = format!("alice/{number}");
                alice.put(key.clone(), "value").await?;
                assert_eq!(alice.delete(key).await?.deleted(), 1);
                if number >= USERS && alice.get("alice/stop").await?.is_some() {
                    break;
                }
            }
            // The control: there are users, and this is one of them.
            assert_eq!(kind(alice.put("elsewhere", "value").await), ErrorKind::PermissionDenied);
            Ok::<_, tercet_client::Error>(())
        });
        for number in 0..USERS {
            let name = format!("user {number}");
            root.user_add(&name, "a password").await?;
            root.user_delete(&name).await?;
        }
        root.put("alice/stop", "").await?;
        writes.await.expect("no panic")?;
    }
    Ok(())
}

/// To be ready needs no user, and to operate needs `root`.
#[tokio::test]
async fn a_fleet_that_asks_who_is_there_is_operated_as_a_user() -> Result<()> {
    for etcd in available() {
        let cluster = with_users(etcd, 3).await?;
        let client = cluster.client().await?;
        client.auth_enable().await?;
        // Its name is not a user's, so it may do nothing.
        assert_eq!(kind(client.get("alice/key").await), ErrorKind::PermissionDenied);
        cluster.member(0).restart().await?;

        cluster.set_user(ROOT.0, ROOT.1);
        let leader = cluster.leader().await?;
        leader.kill()?.restart().await?;
        cluster.client().await?.put("anywhere", "value").await?;
        let anybody = client_of(&cluster, ALICE).await;
        assert_eq!(kind(anybody.put("anywhere", "value").await), ErrorKind::PermissionDenied);
    }
    Ok(())
}
