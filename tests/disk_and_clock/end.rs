//! How a fleet ends whose members wait for their disks.

use std::time::{Duration, Instant};

use tercet_harness::{Faults, Result};
use tercet_tests::{eventually, is_running, say};

use super::support::{PATIENCE, etcds, fleet_of};

/// The threads of this process that answer members' calls.
fn supervisors() -> usize {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let names = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
    names.filter(|name| name.starts_with("tercet-sys-")).count()
}

/// Far more than it takes, which is said: a figure and not a promise here.
const LIMIT: Duration = Duration::from_secs(2);

/// Of several threads: the write goes on while this waits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fleet_that_waits_for_its_disks_is_gone_at_once() -> Result<()> {
    let faults = Faults::NONE.disk().clock();
    for etcd in etcds(faults) {
        let cluster = fleet_of(etcd, faults).start().await?;
        let client = cluster.client().await?;
        client.put("hello", "world").await?;
        let pids: Vec<_> = cluster.members().filter_map(|member| member.pid()).collect();
        let directory = cluster.directory().to_owned();
        assert!(supervisors() >= 3, "the control");
        let guards: Vec<_> = cluster
            .members()
            .map(|member| member.slow_disk(Duration::from_secs(3600)))
            .collect::<Result<_, _>>()?;
        // Nobody hears of it again.
        let write = tokio::spawn(async move { client.put("hello", "again").await });
        assert!(
            eventually(PATIENCE, || guards.iter().filter(|guard| guard.hits() > 0).count() >= 2)
        );
        assert!(!write.is_finished());
        let paused = cluster.member(0).pause()?;
        drop(paused);
        let begin = Instant::now();
        drop(cluster);
        let took = begin.elapsed();
        assert!(took < LIMIT, "{took:?}");
        assert!(!pids.iter().copied().any(is_running) && !directory.exists());
        write.abort();
        say(&format!(
            "etcd {}: a fleet that waits for its disks was gone after {took:.1?}",
            etcd.version()
        ));
        drop(guards);
    }
    Ok(())
}
