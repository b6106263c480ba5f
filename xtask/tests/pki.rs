//! `cargo xtask pki`, beginning with what a user types; what it makes is shown to openssl and etcd.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test may")]

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use tercet_cluster::binary::{Locator, Request};
use tercet_pki::{PairState, StoredIdentity};

fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    #[expect(clippy::disallowed_methods, reason = "tests wait for what they run")]
    Command::new(program)
}

/// A directory to type commands in.
struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn pki(&self, line: &str) -> Output {
        let mut xtask = command(env!("CARGO_BIN_EXE_xtask"));
        let xtask = xtask.arg("pki").args(line.split_whitespace()).current_dir(self.0.path());
        xtask.stdin(Stdio::null()).output().unwrap()
    }

    /// What is printed by a command that must succeed.
    fn does(&self, line: &str) -> String {
        let output = self.pki(line);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{line}: {stderr}");
        assert_eq!(stderr, "", "{line}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// What is said by a command that must fail.
    fn fails(&self, line: &str) -> String {
        let output = self.pki(line);
        assert_eq!(output.status.code(), Some(1), "{line}");
        String::from_utf8(output.stderr).unwrap()
    }

    fn openssl(&self, line: &str) -> bool {
        let mut openssl = command("openssl");
        let openssl = openssl.args(line.split_whitespace()).current_dir(self.0.path());
        openssl.stdin(Stdio::null()).output().unwrap().status.success()
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.at(name)).unwrap()
    }

    /// The files below a directory, by name.
    fn names(&self, dir: &str) -> Vec<String> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.at(dir)).unwrap() {
            let entry = entry.unwrap();
            let name = format!("{dir}/{}", entry.file_name().into_string().unwrap());
            match entry.path().is_dir() {
                true => names.extend(self.names(&name)),
                false => names.push(name),
            }
        }
        names.sort();
        names
    }

    /// Whether each pair belongs together and leads to the authority, by openssl's judgement.
    fn assert_sound(&self, dir: &str) {
        let names = self.names(dir);
        let certificates: Vec<_> =
            names.iter().filter(|name| name.ends_with(".crt")).map(String::as_str).collect();
        // It judges each, and fails if one of them does.
        let all = certificates.join(" ");
        assert!(self.openssl(&format!("verify -x509_strict -CAfile {dir}/ca.crt {all}")), "{all}");
        for certificate in certificates {
            let key = certificate.replace(".crt", ".key");
            let public = |line: &str| {
                let mut openssl = command("openssl");
                let openssl = openssl.args(line.split_whitespace()).current_dir(self.0.path());
                openssl.output().unwrap().stdout
            };
            let of_key = public(&format!("pkey -in {key} -pubout"));
            assert!(!of_key.is_empty());
            let of_certificate = public(&format!("x509 -in {certificate} -noout -pubkey"));
            assert_eq!(of_key, of_certificate, "{certificate}");
        }
    }
}

const TRIO: &str = "--member a=10.0.0.1 --member b=10.0.0.2,b.example.com --member c=10.0.0.3";

#[test]
fn a_fleet_is_made_and_extended_and_openssl_agrees() {
    let desk = Desk::new();
    let said = desk.does(&format!("new pki {TRIO} --client alice --lifetime 90"));
    assert!(
        said.contains("wrote     pki/ca.key") && said.contains("--peer-cert-file pki/b/peer.crt")
    );
    desk.does("add-member pki d=10.0.0.4");
    desk.does("client pki bob");
    desk.assert_sound("pki");
    assert_eq!(desk.names("pki").len(), 2 + 3 * 2 + 4 * 4);

    // The control: openssl refuses what another authority signed.
    desk.does("new other --member a=10.0.0.1 --key p384 --lifetime 20");
    desk.does("add-member other b=10.0.0.2");
    desk.does("client other alice");
    assert!(desk.openssl("verify -CAfile other/ca.crt other/b/peer.crt other/alice.crt"));
    assert!(!desk.openssl("x509 -in other/b/peer.crt -noout -checkend 1800000"), "20 days");
    desk.does("client other bob --key ed25519 --lifetime 40");
    assert!(desk.openssl("x509 -in other/bob.crt -noout -checkend 1800000"), "40 days");
    let kinds = desk.does("inspect other");
    assert!(kinds.matches("P-384").count() >= 6 && kinds.contains("Ed25519"), "{kinds}");
    desk.assert_sound("other");
    assert!(!desk.openssl("verify -x509_strict -CAfile other/ca.crt pki/a/peer.crt"));

    let said = desk.fails("new pki --member a=10.0.0.1");
    assert!(said.contains("pki/ca.key is there already") && said.contains("--force"), "{said}");
    let old = desk.read("pki/ca.key");
    desk.does(&format!("new pki {TRIO} --force"));
    assert_ne!(desk.read("pki/ca.key"), old);
    assert!(desk.fails("add-member pki a=10.0.0.1").contains("is there already"));
    assert!(desk.fails("client pki client").contains("is there already"));
    // What cannot be a client is told before anything is written, or removed.
    let old = desk.read("pki/ca.key");
    for name in ["ca", "server", ".x", "a/b"] {
        let said = desk.fails(&format!("new pki {TRIO} --client {name} --force"));
        assert!(said.contains("a client's name cannot be used"), "{said}");
    }
    assert_eq!(desk.read("pki/ca.key"), old);
    assert!(desk.does("inspect pki").contains("a/peer.crt"));
}

