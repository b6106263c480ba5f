//! What even the watchdog cannot clear, since it died as well, is cleared by the next start or by a
//! sweep.

use std::path::Path;

use tercet_cluster::runs::{self, ProcessState, RunProcessKind, RunState, Sweep, SweepOutcome};
use tercet_harness::Cluster;
use tercet_tests::{Owned, command, eventually, is_running, say};

use super::{GONE_WITHIN, OWNER, immortal_etcd};

fn kill(pid: u32) {
    assert!(command("kill").args(["-9", &pid.to_string()]).status().unwrap().success());
}

/// An owner that was killed after its watchdog, and whose members live on. None where that cannot be
/// had.
fn left(parent: &Path) -> Option<Owned> {
    let scratch = tempfile::tempdir().unwrap();
    let Some(etcd) = immortal_etcd(scratch.path()) else {
        say("there is no setpriv here: members die with their owner");
        return None;
    };
    let words = [("TERCET_ETCD", etcd.to_str().unwrap()), ("OWNER_HAS_MORE", "1")];
    let mut owned = Owned::start_with(OWNER, "hold", parent, &words);
    let run = runs::list(parent).unwrap().runs.remove(0);
    assert_eq!(run.state, RunState::Live);
    // That of the fleet, and that of its discovery.
    let watchdogs = run.processes.iter().filter(|one| one.kind == RunProcessKind::Watchdog);
    let watchdogs: Vec<_> = watchdogs.map(|one| one.pid).collect();
    assert_eq!(watchdogs.len(), 2);
    watchdogs.into_iter().for_each(kill);
    owned.owner.kill().unwrap();
    owned.owner.wait().unwrap();
    // The control: nobody clears it.
    assert!(!eventually(GONE_WITHIN / 4, || owned.is_gone()));
    assert!(owned.is_whole());
    Some(owned)
}

#[test]
fn a_sweep_ends_and_removes_it() {
    let parent = tempfile::tempdir().unwrap();
    let Some(owned) = left(parent.path()) else { return };
    let swept = runs::sweep(parent.path(), Sweep::default()).unwrap().remove(0);
    // All of it was recorded: members, proxies and those of the discovery.
    assert_eq!(swept.run.state, RunState::Stale);
    let mut recorded: Vec<_> = swept.run.processes.iter().collect();
    recorded.retain(|one| one.state == ProcessState::Running);
    assert!(recorded.iter().all(|one| !one.name.starts_with("unrecorded")), "{recorded:?}");
    let mut pids: Vec<_> = recorded.iter().map(|one| one.pid).collect();
    let mut members = owned.members.clone();
    let SweepOutcome::Removed { ended } = swept.outcome else { panic!("{:?}", swept.outcome) };
    let mut ended = ended;
    for list in [&mut pids, &mut members, &mut ended] {
        list.sort_unstable();
    }
    assert_eq!(pids, members);
    assert_eq!(ended, members);
    assert!(owned.is_gone());
}

#[tokio::test]
async fn the_next_start_sweeps_it() {
    let parent = tempfile::tempdir().unwrap();
    let Some(owned) = left(parent.path()) else { return };
    let cluster = Cluster::builder().members(1).directory(parent.path()).start().await.unwrap();
    assert!(eventually(GONE_WITHIN, || owned.is_gone()), "{owned:?}");
    assert!(cluster.member(0).is_running(), "the control");
    drop(cluster);
}

/// A fleet that is kept is nobody's who starts another.
#[tokio::test]
async fn the_next_start_leaves_what_is_kept() {
    let parent = tempfile::tempdir().unwrap();
    let mut owned = Owned::start_with(OWNER, "hold", parent.path(), &[("TERCET_KEEP", "always")]);
    owned.owner.kill().unwrap();
    owned.owner.wait().unwrap();
    assert!(eventually(GONE_WITHIN, || !owned.members.iter().copied().any(is_running)));
    assert_eq!(runs::list(parent.path()).unwrap().runs[0].state, RunState::Kept);
    drop(Cluster::builder().members(1).directory(parent.path()).start().await.unwrap());
    let outcome = runs::sweep(parent.path(), Sweep::default()).unwrap().remove(0).outcome;
    assert_eq!(outcome.to_string(), "left: its files are to be kept");
    assert!(owned.directory.join("m1/etcd.log").exists());
    runs::sweep(parent.path(), Sweep::default().kept(true)).unwrap();
    assert!(!owned.directory.exists());
}
