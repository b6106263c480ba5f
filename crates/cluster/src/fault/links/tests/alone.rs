//! What is left of a network that was dropped. Threads and open files are those of the process, so
//! this is asked in one that does nothing else: the test runs itself again.

use std::fs;
use std::io::Write;
use std::time::{Duration, Instant};

use super::world::{A, B, C, World, is_silent, until};
use crate::fault::links::{End, LinkPolicy};

const ALONE: &str = "TERCET_LINKS_ALONE";
const NAME: &str = "fault::links::tests::alone::a_network_that_is_dropped_leaves_nothing";

#[test]
#[cfg(target_os = "linux")]
fn a_network_that_is_dropped_leaves_nothing() {
    if std::env::var_os(ALONE).is_some() {
        return leaves_nothing();
    }
    #[expect(clippy::disallowed_methods, reason = "it is this program again, and waited for")]
    let output = std::process::Command::new(std::env::current_exe().unwrap())
        .args([NAME, "--exact", "--nocapture", "--test-threads=1"])
        .env(ALONE, "1")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains("1 passed"), "{said}");
}

/// The drop of a network waits for the thread no longer than it has patience: so it must be the thread
/// that says when it ends.
#[test]
fn a_thread_that_lives_has_not_said_that_it_ended() {
    let world = World::new();
    let said = world.links.ended.lock().unwrap().try_recv();
    assert_eq!(said, Err(std::sync::mpsc::TryRecvError::Empty));
}

fn leaves_nothing() {
    // What a runtime opens once in a process, if it was built with signals, and keeps: as `cargo test`
    // builds it for a whole workspace.
    let alone = threads();
    drop(World::new());
    until("the thread is gone", || threads() == alone);
    let before = (open_files(), alone);
    let mut slowest = Duration::ZERO;
    for round in 0..30 {
        let world = World::new();
        let mut pairs: Vec<_> = (0..20).map(|_| world.dial(A, B)).collect();
        pairs.extend((0..5).map(|_| world.client(C)));
        let late = LinkPolicy::late(Duration::from_secs(60), Duration::ZERO);
        let faults = [
            world
                .links
                .impose([world.link(A, B)], [LinkPolicy::HOLD, LinkPolicy::DROP, late][round % 3]),
            world.links.impose([world.link(B, C)], LinkPolicy::HOLD),
            world.links.impose([(End::Clients, world.end(C))], LinkPolicy::DROP),
        ];
        for pair in &mut pairs {
            pair.near.write_all(b"stalled").unwrap();
        }
        let mut waiting: Vec<_> = (0..20).map(|_| world.ask(B, C)).collect();
        until("all wait", || world.traffic(B, C).waiting_connections == 20);
        assert!(waiting.iter_mut().all(is_silent));
        // The control: it is seen while it is there.
        assert!(open_files() > before.0 + 100);
        assert_eq!(threads(), before.1 + 1);
        let begin = Instant::now();
        let World { links, members } = world;
        drop(links);
        slowest = slowest.max(begin.elapsed());
        // A thread that was joined has told so, and is on the kernel's list a moment longer.
        until("the thread is gone", || threads() == before.1);
        drop((pairs, waiting, members));
        assert_eq!(open_files(), before.0, "round {round}");
        drop(faults);
    }
    println!("the slowest of 30 drops took {slowest:?}");
}

fn open_files() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

fn threads() -> usize {
    fs::read_dir("/proc/self/task").unwrap().count()
}
