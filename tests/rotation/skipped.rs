//! The negative control of all rotations: a phase that is left out cuts somebody off, and that is
//! seen.

use tercet_harness::{Cluster, Layout, Result, Security};
use tercet_pki::Authority;
use tercet_pki::rotation::{Phase, Rotation, Step};
use tercet_tests::{Answer, Load, LoadOptions, Write, available};

use super::support::{by_files, fleet, was_cut_off};

async fn plan(cluster: &Cluster, new: &Authority) -> Result<Vec<Phase>> {
    let old = cluster.identities().authority().certificate();
    let rotation = Rotation::authority_by_bundle(&cluster.holdings().await?, old, new);
    Ok(rotation.expect("there is a plan").phases().to_vec())
}

async fn holds(cluster: &Cluster, phase: &Phase) -> Result<bool> {
    let holdings = cluster.holdings().await?;
    Ok(phase.before.iter().all(|condition| condition.holds(&holdings) != Some(false)))
}

fn write(phase: &Phase) {
    phase.changes.iter().for_each(|change| change.write().expect("it can be written"));
}

/// New certificates before anybody trusts who has signed them.
#[tokio::test]
async fn without_a_bundle_new_certificates_cut_clients_off() -> Result<()> {
    for etcd in available() {
        let cluster = fleet(etcd, Layout::PerMember, Security::Mutual).await?;
        let new = Authority::generate("next")?;
        let phases = plan(&cluster, &new).await?;
        let steps: Vec<_> = phases.iter().map(|phase| phase.step).collect();
        use Step::{RenewClients, RenewMembers, TrustBoth, TrustNew};
        assert_eq!(steps, [TrustBoth, RenewMembers, RenewClients, TrustNew]);

        let dialling = vec![by_files(&cluster, cluster.endpoints())];
        let load = Load::dialling(dialling, LoadOptions::default()).await;
        load.acknowledges(20).await;
        assert!(!holds(&cluster, &phases[1]).await?, "and its conditions say so");
        write(&phases[1]);
        let cut = load.elapsed();
        let error = cluster.client().await?.get("hello").await.unwrap_err();
        assert!(error.to_string().contains("not trusted here"), "{error}");
        load.fails(5).await;
        let report = load.stop().await;
        assert!(report.not_applied() > 0 && was_cut_off(&report), "{report}");
        let mut late = report.history().writes().iter().filter(|write| write.begun > cut);
        let is_acknowledged = |write: &Write| matches!(write.answer, Answer::Acknowledged { .. });
        assert!(!late.any(is_acknowledged), "{report}");
        // Nothing that was refused has happened, all the same: asked over a connection from before.
        report.verify(&cluster_that_trusts_both(&cluster, &new).await).await;
    }
    Ok(())
}

/// The bundle in the files, and nobody restarted: the members have the old one in memory alone.
#[tokio::test]
async fn without_the_restarts_new_clients_are_cut_off() -> Result<()> {
    for etcd in available() {
        let cluster = fleet(etcd, Layout::PerMember, Security::Mutual).await?;
        let new = Authority::generate("next")?;
        let phases = plan(&cluster, &new).await?;
        write(&phases[0]);
        cluster.client().await?.get("hello").await.expect("nobody is cut off by a bundle");
        assert!(!holds(&cluster, &phases[2]).await?, "but the next phases have to wait");
        write(&phases[2]);
        let error = cluster.client().await?.get("hello").await.unwrap_err();
        assert!(error.is_connect(), "{error}");

        // The control: with restarts, the very same certificates do. Not one after the other: to
        // see that all is well, one has to be let in.
        for member in cluster.members() {
            member.kill()?;
        }
        for member in cluster.members() {
            member.start()?;
        }
        cluster.wait_until_ready().await?;
        assert!(holds(&cluster, &phases[2]).await?);
        cluster.client().await?.get("hello").await?;
    }
    Ok(())
}

/// A client that believes either, and has the old certificate.
async fn cluster_that_trusts_both(cluster: &Cluster, new: &Authority) -> tercet_client::Client {
    let identities = cluster.identities();
    let both = format!("{}{}", identities.authority().certificate_pem(), new.certificate_pem());
    let shown = identities.client();
    let tls = tercet_client::Tls::mutual(both, shown.chain_pem(), shown.key_pem());
    let config = tercet_client::Config::new(cluster.endpoints()).tls(tls.expect("they fit"));
    tercet_client::Client::connect(config).await.expect("they are complete")
}
