//! A member whose store is not what the others have, on every etcd that there is.

use std::fs;
use std::time::{Duration, Instant};

use tercet_client::{Alarm, AlarmKind, ErrorKind};
use tercet_cluster::StartError;
use tercet_cluster::binary::Binary;
use tercet_harness::{Cluster, Member, Result, StoreOptions, Timing};
use tercet_pki::etcd::Flag;
use tercet_tests::{PATIENCE, available, say};

/// Found in a file by this, and long enough that nothing else has it.
const VALUE: &str =
    "a value that no other page of any store has, and that is one byte from being wrong";

/// How often members are compared, where they are.
const PERIOD: Duration = Duration::from_millis(500);

/// A fleet of three with [`VALUE`] on all members.
async fn start(etcd: &Binary, store: StoreOptions) -> Result<Cluster> {
    // Before its first snapshot of the log, a member of 3.4 that starts knows no other to compare
    // with.
    let builder = Cluster::builder().binary(etcd.path()).flag("snapshot-count", "10");
    let cluster = builder.timing(Timing::Ci).store(store).start().await?;
    let client = cluster.client().await?;
    for _ in 0..20 {
        client.put("key", "of no interest").await?;
    }
    client.put("key", VALUE).await?;
    for member in cluster.members() {
        assert!(member.client().await?.get("key").await?.is_some());
    }
    let report = cluster.hash_kv().await?;
    assert!(report.agrees(), "the control, on etcd {}: {report}", etcd.version());
    Ok(cluster)
}

/// A member that does not lead: who leads is who accuses.
async fn follower(cluster: &Cluster) -> Result<Member<'_>> {
    Ok(cluster.leader().await?.others()[0])
}

/// Flips one bit of [`VALUE`] in the store of a member, which is down afterwards. No page of a store
/// has a checksum but the first two, so that it can still be read.
async fn corrupt(member: Member<'_>) -> Result<()> {
    // It writes all that it has before it ends.
    member.stop().await?;
    let store = member.data_directory().join("member/snap/db");
    let mut bytes = fs::read(&store).expect("its store");
    let starts: Vec<_> = (0..bytes.len() - VALUE.len())
        .filter(|&start| bytes[start..].starts_with(VALUE.as_bytes()))
        .collect();
    assert!(!starts.is_empty(), "the value is nowhere in {}", store.display());
    for start in starts {
        // Also in pages that are free by now.
        bytes[start] ^= 1;
    }
    fs::write(&store, bytes).expect("its store");
    Ok(())
}

