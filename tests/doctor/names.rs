//! Certificates and the names in them.

use tercet_pki::doctor::{Rule, Severity};
use tercet_pki::{LOOPBACK_HOSTS, Leaf};

use crate::openssl::Wish;
use crate::scene::Scene;

#[test]
fn no_names() {
    let scene = Scene::new(1);
    scene.openssl().issue("m1/server", "127.0.0.1", Wish { names: "", ..Wish::default() });
    let said = "certificate relies on legacy Common Name field, use SANs";
    scene.found(Rule::NoNames, Severity::Error, &[said], &["subjectAltName", "m1/server.crt"]);
    scene.start().client_is_refused(said);

    scene.put_sound_server();
    scene.is_cured_of(Rule::NoNames);
}

#[test]
fn host_not_named() {
    let scene = Scene::new(1);
    scene.put("m1", "server", Leaf::server("m1").host("10.9.9.9"));
    let said = "certificate is valid for 10.9.9.9, not 127.0.0.1";
    scene.found(Rule::HostNotNamed, Severity::Error, &[said], &["127.0.0.1", "m1/server.crt"]);
    scene.start().client_is_refused(said);

    scene.put_sound_server();
    scene.is_cured_of(Rule::HostNotNamed);
}

#[test]
fn address_as_name() {
    let scene = Scene::new(1);
    let names = "DNS:127.0.0.1,DNS:localhost";
    scene.openssl().issue("m1/server", "m1", Wish { names, ..Wish::default() });
    let said = "cannot validate certificate for 127.0.0.1 because it doesn't contain any IP SANs";
    scene.found(Rule::AddressAsName, Severity::Error, &[said], &["IP", "127.0.0.1"]);
    scene.start().client_is_refused(said);

    scene.put_sound_server();
    scene.is_cured_of(Rule::AddressAsName);
}

#[test]
fn loopback_not_named() {
    let mut scene = Scene::new(1);
    // Clients elsewhere use the name; the one beside the member uses the loopback.
    scene.put("m1", "server", Leaf::server("m1").host("etcd.example"));
    let port = scene.ports[0].0.number();
    scene.set("--advertise-client-urls", format!("https://etcd.example:{port}"));
    let said = "cannot validate certificate for 127.0.0.1 because it doesn't contain any IP SANs";
    let local = scene.client.clone();
    scene.client.urls = vec![format!("https://etcd.example:{port}")];
    scene.found(Rule::LoopbackNotNamed, Severity::Warning, &[said], &["127.0.0.1", "localhost"]);
    scene.client = local;
    scene.start().client_is_refused(said);

    let leaf = Leaf::server("m1").host("etcd.example").hosts(LOOPBACK_HOSTS);
    scene.put("m1", "server", leaf);
    scene.is_cured_of(Rule::LoopbackNotNamed);
}

#[cfg(target_os = "linux")]
#[test]
fn peer_address_not_named() {
    // Whoever dials 127.0.0.2 does so from 127.0.0.1, as behind a translation of addresses.
    let mut scene = Scene::new(2);
    let mut cluster = Vec::new();
    for index in 0..2 {
        let name = format!("m{}", index + 1);
        let url = format!("https://127.0.0.2:{}", scene.ports[index].1.number());
        scene.put(&name, "peer", Leaf::peer(&name).host("127.0.0.2"));
        scene.members[index].set("--listen-peer-urls", &url);
        scene.members[index].set("--initial-advertise-peer-urls", &url);
        cluster.push(format!("{name}={url}"));
    }
    scene.set("--initial-cluster", cluster.join(","));
    let said = "certificate is valid for 127.0.0.2, not 127.0.0.1";
    scene.found(Rule::PeerAddressNotNamed, Severity::Error, &[said], &["127.0.0.1", "m1/peer.crt"]);
    let mut running = scene.start();
    running.log_says(0, said);
    drop(running);

    for name in ["m1", "m2"] {
        scene.put(name, "peer", Leaf::peer(name).hosts(["127.0.0.2", "127.0.0.1"]));
    }
    scene.is_cured_of(Rule::PeerAddressNotNamed);
}

#[test]
fn peer_not_allowed() {
    let mut scene = Scene::new(2);
    scene.set("--peer-cert-allowed-cn", "etcd-peer");
    let said = "client certificate authentication failed";
    let fix = ["--peer-cert-allowed-cn", "m2"];
    scene.found(Rule::PeerNotAllowed, Severity::Error, &[said], &fix);
    let mut running = scene.start();
    running.log_says(0, said);
    drop(running);

    for name in ["m1", "m2"] {
        scene.put(name, "peer", Leaf::peer("etcd-peer").hosts(LOOPBACK_HOSTS));
    }
    scene.is_cured_of(Rule::PeerNotAllowed);
}
