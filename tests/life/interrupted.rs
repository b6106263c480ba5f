//! Operations that are cancelled at any moment go on when they are called again.

use tercet_harness::{Cluster, Member, Result, Timing};

use crate::{assert_whole, cut_off};

/// Moments at which an operation of some hundred milliseconds is cut off.
const AFTER_MS: [u64; 8] = [0, 2, 5, 12, 30, 60, 120, 250];

async fn fleet() -> Result<Cluster> {
    Cluster::builder().timing(Timing::Ci).start().await
}

#[tokio::test]
async fn adding_goes_on_when_called_again() -> Result<()> {
    let cluster = fleet().await?;
    for after_ms in AFTER_MS {
        let before = cluster.members().count();
        let done = cut_off(after_ms, cluster.add_member()).await.transpose()?.is_some();
        if !done {
            cluster.add_member().await?;
        }
        let members = cluster.members().count();
        assert_eq!(members, before + 1, "after {after_ms} ms");
        assert_whole(&cluster).await?;
        cluster.members().last().expect("one").remove().await?;
    }
    Ok(())
}

#[tokio::test]
async fn what_was_begun_to_be_added_can_be_removed() -> Result<()> {
    let cluster = fleet().await?;
    for after_ms in AFTER_MS {
        let _ = cut_off(after_ms, cluster.add_member()).await.transpose()?;
        if cluster.members().count() == 4 {
            cluster.members().last().expect("one").remove().await?;
        }
        assert_eq!(cluster.members().count(), 3);
        assert_whole(&cluster).await?;
    }
    Ok(())
}

/// Whether nobody holds the port of its clients any more.
fn is_free(member: Member<'_>) -> bool {
    let address = member.client_url().rsplit('/').next().expect("a host");
    std::net::TcpListener::bind(address).is_ok()
}

/// What is left of one of which the removal was cut off at its very end is its owner's to give up.
#[tokio::test]
async fn a_removed_member_holds_no_ports_whoever_was_interrupted() -> Result<()> {
    let cluster = fleet().await?;
    let member = cluster.add_member().await?;
    assert!(!is_free(member), "the control");
    // Out of the fleet, and its place is kept for the one in its stead.
    let replace = async { member.replace().await.map(drop) };
    let removed = async {
        while !member.is_removed() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        result = replace => result?,
        () = removed => {}
    }
    member.remove().await?;
    let begun = cluster.members().count() == 4;
    assert!(begun || is_free(member));
    Ok(())
}

#[tokio::test]
async fn removing_goes_on_when_called_again() -> Result<()> {
    let cluster = fleet().await?;
    for after_ms in AFTER_MS {
        let member = cluster.add_member().await?;
        if cut_off(after_ms, member.remove()).await.transpose()?.is_none() {
            member.remove().await?;
        }
        assert_eq!(cluster.members().count(), 3, "after {after_ms} ms");
        assert!(is_free(member), "after {after_ms} ms");
        assert_whole(&cluster).await?;
    }
    Ok(())
}

#[tokio::test]
async fn replacing_goes_on_when_called_again() -> Result<()> {
    let cluster = fleet().await?;
    let mut member = cluster.member(1);
    for after_ms in AFTER_MS {
        member = match cut_off(after_ms, member.replace()).await.transpose()? {
            Some(new) => new,
            None => member.replace().await?,
        };
        assert_eq!(cluster.members().count(), 3, "after {after_ms} ms");
        assert_whole(&cluster).await?;
    }
    Ok(())
}

#[tokio::test]
async fn moving_goes_on_when_called_again() -> Result<()> {
    let cluster = fleet().await?;
    for after_ms in AFTER_MS {
        let member = cluster.leader().await?;
        if cut_off(after_ms, member.update_peer_url()).await.transpose()?.is_none() {
            member.update_peer_url().await?;
        }
        assert_whole(&cluster).await?;
    }
    Ok(())
}

#[tokio::test]
async fn restarting_goes_on_when_called_again() -> Result<()> {
    let cluster = fleet().await?;
    for after_ms in AFTER_MS {
        if cut_off(after_ms, cluster.rolling_restart()).await.transpose()?.is_none() {
            cluster.rolling_restart().await?;
        }
        assert!(cluster.members().all(|member| member.is_running()));
        assert_whole(&cluster).await?;
    }
    Ok(())
}

#[tokio::test]
async fn promoting_goes_on_when_called_again() -> Result<()> {
    let cluster = fleet().await?;
    for after_ms in [0, 1, 3, 6, 12, 25] {
        let learner = cluster.add_learner().await?;
        if cut_off(after_ms, learner.promote()).await.transpose()?.is_none() {
            learner.promote().await?;
        }
        assert_whole(&cluster).await?;
        learner.remove().await?;
    }
    Ok(())
}
