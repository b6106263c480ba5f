//! What operating a cluster needs of the client, against a real fleet.

use std::time::{Duration, Instant};

use tercet_client::{AlarmKind, Compact, ErrorKind, Outcome, Range, SavedSnapshot};
use tercet_harness::{Client, Cluster, Result, Timing};
use tercet_tests::PATIENCE;

async fn start(members: usize) -> Result<(Cluster, Client)> {
    let cluster = Cluster::builder().members(members).timing(Timing::Ci).start().await?;
    let client = cluster.client().await?;
    Ok((cluster, client))
}

/// Asks until etcd finds that the members have been up for long enough.
async fn when_healthy<T, F>(change: impl Fn() -> F) -> T
where
    F: Future<Output = tercet_client::Result<T>>,
{
    let begin = Instant::now();
    loop {
        match change().await {
            Err(error)
                if error.kind() == ErrorKind::UnhealthyCluster && begin.elapsed() < PATIENCE =>
            {
                assert_eq!(error.outcome(), Outcome::NotApplied, "{error:?}");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            result => return result.expect("a change of the members"),
        }
    }
}

#[tokio::test]
async fn members_come_and_go() -> Result<()> {
    let (cluster, client) = start(3).await?;
    let url = || ["https://127.0.0.1:1"];
    let added = when_healthy(|| client.member_add(url())).await;
    assert_eq!(added.members().len(), 4);
    let member = added.member();
    assert_eq!((member.name(), member.is_learner()), ("", false));
    assert_eq!(member.peer_urls(), url());
    assert!(client.member_list().await?.into_iter().any(|other| other == *member));

    // Its URL is taken, by itself and for all others.
    let error = client.member_add_learner(url()).await.unwrap_err();
    assert!(
        matches!(error.kind(), ErrorKind::MemberExists | ErrorKind::UnhealthyCluster),
        "{error:?}"
    );
    // Of one that votes etcd looks at how far it is first, so it must be one that runs.
    let voter = client.status(cluster.member(0).client_url()).await?.member_id();
    let error = client.member_promote(voter).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotLearner, "{error:?}");

    let moved = client.member_update(member.id(), ["https://127.0.0.1:2"]).await?;
    let there = moved.into_iter().find(|other| other.id() == member.id()).expect("still there");
    assert_eq!(there.peer_urls(), ["https://127.0.0.1:2"]);

    let left = client.member_remove(member.id()).await?;
    assert_eq!(left.len(), 3);
    let leader = cluster.leader().await?;
    for gone in [
        client.member_remove(member.id()).await.unwrap_err(),
        client.member_update(member.id(), url()).await.unwrap_err(),
        // The leader: a follower of 3.4 and 3.5.1 asks it again and again, until time is up.
        leader.client().await?.member_promote(member.id()).await.unwrap_err(),
    ] {
        assert_eq!((gone.kind(), gone.outcome()), (ErrorKind::MemberNotFound, Outcome::NotApplied));
    }
    let error = client.member_add(["http://127.0.0.1"]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{error:?}");
    assert_eq!(client.member_list().await?.len(), cluster.members().len());
    Ok(())
}

#[tokio::test]
async fn a_learner_votes_only_when_it_has_caught_up() -> Result<()> {
    let (_cluster, client) = start(3).await?;
    // Something to catch up with.
    for number in 0..20 {
        client.put(format!("{number}"), "").await?;
    }
    let added = when_healthy(|| client.member_add_learner(["https://127.0.0.1:1"])).await;
    assert!(added.member().is_learner());
    assert!(client.member_list().await?.into_iter().any(|member| member.is_learner()));

    // It was never started, so it has nothing.
    let error = client.member_promote(added.member().id()).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.outcome()),
        (ErrorKind::LearnerNotReady, Outcome::NotApplied),
        "{error:?}"
    );
    let another = || client.member_add_learner(["https://127.0.0.1:2"]);
    let begin = Instant::now();
    let error = loop {
        let error = another().await.unwrap_err();
        if error.kind() != ErrorKind::UnhealthyCluster || begin.elapsed() > PATIENCE {
            break error;
        }
    };
    assert_eq!(error.kind(), ErrorKind::TooManyLearners, "{error:?}");
    assert_eq!(client.member_remove(added.member().id()).await?.len(), 3);
    Ok(())
}

#[tokio::test]
async fn the_members_are_not_changed_while_one_is_down() -> Result<()> {
    let strict = Cluster::builder().timing(Timing::Ci).strict_reconfiguration(true);
    let cluster = strict.start().await?;
    let client = cluster.client().await?;
    // The control, and the wait until only the member that is down can be the reason.
    let added = when_healthy(|| client.member_add_learner(["https://127.0.0.1:1"])).await;
    client.member_remove(added.member().id()).await?;

    let leader = cluster.leader().await?;
    let client = leader.client().await?;
    let down = cluster.members().find(|member| member.index() != leader.index()).expect("others");
    down.kill()?;
    let status = client.status(leader.client_url()).await?;
    let other = client
        .member_list()
        .await?
        .into_iter()
        .find(|member| member.id() != status.member_id() && member.name() != down.name());
    let other = other.expect("the third").id();
    for error in [
        client.member_add(["https://127.0.0.1:1"]).await.unwrap_err(),
        client.member_remove(other).await.unwrap_err(),
    ] {
        assert_eq!(
            (error.kind(), error.outcome()),
            (ErrorKind::UnhealthyCluster, Outcome::NotApplied),
            "{error:?}"
        );
    }
    assert_eq!(client.member_list().await?.len(), 3);
    Ok(())
}

