//! Users, roles, and who may do what, on every etcd that there is.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test may")]

mod certificates;
mod hanging;
mod leases;
mod management;
mod outcomes;
mod servers;
mod static_token;
mod tokens;

use tercet_client::{Client, Config, Error, ErrorKind, Keys, Outcome, Permission, Tls, Watch};
use tercet_cluster::binary::{Binary, Version};
use tercet_harness::{Cluster, Result, Timing};
use tercet_pki::{Identity, Leaf};
use tercet_tests::available;

const ROOT: (&str, &str) = ("root", "the root's password");
const ALICE: (&str, &str) = ("alice", "alice's password");
const BOB: (&str, &str) = ("bob", "bob's password");

/// A fleet with users: `root`, `alice` who may do all below `alice/`, and `bob` who may below
/// `bob/`. Nobody is asked yet.
async fn with_users(etcd: &Binary, members: usize) -> Result<Cluster> {
    let builder = Cluster::builder().members(members).timing(Timing::Ci);
    let cluster = builder.binary(etcd.path()).start().await?;
    add_users(&cluster).await?;
    Ok(cluster)
}

async fn add_users(cluster: &Cluster) -> Result<()> {
    let client = cluster.client().await?;
    client.user_add(ROOT.0, ROOT.1).await?;
    client.user_grant_role("root", "root").await?;
    for (name, password) in [ALICE, BOB] {
        client.user_add(name, password).await?;
        client.role_add(name).await?;
        let own = Permission::read_write(Keys::prefix(format!("{name}/")));
        client.role_grant_permission(name, own).await?;
        client.user_grant_role(name, name).await?;
    }
    Ok(())
}

/// What makes a client that shows this certificate.
fn showing(cluster: &Cluster, identity: &Identity) -> Config {
    Config::new(cluster.endpoints()).tls(trusting(cluster, identity))
}

fn trusting(cluster: &Cluster, identity: &Identity) -> Tls {
    let authority = cluster.identities().authority().certificate_pem();
    Tls::mutual(authority, identity.chain_pem(), identity.key_pem()).unwrap()
}

/// A client of this user. Its certificate is that of nobody whom the cluster knows.
async fn client_of(cluster: &Cluster, (name, password): (&str, &str)) -> Client {
    let identity = cluster.identities().issue(&Leaf::client("a program")).unwrap();
    Client::connect(showing(cluster, &identity).user(name, password)).await.unwrap()
}

fn kind<T: std::fmt::Debug>(result: Result<T, Error>) -> ErrorKind {
    let error = result.unwrap_err();
    assert_eq!(error.outcome(), Outcome::NotApplied, "{error:?}");
    error.kind()
}

/// Asserts that this client may do all below this user's prefix, and nothing elsewhere.
async fn acts_as(client: &Client, name: &str) -> Result<()> {
    let own = || format!("{name}/key");
    let before = client.put(own(), "value").await?.revision();
    assert_eq!(client.get(own()).await?.expect("there").value(), b"value");
    assert_eq!(client.range(Keys::prefix(format!("{name}/"))).await?.kvs().len(), 1);
    let mut watcher = client.watch(Watch::key(own()).start_revision(before)).await?;
    assert_eq!(watcher.next().await.expect("not over")?.events().len(), 1);
    assert_eq!(client.delete(own()).await?.deleted(), 1);

    let denied = ErrorKind::PermissionDenied;
    assert_eq!(kind(client.put("elsewhere", "value").await), denied);
    assert_eq!(kind(client.get("elsewhere").await), denied);
    assert_eq!(kind(client.range(Keys::all()).await), denied);
    assert_eq!(kind(client.delete("elsewhere").await), denied);
    assert_eq!(kind(client.watch("elsewhere").await), denied);
    assert_eq!(kind(client.role_add("mine").await), denied);
    Ok(())
}

/// Nobody who may not do it does, and whoever may does; before, while and after users are asked.
#[tokio::test]
async fn users_do_what_they_may() -> Result<()> {
    for etcd in available() {
        let cluster = with_users(etcd, 1).await?;
        let anybody = cluster.client().await?;
        let [root, alice, bob] = [ROOT, ALICE, BOB].map(|user| client_of(&cluster, user));
        let (root, alice, bob) = (root.await, alice.await, bob.await);
        // The control: nobody is asked, and to name a user does no harm.
        anybody.put("elsewhere", "value").await?;
        alice.put("elsewhere", "value").await?;

        anybody.auth_enable().await?;
        acts_as(&alice, "alice").await?;
        acts_as(&bob, "bob").await?;
        assert_eq!(kind(anybody.put("elsewhere", "value").await), ErrorKind::PermissionDenied);
        root.put("elsewhere", "by root").await?;
        assert_eq!(root.range(Keys::all()).await?.kvs().len(), 1);

        // Maintenance and members too go as the user.
        let endpoint = cluster.endpoints()[0].clone();
        assert!(root.status(&endpoint).await?.is_leader());
        let id = root.member_list().await?.members()[0].id();
        let urls = [cluster.member(0).peer_url().to_owned()];
        assert_eq!(kind(alice.member_update(id, urls.clone()).await), ErrorKind::PermissionDenied);
        root.member_update(id, urls).await?;

        // Of itself each user may ask.
        assert_eq!(alice.user_get("alice").await?.roles(), ["alice"]);
        assert_eq!(kind(alice.user_get("bob").await), ErrorKind::PermissionDenied);
        assert_eq!(kind(alice.user_list().await), ErrorKind::PermissionDenied);

        root.auth_disable().await?;
        anybody.put("elsewhere", "value").await?;
        // With a token that nobody looks at.
        bob.put("elsewhere", "value").await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_wrong_password_is_refused_at_once() -> Result<()> {
    for etcd in available() {
        let cluster = with_users(etcd, 1).await?;
        cluster.client().await?.auth_enable().await?;
        // The control.
        client_of(&cluster, ALICE).await.put("alice/key", "value").await?;

        for user in [("alice", "wrong"), ("alice", ""), ("nobody", "wrong")] {
            let client = client_of(&cluster, user).await;
            let error = client.put("alice/key", "value").await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::AuthFailed, "{error:?}");
            assert_eq!(error.outcome(), Outcome::NotApplied, "{error:?}");
            let url = &cluster.endpoints()[0];
            let said = format!(
                "put at {url}: user `{}` is not authenticated: authentication failed, invalid user \
                 ID or password",
                user.0
            );
            assert_eq!(error.to_string(), said);
            assert_eq!(kind(client.watch("alice/key").await), ErrorKind::AuthFailed);
            assert_eq!(kind(client.member_list().await), ErrorKind::AuthFailed);
        }
    }
    Ok(())
}

/// Since which version etcd says whether it asks.
const TELLS: Version = Version::new(3, 5, 0);

#[tokio::test]
async fn whether_users_are_asked_is_told() -> Result<()> {
    for etcd in available() {
        let cluster = with_users(etcd, 1).await?;
        let root = client_of(&cluster, ROOT).await;
        if etcd.version() < TELLS {
            let error = root.auth_status().await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unsupported, "{error:?}");
            assert!(error.to_string().contains("which came with etcd 3.5"), "{error}");
            continue;
        }
        let before = root.auth_status().await?;
        assert!(!before.is_enabled());
        root.auth_enable().await?;
        root.role_add("another").await?;
        let after = root.auth_status().await?;
        assert!(after.is_enabled() && after.revision() > before.revision(), "{after:?}");
        root.auth_disable().await?;
        assert!(!root.auth_status().await?.is_enabled());
    }
    Ok(())
}
