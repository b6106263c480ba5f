//! One member of one etcd, with flags and files of the test's own making.

use std::path::PathBuf;

use tercet_cluster::binary::{Binary, Feature};
use tercet_cluster::diagnose::{Target, ask_all};
use tercet_pki::doctor::{Description, Finding, Port, Rule, Severity, examine, look};
use tercet_pki::{Authority, Identity, LOOPBACK_HOSTS, Leaf};
use tercet_tests::RawEtcd;
use time::OffsetDateTime;

/// A member that has its files in a directory, and does not run yet.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) directory: tempfile::TempDir,
    pub(crate) authority: Authority,
    pub(crate) etcd: &'static Binary,
    pub(crate) flags: Vec<(String, String)>,
    client: tercet_tests::Port,
    peer: tercet_tests::Port,
}

impl Stage {
    /// A sound member with mutual TLS on both ports.
    pub(crate) fn new(etcd: &'static Binary) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let authority = Authority::generate("stage CA").unwrap();
        let (client, peer) = (tercet_tests::Port::hold(), tercet_tests::Port::hold());
        let mut stage = Self { directory, authority, etcd, flags: Vec::new(), client, peer };
        stage.write("ca.crt", stage.authority.certificate_pem());
        stage.put("server", &stage.issue(Leaf::server("m1").hosts(LOOPBACK_HOSTS)));
        stage.put("peer", &stage.issue(Leaf::peer("m1").hosts(LOOPBACK_HOSTS)));
        let (client, peer) = (stage.client_url(), stage.peer_url());
        for (flag, value) in [
            ("name", "m1".to_owned()),
            ("data-dir", stage.word("data")),
            ("listen-client-urls", client.clone()),
            ("advertise-client-urls", client),
            ("listen-peer-urls", peer.clone()),
            ("initial-advertise-peer-urls", peer.clone()),
            ("initial-cluster", format!("m1={peer}")),
            ("cert-file", stage.word("server.crt")),
            ("key-file", stage.word("server.key")),
            ("trusted-ca-file", stage.word("ca.crt")),
            ("client-cert-auth", "true".to_owned()),
            ("peer-cert-file", stage.word("peer.crt")),
            ("peer-key-file", stage.word("peer.key")),
            ("peer-trusted-ca-file", stage.word("ca.crt")),
            ("peer-client-cert-auth", "true".to_owned()),
            ("logger", "zap".to_owned()),
            ("heartbeat-interval", "20".to_owned()),
            ("election-timeout", "200".to_owned()),
        ] {
            stage.set(flag, value);
        }
        if etcd.release().has(Feature::UnsafeNoFsync) {
            stage.set("unsafe-no-fsync", "true");
        }
        stage
    }

    pub(crate) fn client_url(&self) -> String {
        format!("https://127.0.0.1:{}", self.client.number())
    }

    pub(crate) fn peer_url(&self) -> String {
        format!("https://127.0.0.1:{}", self.peer.number())
    }

    /// Sets a flag, without its dashes, over what it was.
    pub(crate) fn set(&mut self, flag: &str, value: impl Into<String>) {
        self.flags.retain(|(known, _)| known != flag);
        self.flags.push((flag.to_owned(), value.into()));
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The same, as a flag's value.
    pub(crate) fn word(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    pub(crate) fn write(&self, name: &str, contents: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), contents).unwrap();
    }

    pub(crate) fn issue(&self, leaf: Leaf) -> Identity {
        self.authority.issue(&leaf).unwrap()
    }

    /// Writes `stem.crt` and `stem.key`, over what is there.
    pub(crate) fn put(&self, stem: &str, identity: &Identity) {
        identity.replace(self.directory.path(), stem).unwrap();
    }

    /// The command line.
    pub(crate) fn arguments(&self) -> Vec<String> {
        self.flags.iter().map(|(flag, value)| format!("--{flag}={value}")).collect()
    }

    /// Starts it and waits until it serves.
    pub(crate) fn start(&self) -> RawEtcd {
        let mut environment = Vec::new();
        if cfg!(target_arch = "aarch64") && !self.etcd.release().has(Feature::Arm64) {
            environment.push(("ETCD_UNSUPPORTED_ARCH".to_owned(), "arm64".to_owned()));
        }
        let log = self.path("log");
        let mut etcd = RawEtcd::start(self.etcd.path(), &self.arguments(), &environment, &log);
        etcd.wait_for_output("serving client traffic");
        etcd
    }
}

/// What is judged, and what is known of it.
impl Stage {
    /// All that is known of the member, and a client of the authority.
    pub(crate) fn description(&self) -> Description {
        self.put("client", &self.issue(Leaf::client("client")));
        let client = (self.path("client.crt"), self.path("client.key"));
        self.description_with(&self.arguments(), Some(client))
    }

    pub(crate) fn description_with(
        &self,
        arguments: &[String],
        client: Option<(PathBuf, PathBuf)>,
    ) -> Description {
        let version = self.etcd.version();
        let mut description = Description::new(version, OffsetDateTime::now_utc());
        let member = look::arguments(arguments, [], self.directory.path(), version);
        description.members.push(member.unwrap());
        let authority = self.path("ca.crt");
        let (certificate, key) = client.unzip();
        description.clients.push(look::client(
            Vec::new(),
            Some(&authority),
            certificate.as_deref(),
            key.as_deref(),
        ));
        description
    }

    /// Both of its ports.
    pub(crate) fn targets(&self) -> [Target; 2] {
        let target = |url: String, port| {
            let url = url.parse().unwrap();
            Target { url, port, member: Some("m1".to_owned()) }
        };
        [target(self.client_url(), Port::Client), target(self.peer_url(), Port::Peer)]
    }

    /// What is found of `description` when its ports are asked.
    pub(crate) async fn examine(&self, mut description: Description) -> Vec<Finding> {
        description.answers = ask_all(&description, &self.targets()).await.answers;
        examine(&description)
    }

    /// The same without the files of the member.
    pub(crate) async fn examine_ports(&self, mut description: Description) -> Vec<Finding> {
        description.members.clear();
        self.examine(description).await
    }

    /// Sees that exactly `rule` is found, with all of `said` in what it means.
    pub(crate) async fn found(
        &self,
        description: Description,
        rule: Rule,
        severity: Severity,
        said: &[&str],
    ) {
        only(&self.examine(description).await, rule, severity, said);
    }

    /// Sees that a member as it should be has no findings when its ports are asked.
    pub(crate) async fn is_cured_of(&self, rule: Rule) {
        let running = self.start();
        let findings = self.examine(self.description()).await;
        assert_eq!(findings, [], "after the fix of {rule}");
        drop(running);
    }
}

/// Sees that there is one finding, of `rule`.
pub(crate) fn only(findings: &[Finding], rule: Rule, severity: Severity, said: &[&str]) {
    let [finding] = findings else { panic!("not {rule} alone: {findings:#?}") };
    assert_eq!((finding.rule, finding.severity), (rule, severity), "{finding:#?}");
    for text in said {
        assert!(finding.meaning.contains(text), "not {text:?} in {finding:#?}");
    }
}
