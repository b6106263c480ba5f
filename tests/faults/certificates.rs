//! Certificates that are wrong on purpose, while the fleet runs.

use std::time::Duration;

use tercet_client::ErrorKind;
use tercet_cluster::{CertificateFlaw as Flaw, FaultError, Port, RotateError};
use tercet_harness::{Cluster, Layout, Member, Result, Security, TlsOptions};
use tercet_pki::RevocationReason;
use tercet_tests::{PATIENCE, available, eventually};

use super::support::{fleet_of, log, other_than, starts};

/// Whether who comes now is let in.
async fn comes(member: Member<'_>) -> Result<(), tercet_client::Error> {
    member.client().await?.get("hello").await.map(drop)
}

/// How many links each member has made to this one since these places in their logs.
fn links_to(member: Member<'_>, from: Member<'_>, since: usize) -> usize {
    let id = format!("\"remote-peer-id\":\"{:x}\"", member.id().unwrap());
    let log = log(from);
    let made = |line: &&str| {
        line.contains("established TCP streaming connection")
            && line.contains("stream-reader-type")
            && line.contains(&id)
    };
    log[since..].lines().filter(made).count()
}

#[tokio::test]
async fn each_flaw_of_a_server_is_seen_by_who_connects_and_by_nobody_else() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd, 3).start().await?;
        let (member, other) = (cluster.member(0), cluster.member(1));
        let open = member.client().await?;
        open.put("hello", "world").await?;
        let before = std::fs::read(&member.plan().files().server.key).unwrap();
        for flaw in
            [Flaw::Expired, Flaw::NotYetValid, Flaw::Stranger, Flaw::WrongHost, Flaw::ClientOnly]
        {
            comes(member).await?;
            let fault = member.spoil_certificate(Port::Client, flaw)?;
            let error = comes(member).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Tls, "{flaw}: {error:?}");
            // Who is in stays in, others are not meant, and nobody needs that one member.
            assert!(open.get("hello").await?.is_some());
            comes(other).await?;
            assert!(cluster.client().await?.get("hello").await?.is_some());
            drop(fault);
            comes(member).await?;
        }
        assert_eq!(std::fs::read(&member.plan().files().server.key).unwrap(), before);
        assert_eq!(starts(member), 1, "nothing was restarted");
    }
    Ok(())
}

