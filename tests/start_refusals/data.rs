//! Data directories.

use std::path::Path;
use std::time::Duration;

use tercet_cluster::RefusalCause as Cause;
use tercet_cluster::binary::{Binary, Version};
use tercet_tests::{RawFleet, available, command, eventually, say, wait_until_serving};

use crate::mistake::{ALL, Mistake, control, make_all, refusals, wait_for_cause};

const THREE_SIX: Version = Version::new(3, 6, 0);

#[test]
fn directories() {
    make_all(&[
        Mistake {
            name: "a file as the data directory",
            make: |fleet| {
                fleet.write("file", "");
                let path = fleet.word("file");
                fleet.members[0].set("--data-dir", path);
            },
            is_cause: |cause, _| {
                matches!(cause, Cause::DataDirectory { path, reason }
                    if path.ends_with("file") && reason == "not a directory")
            },
            rule: None,
            since: ALL,
        },
        Mistake {
            name: "a log below a file",
            make: |fleet| fleet.members[0].set("--wal-dir", "/dev/null/wal"),
            is_cause: |cause, _| matches!(cause, Cause::DataDirectory { path, .. } if path.starts_with("/dev/null")),
            rule: None,
            since: ALL,
        },
        Mistake {
            name: "the directory of a proxy",
            make: |fleet| make_directories(fleet, &["proxy"]),
            is_cause: |cause, _| *cause == Cause::DataDirectoryOfProxy,
            rule: None,
            since: THREE_SIX,
        },
        Mistake {
            name: "the directory of a proxy and a member",
            make: |fleet| make_directories(fleet, &["proxy", "member"]),
            is_cause: |cause, _| *cause == Cause::DataDirectoryOfProxy,
            rule: None,
            since: ALL,
        },
    ]);
}

fn make_directories(fleet: &RawFleet, names: &[&str]) {
    let data = Path::new(fleet.members[0].get("--data-dir"));
    for name in names {
        std::fs::create_dir_all(data.join(name)).unwrap();
    }
}

/// Puts some keys, so that there is data.
fn with_data(fleet: &RawFleet) {
    for number in 0..5 {
        fleet.etcdctl_succeeds(0, &["put", &format!("key{number}"), &"value".repeat(1000)]);
    }
}

#[test]
fn two_processes_and_one_directory() {
    for etcd in available() {
        let mut fleet = RawFleet::new(etcd, 2);
        let data = fleet.members[0].get("--data-dir").to_owned();
        fleet.members[1].set("--data-dir", &data);
        for index in 0..2 {
            let words = &mut fleet.members[index];
            let alone = format!("m{}={}", index + 1, words.get("--listen-peer-urls"));
            words.set("--initial-cluster", alone);
        }
        let mut first = fleet.start(0);
        wait_until_serving(&mut first);
        let mut second = fleet.start(1);
        // It says so after ten seconds.
        let refusal = wait_for_cause(
            &mut second,
            "who has its data",
            |refusal| matches!(&refusal.cause, Cause::DataDirectoryLocked { path } if path.starts_with(&data)),
        );
        assert_eq!(refusal.rule(), None);
        // The control: the first ends, and the second goes on.
        drop(first);
        second.wait_until("gone on", |etcd| refusals(etcd).is_empty());
    }
}

/// A member that has run with data, and is down: its database and its log.
fn with_files(etcd: &Binary) -> (RawFleet, std::path::PathBuf, std::path::PathBuf) {
    let fleet = RawFleet::new(etcd, 1);
    let mut running = fleet.start(0);
    wait_until_serving(&mut running);
    with_data(&fleet);
    drop(running);
    let member = Path::new(fleet.members[0].get("--data-dir")).join("member");
    let log = member.join("wal").join("0000000000000000-0000000000000000.wal");
    let database = member.join("snap").join("db");
    (fleet, database, log)
}

/// Why it does not start with this in place of `file`; and that it does with what was there.
fn with_other(fleet: &RawFleet, file: &Path, change: impl FnOnce(&mut Vec<u8>)) -> Cause {
    let good = std::fs::read(file).unwrap();
    let mut bad = good.clone();
    change(&mut bad);
    // Damage is not always to the whole directory: what was next to it is put back as well.
    let directory = file.parent().unwrap();
    let copy = directory.with_extension("copy");
    let copied = command("cp").arg("-r").arg(directory).arg(&copy).status().unwrap();
    assert!(copied.success());
    std::fs::write(file, bad).unwrap();
    let mut etcd = fleet.start(0);
    etcd.wait_until("ended", |etcd| etcd.exit_status().is_some());
    let refusals = refusals(&etcd);
    let [refusal] = refusals.as_slice() else { panic!("{refusals:#?}\n{}", etcd.told()) };
    assert_eq!((refusal.rule(), &refusal.link), (None, &None));

    std::fs::remove_dir_all(directory).unwrap();
    std::fs::rename(&copy, directory).unwrap();
    let mut sound = fleet.start(0);
    wait_until_serving(&mut sound);
    refusal.cause.clone()
}

