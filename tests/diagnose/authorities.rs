//! What a member holds in its memory, and what its files have by now.

use tercet_cluster::diagnose::Diagnosis;
use tercet_harness::{Cluster, Timing};
use tercet_pki::doctor::{Rule, Severity};
use tercet_pki::{Authority, IdentityFiles, LOOPBACK_HOSTS, Leaf};
use tercet_tests::{available, of_minor};

use crate::leaves::{Swapped, found};

const IN_MEMORY: Rule = Rule::AuthorityInMemory;

fn every_port_waits_for_a_restart(diagnosis: &Diagnosis, severity: Severity) {
    let expected = ["m1", "m2", "m3"].map(|name| (IN_MEMORY, severity, Some(name)));
    assert_eq!(found(diagnosis), expected, "{diagnosis}");
}

/// A bundle with one more authority: nothing fails, and a restart is pending until it is done.
#[tokio::test]
async fn a_restart_is_pending_until_it_is_done() {
    for etcd in available() {
        let cluster = Cluster::builder().binary(etcd.path()).timing(Timing::Ci);
        let cluster = cluster.start().await.unwrap();
        let file = &cluster.plan().files().ca;
        let new = Authority::generate("next CA").unwrap();
        let old = std::fs::read_to_string(file).unwrap();

        // Written anew with what it has: nobody needs a restart, whatever the time of the file.
        std::fs::write(file, &old).unwrap();
        let diagnosis = cluster.diagnose().await;
        assert!(diagnosis.is_sound(), "{}:\n{diagnosis}", etcd.version());

        std::fs::write(file, format!("{old}{}", new.certificate_pem())).unwrap();
        let diagnosis = cluster.diagnose().await;
        every_port_waits_for_a_restart(&diagnosis, Severity::Warning);
        let text = diagnosis.findings[0].meaning.clone();
        assert!(text.contains("It does not trust CN=next CA"), "{text}");

        cluster.member(1).restart().await.unwrap();
        let diagnosis = cluster.diagnose().await;
        let whose: Vec<_> = diagnosis.findings.iter().map(|one| one.member.as_deref()).collect();
        assert_eq!(whose, [Some("m1"), Some("m3")], "{diagnosis}");
        for member in [0, 2] {
            cluster.member(member).restart().await.unwrap();
        }
        let diagnosis = cluster.diagnose().await;
        assert!(diagnosis.is_sound(), "{}:\n{diagnosis}", etcd.version());
    }
}

/// All files are of a new authority, and the members still hold the old one. The files are in
/// order, every one of them; what fails is seen at the ports only.
#[tokio::test]
async fn what_files_agree_upon_may_be_unknown_to_those_who_run() {
    for etcd in available() {
        let version = etcd.version();
        let cluster = Cluster::builder().binary(etcd.path()).timing(Timing::Ci);
        let cluster = cluster.start().await.unwrap();
        let files = cluster.plan().files().clone();
        let old = cluster.identities().authority();
        // Another name; and the very same name, which no list of names tells apart.
        for (what, new) in
            [("stranger", old.stranger().unwrap()), ("impostor", old.impostor().unwrap())]
        {
            let diagnosis = cluster.diagnose().await;
            assert!(diagnosis.is_sound(), "{version} before {what}:\n{diagnosis}");

            let issue = |files: &IdentityFiles, leaf: Leaf| {
                Swapped::pair(files, &new.issue(&leaf.hosts(LOOPBACK_HOSTS)).unwrap())
            };
            let mut swapped = vec![
                Swapped::file(&files.ca, new.certificate_pem()),
                issue(&files.client, Leaf::client("client")),
            ];
            for member in cluster.members() {
                let files = member.plan().files();
                swapped.push(issue(&files.server, Leaf::server(member.name())));
                swapped.push(issue(&files.peer, Leaf::peer(member.name())));
            }
            let diagnosis = cluster.diagnose().await;
            every_port_waits_for_a_restart(&diagnosis, Severity::Error);
            drop(swapped);
        }
    }
}

/// Only one member has not been restarted: every link of it fails, and it is told at that member.
#[tokio::test]
async fn one_that_was_forgotten_is_found() {
    let etcd = of_minor(5).unwrap();
    let cluster = Cluster::builder().binary(etcd.path()).timing(Timing::Ci);
    let cluster = cluster.start().await.unwrap();
    let file = &cluster.plan().files().ca;
    let new = Authority::generate("next CA").unwrap();
    let old = std::fs::read_to_string(file).unwrap();
    std::fs::write(file, format!("{old}{}", new.certificate_pem())).unwrap();
    for member in [0, 2] {
        cluster.member(member).restart().await.unwrap();
    }
    // The first goes over to the new authority, which the forgotten one does not know.
    let leaf = Leaf::peer("m1").hosts(LOOPBACK_HOSTS);
    let identity = new.issue(&leaf).unwrap();
    let swapped = Swapped::pair(&cluster.member(0).plan().files().peer, &identity);
    let diagnosis = cluster.diagnose().await;
    let m2 = Some("m2");
    assert_eq!(found(&diagnosis), [(IN_MEMORY, Severity::Error, m2)], "{diagnosis}");
    let text = &diagnosis.findings[0].meaning;
    assert!(text.contains("It fails: m1 → m2, m2 → m1."), "{text}");
    cluster.member(1).restart().await.unwrap();
    let diagnosis = cluster.diagnose().await;
    assert!(diagnosis.is_sound(), "{diagnosis}");
    drop(swapped);
}
