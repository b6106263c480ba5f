//! `cargo xtask pki rotate` on a real etcd, as an operator walks through it.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test may")]

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use tercet_client::{Client, Config, Tls};
use tercet_cluster::binary::{Binary, Locator, Request};

fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    #[expect(clippy::disallowed_methods, reason = "tests wait for what they run")]
    Command::new(program)
}

/// A directory with a fleet of one, which runs.
struct Host {
    scratch: tempfile::TempDir,
    etcd: Binary,
    urls: [String; 2],
    flags: Vec<String>,
    runs: Option<Child>,
}

impl Drop for Host {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Host {
    fn start(layout: &str) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        let etcd = Locator::from_env().locate(&Request::Default).unwrap();
        let held = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
        let urls = held.map(|port| format!("https://{}", port.local_addr().unwrap()));
        let mut host = Self { scratch, etcd, urls, flags: Vec::new(), runs: None };
        let said = host.does(&format!("new pki --member a=127.0.0.1 {layout}"));
        let flags = said.lines().filter_map(|line| line.strip_prefix("  --"));
        let words = flags.flat_map(|line| {
            format!("--{line}")
                .replace("NAME", "a")
                .split(' ')
                .map(str::to_owned)
                .collect::<Vec<_>>()
        });
        host.flags = words.collect();
        host.restart();
        host
    }