#[test]
fn damaged_databases() {
    for etcd in available() {
        let (fleet, database, _) = with_files(etcd);
        let version = etcd.version();
        let garbage = with_other(&fleet, &database, |bytes| *bytes = b"garbage".repeat(10_000));
        let is_named = matches!(&garbage, Cause::DatabaseDamaged { path: Some(path), .. }
            if *path == database);
        assert!(is_named, "{version}: {garbage:?}");
        let cut = with_other(&fleet, &database, |bytes| bytes.truncate(9000));
        assert!(matches!(cut, Cause::DatabaseDamaged { .. }), "{version}: {cut:?}");
        let other = with_other(&fleet, &database, |bytes| {
            // All but the two pages that say where the others are.
            for (place, byte) in bytes.iter_mut().enumerate().skip(8192) {
                *byte = u8::try_from(place * 31 % 251).unwrap();
            }
        });
        assert!(matches!(other, Cause::DatabaseDamaged { .. }), "{version}: {other:?}");
    }
}

#[test]
fn damaged_logs() {
    for etcd in available() {
        let (fleet, _, log) = with_files(etcd);
        let version = etcd.version();
        let flipped = with_other(&fleet, &log, |bytes| {
            // In a record, and not in its length: that a record is cut off is repaired.
            *bytes = replaced(std::mem::take(bytes), b"valuevaluevalue", b"valuevaluevalux");
        });
        assert!(matches!(flipped, Cause::LogDamaged { .. }), "{version}: {flipped:?}");
        let empty = with_other(&fleet, &log, Vec::clear);
        // 3.7 crashes over it, and says nothing that tells it from other crashes.
        let is_told = matches!(empty, Cause::LogDamaged { .. })
            || version >= Version::new(3, 7, 0) && matches!(empty, Cause::Crashed { .. });
        assert!(is_told, "{version}: {empty:?}");
    }
}

#[test]
fn a_database_that_is_missing() {
    for etcd in available() {
        let mut fleet = RawFleet::new(etcd, 1);
        fleet.set("--snapshot-count", "5");
        let mut running = fleet.start(0);
        wait_until_serving(&mut running);
        for number in 0..15 {
            fleet.etcdctl_succeeds(0, &["put", &format!("key{number}"), "value"]);
        }
        // The snapshot to recover from is written beside the requests.
        running.wait_for_output("saved snapshot");
        drop(running);
        std::fs::remove_file(Path::new(fleet.members[0].get("--data-dir")).join("member/snap/db"))
            .unwrap();
        let mut again = fleet.start(0);
        again.wait_until("ended", |etcd| etcd.exit_status().is_some());
        let refusals = refusals(&again);
        let [refusal] = refusals.as_slice() else { panic!("{refusals:#?}\n{}", again.told()) };
        assert!(matches!(refusal.cause, Cause::DatabaseMissing { .. }), "{refusal:?}");
    }
}

#[test]
fn other_data_than_its_peers() {
    for etcd in available() {
        let mut fleet = RawFleet::new(etcd, 3);
        if etcd.version() < THREE_SIX {
            fleet.set("--experimental-initial-corrupt-check", "true");
        } else {
            fleet.set("--feature-gates", "InitialCorruptCheck=true");
        }
        // Before 3.6 it knows its peers so early only from a snapshot.
        fleet.set("--snapshot-count", "10");
        let mut running = fleet.start_all();
        for number in 0..25 {
            fleet.etcdctl_succeeds(0, &["put", &format!("key{number}"), "goodvalue"]);
        }
        // What it has is on its disk once it has ended in order.
        let mut third = running.pop().unwrap();
        third.wait_for_output("saved snapshot");
        let terminated = command("kill").arg(third.pid().to_string()).status().unwrap();
        assert!(terminated.success());
        third.wait_until("ended", |etcd| etcd.exit_status().is_some());

        // The control: as it is, it comes back.
        let mut again = fleet.start(2);
        wait_until_serving(&mut again);
        let id = fleet.id(0, "m3");
        let terminated = command("kill").arg(again.pid().to_string()).status().unwrap();
        assert!(terminated.success());
        again.wait_until("ended", |etcd| etcd.exit_status().is_some());

        let database = Path::new(fleet.members[2].get("--data-dir")).join("member/snap/db");
        let good = std::fs::read(&database).unwrap();
        std::fs::write(&database, replaced(good, b"goodvalue", b"evilvalue")).unwrap();
        let mut third = fleet.start(2);
        third.wait_until("ended", |etcd| etcd.exit_status().is_some());
        let refusals = refusals(&third);
        assert_eq!(refusals[0].cause, Cause::Corrupt { member: id }, "{}", third.told());
    }
}

