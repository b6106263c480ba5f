//! A fleet whose links can be broken lives as any other does.

use tercet_harness::{Result, RotationMethod};
use tercet_tests::available;

use crate::{fleet_of, put, until};

#[tokio::test]
async fn members_come_move_and_go_and_their_links_can_be_cut() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd, 3).await?;
        let newcomer = cluster.add_member().await?;
        let replaced = cluster.member(1).replace().await?;
        cluster.member(2).update_peer_url().await?;
        cluster.rolling_restart().await?;
        for member in [newcomer, replaced, cluster.member(2)] {
            let isolated = cluster.isolate(member)?;
            until(member, "that it knows no leader", |said| said.leader().is_none()).await;
            assert!(put(member, "alone").await.is_none());
            drop(isolated);
            cluster.wait_until_ready().await?;
            assert!(put(member, "back").await.is_some(), "{}", member.name());
        }
        newcomer.remove().await?;
        cluster.rotate_authority(RotationMethod::Bundle).await?;
        let diagnosis = cluster.diagnose().await;
        assert!(diagnosis.is_sound(), "{diagnosis}");
        assert!(put(replaced, "at the end").await.is_some());
    }
    Ok(())
}
