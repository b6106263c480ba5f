//! Faults of leaves that are swapped in while the fleet runs: each is found, and nothing besides it,
//! and gone when it is mended.

use std::path::Path;

use tercet_cluster::diagnose::Diagnosis;
use tercet_harness::{Cluster, Timing};
use tercet_pki::doctor::{Description, Finding, Rule, Severity, examine};
use tercet_pki::etcd::Version;
use tercet_pki::{Identity, IdentityFiles, LOOPBACK_HOSTS, Leaf};
use tercet_tests::available;

/// What was found: the rules, how bad, and whose.
pub(crate) fn found(diagnosis: &Diagnosis) -> Vec<(Rule, Severity, Option<&str>)> {
    let findings = diagnosis.findings.iter();
    findings.map(|one| (one.rule, one.severity, one.member.as_deref())).collect()
}

/// Puts a pair where another one is, and back when it is dropped.
#[derive(Debug)]
pub(crate) struct Swapped(Vec<(std::path::PathBuf, Vec<u8>)>);

impl Swapped {
    pub(crate) fn pair(files: &IdentityFiles, identity: &Identity) -> Self {
        let swapped = Self::keeping([&*files.certificate, &*files.key]);
        std::fs::write(&files.key, identity.key_pem()).unwrap();
        std::fs::write(&files.certificate, identity.chain_pem()).unwrap();
        swapped
    }

    pub(crate) fn file(path: &Path, contents: impl AsRef<[u8]>) -> Self {
        let swapped = Self::keeping([path]);
        std::fs::write(path, contents).unwrap();
        swapped
    }

    fn keeping<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Self {
        let kept = paths.into_iter().map(|path| (path.to_owned(), std::fs::read(path).unwrap()));
        Self(kept.collect())
    }
}

impl Drop for Swapped {
    fn drop(&mut self) {
        for (path, contents) in &self.0 {
            std::fs::write(path, contents).unwrap();
        }
    }
}

/// What the answers alone say, with or without what the members logged of them.
fn of_ports(diagnosis: &Diagnosis, version: Version, logged: bool) -> Vec<Finding> {
    let mut ports = Description::new(version, time::OffsetDateTime::now_utc());
    ports.answers = diagnosis.answers.clone();
    if !logged {
        ports.answers.iter_mut().for_each(|answer| answer.logged = None);
    }
    examine(&ports)
}

#[tokio::test]
async fn each_fault_of_a_leaf_is_found_where_it_is() {
    for etcd in available() {
        let version = etcd.version();
        let cluster = Cluster::builder().binary(etcd.path()).timing(Timing::Ci);
        let cluster = cluster.start().await.unwrap();
        let identities = cluster.identities();
        let issue = |leaf: Leaf| identities.issue(&leaf).unwrap();
        let loopback = |leaf: Leaf| leaf.hosts(LOOPBACK_HOSTS);
        let stranger = identities.authority().stranger().unwrap();
        let impostor = identities.authority().impostor().unwrap();
        let (one, two) = (cluster.member(0), cluster.member(1));
        let server = &one.plan().files().server;
        let peer = &two.plan().files().peer;
        let client = &cluster.plan().files().client;
        let m1 = Some(one.name());
        let m2 = Some(two.name());

        let faults = [
            (
                "server expired",
                server,
                issue(loopback(Leaf::server("m1")).expired()),
                Rule::Expired,
                m1,
            ),
            (
                "server early",
                server,
                issue(loopback(Leaf::server("m1")).not_yet_valid()),
                Rule::NotYetValid,
                m1,
            ),
            (
                "server elsewhere",
                server,
                issue(Leaf::server("m1").host("elsewhere.example")),
                Rule::HostNotNamed,
                m1,
            ),
            (
                "server of a stranger",
                server,
                stranger.issue(&loopback(Leaf::server("m1"))).unwrap(),
                Rule::WrongAuthority,
                m1,
            ),
            (
                "server not for servers",
                server,
                issue(loopback(Leaf::server("m1")).client_only()),
                Rule::ServerNotServer,
                m1,
            ),
            ("peer expired", peer, issue(loopback(Leaf::peer("m2")).expired()), Rule::Expired, m2),
            (
                "peer of a stranger",
                peer,
                stranger.issue(&loopback(Leaf::peer("m2"))).unwrap(),
                Rule::WrongAuthority,
                m2,
            ),
            (
                "peer of an impostor",
                peer,
                impostor.issue(&loopback(Leaf::peer("m2"))).unwrap(),
                Rule::AuthorityRegenerated,
                m2,
            ),
            (
                "peer cannot dial",
                peer,
                issue(loopback(Leaf::peer("m2")).server_only()),
                Rule::PeerUsageMissing,
                m2,
            ),
            (
                "peer cannot be dialled",
                peer,
                issue(loopback(Leaf::peer("m2")).client_only()),
                Rule::PeerUsageMissing,
                m2,
            ),
            (
                "client expired",
                client,
                issue(Leaf::client("client").expired()),
                Rule::Expired,
                None,
            ),
            (
                "client of a stranger",
                client,
                stranger.issue(&Leaf::client("client")).unwrap(),
                Rule::WrongAuthority,
                None,
            ),
            (
                "client cannot dial",
                client,
                issue(Leaf::client("client").server_only()),
                Rule::ClientNotClient,
                None,
            ),
        ];
        for (what, files, identity, rule, member) in faults {
            let diagnosis = cluster.diagnose().await;
            assert!(diagnosis.is_sound(), "{version}, before {what}:\n{diagnosis}");
            let swapped = Swapped::pair(files, &identity);
            let diagnosis = cluster.diagnose().await;
            assert_eq!(
                found(&diagnosis),
                [(rule, Severity::Error, member)],
                "{version} {what}:\n{diagnosis}"
            );
            // Who has the logs need not have the files; who has neither says no more than is known.
            let ports = of_ports(&diagnosis, version, true);
            let is_shown_only = what == "server of a stranger";
            assert_eq!(ports.is_empty(), is_shown_only, "{version} {what}: {ports:#?}");
            assert!(ports.iter().all(|one| one.rule == rule), "{version} {what}: {ports:#?}");
            let ports = of_ports(&diagnosis, version, false);
            assert_eq!(ports.is_empty(), is_shown_only, "{version} {what}: {ports:#?}");
            let is_known = |one: &Finding| [rule, Rule::RefusedUnexplained].contains(&one.rule);
            assert!(ports.iter().all(is_known), "{version} {what}: {ports:#?}");
            drop(swapped);
        }
        let diagnosis = cluster.diagnose().await;
        assert!(diagnosis.is_sound(), "{version}, at last:\n{diagnosis}");
    }
}
