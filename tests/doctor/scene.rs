//! A fleet that a test may break: its files, and the command lines that its members are started
//! with.

use std::path::PathBuf;

use tercet_cluster::binary::{Binary, Locator, Request, Version};
use tercet_pki::{Fleet, LOOPBACK_HOSTS, Leaf};
use tercet_tests::{Port, Words};

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
        let members = (0..size)
            .map(|index| Words::sound(&etcd, &files, directory.path(), index, &ports))
            .collect();
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
