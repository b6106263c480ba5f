#![cfg(feature = "read")]

use std::collections::BTreeMap;
use std::fs;

use super::*;
use crate::disk::steps::kill;
use crate::fleet::recover::recover;

/// What every file under `dir` holds, by its name within.
pub(crate) fn contents(dir: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut left = vec![dir.to_owned()];
    while let Some(next) = left.pop() {
        let Ok(entries) = fs::read_dir(next) else { continue };
        for entry in entries {
            let path = entry.unwrap().path();
            if path.is_dir() {
                left.push(path);
            } else {
                let name = path.strip_prefix(dir).unwrap().display().to_string();
                found.insert(name.replace('\\', "/"), fs::read_to_string(&path).unwrap());
            }
        }
    }
    found
}

fn fleet() -> Fleet {
    let builder = Fleet::builder().member("a", ["10.0.0.1"]).member("b", ["10.0.0.2"]);
    builder.client("alice").build().unwrap()
}

fn kept(key: &Path) -> WriteOptions {
    WriteOptions::default().authority_key_in(key).durability(Durability::Synced)
}

#[test]
fn what_is_written_is_the_same_and_the_key_beside_it() {
    let fleet = fleet();
    let scratch = tempfile::tempdir().unwrap();
    let (plain, dir) = (scratch.path().join("plain"), scratch.path().join("dir"));
    fleet.write(&plain).unwrap();
    assert_eq!(fleet.write_with(&dir, &WriteOptions::default()).unwrap(), fleet.files(&dir));
    assert_eq!(contents(&dir), contents(&plain));

    let safe = scratch.path().join("not/there");
    fleet.write_with(scratch.path().join("other"), &kept(&safe)).unwrap();
    let key = safe.join("ca.key");
    assert_eq!(fs::read_to_string(&key).unwrap(), *fleet.authority().key_pem());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(key).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(safe).unwrap().permissions().mode() & 0o777, 0o700);
    }
}

#[test]
fn nothing_is_overwritten_unless_told_and_then_only_what_is_ours() {
    let (old, new) = (fleet(), fleet());
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("pki");
    old.write_with(&dir, &kept(&dir)).unwrap();
    fs::write(dir.join("notes.txt"), "mine").unwrap();
    let before = contents(&dir);

    let error = new.write_with(&dir, &kept(&dir)).unwrap_err();
    assert!(matches!(&error, WriteError::Exists { path } if *path == dir.join("ca.key")));
    assert_eq!(contents(&dir), before);

    new.write_with(&dir, &kept(&dir).overwrite()).unwrap();
    let after = contents(&dir);
    assert_eq!(after.keys().collect::<Vec<_>>(), before.keys().collect::<Vec<_>>());
    assert_eq!(after["a/server.key"], new.member("a").unwrap().server().key_pem());
    assert_eq!(after["ca.key"], *new.authority().key_pem());
    assert_eq!(after["notes.txt"], "mine");
}

#[test]
fn a_key_that_is_in_the_way_of_the_last_file_leaves_no_trace() {
    let fleet = fleet();
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("pki");
    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("ca.crt"), "mine").unwrap();
    let error = fleet.write_with(&dir, &kept(&dir)).unwrap_err();
    assert!(matches!(error, WriteError::Exists { .. }), "{error:?}");
    assert_eq!(contents(&dir), BTreeMap::from([("ca.crt".to_owned(), "mine".to_owned())]));
    assert_eq!(fs::read_dir(&dir).unwrap().count(), 1);
}

