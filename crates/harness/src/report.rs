//! What a failing test has to say of its cluster.

use std::fmt::Write as _;

use tercet_cluster::{Cluster, readable};

/// Enough to see an election and what came before it, for each of three members on two screens.
const LOG_LINES: usize = 40;

/// Every member's last words, what a nemesis did to them, where their files are, and how to run the
/// test again.
pub(crate) fn report(cluster: &Cluster, test: &Test) -> String {
    let mut text =
        format!("\ntercet: the test failed; its etcd {} says:\n", cluster.binary().version());
    for member in cluster.members() {
        let heading = heading(member.name(), member.client_url(), member.pid());
        section(&mut text, &heading, member.log_tail(LOG_LINES));
    }
    for proxy in cluster.proxies() {
        let heading = heading(proxy.name(), proxy.endpoint(), proxy.pid());
        section(&mut text, &heading, proxy.log_tail(LOG_LINES));
    }
    let refused = |member: tercet_cluster::Member<'_>| {
        // As every etcd logs it (`server/embed/config_logging.go`).
        member.log_tail(LOG_LINES).iter().any(|line| line.contains("rejected connection"))
    };
    if cluster.members().any(refused) {
        text.push_str(
            "\ntercet: a member refused somebody; whom and why is in cluster.diagnose().await, which \
             can be printed\n",
        );
    }
    for rampage in cluster.rampages() {
        let _ = writeln!(text, "\ntercet: a nemesis was at work; {rampage}");
    }
    if let Some(note) = cluster.binary().note() {
        let _ = writeln!(text, "\ntercet: {note}");
    }
    let _ = match (cluster.is_kept(), test.again()) {
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

fn heading(name: &str, url: &str, pid: Option<u32>) -> String {
    let state = match pid {
        Some(pid) => format!("runs as process {pid}"),
        None => "is down".to_owned(),
    };
    format!("  {name} ({url}) {state}; the end of its log:")
}

fn section(text: &mut String, heading: &str, lines: Vec<String>) {
    let _ = writeln!(text, "\n{heading}");
    for line in lines {
        let _ = writeln!(text, "    {}", readable(&line));
    }
}

/// Which test it is, where that can be told.
#[derive(Debug)]
pub(crate) struct Test {
    name: Option<String>,
}

impl Test {
    /// The test that calls.
    pub(crate) fn current() -> Self {
        // nextest says it; libtest names the test's thread after it. A runtime's worker is no test.
        let thread = std::thread::current();
        let of_thread =
            thread.name().filter(|name| !["main", "tokio-runtime-worker"].contains(name));
        let name = std::env::var("NEXTEST_TEST_NAME").ok();
        Self { name: name.or_else(|| of_thread.map(str::to_owned)) }
    }

    /// The command that runs it again.
    fn again(&self) -> Option<String> {
        let package = std::env::var("CARGO_PKG_NAME").ok()?;
        let name = self.name.as_ref()?;
        Some(format!("cargo test -p {package} -- --exact {name} --nocapture"))
    }
}
