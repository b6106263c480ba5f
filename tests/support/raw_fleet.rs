//! A fleet of etcds with arguments that a test may spoil: its files, and the command lines of its
//! members, which are sound until a test changes something.

use std::path::{Path, PathBuf};
use std::time::Instant;

use tercet_cluster::binary::{Binary, Feature, Version};
use tercet_pki::{Fleet, FleetFiles, LOOPBACK_HOSTS, Leaf};

use crate::{PATIENCE, Port, RawEtcd, command};

/// What a member is started with.
#[derive(Clone, Debug, Default)]
pub struct Words {
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Its environment.
    pub environment: Vec<(String, String)>,
}

impl Words {
    /// The words of a sound member with mutual TLS to everyone: the member with this index of
    /// `files`, listening on these ports, clients' first.
    #[must_use]
    pub fn sound(
        etcd: &Binary,
        files: &FleetFiles,
        directory: &Path,
        index: usize,
        ports: &[(Port, Port)],
    ) -> Self {
        let url = |port: &Port| format!("https://127.0.0.1:{}", port.number());
        let name = |index: usize| format!("m{}", index + 1);
        let cluster = ports.iter().enumerate();
        let cluster: Vec<_> =
            cluster.map(|(index, (_, peer))| format!("{}={}", name(index), url(peer))).collect();
        let (client, peer) = &ports[index];
        let (name, files) = (name(index), &files.members[index]);
        let path = |path: &Path| path.display().to_string();
        let mut words = Self::default();
        words.set("--name", &name);
        words.set("--data-dir", path(&directory.join(format!("{name}.etcd"))));
        words.set("--listen-client-urls", url(client));
        words.set("--advertise-client-urls", url(client));
        words.set("--listen-peer-urls", url(peer));
        words.set("--initial-advertise-peer-urls", url(peer));
        words.set("--initial-cluster", cluster.join(","));
        words.set("--cert-file", path(&files.server.certificate));
        words.set("--key-file", path(&files.server.key));
        words.set("--trusted-ca-file", path(&directory.join("ca.crt")));
        words.set("--client-cert-auth", "true");
        words.set("--peer-cert-file", path(&files.peer.certificate));
        words.set("--peer-key-file", path(&files.peer.key));
        words.set("--peer-trusted-ca-file", path(&directory.join("ca.crt")));
        words.set("--peer-client-cert-auth", "true");
        words.set("--heartbeat-interval", "20");
        words.set("--election-timeout", "200");
        if etcd.release().has(Feature::UnsafeNoFsync) {
            words.set("--unsafe-no-fsync", "true");
        }
        words.set("--logger", "zap");
        if cfg!(target_arch = "aarch64") && !etcd.release().has(Feature::Arm64) {
            words.environment.push(("ETCD_UNSUPPORTED_ARCH".to_owned(), "arm64".to_owned()));
        }
        words
    }

    /// Sets a flag, over what it was.
    pub fn set(&mut self, flag: &str, value: impl AsRef<str>) {
        let word = format!("{flag}={}", value.as_ref());
        match self.position(flag) {
            Some(index) => self.arguments[index] = word,
            None => self.arguments.push(word),
        }
    }

    /// Takes a flag away.
    pub fn unset(&mut self, flag: &str) {
        if let Some(index) = self.position(flag) {
            self.arguments.remove(index);
        }
    }

    /// What a flag is set to.
    ///
    /// # Panics
    ///
    /// When it is not.
    #[must_use]
    pub fn get(&self, flag: &str) -> &str {
        let index = self.position(flag).unwrap_or_else(|| panic!("{flag} is not set"));
        self.arguments[index].split_once('=').map_or("", |(_, value)| value)
    }

    fn position(&self, flag: &str) -> Option<usize> {
        self.arguments.iter().position(|word| word.split('=').next() == Some(flag))
    }
}

/// Members that a test starts one by one, and their files.
#[derive(Debug)]
pub struct RawFleet {
    /// Where all files are.
    pub directory: tempfile::TempDir,
    /// What runs.
    pub etcd: Binary,
    /// The authority and all that it issued.
    pub identities: Fleet,
    /// What each member is started with.
    pub members: Vec<Words>,
    ports: Vec<(Port, Port)>,
}

