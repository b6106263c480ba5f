//! Where all is well, nothing is said: every way of securing, of telling and of joining, on every
//! version.

use tercet_cluster::binary::Binary;
use tercet_cluster::{Configuration, Joining, TlsVersion};
use tercet_harness::{Builder, Cluster, Layout, Security, Timing, TlsOptions};
use tercet_tests::{available, say};

async fn is_sound(cluster: &Cluster, what: &str) {
    let diagnosis = cluster.diagnose().await;
    let version = cluster.binary().version();
    assert!(diagnosis.is_sound(), "{version} {what}:\n{diagnosis}");
    assert_eq!(diagnosis.unseen, [], "{version} {what}");
}

#[tokio::test]
async fn every_word_on_every_version() {
    for etcd in available() {
        for security in Security::ALL {
            let cluster = Cluster::builder().binary(etcd.path()).security(security);
            let cluster = cluster.timing(Timing::Ci).start().await.unwrap();
            is_sound(&cluster, &security.to_string()).await;
        }
    }
}

/// What else a fleet may be asked to be.
fn variants(etcd: &Binary) -> Vec<(&'static str, Builder)> {
    let builder = || Cluster::builder().binary(etcd.path()).timing(Timing::Ci);
    let tls = TlsOptions::default;
    let suites = ["TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"];
    vec![
        ("shared", builder().layout(Layout::Shared)),
        ("environment", builder().configuration(Configuration::Environment)),
        ("file", builder().configuration(Configuration::File)),
        ("TLS 1.3", builder().tls(tls().min_version(TlsVersion::V1_3))),
        ("TLS 1.2", builder().tls(tls().max_version(TlsVersion::V1_2))),
        ("suites", builder().tls(tls().cipher_suites(suites))),
        ("lists", builder().tls(tls().revocation_list())),
        ("no addresses", builder().tls(tls().skip_peer_address_check())),
        ("names", builder().tls(tls().allowed_peer_names(["peers"]))),
        ("hosts", builder().tls(tls().allowed_peer_hosts(["a.example"]))),
        ("clients", builder().tls(tls().allowed_client_hosts(["b.example"])).without_gateway()),
        ("outgoing", builder().tls(tls().separate_outgoing())),
        ("HTTP port", builder().http_port()),
        ("the second API", builder().v2()),
        ("discovery", builder().joining(Joining::Discovery { members: 1 })),
    ]
}

#[tokio::test]
async fn every_variant_on_every_version() {
    for etcd in available() {
        let mut without = Vec::new();
        for (what, builder) in variants(etcd) {
            match builder.start().await {
                Ok(cluster) => is_sound(&cluster, what).await,
                // What a version has not got is refused before anything is started.
                Err(error) => {
                    let text = format!("{error:?}");
                    assert!(text.contains("which is there"), "{} {what}: {text}", etcd.version());
                    without.push(what);
                }
            }
        }
        say(&format!("{} has not: {}", etcd.version(), without.join(", ")));
        assert!(without.len() < 8, "{without:?}");
    }
}

/// A fleet that has changed since it began.
#[tokio::test]
async fn after_members_came_and_went() {
    for etcd in available() {
        let cluster = Cluster::builder().binary(etcd.path()).timing(Timing::Ci);
        let cluster = cluster.start().await.unwrap();
        cluster.add_member().await.unwrap();
        is_sound(&cluster, "one more").await;
        cluster.member(0).remove().await.unwrap();
        is_sound(&cluster, "one less").await;
        cluster.member(1).update_peer_url().await.unwrap();
        is_sound(&cluster, "another URL").await;
        cluster.rotate_leaves().await.unwrap();
        is_sound(&cluster, "new leaves").await;
    }
}
