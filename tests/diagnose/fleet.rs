//! A fleet that something happens to, and one that is busy.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tercet_cluster::TlsOptions;
use tercet_harness::{Cluster, Security, Timing};
use tercet_pki::doctor::live::Ending;
use tercet_pki::doctor::{Rule, Severity};
use tercet_pki::{Leaf, RevocationReason};
use tercet_tests::{available, command};

use crate::leaves::{Swapped, found};

async fn fleet(etcd: &std::path::Path) -> Cluster {
    let builder = Cluster::builder().binary(etcd).timing(Timing::Ci);
    builder.tls(TlsOptions::default().revocation_list()).start().await.unwrap()
}

/// How often the members have logged that they refused somebody.
fn rejections(cluster: &Cluster) -> usize {
    let logs = cluster.members().map(|member| std::fs::read_to_string(member.log()).unwrap());
    logs.map(|log| log.matches("rejected connection").count()).sum()
}

#[tokio::test]
async fn what_happens_to_a_fleet_is_found() {
    for etcd in available() {
        let version = etcd.version();
        let cluster = fleet(etcd.path()).await;
        let before = rejections(&cluster);
        let diagnosis = cluster.diagnose().await;
        assert!(diagnosis.is_sound(), "{version}:\n{diagnosis}");
        assert_eq!(rejections(&cluster), before, "{version}: nobody had to be refused");

        // A key that is another's.
        let (one, two) = (cluster.member(0), cluster.member(1));
        let foreign = std::fs::read(&two.plan().files().server.key).unwrap();
        let swapped = Swapped::file(&one.plan().files().server.key, foreign);
        let diagnosis = cluster.diagnose().await;
        let expected = [(Rule::KeyMismatch, Severity::Error, Some("m1"))];
        assert_eq!(found(&diagnosis), expected, "{version}:\n{diagnosis}");
        drop(swapped);

        // A peer that comes from where it does not say.
        let leaf = cluster.identities().issue(&Leaf::peer("m2").host("10.9.9.9")).unwrap();
        let swapped = Swapped::pair(&two.plan().files().peer, &leaf);
        let diagnosis = cluster.diagnose().await;
        let mut rules: Vec<_> = diagnosis.findings.iter().map(|one| one.rule).collect();
        rules.dedup();
        // It is dialled there as well.
        let expected = [Rule::HostNotNamed, Rule::PeerAddressNotNamed];
        assert_eq!(rules, expected, "{version}:\n{diagnosis}");
        let refused = diagnosis.answers.iter().filter(|one| one.ending == Ending::Closed);
        let logged: Vec<_> = refused.map(|one| one.logged.as_deref().unwrap()).collect();
        assert_eq!(logged, ["x509: certificate is valid for 10.9.9.9, not 127.0.0.1"; 2]);
        drop(swapped);

        cluster.member(2).kill().unwrap();
        let diagnosis = cluster.diagnose().await;
        let expected = [(Rule::PortNotAnswering, Severity::Error, Some("m3"))];
        assert_eq!(found(&diagnosis), expected, "{version}:\n{diagnosis}");
        cluster.member(2).restart().await.unwrap();

        let diagnosis = cluster.diagnose().await;
        assert!(diagnosis.is_sound(), "{version}:\n{diagnosis}");

        // The client's certificate is revoked; etcd only closes the connection.
        let client = cluster.identities().client().certificate();
        cluster.revoke(client, RevocationReason::Superseded).unwrap();
        let diagnosis = cluster.diagnose().await;
        let expected = [(Rule::Revoked, Severity::Error, None)];
        assert_eq!(found(&diagnosis), expected, "{version}:\n{diagnosis}");
        let closed = diagnosis.answers.iter().filter(|one| one.ending == Ending::Closed);
        assert_eq!(closed.count(), 3, "{version}: by every member");
    }
}

/// One that accepts connections, since the kernel does, and says nothing more.
#[tokio::test]
async fn a_member_that_hangs_is_waited_for_no_longer_than_it_may() {
    let cluster = Cluster::builder().timing(Timing::Ci).start().await.unwrap();
    let pid = cluster.member(1).pid().unwrap().to_string();
    let signal = |signal: &str| command("kill").args([signal, &pid]).status().unwrap().success();
    assert!(signal("-STOP"));
    let diagnosis = cluster.diagnose().await;
    assert!(signal("-CONT"));
    let expected = [(Rule::PortNotAnswering, Severity::Error, Some("m2"))];
    assert_eq!(found(&diagnosis), expected, "{diagnosis}");
    assert!(diagnosis.findings[0].meaning.contains("No answer came in time"), "{diagnosis}");
    cluster.wait_until_ready().await.unwrap();
    let diagnosis = cluster.diagnose().await;
    assert!(diagnosis.is_sound(), "{diagnosis}");
}

/// While it serves, and while its certificates are issued anew, it is looked at over and over: no
/// request fails, and nothing is found.
#[tokio::test]
async fn a_busy_fleet_does_not_notice() {
    let cluster = Arc::new(Cluster::builder().timing(Timing::Ci).start().await.unwrap());
    let is_over = Arc::new(AtomicBool::new(false));
    let client = cluster.client().await.unwrap();
    let over = is_over.clone();
    let load = tokio::spawn(async move {
        let mut puts = 0;
        while !over.load(Ordering::Relaxed) {
            client.put("busy", puts.to_string()).await.unwrap();
            puts += 1;
        }
        puts
    });
    let before = rejections(&cluster);
    for round in 0..15 {
        let diagnosis = cluster.diagnose().await;
        assert!(diagnosis.is_sound(), "{round}:\n{diagnosis}");
    }
    assert_eq!(rejections(&cluster), before);
    // A handshake between the two steps of a renewal may be refused; nothing is made of that.
    for round in 0..5 {
        let (rotated, diagnosis) = tokio::join!(cluster.rotate_leaves(), cluster.diagnose());
        rotated.unwrap();
        assert!(diagnosis.is_sound(), "{round}:\n{diagnosis}");
    }
    is_over.store(true, Ordering::Relaxed);
    assert!(load.await.unwrap() > 0, "every put was acknowledged");
}

/// The largest fleet, every link of it: 81 answers.
#[tokio::test]
async fn a_fleet_of_nine() {
    let cluster = Cluster::builder().members(9).timing(Timing::Ci).start().await.unwrap();
    let diagnosis = cluster.diagnose().await;
    assert!(diagnosis.is_sound(), "{diagnosis}");
    assert_eq!(diagnosis.answers.len(), 9 + 9 * 8);
    assert!(diagnosis.answers.iter().all(|answer| answer.ending == Ending::Accepted));
    tercet_tests::say(&format!("nine members, 81 answers in {:?}", diagnosis.took));
}

/// What the fleet was asked to be is not held against it; but it is looked at.
#[tokio::test]
async fn certificates_of_etcds_own_making_are_read() {
    for etcd in available() {
        let builder = Cluster::builder().binary(etcd.path()).security(Security::Auto);
        let cluster = builder.timing(Timing::Ci).start().await.unwrap();
        let diagnosis = cluster.diagnose().await;
        assert!(diagnosis.is_sound(), "{}:\n{diagnosis}", etcd.version());
        for answer in &diagnosis.answers {
            let handshake = answer.handshake.as_ref().unwrap();
            assert_eq!(handshake.chain.len(), 1, "{answer:#?}");
            assert!(handshake.asks_for.is_none(), "{answer:#?}");
        }
    }
}
