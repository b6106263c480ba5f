//! Certificates that are revoked while the fleet runs.

use std::time::Duration;

use tercet_cluster::binary::Binary;
use tercet_harness::{Cluster, Layout, Result, RotationMethod, Security, Timing, TlsOptions};
use tercet_pki::{Identity, Leaf, RevocationReason};
use tercet_tests::{Load, LoadOptions, available};

use super::support::{client_of, fleet, processes, verify};

const REASON: RevocationReason = RevocationReason::KeyCompromise;

async fn with_list(etcd: &Binary, layout: Layout) -> Result<Cluster> {
    let builder = Cluster::builder().binary(etcd.path()).timing(Timing::Ci).layout(layout);
    builder.tls(TlsOptions::default().revocation_list()).start().await
}

/// Whether a new connection with this certificate is let in.
async fn is_let_in(cluster: &Cluster, shown: &Identity) -> bool {
    let client = client_of(cluster, cluster.identities().authority(), shown).await;
    match client.get("hello").await {
        Ok(_) => true,
        Err(error) => {
            assert!(error.is_connect(), "{error}");
            false
        }
    }
}

#[tokio::test]
async fn a_client_is_revoked_and_refused_and_nobody_else_is() -> Result<()> {
    for etcd in available() {
        for layout in [Layout::PerMember, Layout::Shared] {
            let cluster = with_list(etcd, layout).await?;
            let client = cluster.client().await?;
            let issue = |name: &str| cluster.identities().issue(&Leaf::client(name));
            let (alice, bob) = (issue("alice")?, issue("bob")?);
            let open = client_of(&cluster, cluster.identities().authority(), &alice).await;
            open.get("hello").await?;
            assert!(is_let_in(&cluster, &alice).await, "the control");
            let pids = processes(&cluster);
            let load = Load::start(&client, LoadOptions::default()).await;
            load.acknowledges(20).await;

            cluster.revoke(&alice, REASON)?;
            assert!(!is_let_in(&cluster, &alice).await);
            assert!(is_let_in(&cluster, &bob).await);
            open.get("hello").await.expect("connections that are open stay");
            // Once more is nothing, and the first one stays when a second one follows.
            cluster.revoke(alice.certificate(), REASON)?;
            cluster.revoke(&bob, REASON)?;
            assert!(!is_let_in(&cluster, &alice).await && !is_let_in(&cluster, &bob).await);
            load.acknowledges(20).await;
            let report = load.stop().await;
            assert_eq!(processes(&cluster), pids, "nothing was restarted");
            assert_eq!((report.not_applied(), report.unknown()), (0, 0), "{report}");
            verify(&format!("revocation, {layout:?}"), etcd, &report, &client).await;

            // What is open ends with the members.
            cluster.rolling_restart().await?;
            assert!(open.get("hello").await.unwrap_err().is_connect());
        }
    }
    Ok(())
}

/// The fleet's own client: it is locked out until it has another certificate, which needs nobody.
#[tokio::test]
async fn new_leaves_are_not_revoked() -> Result<()> {
    for etcd in available() {
        let cluster = with_list(etcd, Layout::PerMember).await?;
        cluster.revoke(cluster.identities().client(), REASON)?;
        assert!(cluster.client().await?.get("hello").await.unwrap_err().is_connect());
        cluster.rotate_leaves().await?;
        cluster.client().await?.get("hello").await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_member_whose_certificate_is_revoked_dials_nobody() -> Result<()> {
    for etcd in available() {
        let cluster = Cluster::builder()
            .binary(etcd.path())
            .timing(Timing::Ci)
            .tls(TlsOptions::default().revocation_list())
            // It is waited for in vain once; and three times not, on a busy machine.
            .ready_within(Duration::from_secs(15))
            .start()
            .await?;
        let peer = cluster.identities().member("m3").expect("it is there").peer();
        cluster.revoke(peer, REASON)?;
        // The links that it has stay.
        cluster.wait_until_ready().await?;
        cluster.member(2).client().await?.get("hello").await?;
        let error = cluster.member(2).restart().await.unwrap_err().to_string();
        assert!(error.contains("m3"), "{error}");
        // With another certificate it comes by itself.
        let client = cluster.client().await?;
        client.put("hello", "while m3 was alone").await?;
        cluster.rotate_leaves().await?;
        cluster.member(2).restart().await?;
        assert!(cluster.member(2).client().await?.get("hello").await?.is_some());
    }
    Ok(())
}

#[tokio::test]
async fn what_is_revoked_stays_so_under_another_authority() -> Result<()> {
    for etcd in available() {
        for method in [RotationMethod::Bundle, RotationMethod::CrossSigning] {
            let cluster = with_list(etcd, Layout::PerMember).await?;
            let alice = cluster.identities().issue(&Leaf::client("alice"))?;
            let carol = cluster.identities().issue(&Leaf::client("carol"))?;
            cluster.revoke(&alice, REASON)?;
            // In the middle of it, and of what the old one has signed.
            let first = cluster.rotate_authority_phase(method).await?;
            assert!(!first.left.is_empty());
            assert!(is_let_in_anyhow(&cluster, &carol).await, "the control");
            cluster.revoke(&carol, REASON)?;
            assert!(!is_let_in_anyhow(&cluster, &carol).await);
            cluster.rotate_authority(method).await?;
            let issue = |name: &str| cluster.identities().issue(&Leaf::client(name));
            let (bob, dave) = (issue("bob")?, issue("dave")?);
            assert!(is_let_in(&cluster, &bob).await, "the control");
            cluster.revoke(&bob, REASON)?;
            assert!(!is_let_in(&cluster, &bob).await && is_let_in(&cluster, &dave).await);
            // By a list that is the new authority's, with all that was on the old one's.
            let list = cluster.plan().revocation_files().expect("it has one").der;
            let list = std::fs::read(list).expect("it is there");
            let listed = cluster.identities().authority().revocations(&list);
            assert!(listed.is_ok(), "it is its own");
            let list = tercet_pki::read::revocation_list(&list).expect("a list");
            assert_eq!(list.entries.len(), 3);
        }
    }
    Ok(())
}

/// The same in the middle of a rotation, when the client may have to trust the new one already.
async fn is_let_in_anyhow(cluster: &Cluster, shown: &Identity) -> bool {
    let ca = std::fs::read(&cluster.files().ca).expect("it is there");
    let tls = tercet_client::Tls::mutual(ca, shown.chain_pem(), shown.key_pem());
    let config = tercet_client::Config::new(cluster.endpoints()).tls(tls.expect("they fit"));
    let client = tercet_client::Client::connect(config).await.expect("they are complete");
    client.get("hello").await.is_ok()
}

#[tokio::test]
async fn what_cannot_be_revoked_is_refused() -> Result<()> {
    let etcd = &available()[0];
    let without = fleet(etcd, Layout::PerMember, Security::Mutual).await?;
    let error = without.revoke(without.identities().client(), REASON).unwrap_err().to_string();
    assert!(error.contains("`Spec::tls(TlsOptions::default().revocation_list())`"), "{error}");
    let cluster = with_list(etcd, Layout::PerMember).await?;
    let error = cluster.revoke(without.identities().client(), REASON).unwrap_err().to_string();
    assert!(error.starts_with("CN=client is not signed by tercet CA"), "{error}");
    let authority = cluster.identities().authority().certificate();
    let error = cluster.revoke(authority, REASON).unwrap_err().to_string();
    assert!(error.contains("change to a new one with `rotate_authority`"), "{error}");
    cluster.client().await?.get("hello").await?;
    Ok(())
}
