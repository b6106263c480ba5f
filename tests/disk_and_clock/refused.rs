//! Wrong use.

use std::time::Duration;

use tercet_harness::{Cluster, DiskError, FaultError, Faults, Result};
use tercet_tests::available;

use super::support::{etcds, fleet_of};

const BOTH: Faults = Faults::NONE.disk().clock();

#[tokio::test]
async fn a_fleet_that_was_not_made_ready_refuses() -> Result<()> {
    let cluster = Cluster::builder().members(1).binary(available()[0].path()).start().await?;
    let member = cluster.member(0);
    let errors = [
        member.slow_disk(Duration::ZERO).unwrap_err(),
        member.fail_disk(DiskError::Io).unwrap_err(),
        member.fill_disk().unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error, FaultError::NotReadyFor { kind: "disk" }), "{error}");
    }
    let errors = [
        member.clock_forward(Duration::ZERO).unwrap_err(),
        member.clock_back(Duration::ZERO).unwrap_err(),
        cluster.clocks_forward(Duration::ZERO).unwrap_err(),
        cluster.clocks_back(Duration::ZERO).unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error, FaultError::NotReadyFor { kind: "clock" }), "{error}");
        assert_eq!(
            error.to_string(),
            "the fleet was not made ready for faults of its clock: start it with .faults(Faults::NONE.clock())"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_member_that_is_down_or_gone_refuses() -> Result<()> {
    for etcd in etcds(BOTH) {
        let cluster = fleet_of(etcd, BOTH).start().await?;
        let member = cluster.member(2);
        drop((member.slow_disk(Duration::ZERO)?, member.clock_back(Duration::ZERO)?));
        let down = member.kill()?;
        let text = "member m3 is not running: start it first";
        assert_eq!(member.fill_disk().unwrap_err().to_string(), text);
        assert_eq!(member.clock_forward(Duration::ZERO).unwrap_err().to_string(), text);
        // A whole fleet's clocks are wrong also of those that come back later.
        drop(cluster.clocks_back(Duration::ZERO)?);
        down.restart().await?;
        drop(member.fill_disk()?);
        member.remove().await.unwrap();
        assert!(matches!(member.fill_disk(), Err(FaultError::Removed { .. })));
        assert!(matches!(member.clock_back(Duration::ZERO), Err(FaultError::Removed { .. })));
    }
    Ok(())
}

/// Members that come later have a disk that can be broken as well.
#[tokio::test]
async fn a_member_that_comes_later_can_be_broken_too() -> Result<()> {
    for etcd in etcds(BOTH) {
        let cluster = fleet_of(etcd, BOTH).members(1).start().await?;
        let member = cluster.add_member().await.unwrap();
        let fault = member.slow_disk(Duration::from_millis(1))?;
        cluster.client().await?.put("hello", "world").await?;
        assert!(tercet_tests::eventually(super::support::PATIENCE, || fault.hits() > 0));
    }
    Ok(())
}