/// Kills a write before each of its steps; says how many times it was killed and then left
/// nothing, and how many it was killed and then finished.
fn every_kill(overwrite: bool, key_apart: bool) -> (usize, usize) {
    let (old, new) = (fleet(), fleet());
    let (mut nothing, mut finished) = (0, 0);
    for steps in 0.. {
        let scratch = tempfile::tempdir().unwrap();
        let dir = scratch.path().join("pki");
        let safe = if key_apart { scratch.path().join("safe") } else { dir.clone() };
        if overwrite {
            old.write_with(&dir, &kept(&safe)).unwrap();
        }
        let before = contents(scratch.path());
        let mut options = kept(&safe);
        options.overwrite = overwrite;
        let (result, killed) = kill::after(steps, || new.write_with(&dir, &options));
        assert_eq!(killed, result.is_err(), "after {steps} steps: {result:?}");
        if dir.is_dir() {
            recover(&dir, Some(&safe.join("ca.key")), Durability::Synced).unwrap();
        }
        let after = contents(scratch.path());
        if !killed {
            assert_eq!(after["pki/ca.crt"], new.authority().certificate_pem());
            return (nothing, finished);
        }
        if after == before {
            nothing += 1;
            // And then it goes as if nothing had been.
            new.write_with(&dir, &options).unwrap();
        } else {
            finished += 1;
        }
        let whole = scratch.path().join("whole");
        let (other, safe_of_it) = (whole.join("pki"), if key_apart { "safe" } else { "pki" });
        new.write_with(&other, &kept(&whole.join(safe_of_it))).unwrap();
        let expected = contents(&whole);
        fs::remove_dir_all(&whole).unwrap();
        assert_eq!(contents(scratch.path()), expected, "after {steps} steps");
    }
    unreachable!("a write has an end");
}

#[test]
fn killed_anywhere_a_write_is_finished_or_never_was() {
    for (overwrite, key_apart) in [(false, false), (false, true), (true, false), (true, true)] {
        let (nothing, finished) = every_kill(overwrite, key_apart);
        // The control: both happen, so that the kills were where they should be.
        assert!(nothing > 50 && finished > 12, "{nothing} {finished}");
    }
}

#[test]
fn killed_anywhere_a_single_file_is_written_by_the_next_run() {
    for steps in 0.. {
        let scratch = tempfile::tempdir().unwrap();
        let path = scratch.path().join("d.key");
        let write = || crate::write_file(&path, Access::Owner, b"text", false);
        let (result, killed) = kill::after(steps, write);
        assert_eq!(killed, result.is_err());
        if !killed {
            assert!(steps > 5, "the control: there was something to be killed at");
            return;
        }
        match write() {
            // Killed when it was there already, under two names.
            Ok(()) | Err(WriteError::Exists { .. }) => {}
            Err(error) => panic!("after {steps} steps: {error:?}"),
        }
        let only = BTreeMap::from([("d.key".to_owned(), "text".to_owned())]);
        assert_eq!(contents(scratch.path()), only, "after {steps} steps");
    }
}

#[cfg(unix)]
#[test]
fn a_members_directory_that_is_a_link_is_made_whole_as_well() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("pki");
    fleet().write_with(&dir, &kept(&dir)).unwrap();
    fs::rename(dir.join("a"), scratch.path().join("mounted")).unwrap();
    std::os::unix::fs::symlink(scratch.path().join("mounted"), dir.join("a")).unwrap();
    std::os::unix::fs::symlink(&dir, dir.join("loop")).unwrap();
    fs::write(dir.join("a/.server.key.tercet-part"), "half").unwrap();
    let recovery = recover(&dir, None, Durability::Synced).unwrap();
    assert_eq!(recovery.discarded, [dir.join("a/server.key")]);
}

#[test]
fn a_members_file_is_not_changed_while_the_fleet_is() {
    let scratch = tempfile::tempdir().unwrap();
    let dir = scratch.path().join("pki");
    fleet().write_with(&dir, &kept(&dir)).unwrap();
    let write = || crate::write_file(dir.join("a/server.crt"), Access::Anyone, b"text", true);
    let lock = Lock::take(&dir).unwrap();
    assert!(matches!(write(), Err(WriteError::Busy { .. })));
    drop(lock);
    write().unwrap();
}

#[test]
fn two_processes_do_not_write_at_once() {
    let scratch = tempfile::tempdir().unwrap();
    let lock = Lock::take(scratch.path()).unwrap();
    let error = fleet().write_with(scratch.path(), &WriteOptions::default()).unwrap_err();
    assert!(matches!(error, WriteError::Busy { .. }), "{error:?}");
    drop(lock);
    fleet().write_with(scratch.path(), &WriteOptions::default()).unwrap();
}
