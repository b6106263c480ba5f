//! What cannot be broken is refused, and nothing is changed.

use tercet_harness::{Cluster, End, Faults, Member, MemberHost, Result, Security};

use crate::{fleet_of, put};

#[tokio::test]
async fn wrong_use_is_refused() -> Result<()> {
    let etcd = &tercet_tests::available()[0];
    let (cluster, other) = (fleet_of(etcd, 3).await?, fleet_of(etcd, 1).await?);
    let (one, two) = (cluster.member(0), cluster.member(1));
    let nobody: [Member<'_>; 0] = [];
    let errors = [
        cluster.cut(one, one).unwrap_err(),
        cluster.cut(End::Clients, End::Clients).unwrap_err(),
        cluster.cut_one_way(one, other.member(0)).unwrap_err(),
        cluster.split(&[one], &nobody).unwrap_err(),
        cluster.split(&[one, two], &[two]).unwrap_err(),
        cluster.ring().unwrap_err(),
        other.isolate(other.member(0)).unwrap_err(),
        other.bridge(other.member(0)).unwrap_err(),
    ];
    let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(errors.join("\n"), @"
    there is no link from m1 to itself that could be broken
    there is no link from clients to itself that could be broken
    member m1 is of another fleet: ask its own, `member.cluster()`
    a side of the split is empty: there is no link between it and the other
    there is no link from m2 to itself that could be broken
    a ring takes at least 4 members, and the fleet has 3
    isolation takes at least 2 members, and the fleet has 1
    a bridge takes at least 3 members, and the fleet has 1
    ");
    let gone = cluster.member(2);
    gone.remove().await?;
    let error = cluster.cut(one, gone).unwrap_err();
    assert_eq!(
        error.to_string(),
        "member m3 was removed from the fleet: there is nothing of it to break"
    );
    for member in cluster.members() {
        assert!(put(member, "nothing was changed").await.is_some());
    }
    Ok(())
}

#[tokio::test]
async fn a_fleet_that_was_not_made_ready_says_how_to() -> Result<()> {
    let cluster = Cluster::start().await?;
    let error = cluster.isolate(cluster.member(0)).unwrap_err();
    insta::assert_snapshot!(error, @"the fleet was not made ready for faults of its links: start it with .faults(Faults::NONE.links())");
    // There is nothing to heal.
    cluster.heal_all();
    Ok(())
}

#[tokio::test]
async fn a_fleet_that_cannot_be_made_ready_is_not_started() {
    let links = Faults::NONE.links();
    let plaintext = Cluster::builder().security(Security::ClientAuth).faults(links).start();
    let hosts = [MemberHost::new("m1", [127, 0, 0, 1])];
    let hosts = Cluster::builder().hosts(hosts).faults(links).start();
    let errors = [plaintext.await.unwrap_err(), hosts.await.unwrap_err()];
    let errors: Vec<_> = errors.iter().map(|error| format!("{error:?}")).collect();
    insta::assert_snapshot!(errors.join("\n"), @"
    the cluster did not start
      because the fleet cannot be planned
      because faults of its links and members that talk in plain text exclude each other: in plain text Go sends what is for several members over one connection to a proxy, so that no link can be told from another: secure the links between members
    the cluster did not start
      because the fleet cannot be planned
      because faults of its links and hosts exclude each other: the network whose links can be broken is inside this process: cut the one between the hosts instead
    ");
}
