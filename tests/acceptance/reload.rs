//! A server's certificate that is replaced by an expired one, and put back, while the member runs.

use std::fs;

use tercet_client::Client;
use tercet_pki::{LOOPBACK_HOSTS, Leaf};
use tercet_tests::{RawFleet, available};

use crate::visitor::{client, refused, works};

/// Runs a member whose certificate names `hosts`, and sees what clients see when `replace` puts the
/// files of a directory in the place of those of the member: first expired ones, then the good.
async fn reload(hosts: &[&str], replace: impl Fn(&RawFleet, &str)) {
    for etcd in available() {
        let version = etcd.version();
        let fleet = RawFleet::new(etcd, 1);
        let good = Leaf::server("m1").hosts(hosts.iter().copied());
        fleet.put("m1", "server", &good);
        for (directory, leaf) in [("good", good.clone()), ("late", good.expired())] {
            fs::create_dir(fleet.path(directory)).unwrap();
            for name in ["peer.crt", "peer.key"] {
                fs::copy(fleet.path("m1").join(name), fleet.path(directory).join(name)).unwrap();
            }
            fleet.put(directory, "server", &leaf);
        }
        let _running = fleet.start_all();
        let before = Client::connect(client(&fleet, 0)).await.unwrap();
        before.put("hello", "world").await.unwrap();

        replace(&fleet, "late");
        let reason = refused(client(&fleet, 0)).await;
        assert!(reason.contains("expired"), "{version}: {reason}");
        // Who is in stays in: a certificate is looked at once in a connection.
        before.put("hello", "world").await.unwrap();

        replace(&fleet, "good");
        works(client(&fleet, 0)).await.unwrap();
    }
}

/// The directory is renamed: no handshake sees a certificate beside another's key.
fn by_rename(fleet: &RawFleet, directory: &str) {
    fs::rename(fleet.path("m1"), fleet.path("away")).unwrap();
    fs::rename(fleet.path(directory), fleet.path("m1")).unwrap();
    fs::remove_dir_all(fleet.path("away")).unwrap();
}

/// One file is written over after the other.
fn by_copy(fleet: &RawFleet, directory: &str) {
    for name in ["server.crt", "server.key"] {
        let contents = fs::read(fleet.path(directory).join(name)).unwrap();
        fleet.write(&format!("m1/{name}"), contents);
    }
}

#[tokio::test]
async fn tls_reload_atomic_replace() {
    reload(&LOOPBACK_HOSTS, by_rename).await;
}

#[tokio::test]
async fn tls_reload_copy() {
    reload(&LOOPBACK_HOSTS, by_copy).await;
}

#[tokio::test]
async fn tls_reload_copy_ip_only() {
    reload(&["127.0.0.1"], by_copy).await;
}
