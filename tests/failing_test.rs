//! What a failing test prints.
//!
//! The failing tests are this very program's, run again with a variable that makes them fail.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test may")]

use std::path::PathBuf;
use std::process::Output;
use std::time::Duration;

use tercet_cluster::diagnose::probe::Probe;
use tercet_harness::{Cluster, Menu, Nemesis, Result, Schedule};
use tercet_tests::{PATIENCE, command, eventually};

const FAIL: &str = "TERCET_TEST_FAIL";

fn run(test: &str, how: &str, keep: &str) -> (Output, String) {
    let output = command(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads=2"])
        .env(FAIL, how)
        .env("TERCET_KEEP", keep)
        // nextest would name this test, and not the one that is run.
        .env_remove("NEXTEST_TEST_NAME")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    (output, text)
}

/// Kept by the run, and removed by the test that looked at it.
fn kept(text: &str) -> PathBuf {
    let mark = "tercet: its files are kept in ";
    let line = text.lines().find_map(|line| line.strip_prefix(mark));
    PathBuf::from(line.unwrap_or_else(|| panic!("no directory in {text}")))
}

#[tokio::test]
async fn subject() -> Result<()> {
    let Ok(how) = std::env::var(FAIL) else { return Ok(()) };
    let cluster = Cluster::builder().members(1).start().await?;
    match how.as_str() {
        "panic" => panic!("as told"),
        "refused" => {
            let url = cluster.member(0).client_url().parse().unwrap();
            let answer = Probe::client_port(url).ask().await;
            let log = || cluster.member(0).log_tail(10).concat();
            assert!(eventually(PATIENCE, || log().contains("rejected connection")));
            assert!(!answer.ending.is_refusal(), "as told");
        }
        "error" => {
            cluster.member(0).kill()?;
            cluster.member(0).kill()?;
        }
        // An error that the test has dealt with is no failure.
        "dealt with" => {
            cluster.member(0).kill()?;
            let error = tercet_harness::Error::from(cluster.member(0).kill().unwrap_err());
            assert!(error.to_string().contains("not killed"));
        }
        "nemesis" => {
            let nemesis = Nemesis::seeded(42).menu(Menu::NONE.pauses()).beyond_quorum();
            let short = Duration::from_millis(10)..=Duration::from_millis(20);
            nemesis.lasting(short.clone()).quiet(short).run(&cluster, 2).await?;
            panic!("as told");
        }
        other => assert_eq!(other, "pass"),
    }
    Ok(())
}

#[test]
fn a_panic_prints_every_members_log_and_how_to_run_it_again() {
    let (output, text) = run("subject", "panic", "failure");
    assert!(!output.status.success());
    assert!(text.contains("m1 (https://127.0.0.1:"), "{text}");
    assert!(text.contains("serving client traffic"), "{text}");
    assert!(
        text.contains("tercet: run it again: cargo test -p tercet-tests -- --exact subject"),
        "{text}"
    );
    let directory = kept(&text);
    assert!(directory.join("m1/etcd.log").exists());
    std::fs::remove_dir_all(directory).unwrap();
}

/// Whoever sees that somebody was refused is told how to find out why.
#[test]
fn a_refusal_points_to_the_diagnosis() {
    for (how, is_told) in [("refused", true), ("panic", false)] {
        let (output, text) = run("subject", how, "never");
        assert!(!output.status.success());
        assert_eq!(text.contains("why is in cluster.diagnose().await"), is_told, "{text}");
    }
}

/// Whoever reads it can do the same again, by the code or by the schedule.
#[test]
fn what_a_nemesis_did_is_printed_and_can_be_done_again() {
    let (output, text) = run("subject", "nemesis", "never");
    assert!(!output.status.success());
    let again = "tercet: a nemesis was at work; do the same again: Nemesis::seeded(42)\
                 .menu(Menu::NONE.pauses()).beyond_quorum()";
    assert!(text.contains(again), "{text}");
    let lines = text.lines().map(str::trim);
    let lines = lines.skip_while(|line| !line.starts_with("seed 42, 1 member:"));
    let schedule: Vec<_> = lines.take_while(|line| !line.is_empty()).collect();
    let schedule: Schedule = schedule.join("\n").parse().unwrap();
    assert_eq!((schedule.seed(), schedule.steps().len()), (42, 2), "{text}");
    assert!(text.contains("1. pause"), "{text}");
    // The control: without one, nothing is said.
    let (_, text) = run("subject", "panic", "never");
    assert!(!text.contains("nemesis"), "{text}");
}

#[test]
fn so_does_an_error_that_the_test_returns() {
    let (output, text) = run("subject", "error", "failure");
    assert!(!output.status.success());
    assert!(text.contains("serving client traffic"), "{text}");
    assert!(text.contains("because member m1 is not running: restart it first"), "{text}");
    std::fs::remove_dir_all(kept(&text)).unwrap();
}

#[test]
fn by_default_nothing_is_kept() {
    let (output, text) = run("subject", "panic", "never");
    assert!(!output.status.success());
    assert!(text.contains("keeping its files: TERCET_KEEP=failure cargo test"), "{text}");
    assert!(!text.contains("are kept in"), "{text}");
}

#[test]
fn a_test_that_passes_prints_nothing() {
    for how in ["pass", "dealt with"] {
        let (output, text) = run("subject", how, "failure");
        assert!(output.status.success(), "{how}: {text}");
        assert!(!text.contains("the test failed"), "{how}: {text}");
    }
}

#[test]
fn a_variable_that_says_nothing_known_is_refused() {
    let (output, text) = run("subject", "pass", "sometimes");
    assert!(!output.status.success());
    assert!(
        text.contains("'sometimes' does not say when to keep files: use never, failure or always"),
        "{text}"
    );
}
