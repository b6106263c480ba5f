//! A fleet that is paused, half dead or broken is dropped as fast as a whole one.
//!
//! `TERCET_TEST_DROPS` says how often each; the figures are printed.

use std::time::{Duration, Instant};

use tercet_cluster::Faults;
use tercet_harness::{Cluster, Member};

use crate::number;

/// A fiftieth of what an orderly end takes that waits for what stands still. It was under a tenth of a
/// second each time on a quiet machine.
const DROPPED_WITHIN: Duration = Duration::from_secs(2);

/// As often as takes some seconds.
const DROPS: usize = 2;

/// What is done to the members, and held until the fleet is dropped: a guard of a fault heals before.
type Break = fn(&[Member<'_>]);

fn stop(member: &Member<'_>) {
    // From elsewhere, as far as the fleet knows: a guard would end before the fleet does.
    let pid = member.pid().and_then(|pid| i32::try_from(pid).ok());
    let pid = rustix::process::Pid::from_raw(pid.unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
}

fn kill(member: &Member<'_>) {
    member.kill().unwrap();
}

const BROKEN: [(&str, Break); 7] = [
    ("whole", |_| {}),
    ("one paused, one dead", |all| {
        stop(&all[0]);
        kill(&all[1]);
    }),
    ("all paused", |all| all.iter().for_each(stop)),
    ("all dead", |all| all.iter().for_each(kill)),
    ("one dead by itself", |all| {
        let pid = all[0].pid().and_then(|pid| i32::try_from(pid).ok());
        let pid = rustix::process::Pid::from_raw(pid.unwrap()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
    }),
    ("one coming up", |all| all[0].start().unwrap()),
    ("one coming up, two paused", |all| {
        all[0].start().unwrap();
        all[1..].iter().for_each(stop);
    }),
];

async fn dropped(faults: Faults, brk: impl FnOnce(&Cluster)) -> Duration {
    let cluster = Cluster::builder().faults(faults).start().await.unwrap();
    let (directory, pids) = {
        let pids: Vec<_> = cluster.members().filter_map(|member| member.pid()).collect();
        (cluster.directory().to_owned(), pids)
    };
    brk(&cluster);
    let begin = Instant::now();
    drop(cluster);
    let took = begin.elapsed();
    assert!(!directory.exists());
    assert!(!pids.into_iter().any(tercet_tests::is_running));
    took
}

#[tokio::test]
async fn a_paused_or_half_dead_fleet_is_dropped_as_a_whole_one() {
    let drops = number("TERCET_TEST_DROPS").unwrap_or(DROPS).max(1);
    let mut rows: Vec<(&str, Vec<Duration>)> = Vec::new();
    for (name, brk) in BROKEN {
        let mut times = Vec::new();
        for _ in 0..drops {
            let members = |cluster: &Cluster| brk(&cluster.members().collect::<Vec<_>>());
            times.push(dropped(Faults::NONE, members).await);
        }
        rows.push((name, times));
    }
    let mut links = Vec::new();
    for _ in 0..drops {
        // Healed by the drop of the fleet alone.
        let cut = |cluster: &Cluster| {
            std::mem::forget(cluster.cut(cluster.member(0), cluster.member(1)).unwrap());
        };
        links.push(dropped(Faults::NONE.links(), cut).await);
    }
    rows.push(("a link cut", links));
    let hanging = Faults::NONE.disk();
    let mut disks = Vec::new();
    for _ in 0..if hanging.check_support().is_ok() { drops } else { 0 } {
        // In the midst of a flush that takes a minute.
        let slow = |cluster: &Cluster| {
            for member in cluster.members() {
                std::mem::forget(member.slow_disk(Duration::from_secs(60)).unwrap());
            }
            #[expect(clippy::disallowed_methods, reason = "until something is flushed")]
            std::thread::sleep(Duration::from_millis(50));
        };
        disks.push(dropped(hanging, slow).await);
    }
    rows.push(("disks that hang", disks));
    rows.retain(|(_, times)| !times.is_empty());
    eprintln!("{:<30}{:>6}{:>8}{:>8}", "drop, ms", "times", "p50", "max");
    for (name, times) in &mut rows {
        times.sort();
        let ms = |time: Duration| time.as_secs_f64() * 1000.0;
        let (middle, longest) = (times[times.len() / 2], times[times.len() - 1]);
        eprintln!("{name:<30}{:>6}{:>8.1}{:>8.1}", times.len(), ms(middle), ms(longest));
        assert!(longest < DROPPED_WITHIN, "{name}: {longest:?}");
    }
}
