//! Snapshots of fleets, and new fleets from them, on every etcd that there is.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tempfile::TempDir;
use tercet_client::{Compare, ErrorKind, Op, Range, SavedSnapshot, Txn, Watch};
use tercet_cluster::binary::{Binary, Feature, Locator, Request};
use tercet_cluster::{RestoreError, Spec};
use tercet_harness::{Client, Cluster, Restore, Result, Timing};
use tercet_tests::{available, of_minor, say};

async fn start(etcd: &Binary, members: usize) -> Result<Cluster> {
    let builder = Cluster::builder().binary(etcd.path()).members(members);
    builder.timing(Timing::Ci).start().await
}

async fn restored(etcd: &Binary, members: usize, from: impl Into<Restore>) -> Result<Cluster> {
    let builder = Cluster::builder().binary(etcd.path()).members(members);
    builder.timing(Timing::Ci).restore(from).start().await
}

/// Whether anything beside the etcd can restore.
fn restores(etcd: &Binary) -> bool {
    let by_etcdctl = !etcd.release().has(Feature::RestoreByEtcdutlOnly);
    let can = etcd.etcdutl().is_some() || by_etcdctl && etcd.etcdctl().is_some();
    if !can {
        say(&format!("nothing beside etcd {} restores snapshots", etcd.version()));
    }
    can
}

/// Every etcd with what restores.
fn with_tools() -> impl Iterator<Item = &'static Binary> {
    available().iter().filter(|etcd| restores(etcd))
}

/// A fleet of one, and a snapshot of it that has `hello`.
async fn saved(etcd: &Binary) -> Result<(TempDir, PathBuf)> {
    let cluster = start(etcd, 1).await?;
    cluster.client().await?.put("hello", "world").await?;
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("backup.db");
    cluster.save_snapshot(&path).await?;
    Ok((directory, path))
}

/// All keys, with what is known of each.
async fn everything(client: &Client) -> Result<Vec<tercet_client::KeyValue>> {
    Ok(client.range(Range::all()).await?.into_kvs())
}

fn is_empty(directory: &Path) -> bool {
    fs::read_dir(directory).expect("it is there").next().is_none()
}

#[tokio::test]
async fn a_restored_fleet_has_the_data_and_is_another() -> Result<()> {
    for etcd in with_tools() {
        let cluster = start(etcd, 3).await?;
        let client = cluster.client().await?;
        client.put("a", "1").await?;
        let first = client.put("b", "1").await?.revision();
        client.put("b", "2").await?;
        client.put("c", "1").await?;
        client.delete("c").await?;
        client.txn(Txn::when([Compare::missing("d")]).then([Op::put("d", "1")])).await?;
        let before = everything(&client).await?;
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("backup.db");
        let saved = cluster.save_snapshot(&path).await?;
        assert_eq!(saved.sha256(), SavedSnapshot::read(&path)?.sha256());
        let after = client.put("late", "1").await?.revision();

        let copy = restored(etcd, 3, &*path).await?;
        let theirs = copy.client().await?;
        // The same revisions, versions and values: the history is there too.
        assert_eq!(everything(&theirs).await?, before, "etcd {}", etcd.version());
        let old = theirs.range(Range::key("b").revision(first)).await?;
        assert_eq!(old.kvs()[0].value(), b"1");
        let [ours, others] = [client.member_list().await?, theirs.member_list().await?];
        assert_ne!(ours.cluster_id(), others.cluster_id());
        assert!(
            ours.members()
                .iter()
                .all(|one| others.members().iter().all(|other| one.id() != other.id()))
        );
        assert_eq!(others.len(), 3);
        // It goes on from there, on all of its members.
        assert_eq!(theirs.put("new", "1").await?.revision(), after);
        for member in copy.members() {
            assert!(member.client().await?.get("new").await?.is_some());
        }
        assert!(copy.start_times().restoring.as_nanos() > 0);

        // The old one has what came later, and nothing of the new one's.
        assert!(client.get("late").await?.is_some());
        assert!(client.get("new").await?.is_none());
    }
    Ok(())
}

#[tokio::test]
async fn more_members_than_before_or_fewer_are_as_good() -> Result<()> {
    let Some(etcd) = with_tools().next() else { return Ok(()) };
    let (directory, path) = saved(etcd).await?;
    let copy = restored(etcd, 3, &*path).await?;
    assert_eq!(copy.client().await?.get("hello").await?.expect("it").value(), b"world");
    let again = directory.path().join("again.db");
    copy.save_snapshot(&again).await?;
    drop(copy);
    let copy = restored(etcd, 1, &*again).await?;
    assert_eq!(copy.client().await?.get("hello").await?.expect("it").value(), b"world");
    Ok(())
}

