//! Revocation lists.

use tercet_pki::doctor::{Rule, Severity};
use tercet_pki::etcd::Version;

use crate::openssl::Wish;
use crate::scene::{Scene, skip};

#[test]
fn list_missing() {
    let mut scene = Scene::new(1);
    scene.set("--client-crl-file", scene.word("crl.der"));
    let said = "crl.der: no such file or directory";
    scene.found(Rule::RevocationList, Severity::Error, &[said], &["--client-crl-file"]);
    let mut running = scene.start();
    running.client_is_refused("");
    running.log_says(0, said);
    drop(running);

    scene.openssl().crl("crl.der", &[]);
    scene.is_cured_of(Rule::RevocationList);
}

#[test]
fn list_expired() {
    let mut scene = Scene::new(1);
    let authority = scene.openssl();
    let old = ["-crl_lastupdate", "20200101000000Z", "-crl_nextupdate", "20200201000000Z"];
    authority.crl("crl.der", &old);
    scene.set("--client-crl-file", scene.word("crl.der"));
    scene.found(Rule::RevocationList, Severity::Warning, &[], &["crl.der"]);
    // Silence.
    let mut running = scene.start();
    running.client_works();
    drop(running);

    authority.crl("crl.der", &[]);
    scene.is_cured_of(Rule::RevocationList);
}

#[test]
fn list_in_pem() {
    let mut scene = Scene::new(1);
    let authority = scene.openssl();
    authority.crl("crl.pem", &[]);
    scene.set("--client-crl-file", scene.word("crl.pem"));
    if scene.version() < Version::new(3, 6, 0) {
        // The control: these read both.
        scene.is_cured_of(Rule::RevocationList);
        return;
    }
    let said = "x509: malformed crl";
    scene.found(Rule::RevocationList, Severity::Error, &[said], &["-outform DER"]);
    let mut running = scene.start();
    running.client_is_refused("");
    running.log_says(0, said);
    drop(running);

    authority.crl("crl.der", &[]);
    scene.set("--client-crl-file", scene.word("crl.der"));
    scene.is_cured_of(Rule::RevocationList);
}

#[test]
fn list_of_version_1() {
    let mut scene = Scene::new(1);
    let authority = scene.openssl();
    authority.crl_of_version_1("crl.der", &[]);
    scene.set("--client-crl-file", scene.word("crl.der"));
    if scene.version() < Version::new(3, 6, 0) {
        // The control: these read both.
        scene.is_cured_of(Rule::RevocationList);
        return;
    }
    let said = "x509: unsupported crl version";
    scene.found(Rule::RevocationList, Severity::Error, &[said], &["crl.der"]);
    let mut running = scene.start();
    running.client_is_refused("");
    running.log_says(0, said);
    drop(running);

    authority.crl("crl.der", &[]);
    scene.is_cured_of(Rule::RevocationList);
}

#[test]
fn revoked() {
    let mut scene = Scene::new(1);
    let authority = scene.openssl();
    authority.issue(
        "client",
        "client",
        Wish { names: "", usages: "clientAuth", ..Wish::default() },
    );
    authority.revoke("client.crt");
    authority.crl("crl.der", &[]);
    scene.set("--client-crl-file", scene.word("crl.der"));
    let said = "revoked";
    scene.found(Rule::Revoked, Severity::Error, &[said], &["client.crt"]);
    let mut running = scene.start();
    running.client_is_refused("");
    running.log_says(0, said);
    drop(running);

    scene.put_sound_client();
    scene.is_cured_of(Rule::Revoked);
}

#[test]
fn revocation_bypassed() {
    let mut scene = Scene::new(1);
    let version = scene.version();
    let fixed = match version.minor() {
        4 => Version::new(3, 4, 99),
        5 => Version::new(3, 5, 32),
        _ => Version::new(3, 6, 13),
    };
    let since = if version.minor() == 4 { Version::new(3, 4, 25) } else { Version::new(3, 5, 8) };
    if version < since || version >= fixed {
        return skip(&format!("etcd {version} checks the list on each listener that it can have"));
    }
    let authority = scene.openssl();
    authority.issue(
        "client",
        "client",
        Wish { names: "", usages: "clientAuth", ..Wish::default() },
    );
    authority.revoke("client.crt");
    authority.crl("crl.der", &[]);
    scene.set("--client-crl-file", scene.word("crl.der"));
    let port = tercet_tests::Port::hold();
    let http = format!("https://127.0.0.1:{}", port.number());
    scene.set("--listen-client-http-urls", &http);
    scene.found(Rule::RevocationBypassed, Severity::Error, &[], &["--listen-client-http-urls"]);
    let mut running = scene.start();
    // Let in though it is revoked; and the control, the port that does look at the list.
    running.client_works();
    let client = crate::scene::Client { urls: vec![http], ..scene.client.clone() };
    let range = ["--data", r#"{"key":"aGVsbG8="}"#];
    running.curl(&client, "/v3/kv/range", &range).unwrap_err();
    drop(running);

    scene.unset("--listen-client-http-urls");
    let mut running = scene.start();
    running.log_says(0, "serving client traffic");
    running.client_is_refused("");
    drop(running);
    scene.put_sound_client();
    scene.is_cured_of(Rule::RevocationBypassed);
}
