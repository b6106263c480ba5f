//! What the benchmarks compare with.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tercet_client::{Client, Config, Tls};
use tercet_pki::{Fleet, Layout};

/// The tutorial's fleet: its flags brought up to date (`--trusted-ca-file` for `--ca-file`, and the
/// client authentication of peers that it forgot), one certificate for all, stock timing, and all
/// members started at once.
#[derive(Debug)]
pub struct Naive {
    members: Vec<Child>,
    urls: Vec<String>,
    identities: Fleet,
    _directory: tempfile::TempDir,
}

impl Naive {
    /// Starts three members of `etcd` at once, on six ports that are free.
    ///
    /// # Panics
    ///
    /// When they cannot be started.
    #[must_use]
    pub fn start(etcd: &Path, identities: Fleet, ports: &[u16; 6]) -> Self {
        assert_eq!(identities.layout(), Layout::Shared);
        let directory = tempfile::tempdir().expect("a directory");
        let files = identities.write(directory.path().join("pki")).expect("certificates");
        let url = |port: &u16| format!("https://localhost:{port}");
        let (clients, peers) = ports.split_at(3);
        let cluster: Vec<_> = (0..3).map(|i| format!("infra{i}={}", url(&peers[i]))).collect();
        let members = (0..3).map(|i| {
            let log =
                std::fs::File::create(directory.path().join(format!("{i}.log"))).expect("a log");
            let shared = &files.members[i].server;
            let path = |flag: &str, path: &PathBuf| format!("--{flag}={}", path.display());
            #[expect(clippy::disallowed_methods, reason = "the naive way is what is measured")]
            Command::new(etcd)
                .arg(format!("--name=infra{i}"))
                .arg(path("data-dir", &directory.path().join(format!("infra{i}"))))
                .arg(format!("--advertise-client-urls={}", url(&clients[i])))
                .arg(format!("--listen-client-urls={}", url(&clients[i])))
                .arg(path("cert-file", &shared.certificate))
                .arg(path("key-file", &shared.key))
                .arg("--client-cert-auth")
                .arg(path("trusted-ca-file", &files.ca))
                .arg(format!("--initial-advertise-peer-urls={}", url(&peers[i])))
                .arg(format!("--listen-peer-urls={}", url(&peers[i])))
                .arg(path("peer-cert-file", &shared.certificate))
                .arg(path("peer-key-file", &shared.key))
                .arg("--peer-client-cert-auth")
                .arg(path("peer-trusted-ca-file", &files.ca))
                .arg(format!("--initial-cluster={}", cluster.join(",")))
                .arg("--initial-cluster-token=etcd-for-k8sp-tls-demo")
                .arg("--initial-cluster-state=new")
                .env_clear()
                .stdin(Stdio::null())
                .stdout(log.try_clone().expect("a log"))
                .stderr(log)
                .spawn()
                .expect("etcd runs")
        });
        let members = members.collect();
        Self { members, urls: clients.iter().map(url).collect(), identities, _directory: directory }
    }

    /// Waits until every member has answered a linearizable read.
    ///
    /// # Panics
    ///
    /// When they do not within a minute.
    pub async fn wait_until_ready(&self) {
        for url in &self.urls {
            let identity = self.identities.client();
            let authority = self.identities.authority().certificate_pem();
            let tls =
                Tls::mutual(authority, identity.chain_pem(), identity.key_pem()).expect("PEM");
            let read = async {
                loop {
                    let config = Config::new([url]).tls(tls.clone());
                    let client = Client::connect(config).await.expect("a client");
                    if client.get("ready").await.is_ok() {
                        return;
                    }
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            };
            tokio::time::timeout(Duration::from_secs(60), read).await.expect("ready in a minute");
        }
    }
}

impl Drop for Naive {
    fn drop(&mut self) {
        for member in &mut self.members {
            let _ = member.kill();
        }
        for member in &mut self.members {
            let _ = member.wait();
        }
    }
}