/// `bytes` with each `old` replaced by `new`, which is as long.
fn replaced(mut bytes: Vec<u8>, old: &[u8], new: &[u8]) -> Vec<u8> {
    let mut place = 0;
    let mut count = 0;
    while let Some(found) = bytes[place..].windows(old.len()).position(|window| window == old) {
        bytes[place + found..place + found + new.len()].copy_from_slice(new);
        place += found + new.len();
        count += 1;
    }
    assert!(count > 0, "the value is in the database");
    bytes
}

/// Starts `older` with the data that `newer` has left.
fn go_back(newer: &Binary, older: &Binary) -> Cause {
    let mut fleet = RawFleet::new(newer, 1);
    let mut running = fleet.start(0);
    wait_until_serving(&mut running);
    with_data(&fleet);
    // The version of the cluster and, from 3.6 on, that of the storage are set after a while.
    running.wait_for_output("set initial cluster version");
    if newer.version() >= THREE_SIX {
        running.wait_for_output("updated storage version");
    }
    drop(running);
    fleet.etcd = older.clone();
    let output = fleet.start(0).wait_for_failure();
    let refusals = tercet_cluster::explain(output.lines());
    let [refusal] = refusals.as_slice() else { panic!("{refusals:#?}\n{output}") };
    refusal.cause.clone()
}

#[test]
fn data_of_a_newer_version() {
    let newest_of = |minor| tercet_tests::of_minor(minor);
    for minor in 4..=6 {
        let (Some(older), Some(newer)) = (newest_of(minor), newest_of(minor + 1)) else {
            say(&format!("3.{} and 3.{} are not both here", minor, minor + 1));
            continue;
        };
        let cause = go_back(newer, older);
        let Cause::VersionTooLow { server, cluster } = &cause else { panic!("{cause:?}") };
        assert!(cluster.starts_with(&format!("3.{}", minor + 1)), "{cause:?}");
        // 3.6 does not say its own.
        assert!(server.is_empty() || *server == older.version().to_string(), "{cause:?}");
        // The control: the newer goes on from the data of the older.
        control(newer);
    }
}

#[test]
fn keys_of_the_v2_api() {
    let Some(old) = tercet_tests::of_minor(5) else { return say("no 3.5 is here") };
    for newer in available().iter().filter(|etcd| etcd.version() >= THREE_SIX) {
        let mut fleet = RawFleet::new(old, 1);
        fleet.set("--enable-v2", "true");
        fleet.set("--snapshot-count", "10");
        let mut running = fleet.start(0);
        wait_until_serving(&mut running);
        let url = format!("{}/v2/keys/hello", fleet.members[0].get("--advertise-client-urls"));
        let put = || {
            let mut curl = command("curl");
            curl.args(["--silent", "--show-error", "--fail", "--noproxy", "*", "--request", "PUT"]);
            curl.args(["--data", "value=world"]).arg("--cacert").arg(fleet.path("ca.crt"));
            curl.arg("--cert").arg(fleet.path("client.crt"));
            curl.arg("--key").arg(fleet.path("client.key")).arg(&url);
            curl.output().unwrap().status.success()
        };
        assert!(eventually(Duration::from_secs(30), put));
        (0..25).for_each(|_| assert!(put()));
        running.wait_for_output("saved snapshot");
        drop(running);
        fleet.etcd = newer.clone();
        fleet.members[0].unset("--enable-v2");
        let mut etcd = fleet.start(0);
        etcd.wait_until("ended", |etcd| etcd.exit_status().is_some());
        let refusals = refusals(&etcd);
        let is_told = matches!(refusals[0].cause, Cause::V2Content { .. });
        assert!(is_told, "{}: {refusals:#?}", newer.version());
    }
}