#[tokio::test]
async fn the_leader_hands_over() -> Result<()> {
    let (cluster, client) = start(3).await?;
    let leader = cluster.leader().await?;
    let before = client.status(leader.client_url()).await?;
    assert!(before.is_leader());
    let others = cluster.members().filter(|member| member.index() != leader.index());
    let others: Vec<_> = others.collect();
    let target = client.status(others[0].client_url()).await?.member_id();

    // Only the leader can, and only to a member.
    let error = client.move_leader(others[0].client_url(), target).await.unwrap_err();
    assert_eq!((error.kind(), error.outcome()), (ErrorKind::NotLeader, Outcome::NotApplied));
    let error = client.move_leader(leader.client_url(), 7).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{error:?}");

    client.move_leader(leader.client_url(), target).await?;
    assert_eq!(client.status(leader.client_url()).await?.leader(), Some(target));
    assert_eq!(cluster.leader().await?.index(), others[0].index());
    client.put("hello", "world").await?;
    Ok(())
}

#[tokio::test]
async fn what_is_compacted_is_gone_for_good() -> Result<()> {
    let (_cluster, client) = start(1).await?;
    let first = client.put("a", "1").await?.revision();
    let second = client.put("a", "2").await?.revision();
    let third = client.put("a", "3").await?.revision();
    client.compact(second).await?;
    let at = |revision| client.range(Range::key("a").revision(revision));
    assert_eq!(at(first).await.unwrap_err().kind(), ErrorKind::Compacted);
    assert_eq!(at(second).await?.kvs()[0].value(), b"2");

    let again = client.compact(second).await.unwrap_err();
    assert_eq!((again.kind(), again.outcome()), (ErrorKind::Compacted, Outcome::NotApplied));
    let future = client.compact(third + 100).await.unwrap_err();
    assert_eq!(future.kind(), ErrorKind::FutureRevision);
    assert_eq!(client.compact_with(Compact::to(third).physical()).await?.revision(), third);
    assert_eq!(at(second).await.unwrap_err().kind(), ErrorKind::Compacted);
    Ok(())
}

#[tokio::test]
async fn a_file_is_as_small_as_what_is_in_it_after_defragmenting() -> Result<()> {
    let (cluster, client) = start(1).await?;
    let url = cluster.member(0).client_url();
    let mut revision = 0;
    for _ in 0..40 {
        revision = client.put("large", vec![7; 100_000]).await?.revision();
    }
    client.compact_with(Compact::to(revision).physical()).await?;
    let before = client.status(url).await?;
    assert!(before.db_size_bytes() > 3_000_000, "{before:?}");
    client.defragment(url).await?;
    let after = client.status(url).await?;
    assert!(after.db_size_bytes() < before.db_size_bytes() / 2, "{before:?} {after:?}");
    assert!(after.db_size_in_use_bytes() <= after.db_size_bytes(), "{after:?}");
    assert_eq!(client.get("large").await?.expect("still there").value().len(), 100_000);
    Ok(())
}

#[tokio::test]
async fn members_have_one_hash_of_one_revision() -> Result<()> {
    let (cluster, client) = start(3).await?;
    client.put("a", "1").await?;
    let revision = client.put("a", "2").await?.revision();
    let mut hashes = Vec::new();
    for member in cluster.members() {
        // It has applied as much as the others.
        member.client().await?.get("a").await?;
        hashes.push(client.hash_kv(member.client_url(), revision).await?);
    }
    for hash in &hashes {
        assert_eq!(hash.hash_revision(), revision);
        assert_eq!(hash.compact_revision(), -1);
        assert_eq!(hash.agrees_with(&hashes[0]), Some(true), "{hashes:?}");
    }
    let url = cluster.member(0).client_url();
    let whole = client.hash(url).await?;
    assert_eq!(whole.member_id(), hashes[0].member_id());

    // The control: more is another hash.
    let more = client.put("a", "3").await?.revision();
    let other = client.hash_kv(url, 0).await?;
    assert_eq!((other.hash_revision(), other.revision()), (more, more));
    assert_eq!(hashes[0].agrees_with(&other), None);
    assert_ne!(hashes[0].hash(), other.hash());
    assert_ne!(client.hash(url).await?.hash(), whole.hash());

    let error = client.hash_kv(url, more + 100).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::FutureRevision);
    client.compact(more).await?;
    let error = client.hash_kv(url, revision).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Compacted);
    Ok(())
}

