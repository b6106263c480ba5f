//! Descriptions for tests: members by their command lines, files by their contents.

use std::collections::BTreeMap;
use std::path::PathBuf;

use time::{Duration, OffsetDateTime};
use zeroize::Zeroizing;

use crate::doctor::live::Answer;
use crate::doctor::{
    Client, Description, File, FileState, Finding, Member, Rule, Settings, Severity, examine,
};
use crate::etcd::{Go, Version};
use crate::{Authority, Fleet, Identity, Layout, Leaf};

/// A fleet being put together.
pub(crate) struct Lab {
    pub(crate) etcd: Version,
    pub(crate) go: Option<Go>,
    pub(crate) now: OffsetDateTime,
    pub(crate) files: BTreeMap<PathBuf, FileState>,
    pub(crate) members: Vec<(Settings, Option<OffsetDateTime>)>,
    pub(crate) clients: Vec<Client>,
    pub(crate) loose: Vec<PathBuf>,
    pub(crate) answers: Vec<Answer>,
}

impl Lab {
    pub(crate) fn new(etcd: &str) -> Self {
        Self {
            etcd: etcd.parse().unwrap(),
            go: None,
            now: OffsetDateTime::now_utc(),
            files: BTreeMap::new(),
            members: Vec::new(),
            clients: Vec::new(),
            loose: Vec::new(),
            answers: Vec::new(),
        }
    }

    /// A sound fleet of one member at 10.0.0.1, called `infra1`, with the files `ca.crt`,
    /// `server.crt`, `peer.crt`, `client.crt` and their keys; and who signed them.
    pub(crate) fn sound(etcd: &str) -> (Self, Authority) {
        let authority = Authority::generate("lab CA").unwrap();
        let mut lab = Self::new(etcd);
        lab.write("ca.crt", authority.certificate_pem());
        let hosts = ["localhost", "127.0.0.1", "::1", "10.0.0.1"];
        lab.identity("server", &authority.issue(&Leaf::server("infra1").hosts(hosts)).unwrap());
        lab.identity("peer", &authority.issue(&Leaf::peer("infra1").hosts(hosts)).unwrap());
        lab.identity("client", &authority.issue(&Leaf::client("alice")).unwrap());
        (lab, authority)
    }

    pub(crate) fn write(&mut self, path: &str, contents: impl Into<Vec<u8>>) {
        self.write_with(path, contents, 0o644);
    }

    pub(crate) fn write_with(&mut self, path: &str, contents: impl Into<Vec<u8>>, mode: u32) {
        let state = FileState::Present {
            contents: Zeroizing::new(contents.into()),
            mode: Some(mode),
            modified: Some(self.now - Duration::days(1)),
        };
        self.files.insert(path.into(), state);
    }

    pub(crate) fn identity(&mut self, stem: &str, identity: &Identity) {
        self.write(&format!("{stem}.crt"), identity.chain_pem());
        self.write_with(&format!("{stem}.key"), identity.key_pem(), 0o600);
    }

    /// A member with the words of a command line, split at spaces.
    pub(crate) fn member(&mut self, words: &str) -> &mut Self {
        self.member_with(words, &[])
    }

    pub(crate) fn member_with(&mut self, words: &str, environment: &[(&str, &str)]) -> &mut Self {
        let environment = environment.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        let environment: Vec<_> = environment.collect();
        let settings =
            Settings::from_arguments(words.split_whitespace(), environment, self.etcd).unwrap();
        self.members.push((settings, None));
        self
    }

    /// The sound member of [`Self::sound`], with more words, which count over those before them.
    pub(crate) fn infra1(&mut self, words: &str) -> &mut Self {
        self.member(&format!("{SOUND} {words}"))
    }

    /// A member with a configuration file.
    pub(crate) fn configured(&mut self, yaml: &str) -> &mut Self {
        let settings = Settings::from_config_file("etcd.yaml", yaml.as_bytes(), self.etcd).unwrap();
        self.members.push((settings, None));
        self
    }

    pub(crate) fn client(&mut self, authority: &str, certificate: &str, key: &str) -> &mut Self {
        let file = |path: &str| (!path.is_empty()).then(|| self.file(path.into()));
        let client = Client {
            urls: Vec::new(),
            trusted_ca_file: file(authority),
            cert_file: file(certificate),
            key_file: file(key),
        };
        self.clients.push(client);
        self
    }

    fn file(&self, path: PathBuf) -> File {
        let state = self.files.get(&path).cloned().unwrap_or(FileState::Missing);
        File { path, state }
    }