    fn at(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    fn stop(&mut self) {
        if let Some(mut child) = self.runs.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Starts it, again if it runs, and waits until it listens.
    fn restart(&mut self) {
        self.stop();
        let [client, peer] = &self.urls;
        let mut etcd = command(self.etcd.path());
        etcd.args(&self.flags).current_dir(self.scratch.path()).env_clear();
        etcd.args(["--data-dir=data", "--unsafe-no-fsync", "--logger=zap"]);
        for (flag, url) in [
            ("listen-client-urls", client),
            ("advertise-client-urls", client),
            ("listen-peer-urls", peer),
            ("initial-advertise-peer-urls", peer),
        ] {
            etcd.arg(format!("--{flag}={url}"));
        }
        etcd.arg(format!("--initial-cluster=a={peer}"));
        let log = fs::File::create(self.at("log")).unwrap();
        self.runs = Some(etcd.stdout(Stdio::null()).stderr(log).spawn().unwrap());
        let begin = Instant::now();
        while !fs::read_to_string(self.at("log")).unwrap().contains("serving client traffic") {
            let ended = self.runs.as_mut().unwrap().try_wait().unwrap();
            let log = || fs::read_to_string(self.at("log")).unwrap();
            assert!(ended.is_none() && begin.elapsed() < Duration::from_secs(60), "{}", log());
        }
    }

    fn pki(&self, line: &str) -> Output {
        let mut xtask = command(env!("CARGO_BIN_EXE_xtask"));
        let xtask = xtask.arg("pki").args(line.split_whitespace()).current_dir(self.scratch.path());
        xtask.stdin(Stdio::null()).output().unwrap()
    }

    /// What is printed by a command that must succeed.
    fn does(&self, line: &str) -> String {
        let output = self.pki(line);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{line}: {stderr}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// What is said by a command that must fail.
    fn fails(&self, line: &str) -> String {
        let output = self.pki(line);
        assert_eq!(output.status.code(), Some(1), "{line}");
        String::from_utf8(output.stderr).unwrap()
    }

    /// Whether who has these files is let in, and lets the member be who it is.
    fn serves(&self, files: &Path) -> bool {
        let at = |name: &str| files.join(name);
        let tls = Tls::mutual_files(at("ca.crt"), at("client.crt"), at("client.key")).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let config = Config::new([&self.urls[0]]).tls(tls);
        runtime.block_on(async {
            Client::connect(config).await.unwrap().put("hello", "world").await.is_ok()
        })
    }

    /// The files of a client as they are now, for later.
    fn keep(&self, name: &str) -> PathBuf {
        let kept = self.at(name);
        fs::create_dir(&kept).unwrap();
        for file in ["ca.crt", "client.crt", "client.key"] {
            fs::copy(self.at("pki").join(file), kept.join(file)).unwrap();
        }
        kept
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.at("pki").join(name)).unwrap()
    }
}

#[test]
fn a_bundle_takes_two_restarts_and_says_when() {
    for layout in ["", "--layout shared"] {
        let mut host = Host::start(layout);
        let pki = host.at("pki");
        let ask = format!("--ask {}", host.urls[0]);
        let plan = host.does("rotate pki --dry-run");
        assert!(plan.contains("nothing was written") && plan.contains("trust the old and the new"));
        assert!(!pki.join(".rotation").exists());
        host.does("revoke pki pki/client.crt");

        let said = host.does("rotate pki");
        assert!(said.contains("wrote     pki/ca.crt"), "{said}");
        assert!(said.contains("Then: cargo xtask pki rotate pki --done"), "{said}");
        assert!(host.serves(&pki), "nobody is cut off before the restart");
        // A client that was given the bundle, and nothing since.
        let old = host.keep("old");
        // Who does not say that it is done is told what has to be; who only says so is found out.
        let said = host.fails("rotate pki");
        assert!(said.contains("--done") && said.contains("has CN="), "{said}");
        let said = host.does(&format!("rotate pki --done {ask}"));
        assert!(said.contains("Then restart the members"), "{said}");
        assert!(!said.contains("wrote"), "{said}");

        host.restart();
        let said = host.does(&format!("rotate pki --done {ask}"));
        assert!(
            said.contains("client.crt") && said.contains("of each pair the key first"),
            "{said}"
        );
        assert!(host.serves(&pki) && host.serves(&old), "both are trusted");

        // The last one, without a look.
        let said = host.does("rotate pki --done");
        assert!(said.contains("From now on tercet CA "), "{said}");
        assert!(host.serves(&pki) && host.serves(&old), "until the restart");
        host.restart();
        assert!(host.serves(&pki) && !host.serves(&old));
        assert!(!pki.join(".rotation").exists() && pki.join("ca-old.key").exists());
        // The new one signs, and has taken the list over.
        host.does("client pki bob");
        host.does("revoke pki pki/bob.crt");
        assert_eq!(host.text("ca.crt").matches("BEGIN").count(), 1);
        // Once too often is no new one.
        let said = host.fails("rotate pki --done");
        assert!(said.contains("nothing has begun"), "{said}");
        assert!(!pki.join(".rotation").exists());
        // And again: it is a rotation of its own.
        assert!(host.does("rotate pki --dry-run").contains("trust the old and the new"));
    }
}

#[test]
fn cross_signing_takes_one_restart() {
    for layout in ["", "--layout shared"] {
        let mut host = Host::start(layout);
        let (old, pki) = (host.keep("old"), host.at("pki"));
        let ask = format!("--ask {}", host.urls[0]);
        let said = host.does("rotate pki --by cross-signing");
        assert!(said.contains("pki/client.crt"), "{said}");
        assert!(host.serves(&pki) && host.serves(&old));
        let said = host.fails("rotate pki --by bundle --done");
        assert!(said.contains("begun by cross-signing"), "{said}");
        let said = host.does("rotate pki --done");
        assert!(said.contains("wrote     pki/ca.crt"), "{said}");
        assert!(host.serves(&pki) && host.serves(&old));
        let said = host.does(&format!("rotate pki --done {ask}"));
        assert!(said.contains("restart the members") && !said.contains("wrote"), "{said}");
        host.restart();
        assert!(host.serves(&pki) && !host.serves(&old));
        assert_eq!(host.text("client.crt").matches("BEGIN").count(), 2, "with a cross certificate");
        let said = host.does(&format!("rotate pki --done {ask}"));
        assert!(said.contains("Nobody needs a restart"), "{said}");
        assert_eq!(host.text("client.crt").matches("BEGIN").count(), 1);
        // With a look, it is done when a look has said so.
        let said = host.does(&format!("rotate pki --done {ask}"));
        assert!(said.contains("From now on tercet CA "), "{said}");
        assert!(host.serves(&pki));
        host.does("renew pki --all");
        assert!(host.serves(&pki));
    }
}

#[test]
fn what_cannot_be_rotated_is_said() {
    let mut host = Host::start("");
    host.stop();
    assert!(host.fails("rotate nowhere").contains("ca.crt is missing"));
    assert!(host.fails("rotate pki --by hand").contains("bundle or cross-signing"));
    let said = host.fails(&format!("rotate pki --ask {}", host.urls[0]));
    assert!(said.contains("shows no authorities"), "{said}");
    fs::rename(host.at("pki/ca.key"), host.at("ca.key")).unwrap();
    let said = host.fails("rotate pki --by cross-signing");
    assert!(said.contains("--ca-key FILE, or --by bundle"), "{said}");
    assert!(!host.at("pki/.rotation").exists());
    assert!(host.does("rotate --help").contains("Usage: cargo xtask pki rotate"));
    host.does("rotate pki --by cross-signing --ca-key ca.key");
}

/// By bundle the old key is not needed, whatever was revoked with it; and what an end that was
/// interrupted has left of another rotation is not this one's.
#[test]
fn a_bundle_needs_nothing_of_the_old_authority() {
    let mut host = Host::start("");
    host.stop();
    host.does("revoke pki pki/client.crt");
    let serial = |name: &str| {
        let list = tercet_pki::read::revocation_list(&fs::read(host.at(name)).unwrap()).unwrap();
        list.entries[0].serial.clone()
    };
    let revoked = serial("pki/ca.crl");
    fs::remove_file(host.at("pki/ca.key")).unwrap();
    fs::create_dir(host.at("pki/.rotation")).unwrap();
    fs::copy(host.at("pki/ca.crt"), host.at("pki/.rotation/cross.crt")).unwrap();
    let said = host.does("rotate pki");
    assert!(said.contains("ca.crt to every member"), "{said}");
    host.does("rotate pki --done");
    let said = host.does("rotate pki --done");
    assert!(said.contains("From now on tercet CA "), "{said}");
    assert!(!host.at("pki/ca-old.key").exists() && !said.contains("Destroy"), "{said}");
    // The list goes on, with what is on it.
    assert_eq!(serial("pki/ca.crl"), revoked);
    host.does("client pki bob");
    host.does("revoke pki pki/bob.crt");
}
