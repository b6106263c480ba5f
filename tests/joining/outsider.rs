//! An etcd that wants into a fleet that forms by discovery, and was not asked.

use std::path::Path;

use tercet_cluster::plan::{Address, DiscoveryService, Entry, MemberSpec};
use tercet_harness::{Cluster, Joining};
use tercet_tests::{Port, RawEtcd};

/// One more than the fleet is to have, planned as its members are.
pub(crate) struct Outsider {
    pub(crate) arguments: Vec<String>,
    pub(crate) environment: Vec<(String, String)>,
    program: std::path::PathBuf,
    output: std::path::PathBuf,
    _ports: [Port; 2],
}

/// The discovery that was started for `cluster`, as its members were told of it.
pub(crate) fn service(cluster: &Cluster) -> DiscoveryService {
    match cluster.plan().spec().way_of_joining() {
        Joining::Through(service) => service.clone(),
        other => panic!("it is {other:?}"),
    }
}

impl Outsider {
    /// It comes to `cluster` by `service`, and has certificates like a member's.
    pub(crate) fn new(cluster: &Cluster, service: DiscoveryService) -> Self {
        let ports = [Port::hold(), Port::hold()];
        let address = Address::loopback(ports[0].number(), ports[1].number());
        let entry = Entry::Discovery { service };
        let spec = MemberSpec::new("outsider", address, cluster.binary().release(), entry);
        let plan = cluster.plan().member(spec).unwrap();
        let certificates = cluster.plan().certificates();
        if certificates.exists() {
            copy(&certificates.join("m1"), &certificates.join("outsider"));
        }
        std::fs::create_dir(plan.directory()).unwrap();
        let text = |word: &std::ffi::OsString| word.to_str().unwrap().to_owned();
        Self {
            // The port is not shared by etcd's own means, but as on 3.4.
            arguments: plan
                .arguments()
                .iter()
                .map(text)
                .filter(|word| !word.starts_with("--socket-reuse-port"))
                .collect(),
            environment: plan.environment().iter().map(|(k, v)| (text(k), text(v))).collect(),
            program: cluster.binary().path().to_owned(),
            output: plan.directory().join("output"),
            _ports: ports,
        }
    }

    pub(crate) fn without(mut self, flag: &str) -> Self {
        let before = self.arguments.len();
        self.arguments.retain(|word| !word.starts_with(&format!("--{flag}=")));
        assert_eq!(self.arguments.len() + 1, before, "it had --{flag}");
        self
    }

    pub(crate) fn start(&self) -> RawEtcd {
        RawEtcd::start(&self.program, &self.arguments, &self.environment, &self.output)
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
}
