//! Holders of every kind that have lost what they held and write on, while members and links fail.

use std::ops::Deref;
use std::sync::{Arc, Mutex as StdMutex};
use std::time::{Duration, Instant};

use tercet_client::{
    Client, Compact, Compare, Election, Error, ErrorKind, Held, Mutex, Op, RwLock, Session, Txn,
};
use tercet_cluster::{CertificateFlaw, Port};
use tercet_harness::{Cluster, End, Faults, LinkPolicy, Member, Result};
use tercet_tests::{PATIENCE, available, on_a_whole_fleet, say};
use tokio::task::JoinHandle;

use crate::fencing::patient;
use crate::{LONG, TTL, fleet_of};

type Guard = Box<dyn Deref<Target = Held> + Send + Sync>;

/// What is held.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Mutex,
    Writer,
    Leader,
}

const KINDS: [Kind; 3] = [Kind::Mutex, Kind::Writer, Kind::Leader];

impl Kind {
    async fn take(self, session: &Session) -> Result<Guard, Error> {
        Ok(match self {
            Self::Mutex => Box::new(Mutex::new(session, "mutex").lock().await?),
            Self::Writer => Box::new(RwLock::new(session, "rw").write().await?),
            Self::Leader => Box::new(Election::new(session, "office").campaign("one").await?),
        })
    }
}

/// How its holder writes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    Put,
    Txn,
    /// The control, which asks for no lock.
    Unfenced,
}

const WAYS: [Way; 3] = [Way::Put, Way::Txn, Way::Unfenced];

impl Way {
    async fn write(self, guard: &Held, key: String, value: &'static str) -> Result<(), Error> {
        match self {
            Self::Put => guard.put(key, value).await.map(drop),
            Self::Txn => {
                let txn = Txn::when([Compare::exists(key.clone())]).then([Op::put(key, value)]);
                guard.txn(txn).await.map(drop)
            }
            Self::Unfenced => guard.session().client().put(key, value).await.map(drop),
        }
    }
}

fn all() -> impl Iterator<Item = (Kind, Way)> {
    KINDS.into_iter().flat_map(|kind| WAYS.map(|way| (kind, way)))
}

fn key(kind: Kind, way: Way) -> String {
    format!("work/{kind:?}/{way:?}")
}

/// One thing that is held, and by whose session.
struct Holder {
    kind: Kind,
    session: Session,
    guard: Guard,
}

/// Takes everything as soon as it is free, each with a session of its own, and writes everything.
async fn hold(client: &Client, ttl: Duration, value: &'static str) -> Result<Vec<Arc<Holder>>> {
    let mut holders = Vec::new();
    for kind in KINDS {
        let session = client.session(ttl).await?;
        let guard = kind.take(&session).await?;
        for way in WAYS {
            guard.put(key(kind, way), value).await?;
        }
        holders.push(Arc::new(Holder { kind, session, guard }));
    }
    Ok(holders)
}

fn tokens(holders: &[Arc<Holder>]) -> Vec<i64> {
    holders.iter().map(|holder| holder.guard.fence().token()).collect()
}

fn rises(before: &[i64], holders: &[Arc<Holder>]) {
    let after = tokens(holders);
    assert!(
        before.iter().zip(&after).all(|(before, after)| before < after),
        "{before:?} {after:?}"
    );
}

const FIRST: &str = "of the first, in time";
const LATE: &str = "of the first, late";
const SECOND: &str = "of the second";
const THIRD: &str = "of the third";

/// Somebody who knows one member only and holds everything, and somebody who knows the others.
struct Scene<'a> {
    cluster: &'a Cluster,
    member: Member<'a>,
    here: Client,
    elsewhere: Client,
    first: Vec<Arc<Holder>>,
}

impl<'a> Scene<'a> {
    async fn begin(cluster: &'a Cluster, member: Member<'a>, ttl: Duration) -> Result<Self> {
        let url = |member: &Member<'_>| member.client_url().to_owned();
        let here = patient(cluster, vec![url(&member)]).await?;
        let elsewhere = patient(cluster, member.others().iter().map(url).collect()).await?;
        let first = hold(&here, ttl, FIRST).await?;
        Ok(Self { cluster, member, here, elsewhere, first })
    }