#[test]
fn an_authority_that_openssl_made_is_used_and_its_key_not_copied() {
    let desk = Desk::new();
    assert!(desk.openssl("genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out k.pem"));
    assert!(desk.openssl("req -x509 -new -key k.pem -subj /O=Example/CN=ca -days 1000 -out c.pem"));
    desk.does("new pki --member a=10.0.0.1 --layout shared --ca-cert c.pem --ca-key k.pem");
    assert!(!desk.at("pki/ca.key").exists());
    assert!(desk.fails("add-member pki b=10.0.0.2").contains("give the path where it is kept"));
    desk.does("add-member pki b=10.0.0.2 --ca-key k.pem");
    for name in ["server.crt", "client.crt"] {
        assert!(desk.openssl(&format!("verify -CAfile pki/ca.crt pki/{name}")));
    }
    assert!(desk.openssl("x509 -in pki/server.crt -noout -checkip 10.0.0.2"));
}

#[test]
fn what_is_due_is_renewed_and_nothing_else() {
    let desk = Desk::new();
    desk.does(&format!("new pki {TRIO} --lifetime 20"));
    let old = desk.read("pki/a/server.crt");
    assert!(desk.does("renew pki --within 10").contains("nothing is due"));
    let said = desk.does("renew pki --within 30 --lifetime 365 --dry-run");
    assert!(said.contains("expires in 19 days") && said.contains("nothing was written"), "{said}");
    assert_eq!(desk.read("pki/a/server.crt"), old);
    desk.does("renew pki --within 30 --lifetime 365");
    assert!(desk.does("renew pki --within 30").contains("nothing is due"));
    desk.assert_sound("pki");
    let key = desk.read("pki/a/server.key");
    desk.does("renew pki --all --same-key");
    assert_eq!(desk.read("pki/a/server.key"), key);
    desk.assert_sound("pki");
    assert!(desk.fails("renew pki").contains("--within DAYS, or --all"));
}

#[test]
fn killed_with_sigkill_the_next_run_leaves_every_pair_whole() {
    let desk = Desk::new();
    let members: Vec<_> = (0..6).map(|n| format!("--member m{n}=10.0.1.{n}")).collect();
    desk.does(&format!("new pki {}", members.join(" ")));
    let names = desk.names("pki");
    let mut torn = 0;
    for certificate in names.iter().filter(|name| name.ends_with(".key") && !name.contains("ca.")) {
        let old = desk.read(certificate);
        let mut xtask = command(env!("CARGO_BIN_EXE_xtask"));
        let xtask = xtask.args(["pki", "renew", "pki", "--all"]).current_dir(desk.0.path());
        let mut child = xtask.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // As soon as this key has changed: somewhere in the midst of its pair, or just behind.
        while desk.read(certificate) == old && child.try_wait().unwrap().is_none() {}
        child.kill().unwrap();
        child.wait().unwrap();
        torn += usize::from(desk.names("pki").iter().any(|name| name.contains("tercet")));
        // Nothing is due, and yet it makes whole what was left.
        desk.does("renew pki --within 1");
        assert_eq!(desk.names("pki"), names);
        let fleet = tercet_pki::Fleet::load(desk.at("pki")).unwrap();
        let sound = |one: &StoredIdentity| one.state == PairState::Sound;
        assert!(fleet.identities().iter().all(sound), "{certificate}");
    }
    // And what openssl says of it all, once: it is started three times for each pair.
    desk.assert_sound("pki");
    assert!(torn > 0, "the control: at least one kill came before the end of a pair");
}

#[test]
fn a_request_is_signed_as_far_as_it_is_allowed_and_revoked() {
    let desk = Desk::new();
    desk.does("new pki --member a=10.0.0.1");
    desk.does("csr --common-name d --host d.example.com --host 10.0.0.4 --out d");
    assert!(desk.openssl("req -in d.csr -noout -verify"));
    let sign = "sign pki d.csr --profile peer --host-allowed *.example.com";
    let said = desk.fails(&format!("{sign} --name-allowed d"));
    assert!(said.contains("10.0.0.4") && said.contains("--host-allowed"), "{said}");
    let sign = format!("{sign} --host-allowed 10.0.0.0/8");
    let said = desk.fails(&sign);
    assert!(said.contains("common name \"d\"") && said.contains("--name-allowed"), "{said}");
    assert!(!desk.at("d.crt").exists());
    desk.does(&format!("{sign} --name-allowed *"));
    assert!(desk.openssl("verify -x509_strict -CAfile pki/ca.crt d.crt"));

    let check = "verify -crl_check -CAfile pki/ca.crt -CRLfile pki/ca.crl d.crt";
    let said = desk.does("revoke pki pki/client.crt --reason superseded");
    assert!(said.contains("--client-crl-file pki/ca.crl.der"), "{said}");
    assert!(desk.openssl(check), "another was revoked");
    desk.does("revoke pki d.crt --reason keyCompromise");
    assert!(!desk.openssl(check));
    assert!(!desk.openssl(&check.replace("d.crt", "pki/client.crt")), "and it still is");
    assert!(desk.openssl("crl -inform DER -in pki/ca.crl.der -noout"));
    desk.does("new other --member a=10.0.0.1");
    assert!(desk.fails("revoke pki other/client.crt").contains("is not signed by"));
    assert!(desk.fails("revoke pki pki/ca.crt").contains("is the authority"));
}

