//! The real curl, with a person's own words.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use crate::{command, say};

/// The curl of this machine.
///
/// It sees nothing of whoever runs the test: no configuration of theirs, no proxy, and no authority
/// but those of the machine.
#[derive(Clone, Copy, Debug)]
pub struct Curl {
    program: &'static Path,
}

/// How a curl ended, and what it printed.
#[derive(Clone, Debug)]
pub struct Curled {
    /// 0 if it was answered, whatever the answer; else the number that curl prints in parentheses.
    pub code: i32,
    /// The answer's body.
    pub body: String,
    /// What it says about its connection, with `-v`.
    pub said: String,
}

impl Curl {
    /// The curl of this machine; none, which is said past the capture of a passing test, where there
    /// is none.
    #[must_use]
    pub fn find() -> Option<Self> {
        static FOUND: OnceLock<Option<PathBuf>> = OnceLock::new();
        let found = FOUND.get_or_init(|| {
            let path = std::env::var_os("PATH").unwrap_or_default();
            let found = std::env::split_paths(&path).map(|dir| dir.join("curl"));
            let found = found.into_iter().find(|file| file.is_file());
            if found.is_none() {
                say("there is no curl: what is driven by it is skipped");
            }
            found
        });
        found.as_deref().map(|program| Self { program })
    }

    /// Runs it with these words.
    ///
    /// # Panics
    ///
    /// When it does not run, or was killed.
    #[must_use]
    pub fn run<W: AsRef<str>>(self, words: impl IntoIterator<Item = W>) -> Curled {
        let output = self.command(words).output().expect("curl runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Curled {
            code: output.status.code().expect("it ended by itself"),
            body: text(&output.stdout),
            said: text(&output.stderr),
        }
    }

    /// Starts it with these words, to be read from while it runs.
    ///
    /// # Panics
    ///
    /// When it does not run.
    #[must_use]
    pub fn start<W: AsRef<str>>(self, words: impl IntoIterator<Item = W>) -> Child {
        self.command(words).stdout(Stdio::piped()).spawn().expect("curl runs")
    }

    fn command<W: AsRef<str>>(self, words: impl IntoIterator<Item = W>) -> Command {
        let mut command = command(self.program);
        // No configuration, no meter of progress; and what hangs is ended.
        command.env_clear().args(["-q", "-sS", "--max-time", "60"]);
        for word in words {
            command.arg(word.as_ref());
        }
        command.stdin(Stdio::null());
        command
    }
}

impl Curled {
    /// The body, of a request that was answered.
    ///
    /// # Panics
    ///
    /// With what curl said, when it was not.
    #[must_use]
    #[track_caller]
    pub fn answer(&self) -> &str {
        assert_eq!(self.code, 0, "{}", self.said);
        &self.body
    }

    /// The body as JSON.
    ///
    /// # Panics
    ///
    /// As [`answer`](Self::answer), and when it is not JSON.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        let answer = self.answer();
        serde_json::from_str(answer).unwrap_or_else(|error| panic!("{error}: {answer}"))
    }
}