    /// The same at a follower, whose holders have so much time that only others end their sessions.
    async fn at_a_follower(cluster: &'a Cluster) -> Result<Self> {
        Self::begin(cluster, cluster.leader().await?.others()[0], LONG).await
    }

    /// The first go on writing, each until it is told that it may not or that it is done.
    fn write_on(&self) -> Vec<Late> {
        let each = self.first.iter().flat_map(|holder| WAYS.map(|way| (holder.clone(), way)));
        each.map(|(holder, way)| Late::begin(holder, way)).collect()
    }

    /// Somebody else has everything and has written it all: when the leases of the first have run
    /// out or, where that takes long, when they are revoked.
    async fn succeeded(&self) -> Result<Vec<Arc<Holder>>> {
        for holder in self.first.iter().filter(|holder| holder.session.ttl() == LONG) {
            self.elsewhere.lease_revoke(holder.session.lease_id()).await?;
        }
        let second = hold(&self.elsewhere, LONG, SECOND).await?;
        rises(&tokens(&self.first), &second);
        Ok(second)
    }

    /// The fault is over. No late write was done, and none will be.
    async fn check(self, late: Vec<Late>, second: Vec<Arc<Holder>>) -> Result<()> {
        for late in late {
            let (holder, way) = (late.holder.kind, late.way);
            let ended = tokio::time::timeout(PATIENCE, late.task).await;
            let ended = ended.unwrap_or_else(|_| panic!("{holder:?}, {way:?}: {:?}", late.failed));
            match ended.unwrap() {
                Err(kind) => assert_ne!(way, Way::Unfenced, "{holder:?}: {kind:?}"),
                Ok(()) => assert_eq!(way, Way::Unfenced, "{holder:?}: a stale write was accepted"),
            }
        }
        self.cluster.wait_until_ready().await?;
        // What was still under way through that member came before this.
        self.here.put("last", "").await?;
        let mut twice = 0;
        for member in self.cluster.members() {
            twice = written(&member.client().await?).await?;
        }
        let version = self.cluster.binary().version();
        say(&format!("etcd {version}: {twice} unfenced writes were done that had been given up"));

        // The control: a holder is let through, by the same client.
        let before = tokens(&second);
        drop(second);
        let third = hold(&self.here, LONG, THIRD).await?;
        rises(&before, &third);
        for (kind, way) in all().filter(|&(_, way)| way != Way::Unfenced) {
            let kv = self.elsewhere.get(key(kind, way)).await?.expect("there");
            let found = (kv.value_str().unwrap(), kv.version());
            assert_eq!(found, (THIRD, 3), "{kind:?}, {way:?}");
        }
        Ok(())
    }
}

/// Checks what this client's member has while the second hold it all. Returns how many of the writes
/// that nobody fenced were done after they had failed, and then again.
async fn written(client: &Client) -> Result<usize> {
    let mut twice = 0;
    for (kind, way) in all() {
        let kv = client.get(key(kind, way)).await?.expect("there");
        if way == Way::Unfenced {
            assert_eq!(kv.value(), LATE.as_bytes(), "the control: a lock keeps nobody out");
            twice += usize::from(kv.version() > 3);
        } else {
            // No more, so that nothing was there which the second then wrote over.
            let found = (kv.value_str().unwrap(), kv.version());
            assert_eq!(found, (SECOND, 2), "{kind:?}, {way:?}");
        }
    }
    Ok(twice)
}

/// A write of a former holder, over and over.
struct Late {
    holder: Arc<Holder>,
    way: Way,
    /// How it failed before it ended.
    failed: Arc<StdMutex<Vec<ErrorKind>>>,
    task: JoinHandle<Result<(), ErrorKind>>,
}

impl Late {
    fn begin(holder: Arc<Holder>, way: Way) -> Self {
        let failed = Arc::default();
        let task = tokio::spawn(Self::go_on(holder.clone(), way, Arc::clone(&failed)));
        Self { holder, way, failed, task }
    }