/// What came out of a snapshot is sent to those that come later as well.
#[tokio::test]
async fn members_come_to_a_restored_fleet() -> Result<()> {
    for etcd in with_tools() {
        let (_directory, path) = saved(etcd).await?;
        let copy = restored(etcd, 1, &*path).await?;
        copy.client().await?.put("later", "1").await?;
        for _ in 0..2 {
            let member = copy.add_member().await?;
            let hello = member.client().await?.get("hello").await?;
            assert_eq!(hello.expect("it").value(), b"world", "etcd {}", etcd.version());
        }
        let report = copy.hash_kv().await?;
        assert!(report.agrees(), "etcd {}: {report}", etcd.version());
        // Without the one that was restored, too.
        copy.member(0).remove().await?;
        assert_eq!(copy.client().await?.get("hello").await?.expect("it").value(), b"world");
    }
    Ok(())
}

/// A snapshot taken while there are writes has all that was acknowledged before, and all up to some
/// write and none after it.
#[tokio::test]
async fn a_snapshot_under_load_is_of_one_moment() -> Result<()> {
    let Some(etcd) = with_tools().last() else { return Ok(()) };
    let cluster = start(etcd, 3).await?;
    let client = cluster.client().await?;
    let acknowledged = Arc::new(AtomicU64::new(0));
    let writing = tokio::spawn({
        let (client, acknowledged) = (client.clone(), acknowledged.clone());
        async move {
            for number in 1_u64.. {
                // One after the other: a write that failed is the last.
                if client.put(format!("{number:06}"), "").await.is_err() {
                    return;
                }
                acknowledged.store(number, Ordering::SeqCst);
            }
        }
    });
    while acknowledged.load(Ordering::SeqCst) < 100 {
        tokio::task::yield_now().await;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("backup.db");
    let before = acknowledged.load(Ordering::SeqCst);
    cluster.save_snapshot(&path).await?;
    writing.abort();
    let copy = restored(etcd, 1, &*path).await?;
    let all = everything(&copy.client().await?).await?;
    let numbers: Vec<u64> =
        all.iter().map(|kv| String::from_utf8_lossy(kv.key()).parse().expect("a number")).collect();
    assert!(numbers.len() as u64 >= before, "{} of {before}", numbers.len());
    assert!(numbers.iter().copied().eq(1..=numbers.len() as u64), "none is missing between");
    Ok(())
}

#[tokio::test]
async fn revisions_go_on_further_up() -> Result<()> {
    let mut seen = 0;
    for etcd in with_tools() {
        let (_directory, path) = saved(etcd).await?;
        let restore = || Restore::from(&path).bump_revision(1000);
        if !etcd.release().has(Feature::RestoreBumpsRevision) {
            let spec = Spec::default().members(1);
            let parent = tempfile::tempdir().expect("a directory");
            let error = tercet_cluster::Cluster::restore(&spec, etcd, parent.path(), restore());
            let error = error.await.expect_err("a refusal");
            assert!(matches!(error, RestoreError::NoBump { .. }), "{error:?}");
            assert!(is_empty(parent.path()));
            continue;
        }
        seen += 1;
        let copy = restored(etcd, 1, restore()).await?;
        let client = copy.client().await?;
        let hello = client.get("hello").await?.expect("it");
        assert!(hello.mod_revision() < 10, "what there was keeps its revision");
        let revision = client.put("new", "1").await?.revision();
        assert!(revision > 1000, "{revision}");
        let old = client.range(Range::key("hello").revision(hello.mod_revision())).await;
        assert_eq!(old.expect_err("it is compacted").kind(), ErrorKind::Compacted);
        // So that a watcher of the old fleet, which has seen more than this one has, is told.
        let mut watcher = client.watch(Watch::new("hello").start_revision(500)).await?;
        let error = watcher.next().await.expect("an answer").expect_err("it is compacted");
        assert_eq!(error.kind(), ErrorKind::Compacted);

        // The control: without a bump, the revision is what it was.
        let copy = restored(etcd, 1, &*path).await?;
        assert!(copy.client().await?.put("new", "1").await?.revision() < 10);
    }
    say(&format!("revisions were bumped on {seen} versions of etcd"));
    Ok(())
}

#[tokio::test]
async fn a_damaged_snapshot_is_refused_and_leaves_nothing() -> Result<()> {
    let Some(etcd) = with_tools().next() else { return Ok(()) };
    let (directory, path) = saved(etcd).await?;
    let whole = fs::read(&path).expect("the snapshot");
    let parent = tempfile::tempdir().expect("a directory");
    let spec = Spec::default().members(1);
    let restore = async |path: &Path| {
        let cluster = tercet_cluster::Cluster::restore(&spec, etcd, parent.path(), path).await;
        if cluster.is_err() {
            assert!(is_empty(parent.path()));
        }
        cluster
    };

    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    let damaged = directory.path().join("damaged.db");
    for bytes in [&flipped[..], &whole[..whole.len() / 2], &[], b"no snapshot"] {
        fs::write(&damaged, bytes).expect("a file");
        let error = restore(&damaged).await.expect_err("it is damaged");
        assert!(matches!(error, RestoreError::Damaged { .. }), "{error:?}");
    }
    let error = restore(&directory.path().join("missing.db")).await.expect_err("nothing");
    assert!(matches!(error, RestoreError::Unreadable { .. }), "{error:?}");
    // The control.
    assert_eq!(restore(&path).await.expect("it is whole").members().len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_store_copied_from_a_directory_is_taken_on_request() -> Result<()> {
    let Some(etcd) = with_tools().next() else { return Ok(()) };
    let cluster = start(etcd, 1).await?;
    cluster.client().await?.put("hello", "world").await?;
    // Stopped, so that all of it is in the file.
    cluster.member(0).stop().await?;
    let store = cluster.member(0).data_directory().join("member/snap/db");
    let spec = Spec::default().members(1);
    let parent = tempfile::tempdir().expect("a directory");
    let error = tercet_cluster::Cluster::restore(&spec, etcd, parent.path(), &*store).await;
    assert!(matches!(error, Err(RestoreError::Damaged { .. })), "{error:?}");
    let copy = restored(etcd, 1, Restore::from(&store).unchecked()).await?;
    assert_eq!(copy.client().await?.get("hello").await?.expect("it").value(), b"world");

    // What the tool itself finds wrong is told in its words.
    let garbage = parent.path().join("garbage.db");
    fs::write(&garbage, "no store").expect("a file");
    let restore = Restore::from(&garbage).unchecked();
    let error = tercet_cluster::Cluster::restore(&spec, etcd, parent.path(), restore).await;
    let error = error.expect_err("it is no store");
    assert!(matches!(error, RestoreError::Tool { .. }), "{error:?}");
    let source = std::error::Error::source(&error).expect("a cause").to_string();
    assert!(source.starts_with("the tool failed (") && source.lines().count() > 1, "{source}");
    Ok(())
}

#[tokio::test]
async fn without_the_tool_nothing_is_begun() -> Result<()> {
    let etcd = available().last().expect("there is one");
    let alone = tempfile::tempdir().expect("a directory");
    let program = alone.path().join("etcd");
    fs::copy(etcd.path(), &program).expect("a copy");
    let lonely = Locator::from_env().locate(&Request::Path(program))?;
    let parent = tempfile::tempdir().expect("a directory");
    let restore = alone.path().join("backup.db");
    let spec = Spec::default();
    let error = tercet_cluster::Cluster::restore(&spec, &lonely, parent.path(), restore).await;
    assert!(matches!(error, Err(RestoreError::NoTool { .. })), "{error:?}");
    assert!(is_empty(parent.path()));
    Ok(())
}

#[tokio::test]
async fn an_older_snapshot_is_taken_and_a_newer_one_is_told() -> Result<()> {
    let minors: Vec<_> = (4..=7).filter_map(of_minor).filter(|etcd| restores(etcd)).collect();
    for pair in minors.windows(2) {
        let (older, newer) = (pair[0], pair[1]);
        let (_directory, path) = saved(older).await?;
        let copy = restored(newer, 1, &*path).await?;
        assert_eq!(copy.client().await?.get("hello").await?.expect("it").value(), b"world");

        if older.version().minor() < 6 {
            continue;
        }
        let (_directory, path) = saved(newer).await?;
        let spec = Spec::default().members(1);
        let parent = tempfile::tempdir().expect("a directory");
        let error = tercet_cluster::Cluster::restore(&spec, older, parent.path(), &*path).await;
        let error = error.expect_err("it is too new");
        assert!(matches!(error, RestoreError::TooNew { .. }), "{error:?}");
        say(&error.to_string());
        assert!(is_empty(parent.path()));
    }
    Ok(())
}

#[tokio::test]
async fn what_is_left_of_a_fleet_is_saved_without_a_leader() -> Result<()> {
    let Some(etcd) = with_tools().last() else { return Ok(()) };
    let cluster = start(etcd, 3).await?;
    let client = cluster.client().await?;
    client.put("hello", "world").await?;
    let survivor = cluster.member(2);
    // It has it.
    survivor.client().await?.get("hello").await?;
    cluster.member(0).kill()?;
    cluster.member(1).kill()?;
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("backup.db");
    let error = cluster.save_snapshot(&path).await.expect_err("nobody leads").to_string();
    assert!(error.starts_with("saving a snapshot: the fleet told no leader, after "), "{error}");
    assert!(!path.exists());
    survivor.save_snapshot(&path).await?;
    let copy = restored(etcd, 3, &*path).await?;
    assert_eq!(copy.client().await?.get("hello").await?.expect("it").value(), b"world");
    Ok(())
}
