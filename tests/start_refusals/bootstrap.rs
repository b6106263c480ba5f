//! Whom a member joins, and whom it may not.

use tercet_cluster::RefusalCause as Cause;
use tercet_cluster::explain;
use tercet_tests::{RawEtcd, RawFleet, available, wait_until_serving};

use crate::mistake::{ALL, Mistake, control, is_told, make_all, refusals, wait_for_cause};

#[test]
fn the_initial_cluster() {
    make_all(&[
        Mistake {
            name: "without its own name",
            make: |fleet| {
                let url = fleet.members[0].get("--listen-peer-urls").to_owned();
                fleet.members[0].set("--initial-cluster", format!("m2={url}"));
            },
            is_cause: |cause, _| *cause == Cause::LocalNameMissing { name: "m1".into() },
            rule: None,
            since: ALL,
        },
        Mistake {
            name: "with another URL than it advertises",
            make: |fleet| {
                fleet.members[0].set("--initial-advertise-peer-urls", "https://127.0.0.1:1");
            },
            is_cause: |cause, _| {
                matches!(cause, Cause::AdvertisedUrlsUnequal { reason }
                    if reason.contains("--initial-advertise-peer-urls=https://127.0.0.1:1"))
            },
            rule: None,
            since: ALL,
        },
        Mistake {
            name: "with one URL twice",
            make: |fleet| {
                let url = fleet.members[0].get("--listen-peer-urls").to_owned();
                fleet.members[0].set("--initial-cluster", format!("m1={url},m2={url}"));
            },
            is_cause: |cause, _| {
                matches!(cause, Cause::DuplicateUrl { initial_cluster }
                    if initial_cluster.starts_with("m1="))
            },
            rule: None,
            since: ALL,
        },
        Mistake {
            name: "without names",
            make: |fleet| fleet.members[0].set("--initial-cluster", "https://127.0.0.1:1"),
            is_cause: |cause, _| matches!(cause, Cause::InitialCluster { .. }),
            rule: None,
            since: ALL,
        },
        Mistake {
            name: "of which nobody answers",
            make: |fleet| {
                let words = &mut fleet.members[0];
                let cluster = format!("{},m0=https://127.0.0.1:1", words.get("--initial-cluster"));
                words.set("--initial-cluster", cluster);
                words.set("--initial-cluster-state", "existing");
            },
            is_cause: |cause, _| {
                matches!(cause, Cause::ClusterUnreachable { asked }
                    if asked.len() == 1 && asked[0].contains("connection refused"))
            },
            rule: None,
            since: ALL,
        },
        Mistake {
            name: "with more learners than none",
            make: |fleet| fleet.members[0].set("--max-learners", "-1"),
            is_cause: |cause, _| *cause == Cause::TooManyLearners,
            rule: None,
            since: ALL,
        },
    ]);
}

/// The only cause that an etcd that has ended gives, whatever its status: a member that was removed
/// ends without failure in some versions.
fn ended(mut etcd: RawEtcd) -> Cause {
    etcd.wait_until("ended", |etcd| etcd.exit_status().is_some());
    let refusals = refusals(&etcd);
    let [refusal] = refusals.as_slice() else { panic!("{refusals:#?}\n{}", etcd.told()) };
    is_told(refusal);
    assert_eq!(refusal.rule(), None);
    refusal.cause.clone()
}

/// A fleet of two whose first member is a cluster of its own.
fn one_and_another(etcd: &tercet_cluster::binary::Binary) -> (RawFleet, RawEtcd) {
    let mut fleet = RawFleet::new(etcd, 2);
    let url = fleet.members[0].get("--listen-peer-urls").to_owned();
    fleet.members[0].set("--initial-cluster", format!("m1={url}"));
    // A member may be added at once, and not only after five seconds without trouble.
    fleet.members[0].set("--strict-reconfig-check", "false");
    fleet.members[1].set("--initial-cluster-state", "existing");
    let mut first = fleet.start(0);
    wait_until_serving(&mut first);
    (fleet, first)
}

