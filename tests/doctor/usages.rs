//! Certificates and what they are for.

use tercet_pki::doctor::{Rule, Severity};

use crate::openssl::Wish;
use crate::scene::Scene;

const GATEWAY: &str = "CommonName of client sending a request against gateway will be ignored";

const RANGE: [&str; 2] = ["--data", r#"{"key":"aGVsbG8="}"#];

#[test]
fn server_not_client() {
    let scene = Scene::new(1);
    let wish = Wish { usages: "serverAuth", ..Wish::default() };
    scene.openssl().issue("m1/server", "m1", wish);
    let said = ["code 14", "certificate specifies an incompatible key usage"];
    scene.found(Rule::ServerNotClient, Severity::Warning, &said, &["clientAuth", "m1/server.crt"]);
    let mut running = scene.start();
    // etcdctl works, the gateway does not.
    running.client_works();
    let answer = running.curl(&scene.client, "/v3/kv/range", &RANGE).unwrap();
    assert!(answer.contains("\"code\":14"), "{answer}");
    running.log_says(0, "certificate specifies an incompatible key usage");
    drop(running);

    scene.put_sound_server();
    scene.is_cured_of(Rule::ServerNotClient);
    let mut running = scene.start();
    running.client_works();
    let answer = running.curl(&scene.client, "/v3/kv/range", &RANGE).unwrap();
    assert!(answer.contains("\"kvs\""), "{answer}");
}

#[test]
fn allowed_hosts_and_the_gateway() {
    let mut scene = Scene::new(1);
    // The client is allowed, and so would be the server.
    scene.put("", "client", tercet_pki::Leaf::client("client").host("localhost"));
    scene.set("--client-cert-allowed-hostname", "localhost");
    let said = ["code 14", "client certificate authentication failed"];
    let fix = ["--client-cert-allowed-hostname", "--enable-grpc-gateway=false"];
    scene.found(Rule::SettingConflict, Severity::Warning, &said, &fix);
    let mut running = scene.start();
    running.client_works();
    let answer = running.curl(&scene.client, "/v3/kv/range", &RANGE).unwrap();
    assert!(answer.contains("\"code\":14") && answer.contains(said[1]), "{answer}");
    drop(running);

    scene.set("--enable-grpc-gateway", "false");
    scene.is_cured_of(Rule::SettingConflict);
    scene.unset("--enable-grpc-gateway");
    scene.unset("--client-cert-allowed-hostname");
    let mut running = scene.start();
    running.client_works();
    let answer = running.curl(&scene.client, "/v3/kv/range", &RANGE).unwrap();
    assert!(answer.contains("\"kvs\""), "{answer}");
}

#[test]
fn server_not_server() {
    let scene = Scene::new(1);
    let wish = Wish { usages: "clientAuth", ..Wish::default() };
    scene.openssl().issue("m1/server", "m1", wish);
    let said = "certificate specifies an incompatible key usage";
    scene.found(Rule::ServerNotServer, Severity::Error, &[said], &["serverAuth", "m1/server.crt"]);
    scene.start().client_is_refused(said);

    scene.put_sound_server();
    scene.is_cured_of(Rule::ServerNotServer);
}

#[test]
fn client_not_client() {
    let scene = Scene::new(1);
    let wish = Wish { usages: "serverAuth", ..Wish::default() };
    scene.openssl().issue("client", "client", wish);
    let said = "certificate specifies an incompatible key usage";
    scene.found(Rule::ClientNotClient, Severity::Error, &[said], &["clientAuth", "client.crt"]);
    let mut running = scene.start();
    running.client_is_refused("");
    running.log_says(0, said);
    drop(running);

    scene.put_sound_client();
    scene.is_cured_of(Rule::ClientNotClient);
}

#[test]
fn peer_usage_missing() {
    let scene = Scene::new(2);
    let wish = Wish { usages: "serverAuth", ..Wish::default() };
    scene.openssl().issue("m2/peer", "m2", wish);
    let said = "certificate specifies an incompatible key usage";
    scene.found(Rule::PeerUsageMissing, Severity::Error, &[said], &["clientAuth", "m2/peer.crt"]);
    let mut running = scene.start();
    running.log_says(0, said);
    drop(running);

    scene.openssl().issue("m2/peer", "m2", Wish::default());
    scene.is_cured_of(Rule::PeerUsageMissing);
}

#[test]
fn common_name_over_gateway() {
    let mut scene = Scene::new(1);
    // A common name that a user of etcd has.
    scene.put("", "client", tercet_pki::Leaf::client("root"));
    // The doctor is told that this client speaks HTTP.
    let mut over_http = scene.client.clone();
    over_http.urls[0] += "/v3/kv/range";
    let over_grpc = std::mem::replace(&mut scene.client, over_http);
    let fix = ["without a common name", "token"];
    scene.found(Rule::CommonNameOverGateway, Severity::Note, &[GATEWAY], &fix);
    scene.client = over_grpc;
    let mut running = scene.start();
    running.client_works();
    let run = |words: &[&str]| running.etcdctl(&scene.client, words);
    run(&["user", "add", "root:secret"]).unwrap();
    run(&["user", "grant-role", "root", "root"]).unwrap();
    run(&["auth", "enable"]).unwrap();
    // gRPC logs in by the common name, and the gateway does not.
    run(&["get", "hello"]).unwrap();
    let answer = running.curl(&scene.client, "/v3/kv/range", &RANGE).unwrap();
    assert!(answer.contains(GATEWAY), "{answer}");
    drop(running);

    scene.is_cured_of(Rule::CommonNameOverGateway);
}
