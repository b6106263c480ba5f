//! Locks and elections that a member takes part in for us, beside those of our own.

use std::time::Duration;

use tercet_client::{Client, Config, Election, ErrorKind, Mutex, Outcome, Tls};
use tercet_cluster::binary::Version;
use tercet_harness::Result;
use tercet_tests::{all, available, next_of};
use tokio::task::JoinSet;

use crate::locks::queue;
use crate::{LONG, fleet_of};

#[tokio::test]
async fn a_member_locks_what_we_lock() -> Result<()> {
    for etcd in all() {
        let cluster = fleet_of(etcd).members(1).start().await?;
        let whole = cluster.client().await?;
        let client = whole.namespace("app/");
        let lease = client.lease(LONG).await?;
        let locks = client.lock_server();
        let key = locks.lock("lock", lease.id()).await?;
        assert!(key.starts_with(b"lock/"), "as its user calls it");
        assert!(whole.get([b"app/", &key[..]].concat()).await?.is_some(), "it is within");

        let session = client.session(LONG).await?;
        let mutex = Mutex::new(&session, "lock");
        assert!(mutex.try_lock().await?.is_none(), "a member has it for us");
        locks.unlock(key).await?;
        let guard = mutex.try_lock().await?.expect("nobody has it");

        // The other way round: who waits at the member gets it when we give it back.
        let waiting = tokio::spawn({
            let (locks, id) = (locks.clone(), lease.id());
            async move { locks.lock("lock", id).await }
        });
        queue(&client, "lock", 2).await?;
        assert!(!waiting.is_finished());
        guard.unlock().await?;
        waiting.await.expect("no panic")?;

        let error = locks.lock("lock", 4711).await.expect_err("there is no such lease");
        assert_eq!(error.kind(), ErrorKind::LeaseNotFound, "{error}");
        let nothing = locks.lock("lock", 0).await.expect_err("no lease at all");
        assert_eq!(
            (nothing.kind(), nothing.outcome()),
            (ErrorKind::InvalidRequest, Outcome::NotApplied)
        );
        let nameless = locks.lock("", lease.id()).await.expect_err("no name");
        assert_eq!((nameless.kind(), nameless.endpoint()), (ErrorKind::InvalidRequest, None));
    }
    Ok(())
}

/// How many streams a connection has: what an etcd that cannot be told allows with TLS
/// (`golang.org/x/net/http2`, `defaultMaxStreams`).
const STREAMS: usize = 250;

/// Since when it can be told, on each line.
const TOLD: [Version; 2] = [Version::new(3, 4, 20), Version::new(3, 5, 5)];

/// What may take long waits for the lock, and not for room to be sent.
#[tokio::test]
async fn who_finds_no_room_is_told_in_time() -> Result<()> {
    for etcd in available() {
        let version = etcd.version();
        let line = usize::from(version >= Version::new(3, 5, 0));
        let mut builder = fleet_of(etcd).members(1);
        if version >= TOLD[line] {
            builder = builder.flag("max-concurrent-streams", STREAMS.to_string());
        }
        let cluster = builder.start().await?;
        let files = cluster.files();
        let tls = Tls::mutual_files(&files.ca, &files.client.certificate, &files.client.key)?;
        let config = Config::new(cluster.endpoints()).tls(tls);
        let client = Client::connect(config.request_timeout(Duration::from_secs(4))).await?;
        let other = cluster.client().await?;
        let lease = other.lease(LONG).await?;
        let held = other.lock_server().lock("lock", lease.id()).await?;

        let mut waiting = JoinSet::new();
        for _ in 0..STREAMS {
            let (locks, lease) = (client.lock_server(), client.lease_grant(LONG).await?.id());
            waiting.spawn(async move { locks.lock("lock", lease).await });
        }
        queue(&other, "lock", STREAMS + 1).await?;
        let lease_of_one_more = client.lease_grant(LONG).await?.id();
        let error = client.lock_server().lock("lock", lease_of_one_more).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DeadlineExceeded, "{error}");
        assert_eq!(error.outcome(), Outcome::NotApplied, "{error}");

        // The control: those that were sent wait for longer than that, and get it.
        assert!(waiting.try_join_next().is_none());
        other.lock_server().unlock(held).await?;
        waiting.join_next().await.expect("one").expect("no panic")?;
    }
    Ok(())
}

#[tokio::test]
async fn a_member_stands_for_us() -> Result<()> {
    for etcd in all() {
        let cluster = fleet_of(etcd).members(1).start().await?;
        let client = cluster.client().await?.namespace("app/");
        let elections = client.election_server();
        assert_eq!(elections.leader("who").await?, None);

        let lease = client.lease(LONG).await?;
        let first = elections.campaign("who", lease.id(), "first").await?;
        let leader = elections.leader("who").await?.expect("it leads");
        assert_eq!((leader.key(), leader.value()), (first.key(), &b"first"[..]));
        assert_eq!(leader.create_revision(), first.create_revision());

        let session = client.session(LONG).await?;
        let ours = Election::new(&session, "who");
        assert_eq!(ours.leader().await?.expect("seen by us too").value(), b"first");

        let mut leaders = elections.observe("who").await?;
        assert_eq!(leaders.next().await.expect("one leads")?.value(), b"first");
        elections.proclaim(&first, "still").await?;
        assert_eq!(next_of(&mut leaders).await.expect("it says so")?.value(), b"still");

        let next = tokio::spawn({
            let ours = ours.clone();
            async move { ours.campaign("ours").await }
        });
        queue(&client, "who", 2).await?;
        assert!(!next.is_finished());
        elections.resign(&first).await?;
        let leadership = next.await.expect("no panic")?;
        assert_eq!(leaders.next().await.expect("another")?.value(), b"ours");

        let error = elections.proclaim(&first, "again").await.expect_err("it leads no more");
        assert_eq!((error.kind(), error.outcome()), (ErrorKind::NotHeld, Outcome::NotApplied));
        elections.resign(&first).await?;
        assert!(elections.leader("who").await?.is_some(), "a second time does nothing");
        leadership.resign().await?;
    }
    Ok(())
}
