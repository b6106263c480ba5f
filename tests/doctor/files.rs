//! Files that are not what etcd reads there.

use tercet_pki::doctor::{Rule, Severity};

use crate::openssl::openssl;
use crate::scene::Scene;

#[test]
fn authority_file_empty() {
    let mut scene = Scene::new(1);
    scene.write("empty.crt", "");
    scene.set("--trusted-ca-file", scene.word("empty.crt"));
    let said = "certificate signed by unknown authority";
    scene.found(Rule::AuthorityFileEmpty, Severity::Error, &[said], &["empty.crt"]);
    let mut running = scene.start();
    running.client_is_refused("");
    running.log_says(0, said);
    drop(running);

    scene.write("empty.crt", scene.read("ca.crt"));
    scene.is_cured_of(Rule::AuthorityFileEmpty);
}

#[test]
fn file_missing() {
    let scene = Scene::new(1);
    let key = scene.read("m1/server.key");
    std::fs::remove_file(scene.path("m1/server.key")).unwrap();
    let said = "m1/server.key: no such file or directory";
    scene.found(Rule::FileMissing, Severity::Error, &[said], &["m1/server.key"]);
    scene.start().fails(0, said);

    scene.write("m1/server.key", key);
    scene.is_cured_of(Rule::FileMissing);
}

#[test]
fn half_of_a_pair() {
    let mut scene = Scene::new(1);
    let key = scene.word("m1/server.key");
    scene.unset("--key-file");
    let said = "KeyFile and CertFile must both be present[key: , cert:";
    scene.found(Rule::FileMissing, Severity::Error, &[said], &["--key-file"]);
    scene.start().fails(0, said);

    scene.set("--key-file", key);
    scene.is_cured_of(Rule::FileMissing);
}

#[test]
fn file_unusable() {
    let scene = Scene::new(1);
    let words = ["x509", "-in", "m1/server.crt", "-outform", "DER", "-out", "m1/server.der"];
    openssl(scene.directory.path(), &words);
    scene.write("m1/server.crt", std::fs::read(scene.path("m1/server.der")).unwrap());
    let said = "tls: failed to find any PEM data in certificate input";
    scene.found(Rule::FileUnusable, Severity::Error, &[said], &["openssl x509 -inform DER"]);
    scene.start().fails(0, said);

    let words = ["x509", "-inform", "DER", "-in", "m1/server.der", "-out", "m1/server.crt"];
    openssl(scene.directory.path(), &words);
    scene.is_cured_of(Rule::FileUnusable);
}
