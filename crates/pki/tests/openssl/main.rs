//! What we issue, judged by the real openssl; and what it makes, used by us.
//!
//! Where there is no openssl, the tests say so and pass. With `TERCET_TEST_SOURCES=1` that is a
//! failure; CI says so.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test may")]

mod authorities;
mod leaves;
#[cfg(feature = "read")]
mod loaded;
#[cfg(feature = "read")]
mod requests;
mod revocation;

#[cfg(feature = "read")]
use std::error::Error;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output};

use tercet_pki::KeyKind;

/// A directory, and openssl running in it.
struct Openssl {
    scratch: tempfile::TempDir,
}

/// What openssl said.
struct Said {
    success: bool,
    text: String,
}

impl Openssl {
    /// `None` if there is no openssl.
    fn find() -> Option<Self> {
        let openssl = Self { scratch: tempfile::tempdir().unwrap() };
        if openssl.output(&["version"]).is_ok_and(|output| output.status.success()) {
            return Some(openssl);
        }
        let required = std::env::var_os("TERCET_TEST_SOURCES").is_some_and(|value| value == "1");
        assert!(!required, "TERCET_TEST_SOURCES=1, but there is no openssl on the PATH");
        // Written past the capture of a passing test's output: a skip is to be seen.
        let _ = writeln!(std::io::stderr(), "SKIPPED: there is no openssl on the PATH");
        None
    }

    fn output(&self, arguments: &[&str]) -> std::io::Result<Output> {
        #[expect(clippy::disallowed_methods, reason = "tests wait for what they run")]
        let mut command = Command::new("openssl");
        // A name's string type and other defaults are not to depend on the machine.
        command.args(arguments).current_dir(self.scratch.path()).env("OPENSSL_CONF", self.config());
        command.output()
    }

    fn config(&self) -> PathBuf {
        let path = self.scratch.path().join("openssl.cnf");
        if !path.exists() {
            std::fs::write(&path, "[req]\ndistinguished_name=dn\n[dn]\n").unwrap();
        }
        path
    }

    /// Runs openssl, whatever it answers.
    fn try_run(&self, arguments: &str) -> Said {
        // No argument of these tests has a space, but for those that say it as `\_`.
        let arguments: Vec<_> =
            arguments.split_whitespace().map(|argument| argument.replace("\\_", " ")).collect();
        let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
        let output = self.output(&arguments).unwrap();
        let text = [output.stdout, output.stderr].concat();
        Said { success: output.status.success(), text: String::from_utf8_lossy(&text).into_owned() }
    }

    /// Runs openssl, which must succeed, and returns what it said.
    fn run(&self, arguments: &str) -> String {
        let said = self.try_run(arguments);
        assert!(said.success, "openssl {arguments}: {}", said.text);
        said.text
    }

    fn write(&self, name: &str, contents: impl AsRef<[u8]>) {
        std::fs::write(self.scratch.path().join(name), contents).unwrap();
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.scratch.path().join(name)).unwrap()
    }

    /// Whether openssl, as strict as it can be, accepts `chain` (the leaf first) for `purpose`
    /// under `root`.
    fn verify(&self, root: &str, chain: &str, purpose: &str) -> Said {
        self.write("verify-root.pem", root);
        self.write("verify-chain.pem", chain);
        self.try_run(&format!(
            "verify -x509_strict -purpose {purpose} -no-CApath -no-CAstore \
             -CAfile verify-root.pem -untrusted verify-chain.pem verify-chain.pem"
        ))
    }

    fn assert_verifies(&self, root: &str, chain: &str, purpose: &str) {
        let said = self.verify(root, chain, purpose);
        assert!(said.success, "{}", said.text);
    }
}

/// Text in which versions of openssl differ by spaces alone, without the differences.
fn squeezed(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The kinds of keys that this build can make.
fn kinds() -> impl Iterator<Item = KeyKind> {
    KeyKind::ALL.into_iter().filter(|kind| kind.can_be_made())
}

#[cfg(feature = "read")]
fn chain_of_causes(error: &dyn Error) -> String {
    std::iter::successors(Some(error), |error| (*error).source())
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(": ")
}