/// As `… | head` does.
#[test]
fn what_is_written_is_written_though_nobody_reads_about_it() {
    let desk = Desk::new();
    let mut xtask = command(env!("CARGO_BIN_EXE_xtask"));
    let xtask = xtask.args(["pki", "new", "pki", "--member", "a=10.0.0.1"]);
    let xtask = xtask.current_dir(desk.0.path()).stdin(Stdio::null());
    let mut xtask = xtask.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(xtask.stdout.take());
    let output = xtask.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(desk.openssl("verify -x509_strict -CAfile pki/ca.crt pki/a/peer.crt"));
}

#[test]
fn what_cannot_be_understood_is_answered_with_what_to_write() {
    let desk = Desk::new();
    for (line, reason) in [
        ("", "Usage:"),
        ("brew", "there is no 'pki brew'"),
        ("new", "Usage: cargo xtask pki new"),
        ("new pki", "at least one member"),
        ("new pki --member a", "write NAME=HOST"),
        ("new pki --member a=https://x:1", "a URL"),
        ("new pki --member a=x --key rsa", "p256, p384 or ed25519"),
        ("new pki --member a=x --lifetime 0", "a day or more"),
        ("new pki --member a=x --ca-cert f", "give --ca-cert and --ca-key"),
        ("add-member nowhere a=x", "ca.crt is missing"),
        ("renew pki --all --within x", "no number of days"),
        ("sign pki x.csr", "--profile"),
    ] {
        let said = desk.fails(line);
        assert!(said.starts_with("error: ") && said.contains(reason), "{line}: {said}");
    }
    assert!(!desk.at("pki").exists());
    for line in ["--help", "new --help", "renew --help", "sign --help", "inspect --help"] {
        assert!(desk.does(line).contains("Usage: cargo xtask pki"), "{line}");
    }
}

/// An etcd that is killed and reaped when dropped.
struct Etcd(Child);

impl Drop for Etcd {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn etcd_starts_with_the_flags_that_were_printed() {
    let desk = Desk::new();
    let said = desk.does("new pki --member a=localhost");
    let flags = said.lines().filter_map(|line| line.strip_prefix("  --"));
    let flags: Vec<_> = flags
        .flat_map(|line| format!("--{line}").split(' ').map(str::to_owned).collect::<Vec<_>>())
        .collect();
    assert!(flags.len() > 12, "{flags:?}");
    let etcd = Locator::from_env().locate(&Request::Default).unwrap();
    let held: Vec<_> = (0..2).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let urls: Vec<_> = held
        .iter()
        .map(|port| format!("https://127.0.0.1:{}", port.local_addr().unwrap().port()))
        .collect();
    drop(held);
    let (client, peer) = (&urls[0], &urls[1]);
    let mut started = command(etcd.path());
    started.args(&flags).current_dir(desk.0.path()).env_clear().arg("--data-dir=data");
    for (flag, url) in [
        ("listen-client-urls", client),
        ("advertise-client-urls", client),
        ("listen-peer-urls", peer),
        ("initial-advertise-peer-urls", peer),
    ] {
        started.arg(format!("--{flag}={url}"));
    }
    started.arg(format!("--initial-cluster=a={peer}"));
    let log = fs::File::create(desk.at("log")).unwrap();
    let mut etcd = Etcd(started.stdout(Stdio::null()).stderr(log).spawn().unwrap());
    let healthy = |with_certificate: bool| {
        let mut curl = command("curl");
        curl.args(["-sf", "--cacert", "pki/ca.crt"]).current_dir(desk.0.path());
        if with_certificate {
            curl.args(["--cert", "pki/client.crt", "--key", "pki/client.key"]);
        }
        let output = curl.arg(format!("{client}/health")).output().unwrap();
        String::from_utf8_lossy(&output.stdout).contains(r#""health":"true""#)
    };
    let begin = Instant::now();
    while !healthy(true) {
        let log = || desk.read(Path::new("log").to_str().unwrap());
        assert!(etcd.0.try_wait().unwrap().is_none(), "{}", log());
        assert!(begin.elapsed() < Duration::from_secs(60), "{}", log());
    }
    assert!(!healthy(false), "the control: without a certificate nobody is answered");
}
