//! Users and roles, made and unmade.

use tercet_client::{Access, ErrorKind, Keys, Permission};
use tercet_harness::{Cluster, Result, Timing};
use tercet_tests::available;

use crate::{ALICE, BOB, ROOT, client_of, kind, with_users};

#[tokio::test]
async fn what_is_there_and_what_is_not() -> Result<()> {
    for etcd in available() {
        let builder = Cluster::builder().members(1).timing(Timing::Ci);
        let cluster = builder.binary(etcd.path()).start().await?;
        let client = cluster.client().await?;
        assert!(client.user_list().await?.is_empty() && client.role_list().await?.is_empty());

        // Without a root nobody could ever change anything again.
        assert_eq!(kind(client.auth_enable().await), ErrorKind::NoRoot);
        client.user_add("root", ROOT.1).await?;
        assert_eq!(kind(client.auth_enable().await), ErrorKind::NoRoot);

        client.user_add("alice", ALICE.1).await?;
        client.user_add_without_password("bob").await?;
        assert_eq!(kind(client.user_add("alice", "other").await), ErrorKind::UserExists);
        assert_eq!(kind(client.user_add("", "other").await), ErrorKind::InvalidRequest);
        assert_eq!(kind(client.user_add("carol", "").await), ErrorKind::InvalidRequest);
        assert_eq!(client.user_list().await?, ["alice", "bob", "root"]);

        client.role_add("jobs").await?;
        assert_eq!(kind(client.role_add("jobs").await), ErrorKind::RoleExists);
        assert_eq!(kind(client.role_add("").await), ErrorKind::InvalidRequest);
        client.user_grant_role("alice", "jobs").await?;
        client.user_grant_role("alice", "jobs").await?;
        assert_eq!(client.user_get("alice").await?.roles(), ["jobs"]);
        assert_eq!(kind(client.user_grant_role("alice", "no").await), ErrorKind::RoleNotFound);
        assert_eq!(kind(client.user_grant_role("no", "jobs").await), ErrorKind::UserNotFound);
        assert_eq!(kind(client.user_revoke_role("bob", "jobs").await), ErrorKind::NotGranted);
        assert_eq!(kind(client.user_get("no").await), ErrorKind::UserNotFound);
        assert_eq!(kind(client.user_change_password("no", "x").await), ErrorKind::UserNotFound);
        assert_eq!(kind(client.role_get("no").await), ErrorKind::RoleNotFound);

        // A role that is gone is taken from its users.
        client.role_delete("jobs").await?;
        assert_eq!(kind(client.role_delete("jobs").await), ErrorKind::RoleNotFound);
        assert!(client.user_get("alice").await?.roles().is_empty());
        client.user_delete("alice").await?;
        assert_eq!(kind(client.user_delete("alice").await), ErrorKind::UserNotFound);
        assert_eq!(client.user_list().await?, ["bob", "root"]);
    }
    Ok(())
}

#[tokio::test]
async fn permissions_are_as_they_were_granted() -> Result<()> {
    for etcd in available() {
        let cluster = with_users(etcd, 1).await?;
        let root = client_of(&cluster, ROOT).await;
        let client = client_of(&cluster, ALICE).await;
        root.auth_enable().await?;

        root.role_grant_permission("alice", Permission::read("config")).await?;
        root.role_grant_permission("alice", Permission::write(Keys::between("in/a", "in/n")))
            .await?;
        root.role_grant_permission("alice", Permission::read(Keys::starting_at("z"))).await?;
        let role = root.role_get("alice").await?;
        let expected = [
            Permission::read_write(Keys::prefix("alice/")),
            Permission::read("config"),
            Permission::write(Keys::between("in/a", "in/n")),
            Permission::read(Keys::starting_at("z")),
        ];
        assert_eq!(role.permissions(), expected);
        assert_eq!(role.permissions()[1].access(), Access::Read);

        let denied = ErrorKind::PermissionDenied;
        client.get("config").await?;
        assert_eq!(kind(client.put("config", "x").await), denied);
        client.put("in/b", "x").await?;
        assert_eq!(kind(client.get("in/b").await), denied);
        assert_eq!(kind(client.put("in/n", "x").await), denied);
        client.range(Keys::starting_at("zz")).await?;
        assert_eq!(kind(client.range(Keys::starting_at("y")).await), denied);
        // Not even what the client would overwrite.
        let peek = tercet_client::Put::new("in/b", "y").prev_kv();
        assert_eq!(kind(client.put_with(peek).await), denied);

        // The same keys again: this takes the place of the other.
        root.role_grant_permission("alice", Permission::read_write("config")).await?;
        client.put("config", "x").await?;
        root.role_revoke_permission("alice", "config").await?;
        assert_eq!(kind(client.get("config").await), denied);
        let again = root.role_revoke_permission("alice", "config").await;
        assert_eq!(kind(again), ErrorKind::NotGranted);
        let part = root.role_revoke_permission("alice", "in/b").await;
        assert_eq!(kind(part), ErrorKind::NotGranted);

        // All keys, by a name of our own and by the role that may do everything.
        root.role_grant_permission("bob", Permission::read_write(Keys::all())).await?;
        let bob = client_of(&cluster, BOB).await;
        bob.range(Keys::all()).await?;
        bob.put("anywhere", "x").await?;
        assert_eq!(kind(bob.user_list().await), denied);

        // Who is asked cannot do away with its root.
        assert_eq!(kind(root.user_delete("root").await), ErrorKind::InvalidRequest);
        let revoke = root.user_revoke_role("root", "root").await;
        assert_eq!(kind(revoke), ErrorKind::InvalidRequest);
    }
    Ok(())
}

/// The old one is refused with the next request, and whoever has the new one goes on.
#[tokio::test]
async fn a_password_that_is_changed_is_asked_for_at_once() -> Result<()> {
    for etcd in available() {
        let cluster = with_users(etcd, 1).await?;
        let root = client_of(&cluster, ROOT).await;
        let old = client_of(&cluster, ALICE).await;
        root.auth_enable().await?;
        old.put("alice/key", "old").await?;

        root.user_change_password("alice", "another").await?;
        assert_eq!(kind(old.put("alice/key", "old").await), ErrorKind::AuthFailed);
        client_of(&cluster, ("alice", "another")).await.put("alice/key", "new").await?;
        root.user_change_password("alice", ALICE.1).await?;
        old.put("alice/key", "old again").await?;

        // And one who is no more.
        root.user_delete("alice").await?;
        assert_eq!(kind(old.put("alice/key", "old").await), ErrorKind::AuthFailed);
    }
    Ok(())
}
