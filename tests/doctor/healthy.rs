//! Sound fleets: they work, and the doctor has nothing to say.

use tercet_harness::Cluster;
use tercet_pki::doctor::{Description, examine, look};
use tercet_pki::etcd::Version;
use tercet_pki::{Fleet, LOOPBACK_HOSTS, Layout, Leaf};
use tercet_tests::Port;
use time::OffsetDateTime;

use crate::openssl::{AUTHORITY, Openssl, Wish};
use crate::scene::{Scene, skip};

impl Scene {
    /// Sees that it works, and that nothing is found, not even a note.
    fn is_sound(&self) {
        let findings = examine(&self.description());
        assert!(findings.is_empty(), "{findings:#?}");
        self.works();
    }
}

#[tokio::test]
async fn fleets_that_were_started() -> tercet_harness::Result<()> {
    for (size, layout) in
        [(1, Layout::PerMember), (3, Layout::PerMember), (1, Layout::Shared), (3, Layout::Shared)]
    {
        let cluster = Cluster::builder().members(size).layout(layout).start().await?;
        let version = cluster.binary().version();
        let mut running = Description::new(version, OffsetDateTime::now_utc());
        let mut told = running.clone();
        for member in cluster.members() {
            let plan = member.plan();
            let (arguments, variables) = (plan.arguments(), plan.environment().to_vec());
            let directory = cluster.directory();
            told.members.push(look::arguments(arguments, variables, directory, version).unwrap());
            if cfg!(target_os = "linux") {
                let pid = member.pid().expect("it runs");
                running.members.push(look::process(pid, version).unwrap());
            }
        }
        let urls = cluster.endpoints().iter().map(|url| url.parse().unwrap()).collect();
        let client = &cluster.files().client;
        let (certificate, key) = (Some(&*client.certificate), Some(&*client.key));
        let client = look::client(urls, Some(&cluster.files().ca), certificate, key);
        for mut description in [told, running] {
            description.clients.push(client.clone());
            assert_eq!(examine(&description), [], "{size} members, {layout:?}");
        }
        let directory = look::directory(cluster.files().ca.parent().unwrap()).unwrap();
        let mut written = Description::new(version, OffsetDateTime::now_utc());
        written.members = directory.members;
        written.clients = directory.clients;
        written.loose = directory.loose;
        assert_eq!(examine(&written), [], "the directory of {size} members, {layout:?}");
    }
    Ok(())
}

#[test]
fn peers_with_an_authority_of_their_own() {
    let mut scene = Scene::new(3);
    let authority =
        Openssl::new(scene.directory.path(), "peer-ca", "authority of peers", AUTHORITY);
    for name in ["m1", "m2", "m3"] {
        authority.issue(&format!("{name}/peer"), name, Wish::default());
    }
    scene.set("--peer-trusted-ca-file", scene.word("peer-ca.crt"));
    scene.is_sound();
}

#[test]
fn intermediates_in_the_chains() {
    let scene = Scene::new(2);
    let between = scene.openssl().intermediate("between", "an intermediate", AUTHORITY);
    let client = Wish { names: "", usages: "clientAuth", ..Wish::default() };
    between.issue("client", "client", client);
    for stem in ["m1/server", "m1/peer", "m2/server", "m2/peer"] {
        between.issue(stem, stem.split('/').next().unwrap(), Wish::default());
    }
    for stem in ["client", "m1/server", "m1/peer", "m2/server", "m2/peer"] {
        let file = format!("{stem}.crt");
        scene.write(&file, scene.read(&file) + &scene.read("between.crt"));
    }
    scene.is_sound();
}

#[test]
fn a_wildcard() {
    let mut scene = Scene::new(1);
    let names = ["*.etcd.example", "localhost", "127.0.0.1"];
    scene.put("m1", "server", Leaf::server("m1").hosts(names));
    let port = scene.ports[0].0.number();
    scene.set("--advertise-client-urls", format!("https://m1.etcd.example:{port}"));
    scene.is_sound();
}

#[test]
fn keys_of_other_kinds() {
    for key in [
        &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"][..],
        &["-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-384"],
        &["-algorithm", "ED25519"],
    ] {
        let scene = Scene::new(1);
        let authority = scene.openssl();
        let wish = Wish { key, ..Wish::default() };
        authority.issue("m1/server", "m1", wish);
        authority.issue("m1/peer", "m1", wish);
        authority.issue("client", "client", Wish { names: "", usages: "clientAuth", ..wish });
        scene.is_sound();
    }
}

