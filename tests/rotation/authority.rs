//! Another authority: by bundle and by cross-signing.

use tercet_harness::{Layout, Result, RotationMethod, Security};
use tercet_pki::Leaf;
use tercet_tests::{Load, LoadOptions, available};

use super::support::{client_of, elections, fleet, look, processes, starts, verify};

#[tokio::test]
async fn the_authority_is_changed_by_bundle() -> Result<()> {
    for etcd in available() {
        for layout in [Layout::PerMember, Layout::Shared] {
            changed(etcd, layout, RotationMethod::Bundle).await?;
        }
    }
    Ok(())
}

#[tokio::test]
async fn the_authority_is_changed_by_cross_signing() -> Result<()> {
    for etcd in available() {
        for layout in [Layout::PerMember, Layout::Shared] {
            changed(etcd, layout, RotationMethod::CrossSigning).await?;
        }
    }
    Ok(())
}

async fn changed(
    etcd: &tercet_cluster::binary::Binary,
    layout: Layout,
    method: RotationMethod,
) -> Result<()> {
    let cluster = fleet(etcd, layout, Security::Mutual).await?;
    let client = cluster.client().await?;
    let old = cluster.identities().authority().clone();
    let alice = old.issue(&Leaf::client("alice"))?;
    let by_old = async || client_of(&cluster, cluster.identities().authority(), &alice).await;
    by_old().await.get("hello").await.expect("the control: the old one's are let in");
    let pids = processes(&cluster);
    let before = elections(&cluster).await?;

    let load = Load::start(&client, LoadOptions::default()).await;
    load.acknowledges(50).await;
    cluster.rotate_authority(method).await?;
    load.acknowledges(50).await;
    let report = load.stop().await;

    let restarts = if method == RotationMethod::Bundle { 2 } else { 1 };
    assert_eq!(starts(&cluster), [1 + restarts; 3]);
    // The one in which the leader hands over, and none because it was missed: there was no pause
    // of an election.
    let elections = elections(&cluster).await? - before;
    assert!(elections <= restarts as u64, "{elections} elections in {restarts} rounds of restarts");
    assert!(processes(&cluster).iter().zip(pids).all(|(now, before)| *now != before));
    let new = cluster.identities().authority();
    assert_ne!(new.common_name(), old.common_name());
    for seen in look(&cluster).await {
        assert_eq!(seen.authorities, [format!("CN={}", new.common_name())]);
    }
    // Whoever the old one vouches for is refused now, and trusts nobody here.
    let refused = by_old().await.get("hello").await.expect_err("the old one is nobody");
    assert!(refused.is_connect(), "{refused}");
    let distrusted = client_of(&cluster, &old, cluster.identities().client()).await;
    let distrusted = distrusted.get("hello").await.expect_err("nobody is the old one's");
    assert!(distrusted.is_connect(), "{distrusted}");
    // And the new one signs, for those who come later too.
    let bob = cluster.identities().issue(&Leaf::client("bob"))?;
    client_of(&cluster, new, &bob).await.get("hello").await?;
    for member in cluster.members() {
        member.client().await?.get("hello").await?;
    }
    verify(&format!("authority, {method:?}, {layout:?}"), etcd, &report, &client).await;
    Ok(())
}
