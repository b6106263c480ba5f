//! `cargo xtask chaos`, as a user runs it.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test may")]

use std::process::{Command, Stdio};

/// Whether it ended well, and all that it said.
fn chaos(arguments: &[&str]) -> (bool, String) {
    #[expect(clippy::disallowed_methods, reason = "tests wait for what they run")]
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    let output = command.arg("chaos").args(arguments).stdin(Stdio::null()).output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}

#[test]
fn a_seed_is_done_and_its_schedule_done_again() {
    let (well, said) = chaos(&["--seed", "42", "--rounds", "2", "--faults", "kills,pauses"]);
    assert!(well, "{said}");
    assert!(said.contains("3 members, seed 42"), "{said}");
    assert!(said.contains("2 of 2 steps, all done"), "{said}");
    assert!(said.contains("no write became anything but what its writer was told"), "{said}");

    let lines = said.lines().skip_while(|line| !line.starts_with("  seed 42, 3 members:"));
    let schedule: Vec<_> = lines.take_while(|line| line.starts_with("  ")).collect();
    assert_eq!(schedule.len(), 3, "{said}");
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("schedule");
    std::fs::write(&file, schedule.join("\n")).unwrap();
    let (well, again) = chaos(&["--replay", file.to_str().unwrap()]);
    assert!(well, "{again}");
    assert!(schedule.iter().all(|line| again.contains(line)), "{again}");
}

#[test]
fn what_cannot_be_is_refused_at_once() {
    for (arguments, why) in [
        (&["--faults", "meteors"][..], "'meteors' is nothing that a nemesis does"),
        (&["--faults", "kills", "--members", "2"], "leaves a majority of 2 member(s)"),
        (&["--replay", "/nonexistent"], "/nonexistent cannot be read"),
        (&["--faults", ""], "--faults names none"),
    ] {
        let (well, said) = chaos(arguments);
        assert!(!well && said.contains(why), "{arguments:?}: {said}");
    }
}