#[test]
fn the_other_loopback() {
    if std::net::TcpListener::bind("[::1]:0").is_err() {
        return skip("this machine has no IPv6");
    }
    let mut scene = Scene::new(1);
    for flag in [
        "--listen-client-urls",
        "--advertise-client-urls",
        "--listen-peer-urls",
        "--initial-advertise-peer-urls",
        "--initial-cluster",
    ] {
        let value = scene.members[0].get(flag).replace("127.0.0.1", "[::1]");
        scene.set(flag, value);
    }
    scene.client.urls[0] = scene.client.urls[0].replace("127.0.0.1", "[::1]");
    scene.is_sound();
}

/// As kubeadm writes them: one pair for both, names of the node and the loopback, a plain port for
/// metrics.
#[test]
fn a_directory_like_kubeadms() {
    let mut scene = Scene::new(1);
    std::fs::create_dir(scene.path("etcd")).unwrap();
    let directory = scene.directory.path().join("etcd");
    let key = &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"];
    let more = "keyUsage=critical,digitalSignature,keyEncipherment,keyCertSign\n";
    let authority = Wish { names: "DNS:etcd-ca", key, more, ..AUTHORITY };
    let authority = Openssl::new(&directory, "ca", "etcd-ca", authority);
    let more = "keyUsage=critical,digitalSignature,keyEncipherment\n";
    let names = "DNS:localhost,DNS:node,IP:127.0.0.1,IP:0:0:0:0:0:0:0:1";
    let wish = Wish { names, key, more, ..Wish::default() };
    authority.issue("server", "node", wish);
    authority.issue("peer", "node", wish);
    let client = Wish { names: "", usages: "clientAuth", ..wish };
    authority.issue("healthcheck-client", "kube-etcd-healthcheck-client", client);
    for (flag, file) in [
        ("--cert-file", "server.crt"),
        ("--key-file", "server.key"),
        ("--trusted-ca-file", "ca.crt"),
        ("--peer-cert-file", "peer.crt"),
        ("--peer-key-file", "peer.key"),
        ("--peer-trusted-ca-file", "ca.crt"),
    ] {
        scene.set(flag, directory.join(file).display().to_string());
    }
    let metrics = Port::hold();
    scene.set("--listen-metrics-urls", format!("http://127.0.0.1:{}", metrics.number()));
    scene.client.trusted_ca_file = Some(directory.join("ca.crt"));
    let stem = directory.join("healthcheck-client");
    scene.client.identity = Some((stem.with_extension("crt"), stem.with_extension("key")));
    scene.is_sound();
}

#[test]
fn a_certificate_for_each_role() {
    let mut scene = Scene::new(2);
    if scene.version() < Version::new(3, 5, 0) {
        return skip(&format!("etcd {} has no --client-cert-file", scene.version()));
    }
    let authority = scene.openssl();
    for (index, name) in ["m1", "m2"].into_iter().enumerate() {
        let server = Wish { usages: "serverAuth", ..Wish::default() };
        let client = Wish { usages: "clientAuth", ..Wish::default() };
        authority.issue(&format!("{name}/server"), name, server);
        authority.issue(&format!("{name}/peer"), name, server);
        authority.issue(&format!("{name}/out"), name, client);
        for flag in ["--client", "--peer-client"] {
            let file = |end: &str| scene.word(&format!("{name}/out.{end}"));
            let (certificate, key) = (file("crt"), file("key"));
            scene.members[index].set(&format!("{flag}-cert-file"), certificate);
            scene.members[index].set(&format!("{flag}-key-file"), key);
        }
    }
    scene.is_sound();
}

#[test]
fn sockets_and_several_urls() {
    let mut scene = Scene::new(1);
    let more = Port::hold();
    let old = scene.members[0].get("--listen-client-urls").to_owned();
    let new = format!("https://127.0.0.1:{}", more.number());
    scene.set("--listen-client-urls", format!("{old},{new},unixs://m1.sock:1"));
    scene.set("--advertise-client-urls", format!("{old},{new}"));
    scene.client.urls.push(new);
    scene.is_sound();
}

#[test]
fn two_authorities_in_one_file() {
    let scene = Scene::new(1);
    let old = Fleet::generate(["m1"]).unwrap();
    scene.write("ca.crt", scene.read("ca.crt") + old.authority().certificate_pem());
    old.client().replace(scene.directory.path(), "client").unwrap();
    scene.is_sound();
}

#[test]
fn an_empty_revocation_list() {
    let mut scene = Scene::new(1);
    scene.openssl().crl("crl.der", &[]);
    scene.set("--client-crl-file", scene.word("crl.der"));
    scene.is_sound();
}

#[test]
fn names_that_are_allowed() {
    let mut scene = Scene::new(2);
    for name in ["m1", "m2"] {
        scene.put(name, "peer", Leaf::peer("etcd-peer").hosts(LOOPBACK_HOSTS));
    }
    scene.set("--peer-cert-allowed-cn", "etcd-peer");
    scene.is_sound();
}
