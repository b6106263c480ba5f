//! Members that come back as another.

use tercet_cluster::StartError;
use tercet_cluster::binary::VersionChange;
use tercet_cluster::plan::{Address, PlanError};
use tercet_harness::Result;
use tercet_tests::{all, available, say};

use super::support::{fleet_of, log};

#[tokio::test]
async fn a_member_comes_back_with_other_flags_and_keeps_them() -> Result<()> {
    for etcd in available() {
        let cluster = fleet_of(etcd, 3).start().await?;
        let member = cluster.member(1);
        let has = |text: &str| {
            let log = log(member);
            log.lines()
                .rfind(|line| line.contains("starting an etcd server"))
                .unwrap()
                .contains(text)
        };
        assert!(!has(r#""snapshot-count":50,"#), "the control");
        member.restart_with(|spec| spec.flag("snapshot-count", "50")).await?;
        assert!(has(r#""snapshot-count":50,"#));
        member.kill()?.restart().await?;
        assert!(has(r#""snapshot-count":50,"#), "from then on");
        member.restart_with(|spec| spec.without_flag("snapshot-count")).await?;
        assert!(!has(r#""snapshot-count":50,"#));
    }
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_is_refused_before_anything_is_killed() -> Result<()> {
    let cluster = fleet_of(&available()[0], 3).start().await?;
    let member = cluster.member(0);
    let pid = member.pid();
    let error = member.restart_with(|spec| spec.flag("no-such-flag", "1")).await.unwrap_err();
    assert!(matches!(error, StartError::Plan(PlanError::UnknownFlag { .. })), "{error}");
    let elsewhere = |spec: tercet_cluster::plan::MemberSpec| spec.address(Address::loopback(1, 2));
    let error = member.restart_with(elsewhere).await.unwrap_err();
    assert!(matches!(error, StartError::Plan(PlanError::OtherMember { .. })), "{error}");
    assert_eq!(member.pid(), pid);
    // What the plan knows nothing of shows at the start; the flags are forgotten then.
    let error = member
        .restart_with(|spec| {
            spec.flag("max-wals", "1")
                .flag("auto-compaction-mode", "periodic")
                .flag("auto-compaction-retention", "what")
        })
        .await;
    let error = error.unwrap_err();
    assert!(matches!(error, StartError::Exited { .. } | StartError::Plan(_)), "{error}");
    assert!(!member.plan().spec().has_flag("max-wals"));
    member.restart().await?;
    Ok(())
}

#[tokio::test]
async fn a_member_crashes_into_another_patch_release() -> Result<()> {
    let mut pairs = 0;
    for from in all() {
        for to in all().iter().filter(|to| to.version() != from.version()) {
            let change = from.release().change_to(to.release());
            let members = if change == Ok(VersionChange::Patch) { 3 } else { 1 };
            let cluster = fleet_of(from, members).start().await?;
            let member = cluster.member(0);
            let pid = member.pid();
            if change == Ok(VersionChange::Patch) {
                pairs += 1;
                member.restart_as(to).await?;
                assert_eq!(member.binary().version(), to.version());
                assert!(member.client().await?.get("hello").await?.is_none());
                member.restart_as(from).await?;
                assert_eq!(member.binary().version(), from.version());
            } else {
                let error = member.restart_as(to).await.unwrap_err();
                assert!(error.refusal().is_some(), "{error}");
                assert_eq!((member.pid(), member.binary().version()), (pid, from.version()));
            }
        }
    }
    say(&format!("crashes into another patch release: {pairs} pairs of versions"));
    Ok(())
}
