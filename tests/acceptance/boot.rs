//! Fleets that come up with TLS.

use tercet_cluster::{RefusalCause, explain};
use tercet_harness::{Cluster, Result, Timing};
use tercet_pki::etcd::Flag;
use tercet_pki::{LOOPBACK_HOSTS, Leaf};
use tercet_tests::{RawFleet, available, say};

use crate::visitor::{client, works};

#[tokio::test]
async fn tls_cluster_of_3_doubles() -> Result<()> {
    for etcd in available() {
        let builder = Cluster::builder().members(3).binary(etcd.path()).timing(Timing::Ci);
        let cluster = builder.start().await?;
        cluster.client().await?.put("hello", "3").await?;
        for size in 4..=6 {
            cluster.add_member().await?;
            cluster.client().await?.put("hello", size.to_string()).await?;
            for member in cluster.members() {
                let value = member.client().await?.get("hello").await?.unwrap();
                assert_eq!(value.value(), size.to_string().as_bytes(), "{}", etcd.version());
            }
        }
        assert_eq!(cluster.members().len(), 6);
    }
    Ok(())
}

/// What members show is for servers alone, and what they dial with is for clients alone.
#[tokio::test]
async fn tls_cluster_of_3_with_specific_usage() {
    let flag = Flag::named("peer-client-cert-file").unwrap();
    for etcd in available() {
        let version = etcd.version();
        if !flag.is_in(version) {
            say(&format!("etcd {version} dials with what it shows"));
            continue;
        }
        let mut fleet = RawFleet::new(etcd, 3);
        for index in 0..3 {
            let name = format!("m{}", index + 1);
            let for_servers = Leaf::peer(&name).hosts(LOOPBACK_HOSTS).server_only();
            fleet.put(&name, "server", &for_servers);
            fleet.put(&name, "peer", &for_servers);
            let for_clients = Leaf::peer(&name).hosts(LOOPBACK_HOSTS).client_only();
            fleet.put(&name, "outgoing", &for_clients);
        }
        // The control: without what is for clients, the links are refused.
        let mut etcds = [fleet.start(0), fleet.start(1), fleet.start(2)];
        etcds[0].wait_until("refused another", |etcd| {
            let refusals = explain(etcd.output().lines());
            refusals.iter().any(|refusal| refusal.cause == RefusalCause::WrongUsage)
        });
        drop(etcds);
        for index in 0..3 {
            fleet.throw_data_away(index);
            let file = |ending| fleet.word(&format!("m{}/outgoing.{ending}", index + 1));
            let (certificate, key) = (file("crt"), file("key"));
            let words = &mut fleet.members[index];
            for prefix in ["--peer-client", "--client"] {
                words.set(&format!("{prefix}-cert-file"), &certificate);
                words.set(&format!("{prefix}-key-file"), &key);
            }
        }
        let _running = fleet.start_all();
        for index in 0..3 {
            works(client(&fleet, index)).await.unwrap();
        }
    }
}
