//! Revocation lists.

use tercet_pki::etcd::Flag;
use tercet_pki::{Leaf, Revocations};
use tercet_tests::{RawFleet, available};

use crate::visitor::{client, identified, refused, works};

#[tokio::test]
async fn ctl_v3_get_revoked_crl() {
    for etcd in available() {
        let mut fleet = RawFleet::new(etcd, 1);
        let authority = fleet.identities.authority();
        let (revoked, list) = authority.issue_revoked(&Leaf::client("revoked")).unwrap();
        fleet.write("list.crl", list.der());
        let path = fleet.word("list.crl");
        fleet.set("--client-crl-file", path);
        let _running = fleet.start_all();
        refused(identified(&fleet, 0, revoked.chain_pem(), revoked.key_pem())).await;
        // The control: another of the same authority.
        works(client(&fleet, 0)).await.unwrap();
    }
}

/// With HTTP on a port of its own, older versions do not look at the list for gRPC.
#[tokio::test]
async fn ctl_v3_get_revoked_crl_grpc_only() {
    let flag = Flag::named("listen-client-http-urls").unwrap();
    for etcd in available().iter().filter(|etcd| flag.is_in(etcd.version())) {
        let mut fleet = RawFleet::new(etcd, 1);
        let authority = fleet.identities.authority();
        let (revoked, list) = authority.issue_revoked(&Leaf::client("revoked")).unwrap();
        fleet.write("list.crl", list.der());
        let path = fleet.word("list.crl");
        fleet.set("--client-crl-file", path);
        let http = tercet_tests::Port::hold();
        fleet.set("--listen-client-http-urls", format!("https://127.0.0.1:{}", http.number()));
        let _running = fleet.start_all();
        let outcome = works(identified(&fleet, 0, revoked.chain_pem(), revoked.key_pem())).await;
        let skipped = etcd.version().skips_revocation_list_beside_http();
        assert_eq!(outcome.is_ok(), skipped, "{}: {outcome:?}", etcd.version());
        works(client(&fleet, 0)).await.unwrap();
    }
}

/// DER is read by all, PEM up to 3.5.
#[tokio::test]
async fn new_listener_with_a_crl_file() {
    for etcd in available() {
        let mut fleet = RawFleet::new(etcd, 1);
        let empty = fleet.identities.authority().revoke(&Revocations::new()).unwrap();
        let path = fleet.word("list.crl");
        fleet.set("--client-crl-file", path);
        // The gateway is a client too, and would be refused beside ours.
        fleet.set("--enable-grpc-gateway", "false");
        fleet.write("list.crl", empty.der());
        let _running = fleet.start_all();
        works(client(&fleet, 0)).await.unwrap();

        fleet.write("list.crl", empty.pem());
        let reads_pem = etcd.version().minor() <= 5;
        let outcome = works(client(&fleet, 0)).await;
        assert_eq!(outcome.is_ok(), reads_pem, "{}: {outcome:?}", etcd.version());

        // It is read at each connection: gone, nobody gets in, and back, everybody does.
        std::fs::remove_file(fleet.path("list.crl")).unwrap();
        refused(client(&fleet, 0)).await;
        fleet.write("list.crl", empty.der());
        works(client(&fleet, 0)).await.unwrap();
    }
}