#[tokio::test]
async fn an_alarm_stops_writes_until_it_is_disarmed() -> Result<()> {
    let (cluster, client) = start(1).await?;
    let id = client.status(cluster.member(0).client_url()).await?.member_id();
    assert_eq!(client.alarms().await?, []);
    client.put("before", "").await?;

    for (kind, error_kind) in
        [(AlarmKind::NoSpace, ErrorKind::NoSpace), (AlarmKind::Corrupt, ErrorKind::Corrupt)]
    {
        let raised = client.alarm_activate(id, kind).await?;
        assert_eq!(raised.len(), 1);
        assert_eq!((raised[0].member_id(), raised[0].kind()), (id, kind));
        assert_eq!(client.alarms().await?, raised);
        let error = client.put("during", "").await.unwrap_err();
        assert_eq!(error.kind(), error_kind, "{error:?}");
        assert!(client.get("before").await?.is_some(), "reads go on");
        let status = client.status(cluster.member(0).client_url()).await?;
        assert_eq!(status.errors().len(), 1, "{status:?}");

        assert_eq!(client.alarm_disarm(id, kind).await?, raised);
        assert_eq!(client.alarm_disarm(id, kind).await?, []);
        assert_eq!(client.alarms().await?, []);
        client.put("after", "").await?;
    }
    Ok(())
}

#[tokio::test]
async fn the_way_down_is_one_minor_version() -> Result<()> {
    let (cluster, client) = start(1).await?;
    let version = cluster.binary().version();
    if version.minor() < 5 {
        let error = client.downgrade_enable("3.3").await.unwrap_err();
        assert_eq!(
            (error.kind(), error.outcome()),
            (ErrorKind::Unsupported, Outcome::NotApplied),
            "{error:?}"
        );
        assert!(error.to_string().ends_with("which came with etcd 3.5"), "{error}");
        return Ok(());
    }
    let below = format!("3.{}", version.minor() - 1);
    // The version of the cluster is agreed on only after a while.
    let begin = Instant::now();
    let allowed = loop {
        match client.downgrade_validate(&below).await {
            Err(error) if begin.elapsed() < PATIENCE => {
                assert_eq!(error.outcome(), Outcome::NotApplied, "{error:?}");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            allowed => break allowed?,
        }
    };
    let now = format!("3.{}", version.minor());
    assert!(allowed.cluster_version().starts_with(&now), "{allowed:?}");
    for wrong in ["3.1", "four"] {
        let error = client.downgrade_validate(wrong).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidRequest, "{error:?}");
    }
    let url = cluster.member(0).client_url();
    assert_eq!(client.status(url).await?.downgrade_target(), None);
    if version.minor() >= 6 {
        assert_eq!(client.status(url).await?.storage_version(), Some(&*format!("{now}.0")));
        client.downgrade_enable(&below).await?;
        let target = client.status(url).await?.downgrade_target().map(str::to_owned);
        assert_eq!(target, Some(format!("{below}.0")));
        let error = client.downgrade_enable(&below).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DowngradeInProgress, "{error:?}");
        client.downgrade_cancel().await?;
        assert_eq!(client.status(url).await?.downgrade_target(), None);
    } else {
        let error = client.downgrade_cancel().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NoDowngrade, "{error:?}");
    }
    Ok(())
}

/// What is saved is what `etcdctl` saves, and it is what the member has.
#[tokio::test]
async fn a_snapshot_is_saved_whole() -> Result<()> {
    let (cluster, client) = start(1).await?;
    for number in 0..50 {
        client.put(format!("{number}"), vec![7; 100_000]).await?;
    }
    let url = cluster.member(0).client_url();
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("backup.db");
    let snapshot = client.snapshot(url).await?;
    let total_bytes = snapshot.total_bytes();
    assert!(total_bytes > 5_000_000, "{total_bytes}");
    let saved = snapshot.save(&path).await?;
    assert_eq!(saved.bytes(), total_bytes);
    assert_eq!(std::fs::metadata(&path).expect("a file").len(), total_bytes);
    assert_eq!(saved.storage_version().is_some(), cluster.binary().version().minor() >= 6);
    let read = SavedSnapshot::read(&path)?;
    assert_eq!(read.sha256(), saved.sha256());

    let etcdctl = cluster.binary().path().with_file_name("etcdctl");
    let theirs = directory.path().join("theirs.db");
    let output = tercet_tests::command(etcdctl)
        .args(["snapshot", "save"])
        .arg(&theirs)
        .env("ETCDCTL_API", "3")
        .envs(cluster.env())
        .output()
        .expect("etcdctl runs");
    assert!(output.status.success(), "{output:?}");
    assert_eq!(SavedSnapshot::read(&theirs)?.bytes(), saved.bytes());

    // The control: a bit in the middle.
    let mut bytes = std::fs::read(&path).expect("the file");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, bytes).expect("the file");
    let error = SavedSnapshot::read(&path).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DamagedSnapshot);
    Ok(())
}