#[test]
fn a_member_must_be_added_before_it_joins() {
    for etcd in available() {
        let (fleet, first) = one_and_another(etcd);
        let url = fleet.members[0].get("--listen-peer-urls").to_owned();
        let cause = ended(fleet.start(1));
        let Cause::MemberCountUnequal { cluster, members } = &cause else { panic!("{cause:?}") };
        assert_eq!((cluster.is_empty(), members.as_slice()), (false, &[url][..]));

        // The control: it is added.
        let url = format!("--peer-urls={}", fleet.members[1].get("--listen-peer-urls"));
        fleet.etcdctl_succeeds(0, &["member", "add", "m2", &url]);
        let mut second = fleet.start(1);
        wait_until_serving(&mut second);
        assert_eq!(refusals(&first).iter().filter(|refusal| refusal.link.is_none()).count(), 0);
        assert_eq!(explain(second.output().lines()).first().map(|refusal| &refusal.link), None);
    }
}

#[test]
fn a_member_must_be_added_with_its_url() {
    for etcd in available() {
        let (fleet, _first) = one_and_another(etcd);
        fleet.etcdctl_succeeds(0, &["member", "add", "m2", "--peer-urls=https://127.0.0.1:1"]);
        let cause = ended(fleet.start(1));
        let Cause::MemberUrlsUnequal { members, .. } = &cause else { panic!("{cause:?}") };
        assert!(members.contains(&"https://127.0.0.1:1".to_owned()), "{members:?}");
    }
}

#[test]
fn a_member_that_lost_its_data_is_no_new_one() {
    for etcd in available() {
        let fleet = RawFleet::new(etcd, 3);
        let mut running = fleet.start_all();
        let id = fleet.id(0, "m3");
        drop(running.pop());
        // The control: with its data, it comes back.
        let mut again = fleet.start(2);
        wait_until_serving(&mut again);
        drop(again);
        fleet.throw_data_away(2);
        assert_eq!(ended(fleet.start(2)), Cause::AlreadyBootstrapped { member: id });
    }
}

#[test]
fn a_removed_member_does_not_come_back() {
    for etcd in available() {
        let mut fleet = RawFleet::new(etcd, 3);
        fleet.set("--strict-reconfig-check", "false");
        let mut running = fleet.start_all();
        let ids = [fleet.id(0, "m2"), fleet.id(0, "m3")];
        drop(running.pop());
        fleet.etcdctl_succeeds(0, &["member", "remove", &ids[1]]);
        assert_eq!(ended(fleet.start(2)), Cause::Removed, "{}", etcd.version());
        // One that runs is told, and ends.
        fleet.etcdctl_succeeds(0, &["member", "remove", &ids[0]]);
        let mut second = running.pop().unwrap();
        second.wait_until("ended", |etcd| etcd.exit_status().is_some());
        let refusals = refusals(&second);
        assert_eq!(refusals[0].cause, Cause::Removed, "{refusals:#?}");
        assert_eq!(refusals[0].link, None);
    }
}

#[test]
fn members_of_two_clusters() {
    for etcd in available() {
        control(etcd);
        let mut fleet = RawFleet::new(etcd, 2);
        fleet.members[1].set("--initial-cluster-token", "another");
        let mut etcds = [fleet.start(0), fleet.start(1)];
        let mut clusters = Vec::new();
        for etcd in &mut etcds {
            let is_mismatch = |refusal: &tercet_cluster::Refusal| {
                matches!(refusal.cause, Cause::ClusterMismatch { .. }) && refusal.link.is_some()
            };
            let refusal = wait_for_cause(etcd, "that the clusters differ", is_mismatch);
            assert_eq!(refusal.rule(), None);
            let Cause::ClusterMismatch { ours, theirs } = refusal.cause else { unreachable!() };
            clusters.push((ours, theirs));
        }
        let (one, other) = (&clusters[0], &clusters[1]);
        assert_eq!((&one.0, &one.1), (&other.1, &other.0), "each names the other's");
        assert!(one.0 != one.1 && !one.0.is_empty());
    }
}