#[tokio::test]
async fn a_certificate_expires_while_the_test_runs() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd, 3).start().await?;
        let member = cluster.member(2);
        // The control, and a busy machine has time to come in.
        let long =
            member.spoil_certificate(Port::Client, Flaw::ExpiresIn(Duration::from_secs(600)))?;
        comes(member).await?;
        drop(long);
        let short = Flaw::ExpiresIn(Duration::from_secs(5));
        let fault = member.spoil_certificate(Port::Client, short)?;
        comes(member).await?;
        let open = member.client().await?;
        open.put("hello", "world").await?;
        let deadline = tokio::time::Instant::now() + PATIENCE;
        let error = loop {
            match comes(member).await {
                Err(error) => break error,
                Ok(()) => assert!(tokio::time::Instant::now() < deadline, "it never expires"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        assert_eq!(error.kind(), ErrorKind::Tls);
        assert!(error.to_string().contains("xpired"), "{error}");
        assert!(open.get("hello").await?.is_some(), "who is in stays in");
        drop(fault);
        comes(member).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_strangers_leaf_among_peers_is_seen_when_links_are_made_again() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd, 3).start().await?;
        let [one, two, three] = [0, 1, 2].map(|index| cluster.member(index));
        // With the leader among those that keep their links.
        three.lead().await?;
        // The control: a restart makes the links again.
        two.restart().await?;
        for flaw in [Flaw::Stranger, Flaw::Expired, Flaw::WrongHost] {
            let fault = one.spoil_certificate(Port::Peer, flaw)?;
            // Links that are there stay.
            cluster.wait_until_ready().await?;
            comes(one).await?;

            let [of_two, of_one] = [two, one].map(|member| log(member).len());
            two.start()?;
            // It is in by the third, and answers.
            let mut comes_back = comes(two).await;
            let deadline = tokio::time::Instant::now() + PATIENCE;
            while comes_back.is_err() && tokio::time::Instant::now() < deadline {
                comes_back = comes(two).await;
            }
            comes_back?;
            assert!(eventually(PATIENCE, || links_to(three, two, of_two) >= 2));
            assert_eq!(links_to(one, two, of_two), 0, "{flaw}: it refuses what it is shown");
            let refused = |member, since: usize| {
                let log = log(member)[since..].to_owned();
                ["certificate", "tls:"].iter().any(|word| log.contains(word))
            };
            assert!(eventually(PATIENCE, || refused(two, of_two) || refused(one, of_one)));
            drop(fault);
            cluster.wait_until_ready().await?;
            assert!(links_to(one, two, of_two) >= 2, "whole again, by itself");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_half_usable_peer_certificate_works_in_one_direction() -> Result<()> {
    let cluster = fleet_of(&available()[0], 3).start().await?;
    let [one, two, three] = [0, 1, 2].map(|index| cluster.member(index));
    three.lead().await?;
    for (flaw, it_dials) in [(Flaw::ClientOnly, true), (Flaw::ServerOnly, false)] {
        let fault = one.spoil_certificate(Port::Peer, flaw)?;
        let [of_one, of_two] = [one, two].map(|member| log(member).len());
        one.start()?;
        let dials = || links_to(two, one, of_one) >= 2;
        let is_dialled = || links_to(one, two, of_two) >= 2;
        assert!(eventually(PATIENCE, || if it_dials { dials() } else { is_dialled() }));
        assert!(!(if it_dials { is_dialled() } else { dials() }), "{flaw}");
        drop(fault);
        cluster.wait_until_ready().await?;
        assert!(dials() && is_dialled());
    }
    Ok(())
}

#[tokio::test]
async fn the_fleets_client_is_refused_for_what_it_shows() -> Result<()> {
    for etcd in available() {
        let tls = TlsOptions::default().revocation_list();
        let cluster = fleet_of(etcd, 3).tls(tls).start().await?;
        let open = cluster.client().await?;
        open.put("hello", "world").await?;
        let member = cluster.member(0);
        for flaw in
            [Flaw::Expired, Flaw::NotYetValid, Flaw::Stranger, Flaw::ServerOnly, Flaw::Revoked]
        {
            let fault = cluster.spoil_client_certificate(flaw)?;
            let error = comes(member).await.unwrap_err();
            // Who is on the list is hung up on without a word.
            let kinds = [ErrorKind::Tls, ErrorKind::ConnectionLost, ErrorKind::Connect];
            assert!(kinds.contains(&error.kind()), "{flaw}: {error:?}");
            assert!(open.get("hello").await?.is_some(), "who is in stays in");
            drop(fault);
            comes(member).await?;
        }
    }
    Ok(())
}

/// What is revoked for a while does not take with it what is revoked in earnest.
#[tokio::test]
async fn what_was_revoked_in_earnest_stays_so() -> Result<()> {
    let tls = TlsOptions::default().revocation_list();
    let cluster = fleet_of(&available()[0], 1).tls(tls).start().await?;
    let leaf = tercet_pki::Leaf::client("mallory");
    let [before, during] =
        [(), ()].map(|()| cluster.identities().issue(&leaf).unwrap().certificate().clone());
    cluster.revoke(&before, RevocationReason::KeyCompromise)?;
    let list = || std::fs::read(cluster.plan().revocation_files().unwrap().pem).unwrap();
    let entries =
        || cluster.identities().authority().revocations(&list()).map(|list| list.len()).unwrap();
    assert_eq!(entries(), 1);
    let fault = cluster.spoil_client_certificate(Flaw::Revoked)?;
    assert_eq!(entries(), 2);
    cluster.revoke(&during, RevocationReason::KeyCompromise)?;
    assert_eq!(entries(), 3);
    drop(fault);
    assert_eq!(entries(), 2);
    comes(cluster.member(0)).await?;
    Ok(())
}

#[tokio::test]
async fn a_member_that_trusts_a_stranger_among_peers_is_cut_off() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd, 3).start().await?;
        let client = cluster.client().await?;
        let member = cluster.member(0);
        let other = other_than(&cluster, member);
        other.lead().await?;
        let (since, runs) = (log(member).len(), starts(member));
        let fault = member.trust_stranger(Port::Peer)?;
        assert!(eventually(PATIENCE, || log(member)[since..].contains("certificate")));
        client.put("hello", "without it").await?;
        assert_eq!(links_to(other, member, since), 0);
        drop(fault);
        cluster.wait_until_ready().await?;
        assert_eq!(starts(member), runs + 2, "once for it and once for its end");
        assert_eq!(member.client().await?.get("hello").await?.unwrap().value(), b"without it");
    }
    Ok(())
}

