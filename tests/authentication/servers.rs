//! The members' own locks and elections, whose servers ask the store in the user's name: each of their
//! requests gets another token when its own is not taken.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tercet_client::{Client, Config, ErrorKind, Keys, Observer};
use tercet_harness::Result;
use tercet_pki::Leaf;
use tercet_tests::available;

use crate::{ALICE, ROOT, client_of, showing, with_users};

const TTL: Duration = Duration::from_secs(60);

#[derive(Default)]
struct Tokens(AtomicUsize);

impl Observer for Tokens {
    fn token_refreshed(&self, _: &str) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Her tokens end with her password, which is the same again.
async fn forget(root: &Client) -> Result<()> {
    Ok(root.user_change_password(ALICE.0, ALICE.1).await?)
}

#[tokio::test]
async fn each_request_of_theirs_gets_another_token() -> Result<()> {
    for etcd in available() {
        let cluster = with_users(etcd, 1).await?;
        cluster.client().await?.auth_enable().await?;
        let root = client_of(&cluster, ROOT).await;
        let tokens = Arc::new(Tokens::default());
        let identity =
            cluster.identities().issue(&Leaf::client("a program")).expect("it is issued");
        let config: Config = showing(&cluster, &identity).user(ALICE.0, ALICE.1);
        let alice = Client::connect(config.observer(tokens.clone())).await?;
        let (locks, elections) = (alice.lock_server(), alice.election_server());
        let lease = alice.lease_grant(TTL).await?.id();
        let had = tokens.0.load(Ordering::Relaxed);
        // The control: a token that is good is used on.
        assert!(elections.leader("alice/office").await?.is_none());
        assert_eq!(tokens.0.load(Ordering::Relaxed), had);

        forget(&root).await?;
        let key = locks.lock("alice/lock", lease).await?;
        forget(&root).await?;
        locks.unlock(key).await?;
        assert!(alice.range(Keys::prefix("alice/lock/")).await?.kvs().is_empty());
        forget(&root).await?;
        let leads = elections.campaign("alice/office", lease, "one").await?;
        forget(&root).await?;
        elections.proclaim(&leads, "two").await?;
        forget(&root).await?;
        let leader = elections.leader("alice/office").await?.expect("one leads");
        assert_eq!(leader.value(), b"two");
        forget(&root).await?;
        let mut leaders = elections.observe("alice/office").await?;
        assert_eq!(leaders.next().await.expect("one leads")?.value(), b"two");
        drop(leaders);
        forget(&root).await?;
        elections.resign(&leads).await?;
        assert!(elections.leader("alice/office").await?.is_none());
        assert!(tokens.0.load(Ordering::Relaxed) >= had + 7, "each time it was not taken");

        // The control: a token is not all that is asked for.
        let error = locks.lock("elsewhere", lease).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
        let error = elections.observe("elsewhere").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}");
        let stranger = client_of(&cluster, (ALICE.0, "not her password")).await;
        let error = stranger.lock_server().lock("alice/lock", lease).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AuthFailed, "{error}");
    }
    Ok(())
}
