//! Fleets that have lost their majority for good, and go on with what is left, on every etcd that
//! there is.

use std::fs;
use std::time::{Duration, Instant};

use tercet_client::ErrorKind;
use tercet_cluster::binary::Binary;
use tercet_cluster::{OperateError, OperateRefusal};
use tercet_harness::{Cluster, Member, Result, Timing};
use tercet_tests::{PATIENCE, available, command};

async fn start(etcd: &Binary, members: usize) -> Result<Cluster> {
    let builder = Cluster::builder().binary(etcd.path()).members(members);
    builder.timing(Timing::Ci).start().await
}

/// It is gone, and its disk too.
fn lose(member: Member<'_>) -> Result<()> {
    member.kill()?;
    fs::remove_dir_all(member.data_directory()).expect("its data");
    Ok(())
}

fn words(member: Member<'_>) -> String {
    let words = member.plan().arguments().iter();
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

/// Says that the fleet is as its owner thinks, and that every member answers and has the same.
async fn assert_whole(cluster: &Cluster, members: usize) -> Result<()> {
    cluster.wait_until_ready().await?;
    let client = cluster.client().await?;
    client.put("whole", "1").await?;
    let mut listed: Vec<_> = client
        .member_list()
        .await?
        .members()
        .iter()
        .map(|member| member.name().to_owned())
        .collect();
    listed.sort();
    let mut ours: Vec<_> = cluster.members().map(|member| member.name().to_owned()).collect();
    ours.sort();
    assert_eq!((listed.len(), listed), (members, ours));
    for member in cluster.members() {
        assert!(member.client().await?.get("whole").await?.is_some());
        assert!(!words(member).contains("force-new-cluster"), "{}", words(member));
    }
    let report = cluster.hash_kv().await?;
    assert!(report.agrees(), "{report}");
    Ok(())
}

#[tokio::test]
async fn one_survivor_becomes_a_whole_fleet_again() -> Result<()> {
    for etcd in available() {
        let cluster = start(etcd, 3).await?;
        let client = cluster.client().await?;
        client.put("hello", "world").await?;
        let survivor = cluster.member(1);
        assert!(survivor.client().await?.get("hello").await?.is_some());
        let error = cluster.recover_quorum(survivor).await.expect_err("nothing is lost");
        let refusal = OperateRefusal::Majority { voters: 3, running: 3 };
        assert_eq!(error.refusal(), Some(&refusal));
        lose(cluster.member(0))?;
        lose(cluster.member(2))?;
        // The control: it can do nothing alone.
        let error = survivor.client().await?.put("stuck", "1").await.expect_err("no majority");
        let kinds = [ErrorKind::Timeout, ErrorKind::NoLeader, ErrorKind::DeadlineExceeded];
        assert!(kinds.contains(&error.kind()), "{error:?}");

        let fresh = cluster.recover_quorum(survivor).await?;
        let names: Vec<_> = fresh.iter().map(|member| member.name()).collect();
        assert_eq!(names, ["m4", "m5"], "etcd {}", etcd.version());
        assert_whole(&cluster, 3).await?;
        assert_eq!(client.get("hello").await?.expect("it").value(), b"world");
        // Also from the next start on.
        survivor.kill()?.restart().await?;
        assert_whole(&cluster, 3).await?;
        assert!(cluster.member(0).is_removed() && cluster.member(2).is_removed());
    }
    Ok(())
}

/// The survivor forgets all others, whether they had a vote or not, and whether they are in a
/// snapshot of its log or in the log itself: there are two places to look for them.
#[tokio::test]
async fn a_learner_is_forgotten_with_the_others() -> Result<()> {
    for etcd in available() {
        for snapshot_count in ["5", "100000"] {
            let builder = Cluster::builder().members(2).binary(etcd.path()).timing(Timing::Ci);
            let cluster = builder.flag("snapshot-count", snapshot_count).start().await?;
            let learner = cluster.add_learner().await?;
            let client = cluster.client().await?;
            for number in 0..10 {
                client.put("hello", number.to_string()).await?;
            }
            let ids = async || -> Result<Vec<u64>> {
                let list = client.member_list().await?;
                Ok(list.members().iter().map(|member| member.id()).collect())
            };
            let before = ids().await?;
            assert_eq!(before.len(), 3);
            let survivor = cluster.member(0);
            for lost in [cluster.member(1), learner] {
                lose(lost)?;
            }
            cluster.recover_quorum(survivor).await?;
            let kept = survivor.id().expect("it runs");
            let after = ids().await?;
            let both: Vec<_> = after.iter().filter(|id| before.contains(id)).collect();
            assert_eq!((after.len(), both), (3, vec![&kept]), "etcd {}", etcd.version());
            let fresh = cluster.members().find(|member| member.is_learner()).expect("as before");
            fresh.promote().await?;
            assert_whole(&cluster, 3).await?;
            assert_eq!(client.get("hello").await?.expect("it").value(), b"9");
        }
    }
    Ok(())
}

/// Whatever it is at when it is cut off; and nothing is lost, for the survivor is never killed.
#[tokio::test]
async fn recovering_goes_on_when_called_again() -> Result<()> {
    let etcd = available().last().expect("there is one");
    let cluster = start(etcd, 3).await?;
    let client = cluster.client().await?;
    client.put("hello", "world").await?;
    let survivor = cluster.leader().await?;
    for member in cluster.members().filter(|member| member.index() != survivor.index()) {
        lose(member)?;
    }
    let begin = Instant::now();
    let mut cut = 0;
    loop {
        // Longer and longer, so that it comes to its end.
        let limit = Duration::from_millis(20 << cut);
        match tokio::time::timeout(limit, cluster.recover_quorum(survivor)).await {
            Ok(Ok(_)) => break,
            // It was cut off when all was done.
            Ok(Err(OperateError::Refused(OperateRefusal::Majority { .. }))) => break,
            Ok(Err(error)) => return Err(error.into()),
            Err(_) => cut += 1,
        }
        assert!(begin.elapsed() < PATIENCE);
    }
    assert!(cut > 3, "it was cut off only {cut} times");
    assert_whole(&cluster, 3).await?;
    assert_eq!(client.get("hello").await?.expect("it").value(), b"world");
    Ok(())
}

#[tokio::test]
async fn of_several_the_furthest_must_be_taken() -> Result<()> {
    let etcd = available().first().expect("there is one");
    let cluster = start(etcd, 5).await?;
    let leader = cluster.leader().await?;
    let client = leader.client().await?;
    let [behind, other] = [1, 2].map(|step| cluster.member((leader.index() + step) % 5));
    let pid = behind.pid().expect("it runs").to_string();
    assert!(command("kill").args(["-STOP", &pid]).status().expect("kill runs").success());
    // More than what waits for it in sockets, and is read when it goes on.
    for number in 0..300 {
        client.put("large", vec![number as u8; 100_000]).await?;
    }
    client.put("hello", "world").await?;
    assert!(other.client().await?.get("hello").await?.is_some());
    for member in cluster.members() {
        if ![behind.index(), other.index()].contains(&member.index()) {
            lose(member)?;
        }
    }
    assert!(command("kill").args(["-CONT", &pid]).status().expect("kill runs").success());
    let error = cluster.recover_quorum(behind).await.expect_err("it is behind");
    let refusal = error.refusal().expect("a refusal");
    assert!(
        matches!(refusal, OperateRefusal::Further { other: name, .. } if name == other.name()),
        "{refusal}"
    );
    assert!(behind.is_running() && other.is_running(), "nothing was begun");

    cluster.recover_quorum(other).await?;
    assert_whole(&cluster, 5).await?;
    assert_eq!(cluster.client().await?.get("hello").await?.expect("it").value(), b"world");
    Ok(())
}

#[tokio::test]
async fn a_survivor_that_does_not_come_up_costs_nobody_his_data() -> Result<()> {
    let etcd = available().first().expect("there is one");
    let cluster = start(etcd, 3).await?;
    let client = cluster.client().await?;
    client.put("hello", "world").await?;
    let survivor = cluster.member(0);
    cluster.member(1).kill()?;
    cluster.member(2).kill()?;
    survivor.kill()?;
    let (store, aside) = (survivor.data_directory(), survivor.plan().directory().join("aside"));
    fs::rename(store, &aside).expect("its data");
    fs::create_dir_all(store).expect("a directory");
    fs::write(store.join("member"), "no directory").expect("a file");
    let error = cluster.recover_quorum(survivor).await.expect_err("it has no data");
    let failed = error.failed().expect("a step");
    assert_eq!(failed.step(), tercet_cluster::Step::Alone, "{error}");
    assert!(!words(survivor).contains("force-new-cluster"), "it is as any other again");

    // The control: with its data back, all three are as before.
    fs::remove_dir_all(store).expect("a directory");
    fs::rename(&aside, store).expect("its data");
    for member in cluster.members() {
        member.start()?;
    }
    assert_whole(&cluster, 3).await?;
    assert_eq!(client.get("hello").await?.expect("it").value(), b"world");
    Ok(())
}
