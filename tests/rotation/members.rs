//! Rotations of fleets that are not as they began: with members that came later, that are gone, that
//! are down, and that dial with other certificates than they show.

use std::path::Path;

use tercet_harness::{Cluster, Layout, Result, RotationMethod, Security, Timing, TlsOptions};
use tercet_pki::read::{self, CertificateDetails, SignatureCheck};
use tercet_tests::{Load, LoadOptions, available};

use super::support::{fleet, look, verify};

const METHODS: [RotationMethod; 2] = [RotationMethod::Bundle, RotationMethod::CrossSigning];

fn leaf(path: &Path) -> CertificateDetails {
    let file = std::fs::read(path).expect("it is there");
    read::certificates(&file).expect("it is one").remove(0)
}

fn is_of(cluster: &Cluster, leaf: &CertificateDetails) -> bool {
    let authority = cluster.identities().authority().certificate().der();
    let authority = CertificateDetails::parse(authority).expect("it is one");
    leaf.signed_by(&authority) == SignatureCheck::Valid
}

#[tokio::test]
async fn members_that_came_later_are_rotated_and_those_that_are_gone_are_not() -> Result<()> {
    for etcd in available() {
        for (layout, method) in [
            (Layout::PerMember, METHODS[0]),
            (Layout::PerMember, METHODS[1]),
            (Layout::Shared, METHODS[0]),
        ] {
            let cluster = fleet(etcd, layout, Security::Mutual).await?;
            let late = cluster.add_member().await?;
            let gone = cluster.member(0);
            gone.remove().await?;
            let paths =
                [late.plan().files(), gone.plan().files()].map(|files| &files.peer.certificate);
            let before = paths.map(|path| path.exists().then(|| leaf(path)));
            let client = cluster.client().await?;
            let load = Load::start(&client, LoadOptions::default()).await;
            cluster.rotate_leaves().await?;
            cluster.rotate_authority(method).await?;
            load.acknowledges(20).await;
            let report = load.stop().await;
            assert!(is_of(&cluster, &leaf(paths[0])), "{method:?}");
            if layout == Layout::PerMember {
                let now = paths[1].exists().then(|| leaf(paths[1]));
                assert_eq!(now, before[1], "nobody gave it anything");
                assert!(cluster.identities().member(late.name()).is_some());
                assert!(cluster.identities().member(gone.name()).is_none());
            }
            assert_eq!(look(&cluster).await.len(), 6);
            late.client().await?.get("hello").await?;
            // One that comes now is of the new one.
            let latest = cluster.add_member().await?;
            assert!(is_of(&cluster, &leaf(&latest.plan().files().server.certificate)));
            let what = format!("after others came and went, {method:?}, {layout:?}");
            verify(&what, etcd, &report, &cluster.client().await?).await;
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_member_that_is_down_is_started_first() -> Result<()> {
    for etcd in available() {
        for method in METHODS {
            let cluster = fleet(etcd, Layout::PerMember, Security::Mutual).await?;
            cluster.member(1).kill()?;
            // Leaves need nobody to run.
            cluster.rotate_leaves().await?;
            assert!(!cluster.member(1).is_running());
            cluster.rotate_authority(method).await?;
            assert!(cluster.member(1).is_running());
            cluster.wait_until_ready().await?;
            assert_eq!(look(&cluster).await.len(), 6);
        }
    }
    Ok(())
}

/// Certificates for dialling are no server's, and those for listening no client's.
#[tokio::test]
async fn what_members_dial_with_is_rotated_too() -> Result<()> {
    for etcd in available().iter().filter(|etcd| etcd.version().minor() > 4) {
        for method in METHODS {
            let options = TlsOptions::default().separate_outgoing();
            let builder = Cluster::builder().binary(etcd.path()).timing(Timing::Ci).tls(options);
            let cluster = builder.start().await?;
            let files = &cluster.files().members[1];
            let outgoing = files.outgoing.as_ref().expect("it has them");
            let paths = [&outgoing.server.certificate, &outgoing.peer.certificate];
            let before = paths.map(|path| leaf(path));
            cluster.rotate_leaves().await?;
            let renewed = paths.map(|path| leaf(path));
            cluster.rotate_authority(method).await?;
            let now = paths.map(|path| leaf(path));
            for ((before, renewed), now) in before.iter().zip(&renewed).zip(&now) {
                assert_ne!(before.certificate, renewed.certificate);
                assert_eq!(before.subject, now.subject);
                assert_eq!(before.extended_key_usages, now.extended_key_usages);
                assert!(is_of(&cluster, now) && !is_of(&cluster, renewed));
            }
            cluster.client().await?.put("hello", "world").await?;
        }
    }
    Ok(())
}