/// Waits until there is an alarm.
async fn alarms(cluster: &Cluster) -> Result<Vec<Alarm>> {
    let begin = Instant::now();
    loop {
        let alarms = cluster.alarms().await?;
        if !alarms.is_empty() {
            return Ok(alarms);
        }
        assert!(begin.elapsed() < PATIENCE, "no alarm");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits until the leader has compared all members so often from now on.
async fn wait_for_comparisons(cluster: &Cluster, times: usize) -> Result<()> {
    let log = cluster.leader().await?.log();
    let done = || {
        let log = fs::read_to_string(log).expect("its log");
        log.matches("finished peer corruption check").count()
    };
    let (before, begin) = (done(), Instant::now());
    while done() < before + times {
        assert!(begin.elapsed() < PATIENCE, "the leader compares nobody");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

#[tokio::test]
async fn one_flipped_bit_is_seen_by_its_hash() -> Result<()> {
    for etcd in available() {
        let cluster = start(etcd, StoreOptions::default()).await?;
        let member = follower(&cluster).await?;
        corrupt(member).await?;
        member.restart().await?;
        // It is in the quorum and serves what nobody wrote.
        let wrong = member.client().await?.get("key").await?.expect("it is there");
        assert_ne!(wrong.value(), VALUE.as_bytes());
        let report = cluster.hash_kv().await?;
        let differing: Vec<_> = report.differing().iter().map(|one| &*one.member).collect();
        assert_eq!(differing, [member.name()], "etcd {}: {report}", etcd.version());
        assert!(report.to_string().contains("which differs"), "{report}");
        assert_eq!(cluster.alarms().await?, [], "nobody was asked to compare");
    }
    Ok(())
}

#[tokio::test]
async fn the_leader_raises_an_alarm_over_a_corrupt_member() -> Result<()> {
    for etcd in available() {
        let cluster = start(etcd, StoreOptions::default().check_every(PERIOD)).await?;
        let client = cluster.client().await?;
        let member = follower(&cluster).await?;
        let id = client.status(member.client_url()).await?.member_id();
        assert_eq!(cluster.alarms().await?, [], "the control");
        corrupt(member).await?;
        member.start()?;
        let raised = alarms(&cluster).await?;
        assert!(
            raised.iter().all(|alarm| alarm.kind() == AlarmKind::Corrupt),
            "etcd {}: {raised:?}",
            etcd.version()
        );
        // Where etcd does not tell whose data are corrupt, it says 0.
        assert!(
            raised.iter().all(|alarm| [id, 0].contains(&alarm.member_id())),
            "etcd {}: {id:x}: {raised:?}",
            etcd.version()
        );
        let error = client.put("key", "more").await.expect_err("nothing may be written");
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error:?}");
        // Who it is can be asked all the same.
        let report = cluster.hash_kv().await?;
        assert_eq!(report.differing().len(), 1, "{report}");
        assert_eq!(report.differing()[0].id, id, "{report}");
    }
    Ok(())
}

/// As an operator mends it: the member is taken out with its data, and a fresh one comes in its
/// stead, which is sent what the others have.
#[tokio::test]
async fn a_corrupt_member_is_replaced_and_the_alarm_disarmed() -> Result<()> {
    for etcd in available() {
        let cluster = start(etcd, StoreOptions::default().check_every(PERIOD)).await?;
        let client = cluster.client().await?;
        let member = follower(&cluster).await?;
        corrupt(member).await?;
        member.start()?;
        alarms(&cluster).await?;
        let error = client.put("key", "more").await.expect_err("nothing may be written");
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{error:?}");
        let fresh = member.replace().await?;
        assert!(!member.data_directory().exists());
        assert!(!cluster.disarm().await?.is_empty());
        let report = cluster.hash_kv().await?;
        assert!(report.agrees(), "etcd {}: {report}", etcd.version());
        assert_eq!(report.members().len(), 3);
        let read = fresh.client().await?.get("key").await?;
        assert_eq!(read.expect("it is there").value(), VALUE.as_bytes());
        client.put("key", "more").await?;
        wait_for_comparisons(&cluster, 2).await?;
        assert_eq!(cluster.alarms().await?, [], "etcd {}", etcd.version());
    }
    Ok(())
}

#[tokio::test]
async fn a_corrupt_member_does_not_start_where_it_has_to_compare() -> Result<()> {
    for etcd in available() {
        let cluster = start(etcd, StoreOptions::default().check_at_start()).await?;
        let member = follower(&cluster).await?;
        // The control: it compares, and starts.
        member.stop().await?.restart().await?;
        corrupt(member).await?;
        let error = member.restart().await.expect_err("it is corrupt");
        assert!(matches!(error, StartError::Exited { .. }), "etcd {}: {error}", etcd.version());
        assert!(error.to_string().contains("inconsistency"), "{error}");
        // It told nobody anything wrong.
        cluster.client().await?.put("key", "more").await?;
    }
    Ok(())
}

#[tokio::test]
async fn what_is_wrong_shows_when_it_is_compacted() -> Result<()> {
    let flag = Flag::named("experimental-compact-hash-check-enabled").expect("a flag");
    let mut seen = 0;
    for etcd in available() {
        let store = StoreOptions::default().check_compactions_every(PERIOD);
        let version = etcd.version();
        if version.minor() < 6 && !flag.is_in(version) {
            let builder = Cluster::builder().binary(etcd.path()).store(store);
            let error = builder.start().await.expect_err("it cannot");
            let cause = std::error::Error::source(&error).and_then(|error| error.source());
            let text = cause.expect("a reason").to_string();
            assert!(text.starts_with("comparing stores when they are compacted cannot"), "{text}");
            continue;
        }
        seen += 1;
        let cluster = start(etcd, store).await?;
        let client = cluster.client().await?;
        let member = follower(&cluster).await?;
        let id = client.status(member.client_url()).await?.member_id();
        corrupt(member).await?;
        member.restart().await?;
        assert_eq!(cluster.alarms().await?, [], "the control: there is nothing to compare yet");
        client.put("key", "another").await?;
        cluster.compact_all().await?;
        let raised = alarms(&cluster).await?;
        let (who, kind) = (raised[0].member_id(), raised[0].kind());
        let told = kind == AlarmKind::Corrupt && [id, 0].contains(&who);
        assert!(told, "etcd {version}: {id:x}: {raised:?}");
    }
    say(&format!("what compactions hash was compared on {seen} versions of etcd"));
    Ok(())
}