    pub(crate) fn describe(&self) -> Description {
        let members = self.members.iter().map(|(settings, started)| {
            let paths = [&settings.client, &settings.peer].into_iter().flat_map(|side| {
                [
                    &side.cert_file,
                    &side.key_file,
                    &side.client_cert_file,
                    &side.client_key_file,
                    &side.trusted_ca_file,
                    &side.crl_file,
                ]
            });
            let mut paths: Vec<_> = paths.flatten().cloned().collect();
            paths.sort();
            paths.dedup();
            let files = paths.into_iter().map(|path| self.file(path)).collect();
            Member { settings: settings.clone(), files, started: *started }
        });
        Description {
            etcd: self.etcd,
            go: self.go,
            now: self.now,
            members: members.collect(),
            clients: self.clients.clone(),
            loose: self.loose.iter().map(|path| self.file(path.clone())).collect(),
            answers: self.answers.clone(),
        }
    }

    pub(crate) fn examine(&self) -> Vec<Finding> {
        examine(&self.describe())
    }

    /// Which rules fired, and how badly.
    pub(crate) fn fired(&self) -> Vec<(Rule, Severity)> {
        self.examine().iter().map(|finding| (finding.rule, finding.severity)).collect()
    }
}

/// The flags of a sound member at 10.0.0.1.
pub(crate) const SOUND: &str = "--name=infra1 \
    --listen-client-urls=https://10.0.0.1:2379 --advertise-client-urls=https://10.0.0.1:2379 \
    --listen-peer-urls=https://10.0.0.1:2380 --initial-advertise-peer-urls=https://10.0.0.1:2380 \
    --initial-cluster=infra1=https://10.0.0.1:2380 \
    --cert-file=server.crt --key-file=server.key --trusted-ca-file=ca.crt --client-cert-auth=true \
    --peer-cert-file=peer.crt --peer-key-file=peer.key --peer-trusted-ca-file=ca.crt \
    --peer-client-cert-auth=true";

/// A sound fleet on this machine, with the flags that `tercet-cluster` starts its members with.
pub(crate) fn fleet(etcd: &str, layout: Layout, size: usize) -> Lab {
    let names: Vec<_> = (1..=size).map(|index| format!("infra{index}")).collect();
    let fleet = Fleet::builder().layout(layout).members(names.clone()).build().unwrap();
    let mut lab = Lab::new(etcd);
    let files = fleet.files("pki");
    let text = |path: &PathBuf| path.to_str().unwrap().to_owned();
    lab.write(&text(&files.ca), fleet.authority().certificate_pem());
    lab.write(&text(&files.client.certificate), fleet.client().chain_pem());
    lab.write_with(&text(&files.client.key), fleet.client().key_pem(), 0o600);
    let peers = names.iter().enumerate();
    let peers = peers.map(|(index, name)| format!("{name}=https://127.0.0.1:{}", 23801 + index));
    let cluster = peers.collect::<Vec<_>>().join(",");
    for (index, (member, files)) in fleet.members().zip(&files.members).enumerate() {
        for (identity, paths) in [(member.server(), &files.server), (member.peer(), &files.peer)] {
            lab.write(&text(&paths.certificate), identity.chain_pem());
            lab.write_with(&text(&paths.key), identity.key_pem(), 0o600);
        }
        let (client, peer) = (23791 + index, 23801 + index);
        lab.member(&format!(
            "--name={name} --data-dir=run/{name} --listen-client-urls=https://127.0.0.1:{client} \
             --advertise-client-urls=https://127.0.0.1:{client} \
             --listen-peer-urls=https://127.0.0.1:{peer} \
             --initial-advertise-peer-urls=https://127.0.0.1:{peer} --initial-cluster={cluster} \
             --initial-cluster-token=token --initial-cluster-state=new --cert-file={} \
             --key-file={} --trusted-ca-file=pki/ca.crt --client-cert-auth=true \
             --peer-cert-file={} --peer-key-file={} --peer-trusted-ca-file=pki/ca.crt \
             --peer-client-cert-auth=true --heartbeat-interval=100 --election-timeout=1000 \
             --pre-vote=true --logger=zap --log-level=info",
            files.server.certificate.display(),
            files.server.key.display(),
            files.peer.certificate.display(),
            files.peer.key.display(),
            name = member.name(),
        ));
    }
    lab.client("pki/ca.crt", "pki/client.crt", "pki/client.key");
    lab
}
