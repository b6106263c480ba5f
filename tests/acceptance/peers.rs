//! Members that may not join, because of whom their certificates name.

use tercet_cluster::binary::{Binary, Feature};
use tercet_cluster::{RefusalCause, explain};
use tercet_pki::{LOOPBACK_HOSTS, Leaf};
use tercet_tests::{RawEtcd, RawFleet, available, wait_until_serving};

use crate::visitor::{client, works};

/// What a member is known by, beside the loopback.
struct Known<'a> {
    common_name: &'a str,
    host: &'a str,
}

impl Known<'_> {
    fn leaf(&self) -> Leaf {
        Leaf::peer(self.common_name).hosts(LOOPBACK_HOSTS).host(self.host)
    }
}

/// Two members are let in by what they are `known` by, and a third that is an outsider is not,
/// until it is known too.
async fn the_third_is_an_outsider(etcd: &Binary, flag: &str, allowed: &str, known: [Known<'_>; 2]) {
    let version = etcd.version();
    let mut fleet = RawFleet::new(etcd, 3);
    fleet.set(flag, allowed);
    fleet.put("m1", "peer", &known[0].leaf());
    fleet.put("m2", "peer", &known[1].leaf());
    let outsider = Known { common_name: "outsider", host: "outsider.example" };
    fleet.put("m3", "peer", &outsider.leaf());
    let mut insiders = [fleet.start(0), fleet.start(1)];
    insiders.iter_mut().for_each(wait_until_serving);
    let mut third = fleet.start(2);
    let refuses = |etcd: &mut RawEtcd| {
        let refusals = explain(etcd.output().lines());
        refusals.iter().any(|refusal| refusal.cause == RefusalCause::NameNotAllowed)
    };
    insiders[0].wait_until("refused the outsider", refuses);
    insiders[1].wait_until("refused the outsider", refuses);
    for index in 0..2 {
        works(client(&fleet, index)).await.unwrap();
    }
    let third_serves = third.output().contains("serving client traffic");
    assert!(!third_serves && third.exit_status().is_none(), "{version}: {}", third.told());

    // The control: with a certificate that is known.
    drop(third);
    fleet.put("m3", "peer", &known[0].leaf());
    let mut third = fleet.start(2);
    wait_until_serving(&mut third);
    works(client(&fleet, 2)).await.unwrap();
}

const ONE: Known<'_> = Known { common_name: "member", host: "member.example" };

#[tokio::test]
async fn etcd_peer_cn_auth() {
    for etcd in available() {
        the_third_is_an_outsider(etcd, "--peer-cert-allowed-cn", "member", [ONE, ONE]).await;
    }
}

#[tokio::test]
async fn etcd_peer_multi_cn_auth() {
    for etcd in available().iter().filter(|etcd| etcd.release().has(Feature::AllowedNameLists)) {
        let other = Known { common_name: "second", host: "member.example" };
        let allowed = "member,second";
        the_third_is_an_outsider(etcd, "--peer-cert-allowed-cn", allowed, [ONE, other]).await;
    }
}

#[tokio::test]
async fn etcd_peer_name_auth() {
    for etcd in available() {
        let other = Known { common_name: "second", host: "member.example" };
        let allowed = "member.example";
        the_third_is_an_outsider(etcd, "--peer-cert-allowed-hostname", allowed, [ONE, other]).await;
    }
}
