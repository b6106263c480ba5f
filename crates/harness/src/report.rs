//! What a failing test has to say of its cluster.

use std::fmt::Write as _;

use tercet_cluster::{Cluster, Member};

/// Enough to see an election and what came before it, for each of three members on two screens.
const LOG_LINES: usize = 40;

/// Every member's last words, where its files are, and how to run the test again.
pub(crate) fn report(cluster: &Cluster) -> String {
    let mut text =
        format!("\ntercet: the test failed; its etcd {} says:\n", cluster.binary().version());
    for member in cluster.members() {
        let _ = writeln!(text, "\n{}", heading(&member));
        for line in member.log_tail(LOG_LINES) {
            let _ = writeln!(text, "    {line}");
        }
    }
    let _ = match (cluster.is_kept(), again()) {
        (true, again) => writeln!(
            text,
            "\ntercet: its files are kept in {}\ntercet: run it again: {}",
            cluster.directory().display(),
            again.unwrap_or_else(|| "start it as before".to_owned()),
        ),
        (false, Some(again)) => {
            writeln!(text, "\ntercet: run it again, keeping its files: TERCET_KEEP=failure {again}")
        }
        (false, None) => {
            writeln!(text, "\ntercet: to keep its files, run it with TERCET_KEEP=failure")
        }
    };
    text
}

fn heading(member: &Member<'_>) -> String {
    let state = match member.pid() {
        Some(pid) => format!("runs as process {pid}"),
        None => "is down".to_owned(),
    };
    format!("  {} ({}) {state}; the end of its log:", member.name(), member.client_url())
}

/// The command that runs this very test, where it can be told.
fn again() -> Option<String> {
    let package = std::env::var("CARGO_PKG_NAME").ok()?;
    // nextest names the test; libtest names the thread after it.
    let test = std::env::var("NEXTEST_TEST_NAME").ok().or_else(|| {
        std::thread::current().name().filter(|name| *name != "main").map(str::to_owned)
    })?;
    Some(format!("cargo test -p {package} -- --exact {test} --nocapture"))
}
