//! Members that stand still.

use std::time::{Duration, Instant};

use tercet_client::{Client, Config, ErrorKind, Outcome, Tls};
use tercet_harness::{Cluster, Member, Result};
use tercet_tests::{available, command_lines_naming, eventually, is_running, say};

use super::support::{fleet_of, other_than};

/// Whether the process stands still, as the kernel has it.
fn stands_still(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    stat.rsplit(')').next().unwrap().trim_start().starts_with('T')
}

/// A client of one member that does not wait for long.
async fn hasty(cluster: &Cluster, member: Member<'_>) -> Result<Client> {
    let files = cluster.files();
    let tls = Tls::mutual_files(&files.ca, &files.client.certificate, &files.client.key)?;
    let config = Config::new([member.client_url()]).tls(tls);
    Ok(Client::connect(config.request_timeout(Duration::from_millis(300))).await?)
}

#[tokio::test]
async fn a_paused_leader_is_followed_by_another_and_comes_back() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd, 3).start().await?;
        let client = cluster.client().await?;
        client.put("hello", "world").await?;
        let leader = cluster.leader().await?;
        let open = hasty(&cluster, leader).await?;
        assert!(open.get("hello").await?.is_some(), "the control");

        let paused = leader.pause()?;
        assert!(leader.is_paused() && leader.is_running());
        // Whoever is connected waits, and sees no error of the connection.
        let error = open.put("hello", "nobody").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::DeadlineExceeded, "{error}");
        assert_eq!(error.outcome(), Outcome::Unknown);
        // Whoever comes is let in by the kernel, and waits as well.
        assert!(hasty(&cluster, leader).await?.get("hello").await.is_err());
        // The others go on without it.
        let other = other_than(&cluster, leader);
        let next = loop {
            let next = cluster.leader().await?;
            if next.index() != leader.index() {
                break next;
            }
        };
        other.client().await?.put("hello", "again").await?;

        drop(paused);
        assert!(!leader.is_paused());
        cluster.wait_until_ready().await?;
        // It has learned what it missed.
        assert_eq!(leader.client().await?.get("hello").await?.unwrap().value(), b"again");
        assert!(next.is_running());
    }
    Ok(())
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn the_last_of_several_pauses_lets_it_go_on() -> Result<()> {
    let cluster = Cluster::start().await?;
    let member = cluster.member(1);
    let pid = member.pid().unwrap();
    assert!(!stands_still(pid), "the control");
    let one = member.pause()?;
    assert!(stands_still(pid), "at once, and not some time later");
    let two = member.pause()?;
    one.resume();
    assert!(stands_still(pid));
    drop(two);
    assert!(eventually(Duration::from_secs(5), || !stands_still(pid)));
    // And once more, also from a thread without a runtime.
    let again = member.pause()?;
    assert!(stands_still(pid));
    std::thread::scope(|scope| scope.spawn(|| drop(again)).join().unwrap());
    assert!(eventually(Duration::from_secs(5), || !stands_still(pid)));
    cluster.wait_until_ready().await?;
    Ok(())
}

#[tokio::test]
async fn a_paused_member_can_be_killed_stopped_and_restarted() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd, 3).start().await?;
        let member = cluster.member(0);

        // Killed: it is gone, and dropping the guard does nothing to who comes after it.
        let paused = member.pause()?;
        member.kill()?.restart().await?;
        assert!(!member.is_paused(), "the new process runs");
        let next = member.pause()?;
        drop(paused);
        assert!(member.is_paused(), "an old guard is not about the new process");
        drop(next);
        cluster.wait_until_ready().await?;

        // Asked to end: it goes on for that, and ends by itself.
        let paused = member.pause()?;
        member.stop().await?;
        assert!(super::support::log(member).contains("stopping serving peer traffic"));
        drop(paused);
        let error = member.pause().unwrap_err().to_string();
        assert_eq!(error, "member m1 is not running: start it first");

        // Restarted.
        member.restart().await?;
        let paused = member.pause()?;
        member.restart().await?;
        drop(paused);
        assert!(member.client().await?.get("hello").await?.is_none());

        // In its turn, as all others.
        let paused = member.pause()?;
        tokio::time::timeout(tercet_tests::PATIENCE, async {
            // What is not ready to begin with is not rolled: the pause ends meanwhile.
            tokio::join!(cluster.rolling_restart(), async { drop(paused) }).0
        })
        .await
        .expect("it does not hang")?;
    }
    Ok(())
}

#[tokio::test]
async fn a_fleet_of_paused_members_is_dropped_at_once() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd, 3).start().await?;
        let pids: Vec<_> = cluster.members().map(|member| member.pid().unwrap()).collect();
        let directory = cluster.directory().to_owned();
        for member in cluster.members() {
            // It stays paused: the guard is never dropped.
            std::mem::forget(member.pause()?);
        }
        let begin = Instant::now();
        drop(cluster);
        let elapsed = begin.elapsed();
        say(&format!("three paused members of etcd {} dropped in {elapsed:.1?}", etcd.version()));
        assert!(elapsed < Duration::from_secs(5), "killed, and not waited for: {elapsed:?}");
        assert!(!pids.iter().any(|&pid| is_running(pid)));
        assert!(!directory.exists() && command_lines_naming(&directory).is_empty());
    }
    Ok(())
}

#[tokio::test]
async fn nothing_is_paused_that_does_not_run() -> Result<()> {
    let cluster = fleet_of(&available()[0], 3).start().await?;
    let member = cluster.member(2);
    let down = member.kill()?;
    assert_eq!(member.pause().unwrap_err().to_string(), "member m3 is not running: start it first");
    down.restart().await?;
    drop(member.pause()?);
    cluster.wait_until_ready().await?;
    member.remove().await?;
    assert_eq!(
        member.pause().unwrap_err().to_string(),
        "member m3 was removed from the fleet: there is nothing of it to break"
    );
    Ok(())
}
