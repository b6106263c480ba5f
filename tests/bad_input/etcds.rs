//! etcds that are none, that end at once, or have nothing to run with.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use tercet_cluster::binary::{Locator, Request};
use tercet_harness::{Cluster, Keep};
use tercet_tests::command;

use crate::{SECOND, refused};

/// A program that is the real etcd but for what `script` does first. `$real` is etcd itself.
fn wrapped(directory: &Path, script: &str) -> PathBuf {
    let real = Locator::from_env().locate(&Request::Default).unwrap();
    let path = directory.join("etcd");
    let text =
        format!("#!/bin/sh\nreal='{}'\n{script}\nexec \"$real\" \"$@\"\n", real.path().display());
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}

#[tokio::test]
async fn an_etcd_that_is_not_there_or_is_none() {
    let directory = tempfile::tempdir().unwrap();
    let missing = directory.path().join("nothing");
    let text = refused(Cluster::builder().binary(&missing), SECOND).await;
    assert!(text.contains(missing.to_str().unwrap()), "{text}");

    let plain = directory.path().join("plain");
    std::fs::write(&plain, "not a program").unwrap();
    let text = refused(Cluster::builder().binary(&plain), SECOND).await;
    assert!(text.contains(plain.to_str().unwrap()), "{text}");

    let text = refused(Cluster::builder().binary("/bin/ls"), SECOND).await;
    assert!(text.contains("/bin/ls"), "{text}");
}

#[tokio::test]
async fn a_version_that_does_not_read_like_one() {
    let text = refused(Cluster::builder().version("latest"), SECOND).await;
    assert!(text.contains("'latest' is not an etcd version"), "{text}");
}

#[tokio::test]
async fn a_directory_that_cannot_be_made() {
    let begin = Instant::now();
    let error = Cluster::builder().directory("/nonexistent/tercet").start().await.unwrap_err();
    assert!(begin.elapsed() < SECOND);
    let text = format!("{error:?}");
    assert!(text.contains("cannot make /nonexistent/tercet"), "{text}");
}

#[tokio::test]
async fn a_member_that_ends_at_once_shows_its_log() {
    let directory = tempfile::tempdir().unwrap();
    let script = r#"[ "$1" = --version ] || set -- "$@" --no-such-flag"#;
    let etcd = wrapped(directory.path(), script);
    let text = refused(Cluster::builder().binary(etcd), SECOND).await;
    assert!(text.contains("ended by itself (exit status: "), "{text}");
    assert!(text.contains("flag provided but not defined: -no-such-flag"), "{text}");
    assert!(text.contains("command: "), "{text}");

    // The control: the same wrapper without the fault.
    let etcd = wrapped(directory.path(), "");
    Cluster::builder().binary(etcd).start().await.expect("a wrapper as such does no harm");
}

#[tokio::test]
async fn a_member_that_is_never_ready_is_named_with_its_state() {
    let directory = tempfile::tempdir().unwrap();
    let script = r#"case "$*" in *--name=m2*) exec sleep 60 ;; esac"#;
    let etcd = wrapped(directory.path(), script);
    let limit = Duration::from_secs(2);
    let builder = Cluster::builder().binary(etcd).ready_within(limit);
    let text = refused(builder, limit + SECOND).await;
    assert!(text.contains("the fleet is not ready after "), "{text}");
    assert!(
        text.contains("m2 has not started its local member")
            || text.contains("m2 does not serve clients"),
        "{text}"
    );
}

#[tokio::test]
async fn a_full_disk_is_the_members_own_word() {
    let directory = tempfile::tempdir().unwrap();
    // No file may grow beyond a megabyte: etcd cannot lay out its log.
    let etcd = wrapped(directory.path(), r#"[ "$1" = --version ] || ulimit -f 1024"#);
    let text = refused(
        Cluster::builder().binary(etcd).ready_within(Duration::from_secs(5)),
        Duration::from_secs(6),
    )
    .await;
    assert!(text.contains("ended by itself"), "{text}");
}

/// With few open files allowed there are no sockets, later no watchdog, then no log files: whichever
/// it is, it is said, and nothing is left. Nine members, so that ports need more of them than
/// finding etcd does.
#[test]
fn a_process_that_may_open_nothing_more() {
    let mut said = Vec::new();
    // etcd itself asks for 150.
    for limit in (8..40).chain([1024]) {
        let parent = tempfile::tempdir().unwrap();
        let script = format!("ulimit -n {limit}; exec \"$0\" drop 9");
        let owner = env!("CARGO_BIN_EXE_owner");
        let mut shell = command("/bin/sh");
        shell.args(["-c", &script, owner]).env("TMPDIR", parent.path()).stdin(Stdio::null());
        let output = shell.output().unwrap();
        assert_eq!(std::fs::read_dir(parent.path()).unwrap().count(), 0, "at {limit}");
        assert!(tercet_tests::command_lines_naming(parent.path()).is_empty(), "at {limit}");
        said.push((output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned()));
    }
    let without_ports = "because no port on 127.0.0.1 can be had";
    assert!(said.iter().any(|(ok, text)| !ok && text.contains(without_ports)), "{said:?}");
    assert!(said.last().unwrap().0, "the control: enough is enough: {said:?}");
}

#[tokio::test]
async fn what_did_not_start_is_kept_if_it_is_to_be() {
    let directory = tempfile::tempdir().unwrap();
    let etcd = wrapped(directory.path(), r#"[ "$1" = --version ] || set -- "$@" --no-such-flag"#);
    let parent = tempfile::tempdir().unwrap();
    let builder = Cluster::builder().binary(etcd).directory(parent.path()).keep(Keep::OnFailure);
    builder.start().await.unwrap_err();
    let kept =
        std::fs::read_dir(parent.path()).unwrap().next().expect("a directory").unwrap().path();
    // Which member is the first to be started is up to the ports.
    assert!(["m1", "m2", "m3"].iter().any(|member| kept.join(member).join("etcd.log").exists()));
    assert!(tercet_tests::command_lines_naming(&kept).is_empty());
}
