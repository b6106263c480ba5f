//! What we issue is accepted, and what we make wrong is refused: by the real etcd on its client and
//! peer ports, by etcdctl, curl, openssl and rustls. What each must say is in the tables of
//! `docs/certificates.md`; the tests fail when it says anything else.

#![expect(clippy::unwrap_used, reason = "a helper of a test may fail as the test may")]

mod judge;
mod kinds;
mod programs;
mod table;
mod verdict;
mod webpki;

use std::io::Write as _;
use std::path::PathBuf;
use std::thread;

use tercet_cluster::binary::{Binary, Locator, Request};
use tercet_tests::command;

use judge::Judge;
use kinds::{Kind, Kinds};
use programs::{Files, Purpose};
use table::Table;
use verdict::Verdict;

/// All that judges need.
struct Court {
    binary: Binary,
    etcdctl: PathBuf,
    scratch: tempfile::TempDir,
    kinds: Kinds,
    good: Files,
    trusted: PathBuf,
    careless: PathBuf,
}

impl Court {
    /// `None`, and says why, when this machine has not what is needed.
    fn new() -> Option<Self> {
        let skipped = |why: &str| {
            // Written past the capture of a passing test's output: a skip is to be seen.
            let _ = writeln!(std::io::stderr(), "SKIPPED: {why}");
        };
        let binary = Locator::from_env().locate(&Request::Default).unwrap();
        let Some(etcdctl) = binary.etcdctl() else {
            skipped(&format!("there is no etcdctl beside {}", binary.path().display()));
            return None;
        };
        if !programs::are_here() {
            skipped("there is no OpenSSL 3, or no curl that is built on it");
            return None;
        }
        let scratch = tempfile::tempdir().unwrap();
        let kinds = Kinds::make(scratch.path());
        let trusted = scratch.path().join("trusted.crt");
        std::fs::write(&trusted, &kinds.trusted).unwrap();
        let good = Files::write(&kinds.good, scratch.path(), "good");
        let careless = scratch.path().join("careless.cnf");
        programs::write_careless_settings(&careless);
        Some(Self { binary, etcdctl, scratch, kinds, good, trusted, careless })
    }

    fn judge(&self) -> Judge {
        let directory = self.scratch.path().join("judge");
        Judge::start(&self.binary, &self.trusted, &self.kinds, directory)
    }

    /// The minor version of the Go that this etcd was built with.
    fn go(&self) -> u32 {
        let output = command(self.binary.path()).arg("--version").output().unwrap();
        let output = String::from_utf8_lossy(&output.stdout).into_owned();
        let (_, version) = output.split_once("Go Version: go1.").expect("etcd says its Go");
        version.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap()
    }

    /// What those who dial a server say to its certificate: etcdctl, curl, rustls, openssl.
    fn dialled_by_clients(&self, judge: &Judge, kind: &Kind) -> Vec<Verdict> {
        judge.show(&kind.identity);
        let port = judge.client_port.number();
        let url = format!("https://{}:{port}", kind.host);
        let version = format!("{url}/version");
        let rustls =
            webpki::ask(kind.host, port, "/version", &self.kinds.trusted, &self.kinds.good);
        let verdicts = vec![
            programs::etcdctl(&self.etcdctl, &url, &self.trusted, &self.good),
            programs::curl(&version, &self.trusted, &self.good, None),
            runtime().block_on(rustls).expect("rustls can present a good one"),
            programs::openssl(&self.trusted, &kind.files, Purpose::Server(kind.host)),
        ];
        judge.show(&self.kinds.good);
        verdicts
    }