    async fn go_on(
        holder: Arc<Holder>,
        way: Way,
        failed: Arc<StdMutex<Vec<ErrorKind>>>,
    ) -> Result<(), ErrorKind> {
        loop {
            let error = match way.write(&holder.guard, key(holder.kind, way), LATE).await {
                Ok(()) => return Ok(()),
                Err(error) => error.kind(),
            };
            if matches!(error, ErrorKind::NotHeld | ErrorKind::LeaseLost) {
                return Err(error);
            }
            failed.lock().unwrap().push(error);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Waits until it has failed in this way.
    async fn fails_with(&self, kind: ErrorKind) {
        let begin = Instant::now();
        while !self.failed.lock().unwrap().contains(&kind) {
            assert!(begin.elapsed() < PATIENCE && !self.task.is_finished(), "{:?}", self.failed);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// With each etcd, and a fleet of its own.
async fn with_fleets(test: impl AsyncFn(&Cluster) -> Result<()>) -> Result<()> {
    for etcd in available() {
        on_a_whole_fleet(fleet_of(etcd).faults(Faults::NONE.links()), &test).await?;
    }
    Ok(())
}

/// The writes are in the member when it is killed, and what it has handed on comes when it is gone.
#[tokio::test]
async fn its_member_is_killed() -> Result<()> {
    with_fleets(async |cluster| {
        let scene = Scene::at_a_follower(cluster).await?;
        let hold = |other| cluster.impose_one_way(scene.member, other, LinkPolicy::HOLD);
        let held = scene.member.others().into_iter().map(hold).collect::<Result<Vec<_>, _>>()?;
        let late = scene.write_on();
        let second = scene.succeeded().await?;
        let down = scene.member.kill()?;
        drop(held);
        for late in &late {
            late.fails_with(ErrorKind::Connect).await;
        }
        down.restart().await?;
        scene.check(late, second).await
    })
    .await
}

/// The member is the leader, takes the writes into its log, and is one no more.
#[tokio::test]
async fn its_leader_is_isolated() -> Result<()> {
    with_fleets(async |cluster| {
        let scene = Scene::begin(cluster, cluster.leader().await?, TTL).await?;
        let isolated = cluster.isolate(scene.member)?;
        let late = scene.write_on();
        let second = scene.succeeded().await?;
        drop(isolated);
        scene.check(late, second).await
    })
    .await
}

/// The member hears the leader, and is heard by nobody: also not if another one leads by then.
#[tokio::test]
async fn its_member_is_cut_off_one_way() -> Result<()> {
    with_fleets(async |cluster| {
        let follower = cluster.leader().await?.others()[0];
        let scene = Scene::begin(cluster, follower, TTL).await?;
        let cut = |other| cluster.cut_one_way(follower, other);
        let cut = follower.others().into_iter().map(cut).collect::<Result<Vec<_>, _>>()?;
        let late = scene.write_on();
        let second = scene.succeeded().await?;
        drop(cut);
        scene.check(late, second).await
    })
    .await
}

/// The writes are on their way to a member that their client then no longer trusts.
#[tokio::test]
async fn its_member_comes_back_with_an_expired_certificate() -> Result<()> {
    with_fleets(async |cluster| {
        let scene = Scene::at_a_follower(cluster).await?;
        let held = cluster.impose_both_ways(End::Clients, scene.member, LinkPolicy::HOLD)?;
        let late = scene.write_on();
        let second = scene.succeeded().await?;
        let expired = scene.member.spoil_certificate(Port::Client, CertificateFlaw::Expired)?;
        scene.member.start()?;
        drop(held);
        for late in &late {
            late.fails_with(ErrorKind::Tls).await;
        }
        drop(expired);
        scene.check(late, second).await
    })
    .await
}

/// The writes arrive when the store no longer knows that their holder's key ever was.
#[tokio::test]
async fn the_store_is_compacted() -> Result<()> {
    with_fleets(async |cluster| {
        let scene = Scene::at_a_follower(cluster).await?;
        let held = cluster.impose_both_ways(End::Clients, scene.member, LinkPolicy::HOLD)?;
        let late = scene.write_on();
        let second = scene.succeeded().await?;
        let now = scene.elsewhere.put("now", "").await?.revision();
        scene.elsewhere.compact_with(Compact::to(now).physical()).await?;
        drop(held);
        scene.check(late, second).await
    })
    .await
}
