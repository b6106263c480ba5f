//! The three forms in which etcd takes its settings: flags, environment and file. The fleet is the
//! same in all.

use std::collections::BTreeMap;

use serde_json::Value;
use tercet_cluster::Configuration;
use tercet_cluster::binary::{Binary, Feature};
use tercet_harness::{Builder, Cluster, Result, Security, TlsOptions};

/// All that members say of their settings when they start: the fields of these lines, without what
/// differs from fleet to fleet.
fn said(cluster: &Cluster) -> BTreeMap<String, Value> {
    const TELLING: [&str; 3] =
        ["starting an etcd server", "starting with peer TLS", "starting with client TLS"];
    let mut all = BTreeMap::new();
    for member in cluster.members() {
        let text = std::fs::read_to_string(member.log()).unwrap();
        let mut text = text.replace(&cluster.directory().display().to_string(), "FLEET");
        text = text.replace(&cluster.plan().token().display().to_string(), "TOKEN");
        for other in cluster.members() {
            for (url, mark) in [(other.client_url(), "CLIENT"), (other.peer_url(), "PEER")] {
                text = text.replace(url.rsplit(':').next().unwrap(), mark);
            }
        }
        for line in text.lines() {
            let Ok(Value::Object(mut entry)) = serde_json::from_str(line) else { continue };
            for own in ["ts", "local-member-id", "cluster-id"] {
                entry.remove(own);
            }
            let message = entry["msg"].as_str().unwrap_or_default().to_owned();
            if TELLING.contains(&&*message) {
                all.insert(format!("{} {message}", member.name()), entry.into());
            }
        }
    }
    all
}

fn variants(etcd: &Binary, builder: impl Fn() -> Builder) -> Vec<Builder> {
    let tls = TlsOptions::default;
    let mut all = vec![
        builder(),
        builder().security(Security::Plaintext),
        builder().security(Security::Auto),
        builder().without_gateway(),
        builder().tls(tls().revocation_list().skip_peer_address_check()),
        builder().tls(tls().allowed_peer_names(["peers"])),
        builder().tls(tls().cipher_suites(["TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"])),
        builder().flag("quota-backend-bytes", "0x1000_0000").flag("max-txn-ops", "77"),
    ];
    if etcd.release().has(Feature::SocketReusePort) {
        all.push(builder().tls(tls().separate_outgoing()));
    }
    if etcd.release().has(Feature::AllowedNameLists) {
        all.push(builder().tls(tls().allowed_peer_hosts(["a.example", "b.example"])));
    }
    all
}

#[tokio::test]
async fn the_fleet_is_the_same_in_all_forms() -> Result<()> {
    for etcd in tercet_tests::available() {
        let forms = Configuration::ALL.map(|form| {
            variants(etcd, || Cluster::builder().members(1).binary(etcd.path()).configuration(form))
        });
        let [flags, environment, file] = forms;
        for ((flags, environment), file) in flags.into_iter().zip(environment).zip(file) {
            let mut wanted = None;
            for builder in [flags, environment, file] {
                let cluster = builder.start().await?;
                cluster.client().await?.put("hello", "world").await?;
                let said = said(&cluster);
                assert!(!said.is_empty(), "the control: a member tells its settings");
                let form = cluster.plan().spec().form_of_configuration();
                let wanted = wanted.get_or_insert_with(|| said.clone());
                assert_eq!(said, *wanted, "{} {form}", etcd.version());
            }
        }
    }
    Ok(())
}