impl RawFleet {
    /// A sound fleet of `size` members, called `m1` and so on, of which none runs yet.
    ///
    /// # Panics
    ///
    /// When its files cannot be made.
    #[must_use]
    pub fn new(etcd: &Binary, size: usize) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let names: Vec<_> = (1..=size).map(|number| format!("m{number}")).collect();
        let builder = names.iter().fold(Fleet::builder(), |builder, name| {
            builder.member(name, LOOPBACK_HOSTS.iter().copied())
        });
        let identities = builder.build().expect("identities");
        let files = identities.write(directory.path()).expect("their files");
        let ports: Vec<_> = names.iter().map(|_| (Port::hold(), Port::hold())).collect();
        let members = (0..size)
            .map(|index| Words::sound(etcd, &files, directory.path(), index, &ports))
            .collect();
        Self { directory, etcd: etcd.clone(), identities, members, ports }
    }

    /// The version that runs.
    #[must_use]
    pub fn version(&self) -> Version {
        self.etcd.version()
    }

    /// A file of the fleet.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The same, as a flag's value.
    #[must_use]
    pub fn word(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    /// What a file says.
    ///
    /// # Panics
    ///
    /// When it cannot be read.
    #[must_use]
    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).expect("it is there")
    }

    /// Writes a file.
    ///
    /// # Panics
    ///
    /// When it cannot be written.
    pub fn write(&self, name: &str, contents: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), contents).expect("it is written");
    }

    /// Puts a leaf of the fleet's authority into `directory/stem.crt` and `.key`, over what is
    /// there.
    ///
    /// # Panics
    ///
    /// When it cannot be issued or written.
    pub fn put(&self, directory: &str, stem: &str, leaf: &Leaf) {
        let identity = self.identities.issue(leaf).expect("it is issued");
        identity.replace(self.path(directory), stem).expect("it is written");
    }

    /// Sets a flag of all members.
    pub fn set(&mut self, flag: &str, value: impl AsRef<str>) {
        for words in &mut self.members {
            words.set(flag, value.as_ref());
        }
    }

    /// The port of a member for clients, and that for peers.
    #[must_use]
    pub fn ports(&self, index: usize) -> (u16, u16) {
        let (client, peer) = &self.ports[index];
        (client.number(), peer.number())
    }

    /// Starts a member as it is now, and waits for nothing. What it prints goes to `m1.log` and so
    /// on, over what an earlier run of it printed.
    #[must_use]
    pub fn start(&self, index: usize) -> RawEtcd {
        let words = &self.members[index];
        let log = self.path(&format!("m{}.log", index + 1));
        RawEtcd::start(self.etcd.path(), &words.arguments, &words.environment, &log)
    }

    /// Starts all members as they are now, and waits until each serves clients.
    #[must_use]
    pub fn start_all(&self) -> Vec<RawEtcd> {
        let mut etcds: Vec<_> = (0..self.members.len()).map(|index| self.start(index)).collect();
        etcds.iter_mut().for_each(wait_until_serving);
        etcds
    }

    /// Throws away what a member has stored, if it has: one that was ended early has nothing yet.
    ///
    /// # Panics
    ///
    /// When it stays.
    pub fn throw_data_away(&self, index: usize) {
        let thrown = std::fs::remove_dir_all(self.members[index].get("--data-dir"));
        let is_gone = |error: &std::io::Error| error.kind() == std::io::ErrorKind::NotFound;
        assert!(thrown.as_ref().err().is_none_or(is_gone), "{thrown:?}");
    }

    /// Runs etcdctl as the fleet's client against one member: what it printed, on success or
    /// failure.
    ///
    /// # Errors
    ///
    /// What it printed, when it failed.
    ///
    /// # Panics
    ///
    /// When there is no etcdctl beside etcd.
    pub fn etcdctl(&self, index: usize, words: &[&str]) -> Result<String, String> {
        let mut command = command(self.etcd.etcdctl().expect("an etcdctl beside etcd"));
        // Version 3 is the default from 3.4 on, but for the 3.4 of Debian.
        command.env_clear().env("ETCDCTL_API", "3").args(words);
        command.args(["--dial-timeout=2s", "--command-timeout=5s"]);
        command.arg("--endpoints").arg(self.members[index].get("--advertise-client-urls"));
        command.arg("--cacert").arg(self.path("ca.crt"));
        command.arg("--cert").arg(self.path("client.crt"));
        command.arg("--key").arg(self.path("client.key"));
        let output = command.output().expect("etcdctl runs");
        let text =
            String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        if output.status.success() { Ok(text.into_owned()) } else { Err(text.into_owned()) }
    }

    /// The same, tried until it succeeds.
    ///
    /// # Panics
    ///
    /// With what it printed last, when it has not after [`PATIENCE`].
    pub fn etcdctl_succeeds(&self, index: usize, words: &[&str]) -> String {
        let begin = Instant::now();
        loop {
            match self.etcdctl(index, words) {
                Ok(text) => return text,
                Err(text) => assert!(begin.elapsed() < PATIENCE, "etcdctl {words:?}: {text}"),
            }
        }
    }

    /// The id of a member in hexadecimal, as a running one tells it.
    ///
    /// # Panics
    ///
    /// When no member has that name.
    #[must_use]
    pub fn id(&self, asked: usize, name: &str) -> String {
        let list = self.etcdctl_succeeds(asked, &["member", "list"]);
        let line = list.lines().find(|line| line.split(", ").nth(2) == Some(name));
        let line = line.unwrap_or_else(|| panic!("no {name} in {list}"));
        line.split(", ").next().unwrap_or_default().to_owned()
    }
}

/// Waits until an etcd serves clients, whichever version it is.
pub fn wait_until_serving(etcd: &mut RawEtcd) {
    etcd.wait_for_output("serving client traffic");
}
