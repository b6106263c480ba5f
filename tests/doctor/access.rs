//! Who gets in: client certificates, plaintext, and TLS that authenticates nobody.

use tercet_pki::doctor::{Rule, Severity};

use crate::running::curl;
use crate::scene::{Client, Scene};

#[test]
fn client_certificate_demanded() {
    let mut scene = Scene::new(1);
    let identity = scene.client.identity.take();
    let said = "tls: client didn't provide a certificate";
    let fix = ["--cert", "--key", "--client-cert-auth"];
    scene.found(Rule::ClientCertificateDemanded, Severity::Error, &[said], &fix);
    let mut running = scene.start();
    running.client_is_refused("");
    running.log_says(0, said);
    drop(running);

    scene.client.identity = identity;
    scene.is_cured_of(Rule::ClientCertificateDemanded);
}

#[test]
fn authority_alone_demands_certificates() {
    let mut scene = Scene::new(1);
    scene.unset("--client-cert-auth");
    let identity = scene.client.identity.take();
    let said = "tls: client didn't provide a certificate";
    let fix = ["--cert", "--trusted-ca-file"];
    scene.found(Rule::ClientCertificateDemanded, Severity::Error, &[said], &fix);
    let mut running = scene.start();
    running.client_is_refused("");
    running.log_says(0, said);
    drop(running);

    scene.client.identity = identity;
    scene.is_cured_of(Rule::ClientCertificateDemanded);
}

#[test]
fn client_dials_without_tls() {
    let mut scene = Scene::new(1);
    let urls = scene.client.urls.clone();
    scene.client.urls = vec![urls[0].replace("https", "http")];
    let said = "first record does not look like a TLS handshake";
    scene.found(Rule::SchemeMismatch, Severity::Error, &[said], &["https://"]);
    let client = Client { identity: None, trusted_ca_file: None, ..scene.client.clone() };
    let mut running = scene.start();
    running.refused(&client, "");
    running.log_says(0, said);
    drop(running);

    scene.client.urls = urls;
    scene.is_cured_of(Rule::SchemeMismatch);
}

#[test]
fn member_listens_without_tls() {
    let mut scene = Scene::new(1);
    let right = scene.members[0].get("--listen-client-urls").to_owned();
    scene.set("--listen-client-urls", right.replace("https", "http"));
    let said = "transport: authentication handshake failed: EOF";
    scene.found(Rule::SchemeMismatch, Severity::Error, &[said], &["--listen-client-urls"]);
    scene.start().client_is_refused(said);

    scene.set("--listen-client-urls", right);
    scene.is_cured_of(Rule::SchemeMismatch);
}

#[test]
fn peer_dials_without_tls() {
    let mut scene = Scene::new(2);
    let right = scene.members[0].get("--initial-cluster").to_owned();
    let wrong = right.replace("m2=https", "m2=http");
    scene.set("--initial-cluster", &wrong);
    let advertised = scene.members[1].get("--initial-advertise-peer-urls").to_owned();
    let plain = advertised.replace("https", "http");
    scene.members[1].set("--initial-advertise-peer-urls", plain);
    let said = "first record does not look like a TLS handshake";
    scene.found(Rule::SchemeMismatch, Severity::Error, &[said], &["--initial-cluster"]);
    scene.start().log_says(1, said);

    scene.set("--initial-cluster", right);
    scene.members[1].set("--initial-advertise-peer-urls", advertised);
    scene.is_cured_of(Rule::SchemeMismatch);
}

#[test]
fn client_auth_without_authority() {
    let mut scene = Scene::new(1);
    scene.unset("--trusted-ca-file");
    let said = "certificate signed by unknown authority";
    let fix = ["--trusted-ca-file"];
    scene.found(Rule::ClientAuthWithoutAuthority, Severity::Error, &[said], &fix);
    let mut running = scene.start();
    running.client_is_refused("");
    running.log_says(0, said);
    drop(running);

    scene.set("--trusted-ca-file", scene.word("ca.crt"));
    scene.is_cured_of(Rule::ClientAuthWithoutAuthority);
}

#[test]
fn automatic_tls() {
    let mut scene = Scene::new(1);
    let flags = ["--cert-file", "--key-file", "--trusted-ca-file", "--client-cert-auth"];
    for flag in flags {
        scene.unset(flag);
    }
    scene.set("--auto-tls", "true");
    let client = Client { identity: None, trusted_ca_file: None, ..scene.client.clone() };
    let right = std::mem::replace(&mut scene.client, client);
    scene.found(Rule::AutomaticTls, Severity::Warning, &[], &["--cert-file", "--key-file"]);
    // Nobody can check who answers, and anybody gets in.
    let mut running = scene.start();
    running.client_is_refused("certificate signed by unknown authority");
    running.member(0).wait_for_output("auto");
    let answer = running.curl(&scene.client, "/version", &["--insecure"]).unwrap();
    assert!(answer.contains("etcdserver"), "{answer}");
    drop(running);

    scene.unset("--auto-tls");
    for (flag, value) in flags.into_iter().zip(["m1/server.crt", "m1/server.key", "ca.crt"]) {
        scene.set(flag, scene.word(value));
    }
    scene.set("--client-cert-auth", "true");
    scene.client = right;
    scene.is_cured_of(Rule::AutomaticTls);
}

#[test]
fn plaintext_listener() {
    let mut scene = Scene::new(1);
    let port = tercet_tests::Port::hold();
    let right = scene.members[0].get("--listen-client-urls").to_owned();
    let plain = format!("http://127.0.0.1:{}", port.number());
    scene.set("--listen-client-urls", format!("{right},{plain}"));
    scene.found(Rule::PlaintextListener, Severity::Warning, &[], &["--listen-client-urls"]);
    let mut running = scene.start();
    running.client_works();
    // Without any certificate, all there is.
    let nobody = Client { urls: vec![plain], trusted_ca_file: None, identity: None };
    running.works_for(&nobody);
    drop(running);

    scene.set("--listen-client-urls", right);
    scene.is_cured_of(Rule::PlaintextListener);
}

#[test]
fn peers_unauthenticated() {
    let mut scene = Scene::new(1);
    scene.unset("--peer-trusted-ca-file");
    scene.unset("--peer-client-cert-auth");
    scene.found(
        Rule::PeersUnauthenticated,
        Severity::Warning,
        &[],
        &["--peer-trusted-ca-file", "--peer-client-cert-auth"],
    );
    let peer = scene.members[0].get("--listen-peer-urls").to_owned();
    let nobody = Client { identity: None, ..scene.client.clone() };
    let members = format!("{peer}/members");
    let mut running = scene.start();
    running.client_works();
    // As a peer asks: what speaks HTTP/2 there is gRPC.
    let answer = curl(&nobody, &members, &["--http1.1"]).unwrap();
    assert!(answer.contains("peerURLs"), "{answer}");
    drop(running);

    scene.set("--peer-trusted-ca-file", scene.word("ca.crt"));
    scene.set("--peer-client-cert-auth", "true");
    scene.is_cured_of(Rule::PeersUnauthenticated);
    let mut running = scene.start();
    running.client_works();
    curl(&nobody, &members, &["--http1.1"]).unwrap_err();
}
