//! Keys, signatures and serial numbers.

use std::os::unix::fs::PermissionsExt as _;

use tercet_pki::doctor::{Rule, Severity, look};
use tercet_pki::etcd::Version;

use crate::openssl::{Wish, openssl};
use crate::scene::Scene;

#[test]
fn key_mismatch() {
    let scene = Scene::new(1);
    let right = scene.read("m1/server.key");
    scene.write("m1/server.key", scene.read("m1/peer.key"));
    let said = "tls: private key does not match public key";
    scene.found(Rule::KeyMismatch, Severity::Error, &[said], &["m1/server.key", "m1/server.crt"]);
    scene.start().fails(0, said);

    scene.write("m1/server.key", right);
    scene.is_cured_of(Rule::KeyMismatch);
}

#[test]
fn key_encrypted() {
    let scene = Scene::new(1);
    let words = ["pkcs8", "-topk8", "-passout", "pass:secret", "-in", "m1/server.key", "-out"];
    openssl(scene.directory.path(), &[&words[..], &["encrypted.key"]].concat());
    scene.write("m1/server.key", scene.read("encrypted.key"));
    let said = "tls: failed to parse private key";
    scene.found(
        Rule::KeyEncrypted,
        Severity::Error,
        &[said],
        &["openssl pkey -in ", "m1/server.key"],
    );
    scene.start().fails(0, said);

    // What the doctor says, but that nobody is asked for the password.
    let words = ["pkey", "-passin", "pass:secret", "-in", "encrypted.key", "-out"];
    openssl(scene.directory.path(), &[&words[..], &["m1/server.key"]].concat());
    scene.is_cured_of(Rule::KeyEncrypted);
}

#[test]
fn key_readable() {
    let scene = Scene::new(1);
    let key = scene.path("m1/server.key");
    let mode = |mode| std::fs::set_permissions(&key, std::fs::Permissions::from_mode(mode));
    mode(0o644).unwrap();
    scene.found(Rule::KeyReadable, Severity::Warning, &[], &["chmod 600", "m1/server.key"]);
    // Silence: it works, and nothing is said about it.
    let mut running = scene.start();
    running.client_works();
    let log = running.member(0).output();
    assert!(!log.contains("permission") && !log.contains("0644"), "{log}");
    drop(running);

    mode(0o600).unwrap();
    scene.is_cured_of(Rule::KeyReadable);
}

/// Debian's 3.4.23 is built with Go 1.19, upstream's and pip's 3.5.1 with 1.16.
#[test]
fn weak_signature() {
    let scene = Scene::new(1);
    let wish = Wish { digest: "sha1", ..Wish::default() };
    scene.openssl().issue("m1/server", "m1", wish);
    let old = scene.version() == Version::new(3, 5, 1);
    let said = "cannot verify signature: insecure algorithm ECDSA-SHA1";
    // Not the version says it, but the Go that it was built with: 3.4 and 3.5 have had several.
    let either = scene.version() < Version::new(3, 6, 0);
    let severity = if either { Severity::Warning } else { Severity::Error };
    scene.found(Rule::WeakCertificate, severity, &[said], &["sha256", "m1/server.crt"]);
    let mut running = scene.start();
    if old {
        running.client_works();
    } else {
        running.client_is_refused(said);
    }
    drop(running);

    scene.put_sound_server();
    scene.is_cured_of(Rule::WeakCertificate);
}

#[test]
fn weak_key() {
    let scene = Scene::new(1);
    let key = &["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:1024"];
    scene.openssl().issue("m1/server", "m1", Wish { key, ..Wish::default() });
    scene.found(Rule::WeakCertificate, Severity::Warning, &[], &["-newkey ec", "m1/server.crt"]);
    let mut running = scene.start();
    running.client_works();
    drop(running);

    scene.put_sound_server();
    scene.is_cured_of(Rule::WeakCertificate);
}

#[test]
fn serial_reused() {
    let mut scene = Scene::new(1);
    let authority = scene.openssl();
    let wish = Wish { names: "", usages: "clientAuth", serial: "1234", ..Wish::default() };
    authority.issue("client", "client", wish);
    authority.issue("lost", "lost", wish);
    let mut description = scene.description();
    description.loose.push(look::file(&scene.path("lost.crt")));
    scene.found_in(&description, Rule::SerialReused, Severity::Warning, &[], &["serialNumber"]);
    // The list names one, and locks out both.
    authority.revoke("lost.crt");
    authority.crl("crl.der", &[]);
    scene.set("--client-crl-file", scene.word("crl.der"));
    let mut running = scene.start();
    running.client_is_refused("");
    running.log_says(0, "revoked");
    drop(running);

    scene.put_sound_client();
    scene.is_cured_of(Rule::SerialReused);
}
