//! A compaction that a member does not come to the end of.

use tercet_pki::etcd::Flag;
use tercet_tests::{PATIENCE, RawEtcd, RawFleet, available, eventually, say, wait_until_serving};

const FINISHED: &str = "finished scheduled compaction";

/// Whoever was killed in the middle of a compaction goes on with it, and has what the others have: the
/// leader, who compares, finds nothing wrong.
#[test]
fn compact_hash_check_interrupt() {
    let named = |name: &str| Flag::named(name).unwrap();
    for etcd in available() {
        let version = etcd.version();
        // The name with the word in front went away after the one without it had come.
        let name = |plain: &str| match named(plain).is_in(version) {
            true => plain.to_owned(),
            false => format!("experimental-{plain}"),
        };
        let (pause, batch) = (name("compaction-sleep-interval"), name("compaction-batch-limit"));
        let compared = name("compact-hash-check-time");
        if ![&pause, &batch, &compared].iter().all(|name| named(name).is_in(version)) {
            say(&format!("etcd {version} cannot be made to compact slowly"));
            continue;
        }
        let mut fleet = RawFleet::new(etcd, 3);
        fleet.set(&format!("--{compared}"), "500ms");
        match version.minor() {
            5 => fleet.set("--experimental-compact-hash-check-enabled", "true"),
            _ => fleet.set("--feature-gates", "CompactHashCheck=true"),
        }
        let slow = &mut fleet.members[1];
        slow.set(&format!("--{batch}"), "1");
        slow.set(&format!("--{pause}"), "1h");
        let mut running = fleet.start_all();
        for number in 0..10 {
            fleet.etcdctl_succeeds(0, &["put", "key", &number.to_string()]);
        }
        fleet.etcdctl_succeeds(0, &["compact", "5"]);
        running[0].wait_until("compacted", |etcd| etcd.output().contains(FINISHED));
        // The slow one has begun as well: by itself, it shows nothing of before any more.
        let old = ["get", "key", "--rev=3", "--consistency=s"];
        let begun = || fleet.etcdctl(1, &old).is_err_and(|said| said.contains("compacted"));
        assert!(eventually(PATIENCE, begun), "{version}: {}", running[1].told());
        // The control: it is not done yet.
        assert!(!running[1].output().contains(FINISHED), "{version}");
        drop(running.remove(1));

        let slow = &mut fleet.members[1];
        slow.unset(&format!("--{batch}"));
        slow.unset(&format!("--{pause}"));
        let mut again = fleet.start(1);
        wait_until_serving(&mut again);
        again.wait_until("compacted at last", |etcd| etcd.output().contains(FINISHED));
        running.insert(1, again);
        let checks = || running.iter().map(compared_times).sum::<usize>();
        let before = checks();
        assert!(eventually(PATIENCE, || checks() > before + 1), "{version}: nobody compares");
        let alarms = fleet.etcdctl_succeeds(0, &["alarm", "list"]);
        assert!(!alarms.contains("alarm:"), "{version}: {alarms}");
    }
}

/// How often this one, who leads, has compared what was compacted.
fn compared_times(etcd: &RawEtcd) -> usize {
    etcd.output().matches("finished compaction hash check").count()
}
