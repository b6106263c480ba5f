//! What members log of those whom they turn away: the side that refuses knows why.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tercet_pki::doctor::live::Answer;
use tercet_pki::etcd::Go;
use tokio::time::{Instant, sleep};

use crate::observe::LogFollower;

/// For how long a line is waited for. It is written right before the connection is closed, or right
/// after the alert was sent.
const WRITTEN_WITHIN: Duration = Duration::from_secs(2);

/// Between two looks at a file that somebody else writes.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// The log of one member, read from its beginning.
#[derive(Debug)]
pub(super) struct Log {
    pub(super) member: String,
    follower: LogFollower,
    /// The Go that its last process said it was built with.
    pub(super) go: Option<Go>,
    /// Whom it turned away, and why.
    refused: Vec<(SocketAddr, String)>,
}

impl Log {
    pub(super) fn new(member: &str, path: &Path) -> Self {
        let follower = LogFollower::new(PathBuf::from(path));
        let mut log = Self { member: member.to_owned(), follower, go: None, refused: Vec::new() };
        log.read();
        // What was before says nothing of those who come now: ports are used again.
        log.refused.clear();
        log
    }

    fn read(&mut self) {
        let Self { follower, go, refused, .. } = self;
        // A log that cannot be read says nothing.
        let _ = follower.read_new(|line| {
            if line.contains("\"rejected connection") {
                refused.extend(rejection(line));
            } else if let Some(version) = value(line, "go-version") {
                *go = version.parse().ok();
            }
        });
    }
}

/// The address and the error of a line in which a member tells that it refused somebody.
/// Source: `server/embed/config_logging.go` (3.4: `embed/config.go`), in all versions with zap.
fn rejection(line: &str) -> Option<(SocketAddr, String)> {
    let json: serde_json::Value = serde_json::from_str(line).ok()?;
    let from = json.get("remote-addr")?.as_str()?.parse().ok()?;
    Some((from, json.get("error")?.as_str()?.to_owned()))
}

fn value(line: &str, key: &str) -> Option<String> {
    if !line.contains(key) {
        return None;
    }
    let json: serde_json::Value = serde_json::from_str(line).ok()?;
    Some(json.get(key)?.as_str()?.to_owned())
}

/// Lays beside each refusal what the member logged of that very connection.
pub(super) async fn add_logged(logs: &mut [Log], answers: &mut [Answer]) {
    let deadline = Instant::now() + WRITTEN_WITHIN;
    loop {
        logs.iter_mut().for_each(Log::read);
        let mut is_open = false;
        for answer in answers.iter_mut().filter(|answer| answer.logged.is_none()) {
            if !answer.ending.is_refusal() {
                continue;
            }
            let Some((from, _)) = answer.addresses else { continue };
            let Some(log) = logs.iter().find(|log| answer.member.as_ref() == Some(&log.member))
            else {
                continue;
            };
            let line = log.refused.iter().find(|(known, _)| *known == from);
            answer.logged = line.map(|(_, text)| text.clone());
            is_open |= answer.logged.is_none();
        }
        if !is_open || Instant::now() >= deadline {
            return;
        }
        sleep(LOOK_EVERY).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_read_as_every_version_writes_them() {
        let old = r#"{"level":"warn","ts":"…","caller":"embed/config_logging.go:270","msg":"rejected connection","remote-addr":"127.0.0.1:45178","server-name":"","error":"tls: client didn't provide a certificate"}"#;
        let new = old.replace("rejected connection", "rejected connection on peer endpoint");
        for line in [old, &new] {
            let (from, error) = rejection(line).unwrap();
            assert_eq!(from, "127.0.0.1:45178".parse().unwrap());
            assert_eq!(error, "tls: client didn't provide a certificate");
        }
        assert_eq!(rejection("rejected connection"), None);
        let line = r#"{"level":"info","msg":"starting an etcd server","go-version":"go1.16.3"}"#;
        assert_eq!(value(line, "go-version").unwrap().parse(), Ok(Go::new(16)));
    }
}