    /// What a member that dials says to its peer's certificate, for each kind.
    fn dialled_by_members(&self) -> Vec<Verdict> {
        let mut verdicts = vec![None; self.kinds.all.len()];
        for host in ["localhost", "127.0.0.1"] {
            let kinds = self.kinds.all.iter().enumerate().filter(|(_, kind)| kind.host == host);
            let (indices, files): (Vec<_>, Vec<_>) =
                kinds.map(|(index, kind)| (index, &kind.files)).unzip();
            let directory = self.scratch.path().join(host);
            let said = judge::dialled_by_a_member(
                &self.binary,
                &self.trusted,
                &self.kinds,
                &directory,
                host,
                &files,
            );
            for (index, verdict) in indices.into_iter().zip(said) {
                verdicts[index] = Some(verdict);
            }
        }
        verdicts.into_iter().map(|verdict| verdict.expect("each has one of the hosts")).collect()
    }

    /// What those who are dialled say to a client's certificate: etcd on its client port and on its
    /// peer port, openssl, rustls.
    fn shown_by_clients(&self, judge: &Judge, kind: &Kind) -> Vec<Verdict> {
        let client = judge.client_port.number();
        let url = format!("https://127.0.0.1:{client}");
        let peer = judge.peer_port.number();
        let careless = Some(&*self.careless);
        let curl = |url: &str| programs::curl(url, &self.trusted, &kind.files, careless);
        let on_client_port = curl(&format!("{url}/version"));
        let on_peer_port = curl(&format!("https://127.0.0.1:{peer}/members"));

        // Whoever brings it, etcd says the same. What rustls cannot present, it does not bring.
        let etcdctl = programs::etcdctl(&self.etcdctl, &url, &self.trusted, &kind.files);
        let mut others = vec![("etcdctl", etcdctl, &on_client_port)];
        for (port, path, verdict) in
            [(client, "/version", &on_client_port), (peer, "/members", &on_peer_port)]
        {
            let trusted = &self.kinds.trusted;
            let rustls = webpki::ask("127.0.0.1", port, path, trusted, &kind.identity);
            let rustls = runtime().block_on(rustls);
            others.extend(rustls.map(|rustls| ("rustls", rustls, verdict)));
        }
        for (who, other, curl) in others {
            let same = other.is_accepted() == curl.is_accepted();
            assert!(same, "{}: with {who} {other:?}, with curl {curl:?}", kind.name);
        }
        vec![
            on_client_port,
            on_peer_port,
            programs::openssl(&self.trusted, &kind.files, Purpose::Client),
            webpki::client(&self.kinds.trusted, &kind.identity),
        ]
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

fn document() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/certificates.md");
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn certificates_of_servers_are_judged_as_documented() {
    let Some(court) = Court::new() else { return };
    let judge = court.judge();
    let table = Table::read(&document(), "servers");
    let mut measured = Vec::new();
    for (kind, by_member) in court.kinds.all.iter().zip(court.dialled_by_members()) {
        let mut verdicts = court.dialled_by_clients(&judge, kind);
        // etcdctl 3.4 does not always say why.
        if let Verdict::Refused(said) = &verdicts[0]
            && said.contains("x509: ")
        {
            let documented = table.last(kind.name).unwrap_or_default();
            let said = said.replace("\\\\\\\"", "\"").replace("\\\"", "\"");
            assert!(said.contains(documented), "{}: {documented:?} is not in {said}", kind.name);
        }
        verdicts.push(by_member);
        measured.push((kind.name, verdicts));
    }
    let differences = table.differences(court.go(), &measured);
    assert!(differences.is_empty(), "docs/certificates.md:\n{differences}");
}

#[test]
fn certificates_of_clients_are_judged_as_documented() {
    let Some(court) = Court::new() else { return };
    let judge = court.judge();
    // All at once: most of the time is spent waiting for an etcdctl to give up.
    let measured = thread::scope(|scope| {
        let judged = court.kinds.all.iter().map(|kind| {
            let (court, judge) = (&court, &judge);
            (kind.name, scope.spawn(move || court.shown_by_clients(judge, kind)))
        });
        let judged: Vec<_> = judged.collect();
        let judged = judged.into_iter().map(|(name, thread)| (name, thread.join().unwrap()));
        judged.collect::<Vec<_>>()
    });
    let table = Table::read(&document(), "clients");
    let differences = table.differences(court.go(), &measured);
    assert!(differences.is_empty(), "docs/certificates.md:\n{differences}");
}
