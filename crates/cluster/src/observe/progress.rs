//! How far a member has come, told from its log.
//!
//! The lines are those that etcd writes with `--logger=zap` from 3.4 to 3.7, unchanged over these
//! versions: `rafthttp/stream.go` (streams), `embed/etcd.go` and `embed/serve.go` (serving),
//! `etcdserver/raft.go`, from 3.6 `etcdserver/bootstrap.go` (local member).

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;

use super::log::LogFollower;
use super::refusal::{Refusal, explain};

/// What one run of a member has reached so far.
#[derive(Debug)]
pub(crate) struct Progress {
    log: LogFollower,
    /// Where in the log this run begins.
    begin: u64,
    state: State,
}

#[derive(Debug, Default)]
struct State {
    id: Option<String>,
    past_discovery: bool,
    listens: bool,
    serves_clients: bool,
    has_closed: bool,
    /// Streams that this member dialled and is reading: (the other's id, the stream's type).
    streams: BTreeSet<(String, String)>,
    /// The last message of level warn or above.
    trouble: Option<String>,
}

/// Each member reads two streams from each other member ("stream Message", "stream MsgApp v2").
const STREAMS_PER_LINK: usize = 2;

impl Progress {
    pub(crate) fn new(log: PathBuf) -> Self {
        Self { log: LogFollower::new(log), begin: 0, state: State::default() }
    }

    /// Takes in what the log says since the last call.
    pub(crate) fn update(&mut self) -> io::Result<()> {
        let Self { log, state, .. } = self;
        log.read_new(|line| state.take_in(line))
    }

    /// Forgets what the run that has just ended had reached, but not where in the log it was.
    pub(crate) fn restart(&mut self) -> io::Result<()> {
        self.log.read_new(|_| ())?;
        self.begin = self.log.position();
        let id = self.state.id.take();
        self.state = State { id, ..State::default() };
        Ok(())
    }

    /// The other member is down: what streams were read from it are over, whether or not this
    /// member has noticed yet.
    pub(crate) fn lost(&mut self, other: &str) {
        self.state.streams.retain(|(id, _)| id != other);
    }

    /// Why this run ended, or what keeps it from being ready, as far as its log says it. It reads the
    /// log once more.
    pub(crate) fn refusals(&self) -> Vec<Refusal> {
        explain(self.log.lines_from(self.begin))
    }

    /// The member's id in hexadecimal, as etcd logs it.
    pub(crate) fn id(&self) -> Option<&str> {
        self.state.id.as_deref()
    }

    /// Whether it has asked its peers who is there, and will now serve them.
    pub(crate) fn is_past_discovery(&self) -> bool {
        self.state.past_discovery
    }

    /// Whether its peers can connect to it, though it may let them wait.
    pub(crate) fn listens(&self) -> bool {
        self.state.listens
    }

    /// Whether it answers clients.
    pub(crate) fn serves_clients(&self) -> bool {
        self.state.serves_clients
    }

    /// Whether it was asked to end, and has stopped its server and closed its files: all that it
    /// waits for from then on are its peers' idle connections, for up to a second (`embed/etcd.go`,
    /// `Close`).
    pub(crate) fn has_closed(&self) -> bool {
        self.state.has_closed
    }

    /// Whether the link that this member dials to the member `other` is up.
    pub(crate) fn reaches(&self, other: &str) -> bool {
        self.state.streams.iter().filter(|(id, _)| id == other).count() >= STREAMS_PER_LINK
    }

    /// Whether it does not come to serve clients before somebody writes: see `cluster::stir`.
    pub(crate) fn lacks_an_entry(&self) -> bool {
        self.trouble().is_some_and(|trouble| {
            trouble.starts_with("failed to publish local member")
                && trouble.ends_with("too many requests")
        })
    }

    /// The last warning or error that it logged.
    pub(crate) fn trouble(&self) -> Option<&str> {
        self.state.trouble.as_deref()
    }
}

impl State {
    fn take_in(&mut self, line: &str) {
        // Parsing is dear beside this look, and most lines say nothing of interest.
        const TELLING: [&str; 8] = [
            "configuring client listeners",
            "local-member-id",
            "stream-reader-type",
            "serving client traffic",
            "stopping serving peer traffic",
            r#""level":"warn""#,
            r#""level":"error""#,
            r#""level":"fatal""#,
        ];
        if !TELLING.iter().any(|part| line.contains(part)) {
            return;
        }
        let Ok(entry) = serde_json::from_str::<serde_json::Value>(line) else { return };
        let field = |name: &str| entry.get(name).and_then(serde_json::Value::as_str);
        let message = field("msg").unwrap_or_default();

        if self.id.is_none() {
            self.id = field("local-member-id").map(str::to_owned);
        }
        match message {
            "starting local member" | "restarting local member" => self.past_discovery = true,
            // It does so once its peers' are bound.
            "configuring client listeners" => self.listens = true,
            "stopping serving peer traffic" => self.has_closed = true,
            _ if message.starts_with("serving client traffic") => self.serves_clients = true,
            _ => {}
        }
        if let (Some(other), Some(stream)) = (field("remote-peer-id"), field("stream-reader-type"))
        {
            let stream = (other.to_owned(), stream.to_owned());
            match message {
                "established TCP streaming connection with remote peer" => {
                    self.streams.insert(stream);
                }
                "lost TCP streaming connection with remote peer"
                | "stopped stream reader with remote peer" => {
                    self.streams.remove(&stream);
                }
                _ => {}
            }
        }
        if matches!(field("level"), Some("warn" | "error" | "fatal")) {
            self.trouble = Some(match field("error") {
                Some(error) => format!("{message}: {error}"),
                None => message.to_owned(),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(verb: &str, kind: &str, other: &str) -> String {
        format!(
            r#"{{"level":"info","ts":"x","caller":"rafthttp/stream.go:412","msg":"{verb} TCP streaming connection with remote peer","stream-reader-type":"{kind}","local-member-id":"aa","remote-peer-id":"{other}"}}"#
        )
    }

    #[test]
    fn a_link_is_up_when_both_its_streams_are() {
        let mut state = State::default();
        let mut progress = |line: &str| {
            state.take_in(line);
            state.streams.len()
        };
        assert_eq!(progress(&stream("established", "stream Message", "bb")), 1);
        // A stream that the other dialled says nothing of this direction.
        assert_eq!(
            progress(
                &stream("established", "stream MsgApp v2", "bb")
                    .replace("reader-type", "writer-type")
            ),
            1
        );
        assert_eq!(progress(&stream("established", "stream MsgApp v2", "bb")), 2);
        assert_eq!(progress(&stream("lost", "stream MsgApp v2", "bb")), 1);
    }

    #[test]
    fn steps_and_trouble_are_read() {
        let mut state = State::default();
        state.take_in(r#"{"level":"info","msg":"starting local member","local-member-id":"aa"}"#);
        assert!(state.past_discovery && !state.serves_clients);
        assert_eq!(state.id.as_deref(), Some("aa"));
        state.take_in(r#"{"level":"info","msg":"serving client traffic securely","address":"x"}"#);
        assert!(state.serves_clients && !state.has_closed);
        state.take_in(r#"{"level":"info","msg":"stopping serving peer traffic","address":"x"}"#);
        assert!(state.has_closed);
        state.take_in(r#"{"level":"warn","msg":"rejected connection","error":"tls: bad"}"#);
        assert_eq!(state.trouble.as_deref(), Some("rejected connection: tls: bad"));
        state.take_in("not JSON \"level\":\"warn\"");
        assert_eq!(state.trouble.as_deref(), Some("rejected connection: tls: bad"));
    }
}
