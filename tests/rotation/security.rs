//! Rotations in each way of securing a fleet.

use tercet_client::{Client, Config, Tls};
use tercet_harness::{Cluster, Layout, Result, RotationMethod, Security, Timing};
use tercet_tests::{Load, LoadOptions, available};

use super::support::{fleet, processes, starts, verify};

/// Where members ask nobody for a certificate, they have no authorities in memory: nothing is
/// restarted, and only clients have to know.
#[tokio::test]
async fn server_certificates_alone_are_rotated_without_a_restart() -> Result<()> {
    for etcd in available() {
        for method in [RotationMethod::Bundle, RotationMethod::CrossSigning] {
            let cluster = fleet(etcd, Layout::PerMember, Security::ServerTls).await?;
            let client = cluster.client().await?;
            let pids = processes(&cluster);
            let old = cluster.identities().authority().clone();
            let trusting = async |pem: &str| {
                let config = Config::new(cluster.endpoints()).tls(Tls::from_pem(pem)?);
                Client::connect(config).await?.get("hello").await
            };
            trusting(old.certificate_pem()).await.expect("the control");
            let load = Load::start(&client, LoadOptions::default()).await;
            cluster.rotate_leaves().await?;
            trusting(old.certificate_pem()).await?;
            cluster.rotate_authority(method).await?;
            load.acknowledges(20).await;
            let report = load.stop().await;
            assert_eq!(processes(&cluster), pids);
            trusting(cluster.identities().authority().certificate_pem()).await?;
            assert!(trusting(old.certificate_pem()).await.unwrap_err().is_connect());
            cluster.client().await?.get("hello").await?;
            assert_eq!((report.not_applied(), report.unknown()), (0, 0), "{report}");
            verify(&format!("server-tls, {method:?}"), etcd, &report, &client).await;
        }
    }
    Ok(())
}

#[tokio::test]
async fn client_certificates_are_rotated_where_peers_speak_in_the_clear() -> Result<()> {
    for etcd in available() {
        for (method, restarts) in [(RotationMethod::Bundle, 2), (RotationMethod::CrossSigning, 1)] {
            let cluster = fleet(etcd, Layout::PerMember, Security::ClientAuth).await?;
            let client = cluster.client().await?;
            let old = cluster.identities().authority().clone();
            let load = Load::start(&client, LoadOptions::default()).await;
            cluster.rotate_leaves().await?;
            cluster.rotate_authority(method).await?;
            load.acknowledges(20).await;
            let report = load.stop().await;
            assert_eq!(starts(&cluster), [1 + restarts; 3]);
            assert_ne!(cluster.identities().authority().certificate(), old.certificate());
            cluster.client().await?.get("hello").await?;
            verify(&format!("client-auth, {method:?}"), etcd, &report, &client).await;
        }
    }
    Ok(())
}

#[tokio::test]
async fn where_nobody_signs_there_is_nothing_to_rotate() -> Result<()> {
    for security in [Security::Plaintext, Security::Auto] {
        let cluster = Cluster::builder().members(1).security(security).start().await?;
        let error = cluster.rotate_leaves().await.unwrap_err().to_string();
        let expected = format!(
            "with the security {security} no authority has signed anything, and there is nothing \
             to rotate: start the fleet with server-tls, client-auth or mutual"
        );
        assert_eq!(error, expected);
        let by = cluster.rotate_authority(RotationMethod::Bundle).await;
        assert_eq!(by.unwrap_err().to_string(), expected);
        assert_eq!(cluster.holdings().await.unwrap_err().to_string(), expected);
    }
    Ok(())
}

/// Fleets too small to go on while a member is down go on afterwards.
#[tokio::test]
async fn small_fleets_stand_still_and_lose_nothing() -> Result<()> {
    for members in [1, 2] {
        let builder = Cluster::builder().members(members).timing(Timing::Ci);
        let cluster = builder.start().await?;
        let client = cluster.client().await?;
        let load = Load::start(&client, LoadOptions::default()).await;
        load.acknowledges(20).await;
        cluster.rotate_authority(RotationMethod::Bundle).await?;
        load.acknowledges(20).await;
        let report = load.stop().await;
        tercet_tests::say(&format!("a fleet of {members}: {report}"));
        report.verify(&client).await;
    }
    Ok(())
}