#[tokio::test]
async fn a_member_that_trusts_a_stranger_among_clients_refuses_them() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd, 3).start().await?;
        let (member, other) = (cluster.member(0), cluster.member(1));
        comes(member).await?;
        let since = log(member).len();
        let fault = member.trust_stranger(Port::Client)?;
        assert!(eventually(PATIENCE, || log(member)[since..].contains("serving client traffic")));
        let error = comes(member).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Tls, "{error:?}");
        comes(other).await?;
        drop(fault);
        cluster.wait_until_ready().await?;
        comes(member).await?;
    }
    Ok(())
}

#[tokio::test]
async fn wrong_use_is_refused() -> Result<()> {
    let etcd = &available()[0];
    let with = |security, layout| {
        let builder = Cluster::builder().binary(etcd.path()).members(1);
        async move { builder.security(security).layout(layout).start().await }
    };
    for security in [Security::Plaintext, Security::Auto] {
        let cluster = with(security, Layout::PerMember).await?;
        let member = cluster.member(0);
        for port in [Port::Client, Port::Peer] {
            let error = member.spoil_certificate(port, Flaw::Expired).unwrap_err();
            assert!(matches!(error, FaultError::NoCertificate { .. }), "{error}");
            let error = member.trust_stranger(port).unwrap_err();
            assert!(matches!(error, FaultError::NoCertificate { .. }), "{error}");
        }
        let error = cluster.spoil_client_certificate(Flaw::Expired).unwrap_err();
        assert!(matches!(error, FaultError::NoCertificate { .. }), "{error}");
    }
    let cluster = with(Security::Mutual, Layout::Shared).await?;
    let error = cluster.member(0).spoil_certificate(Port::Client, Flaw::Expired).unwrap_err();
    assert!(matches!(error, FaultError::SharedCertificate { .. }), "{error}");
    drop(cluster.spoil_client_certificate(Flaw::Expired)?);

    let cluster = with(Security::Mutual, Layout::PerMember).await?;
    let member = cluster.member(0);
    let error = cluster.spoil_client_certificate(Flaw::WrongHost).unwrap_err();
    assert!(matches!(error, FaultError::NothingWrong { .. }), "{error}");
    let error = cluster.spoil_client_certificate(Flaw::Revoked).unwrap_err();
    assert!(matches!(error, FaultError::NoRevocationList), "{error}");
    let fault = member.spoil_certificate(Port::Peer, Flaw::Expired)?;
    let error = member.spoil_certificate(Port::Peer, Flaw::Stranger).unwrap_err();
    assert!(matches!(error, FaultError::AlreadySpoiled { .. }), "{error}");
    // Another file of the same member is another matter.
    drop(member.spoil_certificate(Port::Client, Flaw::Stranger)?);
    // Nothing is rotated that is wrong, and everything afterwards.
    let error = cluster.rotate_leaves().await.unwrap_err();
    assert!(matches!(error, RotateError::Spoiled { .. }), "{error}");
    drop(fault);
    cluster.rotate_leaves().await?;
    let key = std::fs::read(&member.plan().files().peer.key).unwrap();
    drop(member.spoil_certificate(Port::Peer, Flaw::Expired)?);
    assert_eq!(std::fs::read(&member.plan().files().peer.key).unwrap(), key, "the rotated one");
    Ok(())
}
