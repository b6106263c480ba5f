//! A host with two addresses: which one a member dials from.

use std::time::Duration;

use tercet_cluster::binary::{Binary, Version};
use tercet_harness::{Cluster, MemberHost, Timing};
use tercet_tests::available;

use crate::network::{Network, within};

/// The second host's other address, which its member is to be known by.
const OTHER: [u8; 4] = [10, 77, 2, 20];

/// By itself a member comes from the address that the host's routes name; from 3.6 on it can be told
/// to come from the one that it advertises (`transport/tls.go`, `features/etcd_features.go`).
#[test]
fn etcd_peer_local_addr() {
    within("addresses::etcd_peer_local_addr", async |network: Network| {
        let other = OTHER.map(|number| number.to_string()).join(".");
        for device in ["to0", "to1", "to3"] {
            let own = format!("{other}/32");
            network.run_on(2, &["ip", "address", "add", &own, "dev", device]);
        }
        for host in [0, 1, 3] {
            network.run_on(host, &["ip", "route", "add", &other, "dev", "to2"]);
        }
        let hosts = || [network.host(1), second(&network), network.host(3)];
        // Of those that cannot be told, one is enough: each is waited for in vain.
        let told = |etcd: &&Binary| etcd.version() >= Version::new(3, 6, 0);
        for etcd in available().iter().take(1).chain(available().iter().filter(told)) {
            let builder = || {
                let builder = Cluster::builder().hosts(hosts()).timing(Timing::Ci);
                builder.binary(etcd.path()).ready_within(Duration::from_secs(12))
            };
            let error = builder().start().await.unwrap_err();
            let text = crate::chain(&error);
            let cause = "the certificate does not name the address 10.77.2.10 that dials";
            assert!(text.contains(cause), "{}: {text}", etcd.version());
            if !told(&etcd) {
                continue;
            }
            let builder = builder().flag("feature-gates", "SetMemberLocalAddr=true");
            let cluster = builder.start().await?;
            cluster.client().await?.put("hello", "world").await?;
        }
        Ok(())
    });
}

fn second(network: &Network) -> MemberHost {
    MemberHost::new("infra2", OTHER).entrance(network.entrance(2))
}
