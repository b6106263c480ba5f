//! Clients that get in, and clients that do not.

use tercet_cluster::{PortKind, RefusalCause, RefusedLink, explain};
use tercet_pki::Leaf;
use tercet_tests::{Curl, RawFleet, available, wait_until_serving};

use crate::visitor::{client, identified, plain, refused, url, works};

#[tokio::test]
async fn tls_grpc_accept_secure_all() {
    for etcd in available() {
        let fleet = RawFleet::new(etcd, 3);
        let _running = fleet.start_all();
        for index in 0..3 {
            works(client(&fleet, index)).await.unwrap();
        }
    }
}

#[tokio::test]
async fn tls_grpc_reject_insecure_client() {
    for etcd in available() {
        let fleet = RawFleet::new(etcd, 1);
        let _running = fleet.start_all();
        let reason = refused(plain(url(&fleet, 0).replace("https", "http"))).await;
        assert!(reason.contains("does it speak TLS? then write https://"), "{reason}");
        works(client(&fleet, 0)).await.unwrap();
    }
}

#[tokio::test]
async fn tls_grpc_reject_secure_client() {
    for etcd in available() {
        let mut fleet = RawFleet::new(etcd, 1);
        let secure = url(&fleet, 0);
        make_plain(&mut fleet);
        let _running = fleet.start_all();
        let without = url(&fleet, 0);
        fleet.members[0].set("--advertise-client-urls", secure);
        refused(client(&fleet, 0)).await;
        works(plain(without)).await.unwrap();
    }
}

/// Has the first member speak to clients without TLS.
fn make_plain(fleet: &mut RawFleet) {
    let plain = url(fleet, 0).replace("https", "http");
    let words = &mut fleet.members[0];
    for flag in ["--cert-file", "--key-file", "--trusted-ca-file", "--client-cert-auth"] {
        words.unset(flag);
    }
    words.set("--listen-client-urls", &plain);
    words.set("--advertise-client-urls", &plain);
}

#[tokio::test]
async fn dial_tls_expired() {
    for etcd in available() {
        let fleet = RawFleet::new(etcd, 1);
        let _running = fleet.start_all();
        let late = fleet.identities.issue(&Leaf::client("client").expired()).unwrap();
        let reason = refused(identified(&fleet, 0, late.chain_pem(), late.key_pem())).await;
        assert!(reason.contains("the client certificate"), "{reason}");
        works(client(&fleet, 0)).await.unwrap();
    }
}

/// An `https` endpoint and nothing to trust.
#[tokio::test]
async fn dial_tls_no_config() {
    for etcd in available() {
        let fleet = RawFleet::new(etcd, 1);
        let _running = fleet.start_all();
        let error = works(plain(url(&fleet, 0))).await.unwrap_err();
        assert!(!error.is_timeout(), "{error:?}");
        works(client(&fleet, 0)).await.unwrap();
    }
}

#[test]
fn connection_reject_message() {
    let Some(curl) = Curl::find() else { return };
    for etcd in available() {
        let fleet = RawFleet::new(etcd, 1);
        let mut running = fleet.start(0);
        wait_until_serving(&mut running);
        assert_eq!(explain(running.output().lines()), [], "before anybody knocks");
        let (client, peer) = fleet.ports(0);
        let ports = [(client, "client", PortKind::Client), (peer, "peer", PortKind::Peer)];
        for (number, name, kind) in ports {
            // From 3.5.15 on it says at which port.
            let told = etcd.version() >= tercet_cluster::binary::Version::new(3, 5, 15);
            let is_said = |refusal: &tercet_cluster::Refusal| {
                let port = told.then_some(kind);
                refusal.cause == RefusalCause::PlainToTls
                    && matches!(&refusal.link, Some(RefusedLink::Incoming { port: at, from })
                        if *at == port && from.starts_with("127.0.0.1:"))
            };
            let before = running.output().len();
            let url = format!("http://127.0.0.1:{number}/version");
            let _ = curl.run(["--noproxy", "*", &url]);
            running.wait_until(&format!("said that it refused at its {name} port"), |etcd| {
                let output = etcd.output();
                explain(output[before..].lines()).iter().any(is_said)
            });
            let words = if told { format!(" on {name} endpoint") } else { String::new() };
            let line = format!(r#""msg":"rejected connection{words}""#);
            assert!(running.output()[before..].contains(&line), "{line}: {}", running.told());
        }
    }
}
