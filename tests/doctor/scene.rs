//! A fleet that a test may break: its files, and the command lines that its members are started
//! with.

use std::path::{Path, PathBuf};

use tercet_cluster::binary::{Binary, Feature, Locator, Request, Version};
use tercet_pki::{Fleet, LOOPBACK_HOSTS, Leaf};
use tercet_tests::Port;

use crate::openssl::Openssl;
use crate::running::Running;

/// Members and a client, sound until a test changes something.
#[derive(Debug)]
pub(crate) struct Scene {
    /// Where all files are.
    pub(crate) directory: tempfile::TempDir,
    /// What runs.
    pub(crate) etcd: Binary,
    /// The authority and all that it issued, as they were at the beginning.
    pub(crate) fleet: Fleet,
    /// The members.
    pub(crate) members: Vec<Words>,
    /// What the client is given.
    pub(crate) client: Client,
    /// Held as long as the scene.
    pub(crate) ports: Vec<(Port, Port)>,
}

/// What a member is started with.
#[derive(Clone, Debug, Default)]
pub(crate) struct Words {
    /// Its arguments.
    pub(crate) arguments: Vec<String>,
    /// Its environment.
    pub(crate) environment: Vec<(String, String)>,
}

impl Words {
    /// Sets a flag, over what it was.
    pub(crate) fn set(&mut self, flag: &str, value: impl AsRef<str>) {
        let word = format!("{flag}={}", value.as_ref());
        match self.position(flag) {
            Some(index) => self.arguments[index] = word,
            None => self.arguments.push(word),
        }
    }

    /// Takes a flag away.
    pub(crate) fn unset(&mut self, flag: &str) {
        if let Some(index) = self.position(flag) {
            self.arguments.remove(index);
        }
    }

    /// What a flag is set to.
    pub(crate) fn get(&self, flag: &str) -> &str {
        let index = self.position(flag).unwrap_or_else(|| panic!("{flag} is not set"));
        self.arguments[index].split_once('=').map_or("", |(_, value)| value)
    }

    fn position(&self, flag: &str) -> Option<usize> {
        self.arguments.iter().position(|word| word.split('=').next() == Some(flag))
    }
}

/// What a client is given.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    pub(crate) urls: Vec<String>,
    pub(crate) trusted_ca_file: Option<PathBuf>,
    pub(crate) identity: Option<(PathBuf, PathBuf)>,
}

impl Scene {
    /// A sound fleet of `size` members, called `m1` and so on.
    pub(crate) fn new(size: usize) -> Self {
        Self::of(size, &LOOPBACK_HOSTS)
    }

    /// The same with other hosts in the certificates.
    pub(crate) fn of(size: usize, hosts: &[&str]) -> Self {
        let etcd = Locator::from_env().locate(&Request::Default).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let names: Vec<_> = (1..=size).map(|number| format!("m{number}")).collect();
        let builder = names
            .iter()
            .fold(Fleet::builder(), |builder, name| builder.member(name, hosts.iter().copied()));
        let fleet = builder.build().unwrap();
        let files = fleet.write(directory.path()).unwrap();
        fleet.authority().write_key(directory.path().join("ca.key")).unwrap();

        let ports: Vec<_> = names.iter().map(|_| (Port::hold(), Port::hold())).collect();
        let url = |port: &Port| format!("https://127.0.0.1:{}", port.number());
        let cluster: Vec<_> = names
            .iter()
            .zip(&ports)
            .map(|(name, (_, peer))| format!("{name}={}", url(peer)))
            .collect();
        let members =
            names.iter().zip(&ports).zip(&files.members).map(|((name, (client, peer)), files)| {
                let mut words = Words::default();
                let path = |path: &Path| path.display().to_string();
                words.set("--name", name);
                words.set("--data-dir", path(&directory.path().join(format!("{name}.etcd"))));
                words.set("--listen-client-urls", url(client));
                words.set("--advertise-client-urls", url(client));
                words.set("--listen-peer-urls", url(peer));
                words.set("--initial-advertise-peer-urls", url(peer));
                words.set("--initial-cluster", cluster.join(","));
                words.set("--cert-file", path(&files.server.certificate));
                words.set("--key-file", path(&files.server.key));
                words.set("--trusted-ca-file", path(&directory.path().join("ca.crt")));
                words.set("--client-cert-auth", "true");
                words.set("--peer-cert-file", path(&files.peer.certificate));
                words.set("--peer-key-file", path(&files.peer.key));
                words.set("--peer-trusted-ca-file", path(&directory.path().join("ca.crt")));
                words.set("--peer-client-cert-auth", "true");
                words.set("--heartbeat-interval", "20");
                words.set("--election-timeout", "200");
                if etcd.release().has(Feature::UnsafeNoFsync) {
                    words.set("--unsafe-no-fsync", "true");
                }
                words.set("--logger", "zap");
                if cfg!(target_arch = "aarch64") && !etcd.release().has(Feature::Arm64) {
                    let variable = ("ETCD_UNSUPPORTED_ARCH".to_owned(), "arm64".to_owned());
                    words.environment.push(variable);
                }
                words
            });
        let members = members.collect();
        let client = Client {
            urls: ports.iter().map(|(client, _)| url(client)).collect(),
            trusted_ca_file: Some(files.ca),
            identity: Some((files.client.certificate, files.client.key)),
        };
        Self { directory, etcd, fleet, members, client, ports }
    }

    pub(crate) fn version(&self) -> Version {
        self.etcd.version()
    }

    /// A file of the scene.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The same, as a flag's value.
    pub(crate) fn word(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    pub(crate) fn write(&self, name: &str, contents: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), contents).unwrap();
    }

    /// Puts a leaf of the fleet's authority into `directory/stem.crt` and `.key`, over what is
    /// there.
    pub(crate) fn put(&self, directory: &str, stem: &str, leaf: Leaf) {
        self.fleet.issue(&leaf).unwrap().replace(self.path(directory), stem).unwrap();
    }

    /// A sound server certificate over whatever the first member has.
    pub(crate) fn put_sound_server(&self) {
        self.put("m1", "server", Leaf::server("m1").hosts(LOOPBACK_HOSTS));
    }

    /// A sound client certificate over whatever the client has.
    pub(crate) fn put_sound_client(&self) {
        self.put("", "client", Leaf::client("client"));
    }

    /// The fleet's authority in the hands of openssl.
    pub(crate) fn openssl(&self) -> Openssl {
        Openssl::at(self.directory.path(), "ca")
    }

    /// Sets a flag of all members.
    pub(crate) fn set(&mut self, flag: &str, value: impl AsRef<str>) {
        for words in &mut self.members {
            words.set(flag, value.as_ref());
        }
    }

    /// Takes a flag from all members.
    pub(crate) fn unset(&mut self, flag: &str) {
        for words in &mut self.members {
            words.unset(flag);
        }
    }

    /// Starts the members as they are now, from nothing, and waits for nothing.
    pub(crate) fn start(&self) -> Running<'_> {
        Running::start(self)
    }

    /// Starts it, and sees that it works for the client.
    pub(crate) fn works(&self) {
        let mut running = self.start();
        running.client_works();
        running.members_agree();
    }
}

/// Says that a case does not apply, past the capture of a passing test's output.
pub(crate) fn skip(why: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "SKIPPED: {why}");
}
