//! Certificates and who signed them.

use tercet_pki::Fleet;
use tercet_pki::doctor::{Rule, Severity, examine, look};

use crate::openssl::{AUTHORITY, Openssl, Wish};
use crate::scene::Scene;

#[test]
fn wrong_authority() {
    let scene = Scene::new(1);
    let stranger = Fleet::generate(["m1"]).unwrap();
    stranger.member("m1").unwrap().server().replace(scene.path("m1"), "server").unwrap();
    let said = "certificate signed by unknown authority";
    scene.found(Rule::WrongAuthority, Severity::Error, &[said], &["m1/server.crt", "ca.crt"]);
    scene.start().client_is_refused(said);

    scene.put_sound_server();
    scene.is_cured_of(Rule::WrongAuthority);
}

#[test]
fn authority_regenerated() {
    let scene = Scene::new(1);
    // The tutorial's script run twice: all that the second run did not touch is of the first.
    let authority = || Openssl::new(scene.directory.path(), "ca", "example", AUTHORITY);
    let first = authority();
    first.issue("m1/peer", "m1", Wish::default());
    first.issue("m1/server", "m1", Wish::default());
    let second = authority();
    let client = Wish { names: "", usages: "clientAuth", ..Wish::default() };
    second.issue("client", "client", client);
    second.issue("m1/peer", "m1", Wish::default());
    let said = "certificate signed by unknown authority (possibly because of \"x509: ECDSA verification failure\" while trying to verify candidate authority certificate \"example\")";
    scene.found(Rule::AuthorityRegenerated, Severity::Error, &[said], &["m1/server.crt", "ca.crt"]);
    scene.start().client_is_refused(said);

    second.issue("m1/server", "m1", Wish::default());
    scene.is_cured_of(Rule::AuthorityRegenerated);
}

#[test]
fn intermediate_missing() {
    let scene = Scene::new(1);
    let between = scene.openssl().intermediate("between", "an intermediate", AUTHORITY);
    between.issue("m1/server", "m1", Wish::default());
    let said = "certificate signed by unknown authority";
    // The doctor knows it where it has seen it.
    let mut description = scene.description();
    description.loose.push(look::file(&scene.path("between.crt")));
    let fix = ["m1/server.crt", "between.crt"];
    scene.found_in(&description, Rule::IntermediateMissing, Severity::Error, &[said], &fix);
    scene.start().client_is_refused(said);

    scene.write("m1/server.crt", scene.read("m1/server.crt") + &scene.read("between.crt"));
    scene.is_cured_of(Rule::IntermediateMissing);
}

#[test]
fn chain_reversed() {
    let scene = Scene::new(1);
    let leaf = scene.read("m1/server.crt");
    scene.write("m1/server.crt", scene.read("ca.crt") + &leaf);
    let said = "tls: private key does not match public key";
    scene.found(Rule::ChainReversed, Severity::Error, &[said], &["m1/server.crt", "first"]);
    scene.start().fails(0, said);

    scene.write("m1/server.crt", leaf + &scene.read("ca.crt"));
    scene.is_cured_of(Rule::ChainReversed);
}

#[test]
fn authority_in_memory() {
    let scene = Scene::new(1);
    let mut running = scene.start();
    running.client_works();
    // A new authority is added to the file, and the client is given a certificate of it.
    let old = scene.read("ca.crt");
    let stranger = Fleet::generate(["m1"]).unwrap();
    scene.write("ca.crt", old + stranger.authority().certificate_pem());
    stranger.client().replace(scene.directory.path(), "client").unwrap();
    let said = "certificate signed by unknown authority";
    if cfg!(target_os = "linux") {
        // The start of a process is known to two seconds only: as if they had passed.
        let new = scene.read("ca.crt");
        let mut description = scene.description();
        running.member(0).wait_until("started before the file changed", |etcd| {
            scene.write("ca.crt", &new);
            description.members = vec![look::process(etcd.pid(), scene.version()).unwrap()];
            !examine(&description).is_empty()
        });
        let fix = ["restart", "ca.crt"];
        scene.found_in(&description, Rule::AuthorityInMemory, Severity::Warning, &[said], &fix);
    }
    running.client_is_refused("");
    running.log_says(0, said);
    drop(running);
    // The same files, after a restart.
    scene.is_cured_of(Rule::AuthorityInMemory);
}
